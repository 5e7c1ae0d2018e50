"""Which splits can change an answer at all: an exact search over pairs of leaves, one from either side of a split.

Two rows that differ in nothing but the split's column, and there by one representable number, end in a leaf on the
left and a leaf on the right. A pair of leaves can be told apart by such rows when the leaves differ in value, both
touch the threshold, and their boxes have a value in common in every other column. A split without such a pair gives
the same answers wherever its threshold stands between the two numbers. For a missing value it is the same with the
route of NaN in the place of the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from verify.proof.missing_values import Mark
from verify.proof.split_boxes import Targets, floor_single
from verify.proof.trees import Bools, Floats, Indices, Tree

KEPT = 24
"""Pairs kept for each output of a split: half of them the most different, half drawn at random."""
AT_ONCE, MOST = 500_000, 4_000_000
"""Pairs looked at in one step, and for one split at most."""


class Found(NamedTuple):
    """Pairs of leaves, int64 [pair, 2] (positions among `LeafBoxes.leaf`), and whether every pair was looked at."""

    pairs: Indices
    complete: bool


@dataclass(frozen=True)
class LeafBoxes:
    """The leaves of one tree, in an order in which every subtree's stand together.

    Attributes:
        leaf: nodes, int64 [leaf].
        low, high: a number reaches the leaf when low < seen <= high in every column, float64 [leaf, column], rounded
            down to numbers that the trees can see.
        blocked: splits above the leaf that send a missing value elsewhere, int64 [leaf, column].
        first, last: the leaves under each node are first to last - 1, int64 [node].
        columns: of the splits under each node, one bit each.
        barred: splits above the node send a value that is missing in its column elsewhere, bool [node].
    """

    tree: Tree
    leaf: Indices
    low: Floats
    high: Floats
    blocked: Indices
    first: Indices
    last: Indices
    columns: list[int]
    barred: Bools

    def at_threshold(self, node: int, output: int, random: np.random.Generator, *, missing: Bools) -> Found:
        """Pairs for a row just below the threshold of `node` and one just above; `missing`: as in `at_missing`."""
        feature, edge = int(self.tree.feature[node]), self.edge(node)
        left, right = self._sides(node)
        left = left[(self.high[left, feature] == edge) & (self.low[left, feature] < edge)]
        right = right[(self.low[right, feature] == edge) & (self.high[right, feature] > edge)]
        return self._pairs(node, left, right, output, random, (self.blocked == 0) & missing)

    def at_missing(self, node: int, output: int, random: np.random.Generator, *, missing: Bools, empty: Bools) -> Found:
        """Pairs for a row whose value is missing at `node`, and the same row sent the other way.

        Args:
            node: a split.
            output: of the tree.
            random: draws some of the pairs.
            missing: columns that can be missing at all, bool [column].
            empty: columns that are missing in such a row, the node's among them, bool [column].
        """
        feature = int(self.tree.feature[node])
        left, right = self._sides(node)
        own, other = (left, right) if self.tree.missing_left[node] else (right, left)
        own = own[self.blocked[own, feature] == 0]
        other = other[self.blocked[other, feature] == 1]  # by this very split
        passes = (self.blocked == 0) & missing
        bare = np.flatnonzero(empty & (np.arange(len(empty)) != feature))
        own, other = (side[passes[np.ix_(side, bare)].all(axis=1)] for side in (own, other))
        left, right = (own, other) if self.tree.missing_left[node] else (other, own)
        return self._pairs(node, left, right, output, random, passes, skip=frozenset(bare.tolist()))

    def at_mark(self, node: int, output: int, random: np.random.Generator, *, missing: Bools, empty: Bools) -> Found:
        """Pairs for a row at a split of a mark, and the same row sent the other way.

        These boxes must know nothing of that mark. The arguments are those of `at_missing`, but that `empty` are the
        columns that are missing where the raw column is; none of them for a row in which it has a value.
        """
        left, right = self._sides(node)
        passes = (self.blocked == 0) & missing
        bare = np.flatnonzero(empty)
        left, right = (side[passes[np.ix_(side, bare)].all(axis=1)] for side in (left, right))
        return self._pairs(node, left, right, output, random, passes, skip=frozenset(bare.tolist()))

    def targets(self, node: int, pair: Indices, *, empty: Bools | None = None) -> Targets:
        """The box of rows that a pair is for; `empty` says which columns are missing, None for a threshold."""
        (left, right), feature = pair, int(self.tree.feature[node])
        low, high = np.maximum(self.low[left], self.low[right]), np.minimum(self.high[left], self.high[right])
        missing = (self.blocked[left] == 0) & (self.blocked[right] == 0)
        low[feature], high[feature], missing[feature] = self.low[left, feature], self.high[right, feature], False
        if empty is not None:
            low[empty], high[empty], missing[empty] = np.inf, -np.inf, True
        at = slice(node, node + 1)
        tree = self.tree
        return Targets(
            tree.feature[at], tree.threshold[at], tree.missing_left[at], low[None], high[None], missing[None]
        )

    def edge(self, node: int) -> float:
        """The largest number that the trees can see and that goes left."""
        left = self.tree.left[node]
        return float(self.high[self.first[left] : self.last[left], self.tree.feature[node]].max())

    def _sides(self, node: int) -> tuple[Indices, Indices]:
        left, right = self.tree.left[node], self.tree.right[node]
        return np.arange(self.first[left], self.last[left]), np.arange(self.first[right], self.last[right])

    def _pairs(
        self,
        node: int,
        left: Indices,
        right: Indices,
        output: int,
        random: np.random.Generator,
        passes: Bools,
        skip: frozenset[int] = frozenset(),
    ) -> Found:
        """Pairs that differ in value and have something in common in every column but the split's."""
        skip |= {int(self.tree.feature[node])}
        both = self.columns[self.tree.left[node]] & self.columns[self.tree.right[node]]
        shared = [c for c in range(self.low.shape[1]) if both >> c & 1 and c not in skip]
        left, right = (side[self._open(side, passes, skip)] for side in (left, right))
        values = np.ascontiguousarray(self.tree.value[self.leaf, output])
        kept: list[Indices] = []
        step = max(1, AT_ONCE // max(1, len(right)))
        for start in range(0, len(left), step):
            if start * len(right) > MOST:
                return Found(_best(kept, values, random), complete=False)
            some = left[start : start + step]
            good = values[some][:, None] != values[right][None, :]
            for column in shared:
                low = np.maximum(self.low[some, column][:, None], self.low[right, column][None, :])
                high = np.minimum(self.high[some, column][:, None], self.high[right, column][None, :])
                good &= (low < high) | (passes[some, column][:, None] & passes[right, column][None, :])
            first, second = np.nonzero(good)
            if len(first):
                kept.append(np.column_stack([some[first], right[second]]))
        return Found(_best(kept, values, random), complete=True)

    def _open(self, leaves: Indices, passes: Bools, skip: frozenset[int]) -> Bools:
        """Leaves that a row can reach: a number or a missing value fits in every column."""
        fits = (self.low[leaves] < self.high[leaves]) | passes[leaves]
        fits[:, list(skip)] = True
        return np.asarray(fits.all(axis=1))


def _best(kept: list[Indices], values: Floats, random: np.random.Generator) -> Indices:
    pairs = np.concatenate([np.empty((0, 2), dtype=np.int64), *kept])
    if len(pairs) <= KEPT:
        order = np.argsort(-np.abs(values[pairs[:, 0]] - values[pairs[:, 1]]), kind="stable")
        return pairs[order]
    apart = np.abs(values[pairs[:, 0]] - values[pairs[:, 1]])
    most = np.argpartition(-apart, KEPT // 2)[: KEPT // 2]
    chosen: Indices = pairs[np.concatenate([most, random.integers(len(pairs), size=KEPT - len(most))])]
    return chosen


def leaf_boxes(tree: Tree, width: int, *, single: bool, marks: Sequence[Mark] = ()) -> LeafBoxes:
    """Collect the leaves of one tree.

    Args:
        tree: children stand behind their parents.
        width: columns that it sees.
        single: whether it sees float32 numbers.
        marks: columns that say whether others are missing: a leaf that asks for the one refuses the other.
    """
    beside = {mark.column: sum(1 << column for column in mark.beside) for mark in marks}
    size = len(tree.feature)
    threshold = np.where(tree.feature >= 0, tree.threshold, 0.0)
    edge = floor_single(threshold) if single else threshold
    largest = float(np.finfo(np.float32).max) if single else np.inf
    low, high = np.full((size, width), -np.inf), np.full((size, width), largest)
    blocked = np.zeros((size, width), dtype=np.int64)
    leaves, columns = np.ones(size, dtype=np.int64), [0] * size
    for node in tree.splits[::-1].tolist():
        left, right = int(tree.left[node]), int(tree.right[node])
        leaves[node] = leaves[left] + leaves[right]
        feature = int(tree.feature[node])
        columns[node] = columns[left] | columns[right] | 1 << feature | beside.get(feature, 0)
    first = np.zeros(size, dtype=np.int64)
    for node in tree.splits.tolist():
        left, right, feature = int(tree.left[node]), int(tree.right[node]), int(tree.feature[node])
        first[left], first[right] = first[node], first[node] + leaves[left]
        for box in (low, high, blocked):
            box[left] = box[right] = box[node]
        high[left, feature] = min(high[node, feature], edge[node])
        low[right, feature] = max(low[node, feature], edge[node])
        blocked[right if tree.missing_left[node] else left, feature] += 1
    barred = blocked[np.arange(size), np.maximum(tree.feature, 0)] > 0
    ends = np.flatnonzero(tree.feature < 0)
    ends = ends[np.argsort(first[ends], kind="stable")] if size > 1 else np.zeros(1, dtype=np.int64)
    low, high, blocked = low[ends], high[ends], blocked[ends]
    for mark in marks:
        of = low[:, mark.column], high[:, mark.column]
        no_number, no_hole = (~((of[0] < value) & (value <= of[1])) for value in (mark.number, mark.missing))
        for column in mark.beside:
            low[no_number, column], high[no_number, column] = np.inf, -np.inf
            blocked[no_hole, column] += 1
    return LeafBoxes(tree, ends, low, high, blocked, first, first + leaves, columns, barred)
