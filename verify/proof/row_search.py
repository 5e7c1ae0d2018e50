"""Rows moved, column after column, until they lie in a box of a tree or stand at the edge of a split.

The model is a black box here: rows go through scikit-learn's own preprocessing, and are moved until they stand at the
split. So the search shares nothing with the compiler, and works behind engineered columns as behind a scaler.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from export.sklearn.columns.thresholds import from_key, to_key
from verify.proof.split_boxes import Targets
from verify.proof.trees import Bools, Floats, Indices, Transform

ROUNDS = 25
HALVINGS = 64
LEVELS = 24
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
    def closed(self) -> bool:
        """Whether no double lies between any two values."""
        middle = middle_double(self.left, self.right)
        return bool(((middle == self.left) | (middle == self.right)).all())

    def halve(self, which: Indices | slice = slice(None)) -> tuple[Floats, Floats]:
        """Keep the half in which the edge lies; gives the middle and what is seen there."""
        middle = middle_double(self.left[which], self.right[which])
        seen = self.seen(middle, which)
        goes_left = seen <= self.edge[which]
        self.left[which] = np.where(goes_left, middle, self.left[which])
        self.right[which] = np.where(goes_left, self.right[which], middle)
        return middle, seen


@dataclass(frozen=True)
class Search:
    """A search for rows: `start` are rows to begin with, `influence` says which raw columns move which column seen."""

    transform: Transform
    targets: Targets
    start: Floats
    influence: list[Indices]
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
        rows[todo[by_missing], raw[by_missing]] = np.nan
        todo, feature, raw, low, high = (a[~by_missing] for a in (todo, feature, raw, low, high))
        edge = np.where(np.isfinite(low), low, high)
        bracket, usable = self._bracket(rows[todo], raw, feature, edge)
        todo, low, high = todo[usable], low[usable], high[usable]
        # Just inside the box, when only one side is bounded; else wherever halving first lands in it.
        value = np.where(np.isfinite(low), bracket.right, bracket.left)
        seen = bracket.seen(value)
        good = (seen > low) & (seen <= high)
        for _ in range(HALVINGS):
            still = np.flatnonzero(~good)
            if not len(still):
                break
            value[still], seen = bracket.halve(still)
            good[still] = (seen > low[still]) & (seen <= high[still])
        rows[todo[good]] = put(bracket.rows, bracket.raw, value)[good]

    def edges(self, rows: Floats, *, choice: int) -> Edges:
        """The rows around each split, made from one row for each that lies in its box."""
        feature = self.targets.feature
        columns = [self.influence[f] for f in feature]
        able = np.flatnonzero([len(c) for c in columns])
        raw = np.array([columns[i][choice % len(columns[i])] for i in able], dtype=np.int64)
        bracket, usable = self._bracket(rows[able], raw, feature[able], self.targets.threshold[able])
        for _ in range(HALVINGS):
            if bracket.closed:
                break
            bracket.halve()
        left, right = bracket.left, bracket.right
        outwards = np.where(left < right, -np.inf, np.inf)
        values = (left, right, np.nextafter(left, outwards), np.nextafter(right, -outwards))
        made = [put(bracket.rows, bracket.raw, value) for value in values]
        return Edges(able[usable], made[0], made[1], np.concatenate(made[2:]))

    def _bracket(self, rows: Floats, raw: Indices, feature: Indices, edge: Floats) -> tuple[_Bracket, Indices]:
        """Values of the raw column on both sides of the edge, the nearest known; and which rows have both."""
        own = rows[np.arange(len(rows)), raw]
        bracket = _Bracket(
            self.transform, rows, raw, feature, edge, np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        )
        for level in (rows.T[raw, np.arange(len(rows))], *(level[raw] for level in self._levels())):
            seen = bracket.seen(level)
            for side, here in ((bracket.left, seen <= edge), (bracket.right, seen > edge)):
                # Values near the row's own disturb the other columns least.
                nearer = here & ~(np.abs(side - own) <= np.abs(level - own))
                side[nearer] = level[nearer]
        usable = np.flatnonzero(np.isfinite(bracket.left) & np.isfinite(bracket.right))
        return bracket.only(usable), usable

    def _levels(self) -> list[Floats]:
        """Values worth a try, for each raw column: spread over the starts, their negatives, zero, and far outside."""
        known = self.start[np.isfinite(self.start).all(axis=1)]
        low, high = known.min(axis=0), known.max(axis=0)
        levels = list(np.quantile(known, np.linspace(0, 1, LEVELS), axis=0))
        levels += [-np.median(known, axis=0), np.zeros_like(low)]
        levels += [np.full_like(low, -LARGEST_SEEN), np.full_like(low, LARGEST_SEEN)]
        for factor in (1.0, 1024.0):
            levels += [low - factor * (high - low + 1), high + factor * (high - low + 1)]
        return levels

    def _pick(self, feature: Indices) -> Indices:
        """A random raw column that moves each column seen; 0 where none does."""
        chances = self.random.random(len(feature))
        columns = [self.influence[f] for f in feature]
        picked = [int(c[int(chance * len(c))]) if len(c) else 0 for c, chance in zip(columns, chances, strict=True)]
        return np.array(picked, dtype=np.int64)


def put(rows: Floats, column: Indices, value: npt.ArrayLike) -> Floats:
    """A copy of the rows with one column of each set."""
    changed = rows.copy()
    changed[np.arange(len(rows)), column] = value
    return changed


def middle_double(a: Floats, b: Floats) -> Floats:
    """The double half-way between two in the order of bits; one of the two when they are neighbours."""
    low, high = to_key(np.ascontiguousarray(a)), to_key(np.ascontiguousarray(b))
    return from_key((low & high) + ((low ^ high) >> 1))  # the mean, rounded down, without overflow
