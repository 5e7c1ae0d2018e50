"""Split thresholds in raw units: the largest double that still goes left, found by bisection over float bits.

A tree that sits behind a scaler compares `cast(scale(x)) <= t`. Every step of the left side is monotone in x, so one
double says the same: the largest x (smallest, when the chain decreases) for which scikit-learn goes left. It is found
with NumPy evaluating the very operations of the fitted transformer, rounding included, so nothing is approximated.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from export.sklearn.columns.refusal import refuse
from train.core.columns.column_expressions import Expression, column, evaluate, operations_of
from train.core.columns.column_operations import EXACT, MONOTONE

Floats = npt.NDArray[np.float64]
Cast = Callable[[Floats], npt.NDArray[np.floating]]

_LARGEST = np.finfo(np.float64).max
_INCREASING = {"add", "minimum", "maximum", "fill"}


def to_float32(x: Floats) -> npt.NDArray[np.float32]:
    """What scikit-learn's trees do to their input first."""
    with np.errstate(over="ignore"):
        return x.astype(np.float32)


def as_is(x: Floats) -> Floats:
    """What HistGradientBoosting does: nothing."""
    return x


@dataclass(frozen=True)
class Chain:
    """One column that a tree sees, as a monotone function of a core that the graph can compute exactly.

    Attributes:
        core: a column of the model's input, or an expression of exact operations.
        local: the column as an expression of `column(0)`, which stands for the core.
        decreasing: whether the column falls when the core rises.
    """

    core: Expression
    local: Expression
    decreasing: bool

    def __call__(self, x: Floats) -> Floats:
        """The column's value for core values `x`, float64 [n]."""
        return evaluate(self.local, x[:, None])


@dataclass(frozen=True)
class FoldedSplits:
    """Splits in units of the core; entry i belongs to threshold i.

    Attributes:
        threshold: float64 [split], the largest core value on the true side; -inf when no finite value is,
            inf when all are.
        swapped: bool [split], the true side is the tree's right child (the chain decreases).
        missing_true: bool [split], where NaN goes.
    """

    threshold: Floats
    swapped: npt.NDArray[np.bool_]
    missing_true: npt.NDArray[np.bool_]


def chain_of(expression: Expression, *, made_by: Callable[[str], str | None] = lambda _: None) -> Chain:
    """Peel the monotone operations with constants off the outside of a column.

    Args:
        expression: the column.
        made_by: from an operation to the class of the transformer that it comes from, for the refusal.

    Raises:
        PipelineError: what remains holds a function that has no exact form in a graph.
    """
    path: list[tuple[Expression, int]] = []
    core, decreasing = expression, False
    while (step := _monotone_argument(core)) is not None:
        index, falls = step
        path.append((core, index))
        decreasing ^= falls
        core = core.args[index]
    _require_exact(core, made_by)
    local = column(0)
    for node, index in reversed(path):
        local = replace(node, args=tuple(local if k == index else arg for k, arg in enumerate(node.args)))
    return Chain(core, local, decreasing)


def _monotone_argument(expression: Expression) -> tuple[int, bool] | None:
    """Which argument the expression is a monotone function of, and whether it falls; None when it is not."""
    op, args = expression.op, expression.args
    if op in MONOTONE:
        return 0, False
    if len(args) != 2:
        return None
    left, right = args
    if right.op == "const" and left.op != "const":
        if op in _INCREASING or op == "sub":
            return 0, False
        if op in ("mul", "div") and right.value != 0.0:
            return 0, right.value < 0.0
    if left.op == "const" and right.op != "const":
        if op in _INCREASING - {"fill"}:
            return 1, False
        if op == "sub":
            return 1, True
        if op == "mul" and left.value != 0.0:
            return 1, left.value < 0.0
    return None


def _require_exact(core: Expression, made_by: Callable[[str], str | None]) -> None:
    for op in sorted(operations_of(core) - {"column", "const"}):
        if op not in EXACT:
            maker = made_by(op)
            what = f"{op}() inside a column" if maker is None else f"{maker} before trees"
            raise refuse(
                what,
                f"{op}() is not correctly rounded, graph and NumPy may differ in the last bit, and a split turns that "
                "into another leaf",
                supported="before trees "
                + ("it as the outermost function of a column, or " if op in MONOTONE else "")
                + "exact columns (scalers, encoders, bins, imputers, sums and products); before other estimators it "
                "compiles",
            )


