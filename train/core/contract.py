"""What a model's contract is made of: columns, tensors, tasks. Each model's own stands in its `contract.py`.

Standard library only. `export` copies these facts into `manifest.json`; the Rust runtime reads them there and refuses
an artifact whose columns are not the ones it was compiled for.
"""

import math
from dataclasses import dataclass

from train.core.errors import PipelineError


@dataclass(frozen=True)
class Column:
    """One column of a tensor: a float64 unless `integer`, which is a whole number stored in a float64.

    `minimum` and `maximum` are inclusive limits of what is accepted at all; they are wide, and say nothing about the
    range a model was trained on.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    integer: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class Tensor:
    """A named input or output of a graph: float64, axes named, the last axis described by `columns` if it has any."""

    name: str
    axes: tuple[str, ...]
    columns: tuple[Column, ...] = ()


def check_value(value: object, column: Column, where: str) -> float:
    """`value` as a float64 that lies within the limits of `column`; a PipelineError that names the field if not."""
    if value is None:
        raise PipelineError(f"{where}: field {column.name!r} is missing ({column.unit})")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PipelineError(f"{where}: field {column.name!r} must be a number, found {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise PipelineError(f"{where}: field {column.name!r} must be finite, found {number}")
    if not column.minimum <= number <= column.maximum:
        limits = f"{column.minimum:g}..{column.maximum:g} {column.unit}"
        raise PipelineError(f"{where}: field {column.name!r} must lie in {limits}, found {number:g}")
    if column.integer and number != math.floor(number):
        raise PipelineError(f"{where}: field {column.name!r} must be a whole number, found {number!r}")
    return number
