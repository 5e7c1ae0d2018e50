"""What the trees see where raw columns are missing: nothing in some columns, the number of an imputer in others."""

from dataclasses import replace

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
        each column seen when its only raw column is missing, float64 [column seen], NaN where nothing is.
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
    for column, raw in enumerate(influence):
        if len(raw) == 1 and not patterns[raw[0], column]:
            fills[column] = seen[raw[0], column]
            patterns[[raw[0], width], column] = True
    return patterns, fills


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