def fold(
    chain: Chain, thresholds: Floats, missing_left: npt.NDArray[np.bool_], *, cast: Cast = to_float32
) -> FoldedSplits:
    """Splits `cast(chain(x)) <= threshold` as comparisons of the core itself.

    Args:
        chain: the column that is compared.
        thresholds: float64 [split], as the estimator stores them.
        missing_left: bool [split], where the estimator sends NaN.
        cast: what the estimator does to its input before it compares.

    Returns:
        Splits that send every double, NaN and both zeros to the same side as scikit-learn does. Beyond what
        scikit-learn accepts (infinite, or infinite as float32) they go where the comparison itself would send them.

    Raises:
        PipelineError: the chain gives NaN for some number, or does not rise and fall as it should near a threshold.
    """
    lowest = chain.core.table[0][0] if chain.core.op == "nan_below" else -_LARGEST
    with np.errstate(all="ignore"):
        ends = cast(chain(np.array([lowest, max(lowest, 0.0), _LARGEST])))
    if np.isnan(ends).any():
        raise refuse(
            f"{chain.local.op}() of a column", "it gives NaN for some numbers", supported="maximum(x, const(0)) inside"
        )
    unique, inverse = np.unique(thresholds, return_inverse=True)
    sign = -1.0 if chain.decreasing else 1.0

    def left(x: Floats) -> npt.NDArray[np.bool_]:
        result: npt.NDArray[np.bool_] = cast(chain(sign * x)) <= unique
        return result

    span = (-_LARGEST, -lowest) if chain.decreasing else (lowest, _LARGEST)
    with np.errstate(all="ignore"):
        found = _last_true(left, len(unique), span)
    if operations_of(chain.local) & (MONOTONE - set(EXACT)):
        with np.errstate(all="ignore"):
            _require_order_near(found, left, chain, span)
    # Falling chain: left is every core >= -found, so the complement is core <= the double just below -found.
    threshold = np.nextafter(-found, -np.inf) if chain.decreasing else found
    at_nan = cast(chain(np.array([np.nan])))
    goes_left = missing_left if np.isnan(at_nan[0]) else at_nan[0] <= thresholds
    swapped = np.full(len(thresholds), chain.decreasing)
    return FoldedSplits(threshold[inverse], swapped, goes_left ^ swapped)


def _last_true(left: Callable[[Floats], npt.NDArray[np.bool_]], n: int, span: tuple[float, float]) -> Floats:
    """The largest double of `span` where a decreasing predicate holds, float64 [n]; -inf for never, inf for always."""
    low = np.full(n, to_key(np.array([span[0]]))[0])
    high = np.full(n, to_key(np.array([span[1]]))[0])
    never, always = ~left(from_key(low)), left(from_key(high))
    while np.any(low + 1 < high):
        middle = (low >> 1) + (high >> 1) + (low & high & 1)  # the mean, which cannot overflow
        holds = left(from_key(middle))
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return np.where(never, -np.inf, np.where(always, np.inf, from_key(low)))


def _require_order_near(
    found: Floats, left: Callable[[Floats], npt.NDArray[np.bool_]], chain: Chain, span: tuple[float, float]
) -> None:
    """A library logarithm need not be monotone to the last bit; prove that it is around every threshold."""
    keys = to_key(np.clip(found, *span))
    first, last = to_key(np.array(span))
    for step in range(1, 65):
        above = from_key(np.minimum(keys + step, last))
        below = from_key(np.maximum(keys - step, first))
        if (left(above) & np.isfinite(found) & (above > found)).any() or (~left(below) & (below < found)).any():
            raise refuse(
                f"{chain.local.op}() of a column", "it is not monotone near a split", supported="exact columns"
            )


def to_key(x: Floats) -> npt.NDArray[np.int64]:
    """Integers in the order of the doubles: neighbours differ by one, both zeros are 0."""
    bits = x.view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def from_key(key: npt.NDArray[np.int64]) -> Floats:
    """The inverse of `to_key`; 0 gives +0.0."""
    bits = np.where(key < 0, np.int64(-(2**63)) - key, key)
    return np.ascontiguousarray(bits).view(np.float64)
