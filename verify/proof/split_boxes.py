"""Where a row must lie to reach a split: the box of values, and of missing ones, that the splits above it leave."""

from dataclasses import dataclass

import numpy as np

from verify.proof.trees import Bools, Floats, Group, Indices, Tree


@dataclass(frozen=True)
class Targets:
    """The splits of one group.

    Attributes:
        feature: column that the trees see, of each split, int64 [split].
        threshold: float64 [split].
        missing_left: where the split sends NaN, bool [split].
        low, high: a row reaches the split when low < seen <= high in every column, float64 [split, seen column].
        missing: ... or when the column is NaN and this is true, bool [split, seen column].
    """

    feature: Indices
    threshold: Floats
    missing_left: Bools
    low: Floats
    high: Floats
    missing: Bools

    def only(self, which: Indices) -> "Targets":
        """The splits `which`; their order is kept."""
        return Targets(
            self.feature[which],
            self.threshold[which],
            self.missing_left[which],
            self.low[which],
            self.high[which],
            self.missing[which],
        )

    def children(self) -> "Targets":
        """The boxes of the left children, then of the right children."""
        at = np.arange(len(self.feature)), self.feature
        low, high = self.low.copy(), self.high.copy()
        high[at], low[at] = np.minimum(high[at], self.threshold), np.maximum(low[at], self.threshold)
        left, right = self.missing.copy(), self.missing.copy()
        left[at] &= self.missing_left
        right[at] &= ~self.missing_left
        return Targets(
            np.tile(self.feature, 2),
            np.tile(self.threshold, 2),
            np.tile(self.missing_left, 2),
            np.concatenate([self.low, low]),
            np.concatenate([high, self.high]),
            np.concatenate([left, right]),
        )

    def misses(self, seen: Floats) -> Bools:
        """Columns in which row i, or one row for all, misses the box of split i; bool [split, seen column]."""
        inside = (seen > self.low) & (seen <= self.high) & (np.abs(seen) < np.inf)
        result: Bools = ~(inside | (np.isnan(seen) & self.missing))
        return result


def targets_of(group: Group, width: int) -> Targets:
    """Collect the splits of a group; `width`: columns that the trees see."""
    parts = [_boxes(tree, width) for tree in group.trees]
    return Targets(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _boxes(tree: Tree, width: int) -> tuple[Indices, Floats, Bools, Floats, Floats, Bools]:
    low = np.full((len(tree.feature), width), -np.inf)
    high = np.full((len(tree.feature), width), np.inf)
    missing = np.ones((len(tree.feature), width), dtype=bool)
    for node in tree.splits:  # parents come before their children
        feature, threshold = tree.feature[node], tree.threshold[node]
        left, right = tree.left[node], tree.right[node]
        for box in (low, high, missing):
            box[[left, right]] = box[node]
        high[left, feature] = min(high[node, feature], threshold)
        low[right, feature] = max(low[node, feature], threshold)
        missing[right if tree.missing_left[node] else left, feature] = False
    at = tree.splits
    return tree.feature[at], tree.threshold[at], tree.missing_left[at], low[at], high[at], missing[at]


def join(targets: list[Targets]) -> Targets:
    """Several, one after the other."""
    names = ("feature", "threshold", "missing_left", "low", "high", "missing")
    return Targets(*(np.concatenate([getattr(target, name) for target in targets]) for name in names))


def floor_single(values: Floats) -> Floats:
    """The largest float32 at or below each number."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > values, below, rounded).astype(np.float64)
