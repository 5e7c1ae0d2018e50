"""How a Keras layer or operator is accounted for in full before it is lowered: every argument, every field.

A `Rule` names the fields of the layer's config and the arguments of its call that the lowering looks at. Whatever else
the layer has must be what Keras has by default, or it is refused by name: nothing is passed over.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.errors import NoExactForm
from train.core.errors import PipelineError

LAYER, OPERATOR = "keras.src.layers.", ("keras.src.ops.", "keras.src.activations.")
Lower = Callable[..., str | list[str]]
ONLY_IN_TRAINING = ("_initializer", "_regularizer", "_constraint")
NOT_LOOKED_AT = {"name", "trainable", "seed", "training", "dtype", "input_shape", "batch_input_shape"}
"""Fields that change no answer, or (`dtype`) that `check_types` looks at."""
EVERYTHING = "*"
"""As inert: a layer that does nothing outside training, whatever its fields are."""
UNNAMED = object()
NEXT = "rebuild that part of the model from the layers in docs/own_model.md"


@dataclass(frozen=True)
class Rule:
    """One lowering.

    Attributes:
        lower: (lowering, operation, **arguments) -> the name of the answer, or the names of several.
        fields: of the config, that `lower` looks at.
        arguments: of the call, that `lower` takes.
        inert: fields and arguments that change no answer outside training.
        casts: whether float inputs are cast to the layer's type, as Keras does; one that moves numbers may keep
            more digits than Keras, where the next one asks for them.
        of_layer: whether `lower` is given names of tensors (a layer's), or the tensors of Keras (an operator's).
    """

    lower: Lower
    fields: frozenset[str]
    arguments: frozenset[str]
    inert: frozenset[str]
    casts: bool = True
    of_layer: bool = True


LAYERS: dict[str, Rule] = {}
OPERATORS: dict[str, Rule] = {}
CUSTOM_LAYERS: dict[type, Rule] = {}
CUSTOM_FUNCTIONS: dict[Any, Callable[..., str]] = {}
"""What a program has registered: `export.keras.layers.custom`."""


def layer(
    *names: str, fields: str = "", arguments: str = "inputs", inert: str = "", casts: bool = True
) -> Callable[[Lower], Lower]:
    """Register the lowering of classes of keras.layers; names in a text are parted by blanks."""
    return _into(LAYERS, names, fields, arguments, inert, casts=casts)


def operator(*names: str, fields: str = "", arguments: str = "x", inert: str = "") -> Callable[[Lower], Lower]:
    """Register the lowering of operators behind keras.ops."""
    return _into(OPERATORS, names, fields, arguments, inert, of_layer=False)


def _into(
    registry: dict[str, Rule],
    names: tuple[str, ...],
    fields: str,
    arguments: str,
    inert: str,
    *,
    casts: bool = True,
    of_layer: bool = True,
) -> Callable[[Lower], Lower]:
    def keep(lower: Lower) -> Lower:
        for name in names:
            registry[name] = Rule(
                lower,
                frozenset(fields.split()),
                frozenset(arguments.split()),
                frozenset(inert.split()),
                casts,
                of_layer,
            )
        return lower

    return keep


def title(operation: Any) -> str:
    """What a message calls a layer."""
    return f"Keras {type(operation).__name__} {operation.name!r}"


def refuse(operation: Any, why: str) -> PipelineError:
    """The refusal of a layer for a reason of its own."""
    return NoExactForm(f"{title(operation)}: {why}; {NEXT}")


def is_layer(operation: Any) -> bool:
    """Whether it is a layer, and not an operator behind keras.ops."""
    import keras

    return isinstance(operation, keras.layers.Layer)


def rule_of(operation: Any) -> Rule:
    """The rule of a layer or operator, which is found by the class itself and not by its name alone.

    Raises:
        PipelineError: there is none.
    """
    kind = type(operation)
    if kind in CUSTOM_LAYERS:
        return CUSTOM_LAYERS[kind]
    if kind.__module__.startswith(LAYER):
        rule = LAYERS.get(kind.__name__)
    elif kind.__module__.startswith(OPERATOR):
        rule = OPERATORS.get(kind.__name__)
    else:
        raise refuse(
            operation,
            f"a class of {kind.__module__}, not of Keras: no lowering to ONNX; a program registers one with "
            "export.from_keras.register_layer",
        )
    if rule is None:
        raise refuse(operation, "no lowering to ONNX")
    return rule


def checked_arguments(operation: Any, rule: Rule, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, those that the lowering takes.

    Raises:
        PipelineError: another one is given, or a field is set that the lowering does not look at; it is named.
    """
    check_types(operation)
    check_fields(operation, rule)
    signature = inspect.signature(operation.call)
    extra = {name: value for name, value in kwargs.items() if name not in signature.parameters}
    bound = signature.bind(*args, **{name: value for name, value in kwargs.items() if name not in extra})
    taken: dict[str, Any] = {}
    for name, value in {**bound.arguments, **extra}.items():
        parameter = signature.parameters.get(name)
        if parameter is not None and parameter.kind is parameter.VAR_POSITIONAL and name not in rule.arguments:
            raise refuse(operation, f"arguments {name!r} of any number have no lowering")
        default = None if parameter is None or parameter.default is parameter.empty else parameter.default
        if name in rule.arguments:
            taken[name] = value
        elif name == "training":
            check_training(operation, kwargs)
        elif name not in rule.inert and not _same(value, default) and not _nothing(value):
            raise refuse(operation, f"argument {name!r} has no lowering")
    return taken


