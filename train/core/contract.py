"""What a model's contract is made of: columns, tensors, tasks. Each model's own stands in its `contract.py`.

Standard library only. `export` copies these facts into `manifest.json`; the Rust runtime reads them there and refuses
an artifact whose columns are not the ones it was compiled for.
"""

import math
from dataclasses import dataclass
from typing import Literal

from train.core.errors import PipelineError

Task = Literal["classifier", "regressor", "forecaster", "policy", "transformer"]
Dtype = Literal["float64", "float32", "int64", "string"]


@dataclass(frozen=True)
class Column:
    """One column of a tensor; `integer` is a whole number, whatever the tensor's dtype.

    `minimum` and `maximum` are inclusive limits of what is accepted at all, None for none; they are wide, and say
    nothing about the range a model was trained on. `unit` is None where it is not known. `missing`: NaN is accepted and
    means that the value is not known.
    """

    name: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False
    meaning: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Tensor:
    """A named input or output of a graph: axes named, the last axis described by `columns` if it has any."""

    name: str
    axes: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    dtype: Dtype = "float64"


def check_value(value: object, column: Column, where: str) -> float:
    """`value` as a float64 that lies within the limits of `column`; a PipelineError that names the field if not."""
    if value is None:
        raise PipelineError(f"{where}: field {column.name!r} is missing ({column.unit or 'no unit'})")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PipelineError(f"{where}: field {column.name!r} must be a number, found {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise PipelineError(f"{where}: field {column.name!r} must be finite, found {number}")
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    if not low <= number <= high:
        limits = f"{low:g}..{high:g} {column.unit or ''}".rstrip()
        raise PipelineError(f"{where}: field {column.name!r} must lie in {limits}, found {number:g}")
    if column.integer and number != math.floor(number):
        raise PipelineError(f"{where}: field {column.name!r} must be a whole number, found {number!r}")
    return number
