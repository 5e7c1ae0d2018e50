"""Lowerings that a program adds for layers and activations of its own.

A file cannot bring one: code in a file is not run. A program that has the class, and registers how it is written in
ONNX, compiles models with it, loads their `.keras` files, and gets the same comparison with Keras as for any layer.
"""

from collections.abc import Callable
from typing import Any

from export.keras.rules import CUSTOM_FUNCTIONS, CUSTOM_LAYERS, Lower, Rule
from train.core.errors import PipelineError


def register_layer(
    kind: type, *, fields: str = "", arguments: str = "inputs", inert: str = "", casts: bool = True
) -> Callable[[Lower], Lower]:
    """Register how a layer class of your own is written in ONNX.

    Args:
        kind: the class itself; classes derived from it are not meant.
        fields: of `get_config()`, that the lowering looks at, parted by blanks. Any other that is not the default of
            `__init__` is refused by name.
        arguments: of `call`, that the lowering takes; another one that is given is refused by name.
        inert: fields and arguments that change no answer outside training.
        casts: whether float inputs come in the layer's own type.

    Returns:
        A decorator for `lower(to, layer, result, inputs) -> name`: `to.node(operator, *names, **attributes)` writes a
        node, `to.weight(variable)` and `to.builder.constant(value, dtype)` are constants, `to.builder.shapes[name]` is
        the shape of an input, and `result` is what Keras says of the answer (`shape`, `dtype`).

    Raises:
        PipelineError: it is no layer class, or one of Keras's own.
    """
    import keras

    if not (isinstance(kind, type) and issubclass(kind, keras.layers.Layer)) or kind.__module__.startswith("keras."):
        raise PipelineError(f"{kind!r}: not a layer class of your own; a hook replaces no lowering of Keras's layers")

    def keep(lower: Lower) -> Lower:
        CUSTOM_LAYERS[kind] = Rule(
            lower, frozenset(fields.split()), frozenset(arguments.split()), frozenset(inert.split()), casts
        )
        return lower

    return keep


def register_activation(function: Callable[..., Any]) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Register how an activation of your own is written: a decorator for `write(w, x) -> name`.

    `w(operator, *operands)` writes a node; an operand is a name or a number.
    """

    def keep(write: Callable[..., str]) -> Callable[..., str]:
        CUSTOM_FUNCTIONS[function] = write
        return write

    return keep


def unregister(thing: Any) -> None:
    """Take a layer class or an activation out again."""
    CUSTOM_LAYERS.pop(thing, None)
    CUSTOM_FUNCTIONS.pop(thing, None)


def custom_objects() -> dict[str, Any]:
    """Name by which Keras writes it to a file -> what was registered."""
    if not CUSTOM_LAYERS and not CUSTOM_FUNCTIONS:
        return {}
    import keras

    return {keras.saving.get_registered_name(thing): thing for thing in (*CUSTOM_LAYERS, *CUSTOM_FUNCTIONS)}