def check_training(operation: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuse a layer that is always called as in training; some of Keras's are by default, and mean nothing by it."""
    parameter = inspect.signature(operation.call).parameters.get("training")
    if kwargs.get("training") and not (parameter is not None and parameter.default is True):
        raise PipelineError(
            f"{title(operation)}: called with training=True: dropout and statistics of a batch have no lowering; "
            "leave the argument out"
        )


def of_keras(operation: Any) -> bool:
    """Whether it is a class of Keras's own."""
    return type(operation).__module__.startswith("keras.src.")


def check_fields(operation: Any, rule: Rule) -> None:
    """Refuse a field of the config that the lowering does not look at and that is not the default."""
    defaults = {name: p.default for name, p in inspect.signature(type(operation).__init__).parameters.items()}
    for name, value in fields_of(operation).items():
        if name == "stateful" and value:
            raise PipelineError(
                f"{title(operation)}: stateful=True: an answer would depend on the calls before; build the network "
                "with stateful=False, or give the states as inputs (initial_state)"
            )
        known = name in rule.fields or name in rule.inert or name in NOT_LOOKED_AT or name.endswith(ONLY_IN_TRAINING)
        known |= EVERYTHING in rule.inert
        if not known and not _is_default(value, defaults.get(name, UNNAMED)):
            raise refuse(operation, f"{name}={_short(value)} has no lowering")


def fields_of(operation: Any) -> dict[str, Any]:
    """The config of a layer; of an operator, what it was made with."""
    if is_layer(operation):
        try:
            return dict(operation.get_config())
        except NotImplementedError as error:
            raise refuse(operation, "its fields are not known: give the class a get_config()") from error
    names = inspect.signature(type(operation).__init__).parameters
    made_with = getattr(getattr(operation, "_auto_config", None), "config", None) or {}
    unseen = object()
    found = {name: getattr(operation, name, made_with.get(name, unseen)) for name in names if name != "self"}
    return {name: value for name, value in found.items() if value is not unseen}


def check_types(operation: Any) -> None:
    """Refuse a layer that computes in another type than it keeps its numbers in, or in one that has no lowering."""
    policy = getattr(operation, "dtype_policy", None)
    if policy is None:
        return
    kind, kept = policy.compute_dtype, policy.variable_dtype
    if type(policy).__name__ != "DTypePolicy" or kind != kept or kind not in ("float32", "float64", "int32", "int64"):
        raise refuse(operation, f"dtype policy {policy.name!r}: only float32 and float64 throughout have a lowering")


def _is_default(value: Any, default: Any) -> bool:
    """Whether a field has its default; what the signature does not name is off as None or False."""
    if default is UNNAMED:
        return value is None or value is False
    if _same(value, default) or (default is inspect.Parameter.empty and value is None):
        return True
    if isinstance(value, tuple | list) and not isinstance(default, tuple | list):
        return all(_same(part, default) for part in value)
    return False


def _same(value: Any, other: Any) -> bool:
    return value is other or (type(value) in (int, float, bool, str) and type(other) is type(value) and value == other)


def _nothing(value: Any) -> bool:
    """None, or a structure of nothing but None."""
    if isinstance(value, list | tuple):
        return all(_nothing(part) for part in value)
    return value is None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def is_tensor(value: Any) -> bool:
    """Whether an argument is a tensor of the graph (or a variable) and not a constant."""
    return hasattr(value, "dtype") and not isinstance(value, np.ndarray | np.generic)


def plain_constants(structure: Any) -> Any:
    """Arguments with NumPy's arrays for tensors that hold numbers already (`keras.ops.arange(9)`)."""
    import keras

    return keras.tree.map_structure(
        lambda part: np.asarray(part) if keras.ops.is_tensor(part) and not is_symbolic(part) else part, structure
    )


def is_symbolic(value: Any) -> bool:
    """Whether it is a tensor of Keras's graph, without numbers."""
    import keras

    return isinstance(value, keras.KerasTensor)
