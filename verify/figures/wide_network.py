"""A network evaluated in float64 with the weights that it has: what both it and its graph are rounded from."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NARROW = {"float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}
FACTOR = 1.5
FLOOR = 2.0**-23
"""Distances below a unit of float32 are not told apart."""


def in_double(model: Any, batch: Mapping[str, Array]) -> dict[str, Array] | None:
    """Answers in float64 by the names of the outputs; None where Keras cannot make the network again in float64."""
    import keras

    from export.keras.answers import keras_answers

    config = json.loads(json.dumps(model.get_config(), default=keras.saving.serialize_keras_object))
    try:
        twin = type(model).from_config(_double(config))
        for mine, theirs in zip(twin.variables, model.variables, strict=True):
            mine.assign(np.asarray(theirs))
        for entry, given in zip(twin.inputs, model.inputs, strict=True):
            entry.name = given.name
        wide = {
            name: values.astype(np.float64) if values.dtype.kind == "f" else values for name, values in batch.items()
        }
        return dict(zip(_names(model), keras_answers(twin, wide).values(), strict=True))
    except Exception:  # noqa: BLE001 - what has no form in float64 has no figure in the table
        return None


def not_farther(ours: float | None, theirs: float | None) -> bool:
    """Whether a graph is no farther from float64 than the original is, times 1.5."""
    return ours is not None and theirs is not None and ours <= FACTOR * max(theirs, FLOOR)


def _names(model: Any) -> list[str]:
    from export.keras.answers import named_answers, output_structure

    return list(named_answers(model, output_structure(model)))


def _double(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _double(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_double(value) for value in part]
    return "float64" if isinstance(part, str) and part in NARROW else part
