"""What rows have shown about the splits of a group: which of them they tell apart from their neighbours.

A split is *told apart* when a row on the last number that goes left would be answered otherwise if it were sent right,
and a row on the first number that goes right if it were sent left: then no threshold but the right one gives these
answers. Its *route* of missing values is told apart when a row that reaches it without a value would be answered
otherwise on the other side. Both are asked of every output of the tree, for a graph may hold one tree for each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verify.proof.rerouted_splits import Turn
from verify.proof.split_boxes import floor_single
from verify.proof.tree_walk import Nodes, nodes_of
from verify.proof.trees import Bools, Floats, Group, Indices

LEFT, RIGHT, MISSING = 0, 1, 2
"""Where a row stands at its split: on the last number that goes left, on the first that goes right, without a value."""
Judge = Callable[[Floats, Turn], Bools]
"""Rows and what would be turned in each -> whether the whole model would then answer otherwise, bool [row]."""


@dataclass(frozen=True)
class Count:
    """How many splits (or routes) there are, are told apart, cannot change any answer, could not be decided.

    Of very many splits only a sample is looked into; the others are `not_looked_at`, and undecided too.
    """

    all: int = 0
    told_apart: int = 0
    cannot_change: int = 0
    not_looked_at: int = 0

    @property
    def undecided(self) -> int:
        """Neither told apart nor shown to be unable to change an answer."""
        return self.all - self.told_apart - self.cannot_change

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.all + other.all,
            self.told_apart + other.told_apart,
            self.cannot_change + other.cannot_change,
            self.not_looked_at + other.not_looked_at,
        )

    def __str__(self) -> str:
        tried = self.undecided - self.not_looked_at
        rest = f", {tried:,} undecided" if tried else ""
        rest += f", {self.not_looked_at:,} not looked at" if self.not_looked_at else ""
        return f"{self.told_apart:,} of {self.all:,} ({self.cannot_change:,} cannot change any answer{rest})"


@dataclass(frozen=True)
class SplitProof:
    """What the probes of one model have shown about all its splits.

    Attributes:
        splits, visited: splits of its trees, and those that rows have left by both sides.
        thresholds, routes: what is known of their thresholds and of their routes of missing values.
    """

    splits: int = 0
    visited: int = 0
    thresholds: Count = field(default_factory=Count)
    routes: Count = field(default_factory=Count)

    def __add__(self, other: "SplitProof") -> "SplitProof":
        return SplitProof(
            self.splits + other.splits,
            self.visited + other.visited,
            self.thresholds + other.thresholds,
            self.routes + other.routes,
        )

    def lines(self) -> list[str]:
        """In words; nothing for a model without trees."""
        if not self.splits:
            return []
        share = "100 %" if self.visited == self.splits else f"{100.0 * self.visited / self.splits:.3f} %"
        return [
            f"splits visited on both sides: {self.visited:,} of {self.splits:,} ({share})",
            f"splits told apart: {self.thresholds}",
            f"NaN routes told apart: {self.routes}",
            *([_sampled(self.thresholds)] if self.thresholds.not_looked_at else []),
        ]


@dataclass
class Standing:
    """The splits of one group and what is known of each.

    Attributes:
        number: of the group.
        judge: asks the whole model.
        computed: columns seen that are made from several raw ones, bool [column]. A graph has to compute them before
            it compares, so there a row must see the very last double on its side.
        nodes: of the group.
        told: bool [where, split, output], `where` one of `LEFT`, `RIGHT`, `MISSING`.
        idle: bool [where, split, output]: no row can change an answer there.
        looked_at: bool [split]; the others are left out of the search.
    """

    number: int
    group: Group
    judge: Judge
    computed: Bools
    nodes: Nodes = field(init=False)
    told: npt.NDArray[np.bool_] = field(init=False)
    idle: npt.NDArray[np.bool_] = field(init=False)
    looked_at: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = nodes_of(self.group)
        self.splits = self.nodes.splits
        shape = (3, len(self.splits), len(self.group.outputs))
        self.edge = last_to_the_left(self.nodes.threshold[self.splits], single=self.group.single)
        self.told, self.idle = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self.looked_at = np.ones(len(self.splits), dtype=bool)

    def offer(self, rows: Floats, split: Indices, where: int) -> Bools:
        """Rows that may tell their splits apart, float64 [row, column]; gives those that do, where none did before.

        Args:
            rows: float64 [row, column].
            split: position of each row's split, int64 [row].
            where: each row stands.
        """
        useful = np.zeros(len(rows), dtype=bool)
        if not len(rows):
            return useful
        seen = self.group.transform(rows)
        node = self.splits[split]
        tree = self.nodes.tree[node]
        own, met = self.nodes.walk(seen, self.nodes.root[tree])
        other, met = self.nodes.walk(seen, self.nodes.root[tree], node)
        value = seen[np.arange(len(seen)), self.nodes.feature[node]]
        if where == MISSING:
            met &= np.isnan(value)
        else:
            met &= (value <= self.nodes.threshold[node]) == (where == LEFT)
            met &= self._at_the_edge(rows, split, where)
        for position, output in enumerate(self.group.outputs):
            now, then = self.nodes.value[own, output], self.nodes.value[other, output]
            which = np.flatnonzero(met & (now != then) & ~self.told[where, split, position])
            if len(which):
                turn = Turn(self.number, tree[which], np.full(len(which), output), now[which], then[which])
                good = which[self.judge(rows[which], turn)]
                self.told[where, split[good], position] = True
                useful[good] = True
        return useful

    def _at_the_edge(self, rows: Floats, split: Indices, where: int) -> Bools:
        feature = self.nodes.feature[self.splits[split]]
        good = ~self.computed[feature]
        some = np.flatnonzero(~good)
        if len(some):
            exact = self.group.before(rows[some])[np.arange(len(some)), feature[some]]
            edge = self.edge[split[some]]
            good[some] = exact == (edge if where == LEFT else np.nextafter(edge, np.inf))
        return good

    @property
    def thresholds(self) -> Count:
        """Splits by what is known of their thresholds."""
        return _count(self.told[:MISSING], self.idle[:MISSING], self.looked_at)

    @property
    def routes(self) -> Count:
        """Splits by what is known of their routes of missing values."""
        return _count(self.told[MISSING:], self.idle[MISSING:], self.looked_at)


def _count(told: Bools, idle: Bools, looked_at: Bools) -> Count:
    known, some = (told | idle).all(axis=(0, 2)), told.any(axis=(0, 2))
    left_out = int((~known & ~looked_at).sum())
    return Count(told.shape[1], int((known & some).sum()), int((known & ~some).sum()), left_out)


def _sampled(splits: Count) -> str:
    return (
        f"of so many splits a sample was looked into, drawn by the seed: {splits.all - splits.not_looked_at:,} of "
        f"{splits.all:,}; another --seed draws others"
    )


def last_to_the_left(threshold: Floats, *, single: bool) -> Floats:
    """The largest double that is still at or below each threshold, once it is rounded to what the trees see."""
    if not single:
        return threshold
    low = floor_single(threshold)
    with np.errstate(invalid="ignore", over="ignore"):
        above = np.nextafter(low.astype(np.float32), np.float32(np.inf)).astype(np.float64)
        middle = low + (above - low) / 2.0  # exact; a tie goes to the even one of the two
    goes_left = middle.astype(np.float32).astype(np.float64) == low
    return np.where(goes_left, middle, np.nextafter(middle, -np.inf))
