"""A network of half precision as one of float32: the same layers and weights, each rounded where Keras rounds it."""

import json
from typing import Any

import numpy as np

from train.core.errors import PipelineError

HALF = ("float16", "bfloat16")
POLICIES = {"mixed_float16", "mixed_bfloat16", *HALF}


def in_single_precision(model: Any) -> Any:
    """The twin of a network, with every policy of half precision replaced by float32.

    Raises:
        PipelineError: Keras cannot make it again from its config.
    """
    import keras

    config = json.loads(json.dumps(model.get_config(), default=keras.saving.serialize_keras_object))
    try:
        twin = type(model).from_config(_single(config))
        for mine, theirs in zip(twin.variables, model.variables, strict=True):
            mine.assign(_rounded(theirs, model))
        for entry, given in zip(twin.inputs, model.inputs, strict=True):
            entry.name = given.name
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise PipelineError(f"{model.name}: not to be made again in float32: {reason}") from error
    return twin


def _single(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _single(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_single(value) for value in part]
    return "float32" if isinstance(part, str) and part in POLICIES else part


def _rounded(variable: Any, model: Any) -> Any:
    """A weight in the type that the layer of it computes in, unless Keras keeps it as it is."""
    values = np.asarray(variable.value).astype(np.float32)
    kind = _compute_type(model, variable)
    if kind not in HALF or not getattr(variable, "_autocast", True) or "float" not in variable.dtype:
        return values
    import ml_dtypes

    half = np.float16 if kind == "float16" else ml_dtypes.bfloat16
    return values.astype(half).astype(np.float32)


def _compute_type(model: Any, variable: Any) -> str:
    for layer in model._flatten_layers():
        if any(own is variable for own in (*layer._trainable_variables, *layer._non_trainable_variables)):
            return str(layer.compute_dtype)
    return "float32"
