"""Rows moved, column after column, until they lie in a box of a tree or stand at the edge of a split.

The model is a black box here: rows go through scikit-learn's own preprocessing, and are moved until they stand at the
split. So the search shares nothing with the compiler, and works behind engineered columns as behind a scaler.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from export.sklearn.columns.thresholds import from_key, to_key
from verify.proof.split_boxes import Targets
from verify.proof.trees import Bools, Floats, Indices, Transform

ROUNDS = 25
HALVINGS = 64
LEVELS = 24
PARTINGS, FEW_ROWS = 4, 1 << 14
"""Halvings at once, where that makes no more rows than so many."""
FEW_VALUES = 64
"""Of a raw column: of so few each is tried, for they may be all that a step such as an encoder knows."""
AT_ONCE = 1 << 16
"""Rows that are sent through the preprocessing together: a call alone may take as long as thousands of rows."""
LARGEST_SEEN = float(np.finfo(np.float32).max)
"""Beyond it no finite number of float32 lies; CatBoost sends missing values there."""


class Edges(NamedTuple):
    """Rows around splits: the neighbouring doubles between which each split lies, and one further on either side.

    Attributes:
        which: position of each row's split among the targets, int64 [row].
        left, right: the last row that goes left and the first that goes right, float64 [row, column]; they differ in
            one column, by one double.
        beyond: a row further to the left of each, then one further to the right of each.
    """

    which: Indices
    left: Floats
    right: Floats
    beyond: Floats

    @property
    def rows(self) -> Floats:
        """All of them."""
        return np.concatenate([self.left, self.right, self.beyond])


def seen_by(transform: Transform, rows: Floats) -> Floats:
    """What the trees see, without a warning on the way."""
    with np.errstate(all="ignore"):
        return transform(rows)


def influence_of(transform: Transform, start: Floats, random: np.random.Generator) -> list[Indices]:
    """For each column that the trees see, the raw columns that move it, found by moving them."""
    before = seen_by(transform, start)
    moves = np.zeros((start.shape[1], before.shape[1]), dtype=bool)
    for column in range(start.shape[1]):
        moved = start.copy()
        moved[:, column] = random.permutation(start[:, column])
        after = seen_by(transform, moved)
        moves[column] = ((after != before) & ~(np.isnan(after) & np.isnan(before))).any(axis=0)
    return [np.flatnonzero(moves[:, seen]) for seen in range(before.shape[1])]


def coded_columns(transform: Transform, start: Floats, influence: list[Indices]) -> Bools:
    """Columns seen in which any number but a few known ones is the same, as codes of categories are: bool [column].

    Nothing lies between two codes: no halving comes to the edge of a split there.
    """
    coded = np.zeros(len(influence), dtype=bool)
    for raw in {int(raw[0]) for raw in influence if len(raw) == 1}:
        known = _few_values(start[:, raw])
        if not len(known):
            continue
        others = np.linspace(known[0] - 1.0, known[-1] + 1.0, 2 * FEW_VALUES)
        others = others[~np.isin(others, known)]
        trial = np.repeat(start[:1], len(others), axis=0)
        trial[:, raw] = others
        seen = seen_by(transform, trial)
        constant = ((seen == seen[0]) | np.isnan(seen)).all(axis=0)
        coded |= constant & np.array([list(by) == [raw] for by in influence])
    return coded


@dataclass
class _Bracket:
    """Rows, one raw column of each, and two values of it that put the column seen at or below `edge`, and above."""

    transform: Transform
    rows: Floats
    raw: Indices
    feature: Indices
    edge: Floats
    left: Floats
    right: Floats

    def seen(self, value: Floats, which: Indices | slice = slice(None)) -> Floats:
        """The column seen when the raw column of the rows `which` is set to `value`."""
        trial = put(self.rows[which], self.raw[which], value)
        seen = seen_by(self.transform, trial)
        return seen[np.arange(len(trial)), self.feature[which]]

    def seen_at(self, levels: list[Floats]) -> Iterator[tuple[Floats, Floats]]:
        """Each of the values, float64 [row], with the column seen there."""
        count = max(1, AT_ONCE // max(1, len(self.rows)))
        for first in range(0, len(levels), count):
            some = levels[first : first + count]
            every = np.tile(np.arange(len(self.rows)), len(some))
            yield from zip(some, self.seen(np.concatenate(some), every).reshape(len(some), -1), strict=True)

    def only(self, which: Indices) -> "_Bracket":
        """The rows `which`."""
        return _Bracket(
            self.transform,
            self.rows[which],
            self.raw[which],
            self.feature[which],
            self.edge[which],
            self.left[which],
            self.right[which],
        )

    @property
    def open(self) -> Bools:
        """Whether a double lies between the two values, bool [row]."""
        middle = middle_double(self.left, self.right)
        return np.asarray((middle != self.left) & (middle != self.right))

    def narrow(self, which: Indices) -> list[tuple[Floats, Floats]]:
        """Keep a part of rows' brackets in which the edge lies: a half, of few rows a sixteenth.

        Gives the values at which they were parted, float64 [row], with the column seen there.
        """
        between = [self.left[which], self.right[which]]
        for _ in range(PARTINGS if len(which) * 2**PARTINGS <= FEW_ROWS else 1):
            middles = [middle_double(one, other) for one, other in pairwise(between)]
            between = [value for pair in zip(between, [*middles, between[-1]], strict=True) for value in pair][:-1]
        every = np.tile(which, len(between) - 2)
        seen = self.seen(np.concatenate(between[1:-1]), every).reshape(-1, len(which))
        # The first part that has its beginning on the left and its end on the right.
        at = np.argmax(np.vstack([~(seen <= self.edge[which]), np.ones(len(which), dtype=bool)]), axis=0)
        values = np.array(between)
        self.left[which] = values[at, np.arange(len(which))]
        self.right[which] = values[at + 1, np.arange(len(which))]
        return list(zip(between[1:-1], seen, strict=True))


@dataclass(frozen=True)
class Search:
    """A search for rows.

    Attributes:
        transform: raw rows -> what the trees see.
        targets: boxes to reach.
        start: rows to begin with, float64 [row, column].
        influence: for each column seen, the raw columns that move it.
        holes: raw columns that may be without a value, bool [column].
        coded: see `coded_columns`.
        random: of every choice.
    """

    transform: Transform
    targets: Targets
    start: Floats
    influence: list[Indices]
    holes: Bools
    coded: Bools
    random: np.random.Generator

    def reach(self) -> Floats:
        """One row for each split, in its box if it can be: the nearest start, repaired column after column."""
        seen = seen_by(self.transform, self.start)
        best = np.zeros(len(self.targets.feature), dtype=np.int64)
        fewest = np.full(len(best), seen.shape[1] + 1)
        for candidate in range(len(seen)):
            misses = self.targets.misses(seen[candidate]).sum(axis=1)
            better = misses < fewest
            best[better], fewest[better] = candidate, misses[better]
        rows = self.start[best]
        todo = np.arange(len(rows))
        for _ in range(ROUNDS):
            misses = self.targets.only(todo).misses(seen_by(self.transform, rows[todo]))
            missing = misses.any(axis=1)
            todo, misses = todo[missing], misses[missing]
            if not len(todo):
                break
            self._repair(rows, todo, misses)
        return rows

    def _repair(self, rows: Floats, todo: Indices, misses: Bools) -> None:
        """Bring one missed column of each row `todo` into its box, in place, where one raw column can do it."""
        feature = np.argmax(misses * self.random.random(misses.shape), axis=1)
        low, high = self.targets.low[todo, feature], self.targets.high[todo, feature]
        raw = self._pick(feature)
        # A box without numbers can only be entered by a missing value.
        nothing = (low >= np.minimum(high, LARGEST_SEEN)) | (high <= -LARGEST_SEEN)
        by_missing = self.targets.missing[todo, feature] & nothing
        empty = by_missing & self.holes[raw]
        rows[todo[empty], raw[empty]] = np.nan
        todo, feature, raw, low, high = (a[~by_missing] for a in (todo, feature, raw, low, high))
        edge = np.where(np.isfinite(low), low, high)
        inside = np.full(len(todo), np.nan)
        bracket, usable = self._bracket(rows[todo], raw, feature, edge, box=(low, high, inside))
        todo, low, high, inside = todo[usable], low[usable], high[usable], inside[usable]
        good = np.isfinite(inside)
        # Else wherever halving first lands in it.
        value = np.where(good, inside, np.where(np.isfinite(low), bracket.right, bracket.left))
        for _ in range(HALVINGS):
            still = np.flatnonzero(~good & bracket.open)
            if not len(still):
                break
            for found, seen in bracket.narrow(still):
                here = (seen > low[still]) & (seen <= high[still]) & ~good[still]
                value[still[here]], good[still[here]] = found[here], True
        rows[todo[good]] = put(bracket.rows, bracket.raw, value)[good]

    def edges(self, rows: Floats, *, choice: int) -> Edges:
        """The rows around each split, made from one row for each that lies in its box."""
        feature = self.targets.feature
        columns = [self.influence[f] for f in feature]
        able = np.flatnonzero([len(c) for c in columns])
        raw = np.array([columns[i][choice % len(columns[i])] for i in able], dtype=np.int64)
        bracket, usable = self._bracket(rows[able], raw, feature[able], self.targets.threshold[able])
        coded = self.coded[bracket.feature]
        for _ in range(HALVINGS):
            still = np.flatnonzero(bracket.open & ~coded)
            if not len(still):
                break
            bracket.narrow(still)
        left, right = bracket.left, bracket.right
        outwards = np.where(left < right, -np.inf, np.inf)
        values = (left, right, np.nextafter(left, outwards), np.nextafter(right, -outwards))
        made = [put(bracket.rows, bracket.raw, value) for value in values]
        return Edges(able[usable], made[0], made[1], np.concatenate(made[2:]))

    def _bracket(
        self,
        rows: Floats,
        raw: Indices,
        feature: Indices,
        edge: Floats,
        *,
        box: tuple[Floats, Floats, Floats] | None = None,
    ) -> tuple[_Bracket, Indices]:
        """Values of the raw column on both sides of the edge, the nearest known; and which rows have both.

        Of a box, `low` < seen <= `high`, the third array takes the nearest known values in it, NaN where none is known.
        """
        own = rows[np.arange(len(rows)), raw]
        bracket = _Bracket(
            self.transform, rows, raw, feature, edge, np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        )
        coded, gaps = self.coded[feature], np.full((2, len(rows)), np.nan)
        for level, seen in bracket.seen_at([own, *(level[raw] for level in self._levels)]):
            for side, gap, here in ((bracket.left, gaps[0], seen <= edge), (bracket.right, gaps[1], seen > edge)):
                # Values near the row's own disturb the other columns least; of codes the next one stands at the edge.
                far = np.where(coded, np.abs(seen - edge), np.abs(level - own))
                nearer = here & ~(gap <= far)
                side[nearer], gap[nearer] = level[nearer], far[nearer]
            if box is not None:
                low, high, inside = box
                nearer = (seen > low) & (seen <= high) & ~(np.abs(inside - own) <= np.abs(level - own))
                inside[nearer] = level[nearer]
        usable = np.flatnonzero(np.isfinite(bracket.left) & np.isfinite(bracket.right))
        return bracket.only(usable), usable

    @cached_property
    def _levels(self) -> list[Floats]:
        """Values worth a try, for each raw column: spread over the starts, their negatives, zero, and far outside.

        Of a column that has few values all are: what an encoder does not know lies between them.
        """
        known = self.start[np.isfinite(self.start).all(axis=1)]
        low, high = known.min(axis=0), known.max(axis=0)
        levels = list(np.quantile(known, np.linspace(0, 1, LEVELS), axis=0))
        levels += [-np.median(known, axis=0), np.zeros_like(low)]
        levels += [np.full_like(low, -LARGEST_SEEN), np.full_like(low, LARGEST_SEEN)]
        for factor in (1.0, 1024.0):
            levels += [low - factor * (high - low + 1), high + factor * (high - low + 1)]
        few = [_few_values(column) for column in known.T]
        for number in range(max(map(len, few), default=0)):
            levels.append(np.array([values[number % len(values)] if len(values) else 0.0 for values in few]))
        return levels

    def _pick(self, feature: Indices) -> Indices:
        """A random raw column that moves each column seen; 0 where none does."""
        chances = self.random.random(len(feature))
        columns = [self.influence[f] for f in feature]
        picked = [int(c[int(chance * len(c))]) if len(c) else 0 for c, chance in zip(columns, chances, strict=True)]
        return np.array(picked, dtype=np.int64)


def _few_values(column: Floats) -> Floats:
    """What most rows have of a column, where this is little; else nothing."""
    values, counts = np.unique(column, return_counts=True)
    again = counts > 1
    most = counts[again].sum() * 2 > len(column)
    return values[again] if most and again.sum() <= FEW_VALUES else values[:0]


def put(rows: Floats, column: Indices, value: npt.ArrayLike) -> Floats:
    """A copy of the rows with one column of each set."""
    changed = rows.copy()
    changed[np.arange(len(rows)), column] = value
    return changed


def middle_double(a: Floats, b: Floats) -> Floats:
    """The double half-way between two in the order of bits; one of the two when they are neighbours."""
    low, high = to_key(np.ascontiguousarray(a)), to_key(np.ascontiguousarray(b))
    return from_key((low & high) + ((low ^ high) >> 1))  # the mean, rounded down, without overflow
