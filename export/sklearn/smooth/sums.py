"""Sums over the columns of a row, in the order in which NumPy adds them, and distances made of differences."""

import numpy as np
import numpy.typing as npt

from export.graph import GraphBuilder

Floats = npt.NDArray[np.float64]
_WIDE, _LANES = 128, 8


def row_sum(build: GraphBuilder, terms: str, width: int) -> str:
    """`numpy.sum(terms, axis=1)` of float64 [batch, width], [batch, 1], bit for bit.

    NumPy adds fewer than 8 numbers one by one, up to 128 in 8 lanes that are then joined in pairs, and halves what is
    longer (`pairwise_sum` in its loops).
    """
    return _part(build, terms, 0, width)


def _part(build: GraphBuilder, terms: str, start: int, width: int) -> str:
    if width > _WIDE:
        half = width // 2
        half -= half % _LANES
        left = _part(build, terms, start, half)
        return build.node("Add", left, _part(build, terms, start + half, width - half))
    if width < _LANES:
        return _in_order(build, terms, start, start + width, "")
    whole = width - width % _LANES
    lanes = _slice(build, terms, start, start + _LANES)
    for at in range(_LANES, whole, _LANES):
        lanes = build.node("Add", lanes, _slice(build, terms, start + at, start + at + _LANES))
    joined = lanes
    for step in (4, 2, 1):
        even, odd = (build.constant(np.arange(side, 2 * step, 2), np.int64) for side in (0, 1))
        left, right = (build.node("Gather", joined, side, axis=1) for side in (even, odd))
        joined = build.node("Add", left, right)
    return _in_order(build, terms, start + whole, start + width, joined)


def _in_order(build: GraphBuilder, terms: str, start: int, end: int, total: str) -> str:
    for index in range(start, end):
        column = build.node("Gather", terms, build.constant([index], np.int64), axis=1)
        total = build.node("Add", total, column) if total else column
    return total


def _slice(build: GraphBuilder, terms: str, start: int, end: int) -> str:
    ends = [build.constant([one], np.int64) for one in (start, end, 1)]
    return build.node("Slice", terms, *ends)


def squared_distance(build: GraphBuilder, seen: str, points: Floats) -> str:
    """Squared euclidean distances, float64 [batch, point], column by column from differences.

    The expanded form |x|^2 - 2xv + |v|^2 would cancel, and a [batch, point, column] tensor would not fit for long
    batches.
    """
    total = ""
    for difference in differences(build, seen, points):
        square = build.node("Mul", difference, difference)
        total = build.node("Add", total, square) if total else square
    return total


def differences(build: GraphBuilder, seen: str, points: Floats) -> list[str]:
    """For each column what a row has more than each point, float64 [batch, point]."""
    return [
        build.node(
            "Sub",
            build.node("Gather", seen, build.constant([index], np.int64), axis=1),
            build.constant(points[:, index]),
        )
        for index in range(points.shape[1])
    ]


def expanded_distance(build: GraphBuilder, seen: str, points: Floats) -> str:
    """Squared euclidean distances as `sklearn.metrics.pairwise.euclidean_distances` has them, float64 [batch, point].

    They are |x|^2 - 2xv + |v|^2, never below 0: where rows are long the rounding is the same, cancellation and all.
    """
    product = build.node("MatMul", seen, build.constant(points.T))
    own = build.node("ReduceSumSquare", seen, build.constant([1], np.int64), keepdims=1)
    total = build.node("Add", build.node("Mul", product, build.constant(-2.0)), own)
    lengths = np.einsum("ij,ij->i", points, points)
    return build.node("Max", build.node("Add", total, build.constant(lengths)), build.constant(0.0))


def city_block(build: GraphBuilder, seen: str, points: Floats) -> str:
    """City block distances, float64 [batch, point]."""
    total = ""
    for difference in differences(build, seen, points):
        size = build.node("Abs", difference)
        total = build.node("Add", total, size) if total else size
    return total
