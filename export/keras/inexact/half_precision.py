"""A network of half precision as one of float32: the same layers and weights, each rounded where Keras rounds it."""

from typing import Any

import numpy as np

from export.keras.answers import HALF as POLICIES
from export.keras.answers import remade
from train.core.errors import PipelineError

HALF = ("float16", "bfloat16")


def in_single_precision(model: Any) -> Any:
    """The twin of a network, with every policy of half precision replaced by float32.

    Raises:
        PipelineError: Keras cannot make it again from its config.
    """
    try:
        return remade(model, POLICIES, "float32", lambda variable: _rounded(variable, model))
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise PipelineError(f"{model.name}: not to be made again in float32: {reason}") from error


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
