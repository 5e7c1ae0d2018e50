"""What Keras answers, by the names of the graph's outputs."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import said
from train.core.errors import PipelineError

Array = npt.NDArray[Any]
HALF = {"float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}
GATES = ("activation", "recurrent_activation")
"""Functions of a recurrent cell."""


def keras_answers(
    model: Any, batch: Mapping[str, Array], *, after_each: Callable[[Array], Array] | None = None
) -> dict[str, Array]:
    """What Keras answers, by the names that the graph gives its outputs.

    Args:
        model: Keras's.
        batch: input name -> rows.
        after_each: what is done to the answers of every layer, and to the gates and states of every step of a
            recurrent one, before they are used; None for nothing.

    Raises:
        PipelineError: Keras does not answer.
    """
    import keras

    given = [batch[value.name] for value in model.inputs]
    structured = keras.tree.pack_sequence_as(model._inputs_struct, given) if len(given) > 1 else given[0]
    try:
        answers = model(structured, training=False) if after_each is None else _layer_by_layer(model, given, after_each)
    except Exception as error:
        raise PipelineError(
            f"{model.name}: Keras itself does not answer the seeded batch: {type(error).__name__}: {said(error)}"
        ) from error
    return {name: _whole(np.asarray(value)) for name, value in named_answers(model, answers).items()}


def _whole(values: Array) -> Array:
    """Answers of half precision as float32: the same numbers."""
    return values.astype(np.float32) if values.dtype.name in HALF else values


def _layer_by_layer(model: Any, given: list[Array], after_each: Callable[[Array], Array]) -> Any:
    """The model's answers, each layer's changed before the next one takes them; masks stay with their tensors."""
    import keras

    flat = model._functional if isinstance(model, keras.Sequential) else model
    tensors = [keras.ops.convert_to_tensor(values) for values in given]

    def changed(value: Any) -> Any:
        after = keras.ops.convert_to_tensor(after_each(np.asarray(value)), dtype=value.dtype)
        if getattr(value, "_keras_mask", None) is not None:
            after._keras_mask = value._keras_mask
        return after

    def wrapped(operation: Any) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if getattr(operation, "_call_has_training_arg", False):
                kwargs["training"] = False
            return keras.tree.map_structure(changed, operation(*args, **kwargs))

        return call

    with _cells_changed(model, changed):
        return flat._run_through_graph(tensors, operation_fn=wrapped)


@contextmanager
def _cells_changed(model: Any, changed: Callable[[Any], Any]) -> Iterator[None]:
    """Let every cell have other gates and hand on other states; Keras calls it for each step."""
    import keras

    kinds = (keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell)
    cells = [part for part in model._flatten_layers() if type(part) in kinds]
    kept = [{name: part.__dict__[name] for name in GATES if name in part.__dict__} for part in cells]
    try:
        for cell, functions in zip(cells, kept, strict=True):
            object.__setattr__(cell, "call", _handing_on(cell.call, changed))
            for name, function in functions.items():
                object.__setattr__(cell, name, lambda value, own=function: changed(own(value)))
        yield
    finally:
        for cell, functions in zip(cells, kept, strict=True):
            cell.__dict__.pop("call", None)
            cell.__dict__.update(functions)


def _handing_on(call: Callable[..., Any], changed: Callable[[Any], Any]) -> Callable[..., Any]:
    """A cell's call whose new states are changed; its answer is the first of them."""
    import keras

    def changed_call(*args: Any, **kwargs: Any) -> Any:
        _, states = call(*args, **kwargs)
        states = keras.tree.map_structure(changed, states)
        return (states[0] if isinstance(states, list | tuple) else states), states

    return changed_call


def output_structure(model: Any) -> Any:
    """The tensors that a model gives, in the structure that it gives them."""
    structure = getattr(model, "_outputs_struct", None)
    return model.outputs if structure is None else structure


def named_answers(model: Any, answers: Any) -> dict[str, Any]:
    """Answers by the names of the graph's outputs: the keys of a dict, else the layers that make them, each once."""
    import keras

    if isinstance(answers, dict) and not any(isinstance(value, dict | list | tuple) for value in answers.values()):
        return {str(key): value for key, value in answers.items()}
    found: dict[str, Any] = {}
    taken = {value.name for value in model.inputs}
    for value, answer in zip(model.outputs, keras.tree.flatten(answers), strict=True):
        name = str(value._keras_history.operation.name)
        while name in taken:
            name += "_answer"
        taken.add(name)
        found[name] = answer
    return found


def double_answers(model: Any, batch: Mapping[str, Array]) -> dict[str, Array] | None:
    """The answers in float64 with the weights that the network has; None where Keras cannot make it in float64."""
    try:
        twin = remade(model, {"float32", *HALF}, "float64", np.asarray)
        wide = {
            name: values.astype(np.float64) if values.dtype.kind == "f" else values for name, values in batch.items()
        }
        names = list(named_answers(model, output_structure(model)))
        return dict(zip(names, keras_answers(twin, wide).values(), strict=True))
    except Exception:  # noqa: BLE001 - Keras fails in many ways; it is one more check, where it can be made
        return None


def remade(model: Any, types: set[str], wanted: str, weight: Callable[[Any], Any]) -> Any:
    """The network once more from its config, another type in place of some, each weight through a function.

    Raises:
        ValueError, TypeError: Keras cannot make it again.
    """
    import keras

    def changed(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: changed(value) for key, value in part.items()}
        if isinstance(part, list):
            return [changed(value) for value in part]
        return wanted if isinstance(part, str) and part in types else part

    config = json.loads(json.dumps(model.get_config(), default=keras.saving.serialize_keras_object))
    twin = type(model).from_config(changed(config))
    for mine, theirs in zip(twin.variables, model.variables, strict=True):
        mine.assign(weight(theirs))
    for entry, given in zip(twin.inputs, model.inputs, strict=True):
        entry.name = given.name
    return twin
