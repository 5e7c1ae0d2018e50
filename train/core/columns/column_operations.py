"""What the operations of column expressions compute, in NumPy, and which of them keep their bits in a graph."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]
Table = tuple[tuple[float, ...], ...]


class Operation(NamedTuple):
    """One operation: how many arguments (None: any number), its function, whether that takes a `table` too."""

    arity: int | None
    function: Callable[..., Any]
    table: bool = False


def _fill(x: Floats, value: Floats) -> Floats:
    filled: Floats = np.where(np.isnan(x), value, x)
    return filled


def _is_nan(x: Floats) -> Floats:
    return np.isnan(x).astype(np.float64)


def _equal(x: Floats, y: Floats) -> Floats:
    """1.0 where two are equal, else 0.0; NaN equals nothing."""
    same: Floats = (x == y).astype(np.float64)
    return same


def _where(condition: Floats, x: Floats, y: Floats) -> Floats:
    """`x` where `condition` is not 0, else `y`."""
    chosen: Floats = np.where(condition != 0.0, x, y)
    return chosen


def _single(x: Floats) -> Floats:
    """Rounded to the nearest float32."""
    return x.astype(np.float32).astype(np.float64)


def _nan_below(x: Floats, *, table: Table) -> Floats:
    """NaN where x is less than the bound."""
    bounded: Floats = np.where(x < table[0][0], np.nan, x)
    return bounded


def _step(x: Floats, *, table: Table) -> Floats:
    """How many of the ascending edges are <= x; 0 for NaN."""
    found = np.searchsorted(np.array(table[0]), x, side="right").astype(np.float64)
    counted: Floats = np.where(np.isnan(x), 0.0, found)
    return counted


def _lookup(x: Floats, *, table: Table) -> Floats:
    """The value of the key that x equals (a key may be NaN), the default (table[2]) where there is none."""
    keys, values = np.array(table[0]), np.array(table[1])
    result = np.full(len(x), table[2][0])
    order = np.argsort(keys)  # NaN, of which there is one at most, comes last
    keys, values = keys[order], values[order]
    numbers = keys[~np.isnan(keys)]
    if len(numbers):
        place = np.minimum(np.searchsorted(numbers, x), len(numbers) - 1)
        hit = numbers[place] == x
        result[hit] = values[place[hit]]
    if len(numbers) < len(keys):
        result[np.isnan(x)] = values[-1]
    return result


def _owned(*columns: Floats) -> Floats:
    raise NotImplementedError(f"a table of {len(columns)} columns has an owner, which makes it")


def _dot(*columns: Floats, table: Table) -> Floats:
    """The sum of the columns, each times its weight (table[0])."""
    result: Floats = np.column_stack(columns) @ np.array(table[0])
    return result


def _signed_log1p(x: Floats) -> Floats:
    result: Floats = np.copysign(np.log1p(np.abs(x)), x)
    return result


def _yeo_johnson(x: Floats, *, table: Table) -> Floats:
    """Yeo and Johnson, "A new family of power transformations" (2000), for lambda = table[0][0]."""
    result: Floats = stats.yeojohnson(x, table[0][0])
    return result


def _box_cox(x: Floats, *, table: Table) -> Floats:
    result: Floats = special.boxcox(x, table[0][0])
    return result


def _quantile(x: Floats, *, table: Table) -> Floats:
    """A column through scikit-learn's QuantileTransformer: quantiles, references, and 1 for the normal distribution."""
    from sklearn.preprocessing import QuantileTransformer

    fitted = QuantileTransformer(output_distribution="normal" if table[2][0] else "uniform")
    fitted.references_ = np.array(table[1])
    result: Floats = fitted._transform_col(x.copy(), np.array(table[0]), False)
    return result


EXACT: dict[str, Operation] = {
    "add": Operation(2, np.add),
    "sub": Operation(2, np.subtract),
    "mul": Operation(2, np.multiply),
    "div": Operation(2, np.divide),
    "sqrt": Operation(1, np.sqrt),
    "abs": Operation(1, np.abs),
    "sign": Operation(1, np.sign),
    "floor": Operation(1, np.floor),
    "ceil": Operation(1, np.ceil),
    "rint": Operation(1, np.rint),
    "minimum": Operation(2, np.minimum),
    "maximum": Operation(2, np.maximum),
    "fill": Operation(2, _fill),
    "is_nan": Operation(1, _is_nan),
    "equal": Operation(2, _equal),
    "where": Operation(3, _where),
    "single": Operation(1, _single),
    "nan_below": Operation(1, _nan_below, table=True),
    "step": Operation(1, _step, table=True),
    "lookup": Operation(1, _lookup, table=True),
    "joint_bits": Operation(None, _owned),
}
"""Correctly rounded, or rounding nothing: the same bits in NumPy and in onnxruntime."""

_MONOTONE_ALONE: dict[str, Operation] = {
    "log1p": Operation(1, np.log1p),
    "signed_log1p": Operation(1, _signed_log1p),
    "log": Operation(1, np.log),
    "log2": Operation(1, np.log2),
    "log10": Operation(1, np.log10),
    "exp": Operation(1, np.exp),
    "exp2": Operation(1, np.exp2),
    "expm1": Operation(1, np.expm1),
    "arctan": Operation(1, np.arctan),
    "arcsinh": Operation(1, np.arcsinh),
    "tanh": Operation(1, np.tanh),
    "expit": Operation(1, special.expit),
    "yeo_johnson": Operation(1, _yeo_johnson, table=True),
    "box_cox": Operation(1, _box_cox, table=True),
    "quantile": Operation(1, _quantile, table=True),
}
MONOTONE: frozenset[str] = frozenset(_MONOTONE_ALONE) | {"single", "step", "floor", "ceil", "rint"}
"""Increasing functions of one argument; where they are not exact, the bits belong to NumPy."""

OPERATIONS: dict[str, Operation] = {
    **EXACT,
    **_MONOTONE_ALONE,
    "dot": Operation(None, _dot, table=True),
    "sin": Operation(1, np.sin),
    "cos": Operation(1, np.cos),
    "joint": Operation(None, _owned),
}
"""Every operation. What is neither exact nor monotone is within rounding errors alone: never in front of a tree."""

JOINT, JOINT_BITS = "joint", "joint_bits"
"""Operations that make one column of a table that an owner makes of all arguments; the second keeps its bits."""

INEXACT: frozenset[str] = frozenset({"dot", "sin", "cos", JOINT})
"""Whose last bits depend on how many rows are asked at once, or that no other library has."""
