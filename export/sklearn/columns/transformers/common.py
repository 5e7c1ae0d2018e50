"""What the lowerings share."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export.sklearn.columns.refusal import refuse
from train.core.columns.column_expressions import Expression, const, maximum, minimum, operation

Columns = tuple[Expression, ...]
Lower = Callable[[Any, Columns], Columns]


def each(op: str, columns: Columns, values: Sequence[float], owner: object) -> Columns:
    """`op` of every column with its own constant."""
    if not np.all(np.isfinite(values)):
        where = int(np.flatnonzero(~np.isfinite(values))[0])
        raise refuse(owner, f"column {where} has no finite scale or centre (it was all NaN)", supported="finite ones")
    return tuple(Expression(op, (x, const(float(v)))) for x, v in zip(columns, values, strict=True))


def clip(columns: Columns, low: float, high: float) -> Columns:
    """Every column within limits."""
    return tuple(minimum(maximum(x, const(low)), const(high)) for x in columns)


def equal(x: Expression, value: float) -> Expression:
    """1.0 where `x` equals `value` (a NaN equals a NaN here), else 0.0."""
    return operation("is_nan", x) if np.isnan(value) else operation("equal", x, const(value))


def weighted(columns: Columns, weights: Sequence[float]) -> Expression:
    """The sum of the columns, each times its weight; within rounding errors."""
    return operation("dot", *columns, table=[weights])
