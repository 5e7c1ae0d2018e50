"""Rows for a fitted model that came without data, and which values it accepts at all: the model itself is asked."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.columns.model_table import UNKNOWN, TableColumn, table_of

Floats = npt.NDArray[np.float64]
Accepts = Callable[[Floats], bool]
"""Whether a model answers rows float64 [row, column]."""

FIRST_LOOK = 2000
MOST_ASKED = 256
"""How often a model is asked which columns may be missing; a column beyond that counts as one that may not."""
SIZES = (float(np.finfo(np.float64).max), 1e300, float(np.finfo(np.float32).max), 1e38, 1e30, 1e15)
"""Limits tried for the size of a value, largest first."""


def starting_rows(estimator: Any, width: int) -> Floats:
    """Rows where the model's own scaler says its columns live, and far around, float64 [2 `FIRST_LOOK`, width]."""
    random = np.random.default_rng(0)
    centre, scale = np.zeros(width), np.ones(width)
    first = estimator[0] if hasattr(estimator, "steps") else None
    for middle, spread in (("mean_", "scale_"), ("center_", "scale_"), ("data_min_", "data_range_")):
        found, size = getattr(first, middle, None), getattr(first, spread, None)
        if found is not None and size is not None and np.shape(found) == np.shape(size) == (width,):
            centre, scale = np.asarray(found, dtype=np.float64), np.asarray(size, dtype=np.float64)
    narrow = centre + 2.0 * scale * random.standard_normal((FIRST_LOOK, width))
    wide = centre + scale * random.choice([-1.0, 1.0], (FIRST_LOOK, width)) * 10.0 ** random.uniform(
        -3, 4, (FIRST_LOOK, width)
    )
    rows = random.permutation(np.concatenate([narrow, wide]))
    return with_categories(rows, table_of(estimator, width), random)


def with_categories(rows: Floats, columns: Sequence[TableColumn], random: np.random.Generator) -> Floats:
    """The rows with text (as codes) and known numbers where the model has categories.

    In the first half every such cell is known to the model; in the second it is anything, unknown and missing too.
    """
    rows = rows.copy()
    half = len(rows) // 2
    for index, column in enumerate(columns):
        known = np.arange(len(column.words), dtype=np.float64) if column.kind == "text" else np.array(column.values)
        if not len(known):
            continue
        rows[:half, index] = random.choice(known, half)
        strange = (
            [UNKNOWN, *([np.nan] if column.knows_missing else [])] if column.kind == "text" else rows[half:, index]
        )
        rows[half:, index] = np.where(
            random.random(len(rows) - half) < 0.7,
            random.choice(known, len(rows) - half),
            random.choice(strange, len(rows) - half),
        )
    return rows


def closed_columns(estimator: Any, row: Floats, accepts: Accepts) -> dict[int, Floats]:
    """Columns that hold one of a few values: text (by its codes), and numbers of which others are refused.

    Args:
        estimator: fitted.
        row: float64 [column], one that it answers.
        accepts: whether it answers rows.

    Returns:
        Column number -> float64 [value], ascending; the code of unknown text is among them where that is taken.
    """
    closed: dict[int, Floats] = {}
    for index, column in enumerate(table_of(estimator, len(row))):
        known = np.arange(len(column.words), dtype=np.float64) if column.kind == "text" else np.array(column.values)
        if not len(known):
            continue
        trial = row[None].copy()
        trial[0, index] = UNKNOWN if column.kind == "text" else known.max() + 1.5
        taken = accepts(trial)
        if column.kind == "text" or not taken:
            closed[index] = np.concatenate([[UNKNOWN], known]) if taken else known
    return closed


def missing_columns(accepts: Accepts, row: Floats) -> npt.NDArray[np.bool_]:
    """Which columns may be NaN: bool [column]. Columns are tried together, and in halves where that is refused."""
    found = np.zeros(len(row), dtype=bool)
    waiting = [np.arange(len(row))]
    for _ in range(MOST_ASKED):
        if not waiting:
            break
        columns = waiting.pop()
        trial = row[None, :].copy()
        trial[0, columns] = np.nan
        if accepts(trial):
            found[columns] = True
        elif len(columns) > 1:
            waiting += np.array_split(columns, 2)
    return found


def largest_size(accepts: Accepts, row: Floats) -> float | None:
    """The largest of `SIZES` that every column takes with either sign; None when any finite number is taken."""
    width = len(row)
    for size in SIZES:
        trial = np.repeat(row[None, :], 2 * width, axis=0)
        each = np.arange(width)
        trial[each, each], trial[width + each, each] = size, -size
        if accepts(trial):
            return None if size == SIZES[0] else size
    return SIZES[-1]
