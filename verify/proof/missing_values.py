"""What the trees see where raw columns are missing: nothing in some columns, the number of an imputer in others."""

from dataclasses import dataclass, replace

import numpy as np

from verify.proof.row_search import seen_by
from verify.proof.trees import Bools, Floats, Group, Indices, Transform


def missing_columns(transform: Transform, row: Floats, influence: list[Indices]) -> tuple[Bools, Floats]:
    """Which columns seen are without a value of their own when raw columns are missing.

    Args:
        transform: raw rows -> what the trees see.
        row: one row without missing values, float64 [1, column].
        influence: for each column seen, the raw columns that move it.

    Returns:
        bool [raw column + 1, column seen], for each raw column alone and then for all together; and what is put into
        each column seen when its only raw column is missing, float64 [column seen], NaN where nothing is. Raw columns
        that must not be missing leave none without a value.
    """
    width = row.shape[1]
    rows = np.repeat(row, width + 1, axis=0)
    rows[np.arange(width), np.arange(width)] = np.nan
    rows[width] = np.nan
    fills = np.full(len(influence), np.nan)
    try:
        seen = seen_by(transform, rows)
    except ValueError:  # this preprocessing takes no missing values
        return np.zeros((1, len(influence)), dtype=bool), fills
    patterns: Bools = np.isnan(seen)
    moved = np.array([np.isin(np.arange(width), raw) for raw in influence]).T
    # Of a row that the preprocessing refuses the trees see nothing at all, not even what other raw columns make.
    refused = patterns.all(axis=1) & np.append(~moved.all(axis=1), False)
    refused[width] = refused.any()
    patterns[refused] = False
    for column, raw in enumerate(influence):
        if len(raw) == 1 and not patterns[raw[0], column] and not refused[raw[0]]:
            fills[column] = seen[raw[0], column]
            patterns[raw[0], column] = True
            patterns[width, column] = not refused[width]
    return patterns, fills


def columns_with_holes(patterns: Bools, width: int) -> Bools:
    """Raw columns that leave a column seen without a value, bool [raw column]; `patterns` of `missing_columns`."""
    return np.asarray(patterns[:width].any(axis=1)) if len(patterns) > width else np.zeros(width, dtype=bool)


@dataclass(frozen=True)
class Mark:
    """A column seen that says whether a raw column is missing, as an imputer's indicator does.

    Attributes:
        column: seen.
        raw: column.
        number, missing: what is seen where the raw column has a value, and where it has none.
        beside: the columns seen that hold the raw column itself, and count as missing with it.
    """

    column: int
    raw: int
    number: float
    missing: float
    beside: tuple[int, ...]


def marks_of(transform: Transform, rows: Floats, influence: list[Indices], patterns: Bools) -> tuple[Mark, ...]:
    """Columns seen that no number moves and that the absence of one raw column does.

    Args:
        transform: raw rows -> what the trees see.
        rows: without missing values, float64 [row, column]; at least one.
        influence: for each column seen, the raw columns that move it.
        patterns: of `missing_columns`.
    """
    width = rows.shape[1]
    if len(patterns) <= 1:  # this preprocessing takes no missing values
        return ()
    trial = np.repeat(rows[:1], width + 1, axis=0)
    trial[np.arange(width), np.arange(width)] = np.nan
    seen = seen_by(transform, trial)
    still = [column for column, raw in enumerate(influence) if not len(raw)]
    found = []
    for column in still:
        moved_by = np.flatnonzero(seen[:width, column] != seen[width, column])
        if len(moved_by) != 1 or not np.isfinite(seen[:, column]).all():
            continue
        raw = int(moved_by[0])
        beside = tuple(k for k, by in enumerate(influence) if list(by) == [raw] and patterns[raw, k])
        if beside:
            number, missing = float(seen[width, column]), float(seen[raw, column])
            found.append(Mark(column, raw, number, missing, beside))
    return tuple(found)


def with_fills(group: Group, influence: list[Indices], fills: Floats) -> Group:
    """The same group, in which a column that an imputer fills counts as missing and goes where its number goes.

    A compiled graph has no imputer in front of a tree: the side of the filled number becomes the route of NaN.
    """
    filled = np.flatnonzero(~np.isnan(fills))
    if not len(filled):
        return group
    raw = np.array([influence[column][0] for column in filled])

    def transform(rows: Floats) -> Floats:
        seen = group.transform(rows)
        holes = np.isnan(rows[:, raw])
        seen[:, filled] = np.where(holes, np.nan, seen[:, filled])
        return seen

    trees = []
    for tree in group.trees:
        fill = np.where(tree.feature >= 0, fills[tree.feature], np.nan)
        missing_left = np.where(np.isnan(fill), tree.missing_left, fill <= tree.threshold)
        trees.append(replace(tree, missing_left=missing_left))
    return replace(group, transform=transform, trees=tuple(trees))
