"""Which rows a model takes, and what is to be said of those that it takes: the manifest's rules, a column at a time.

The rules are those of `train.core.contract.check_value` and of
`runtime/src/any_model/warnings.rs`, which look at one row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.artifact.manifest import ColumnEntry, Manifest
from train.core.novelty import squared_distance

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
UNLIKE = "the values together are unlike the rows seen in training"


@dataclass(frozen=True)
class Judged:
    """What was found of the rows of one batch.

    Attributes:
        taken: bool [row]: the row has an answer.
        said: int64 [row]: the place of its words in `RowRules.words`; -1 for none.
    """

    taken: npt.NDArray[np.bool_]
    said: Codes


class RowRules:
    """The limits and the training ranges of a manifest's columns of numbers."""

    def __init__(self, manifest: Manifest) -> None:
        self._columns = [
            (column, tensor.dtype == "int64")
            for tensor in manifest.inputs
            if tensor.dtype != "string"
            for column in tensor.columns
        ]
        self._novelty = manifest.novelty
        self.words = (
            *(f"no answer: {column.name} must be {_wanted(column, whole=whole)}" for column, whole in self._columns),
            *(f"{column.name} lies outside the range seen in training" for column, _ in self._columns),
            UNLIKE,
        )
        """Every text that a row may have, by its place."""

    def judge(self, values: Mapping[str, Floats], rows: int) -> Judged:
        """Look at a batch.

        Args:
            values: float64 [row] by name of column, NaN where it is missing.
            rows: how many there are.
        """
        count = len(self._columns)
        said = np.full(rows, -1, dtype=np.int64)
        taken = np.ones(rows, dtype=np.bool_)
        # The first column that is wrong is named, so later ones do not write over it.
        for place, (column, whole) in enumerate(self._columns):
            wrong = refused(values[column.name], column, whole=whole) & taken
            said[wrong], taken = place, taken & ~wrong
        for place, (column, _) in enumerate(self._columns):
            said[outside(values[column.name], column) & (said < 0)] = count + place
        if self._novelty is not None:
            # The format ties novelty to a single input of numbers.
            table = np.column_stack([values[column.name] for column, _ in self._columns])
            with np.errstate(invalid="ignore", over="ignore"):
                unlike = squared_distance(self._novelty, table) > self._novelty.threshold
            said[unlike & (said < 0)] = 2 * count
        return Judged(taken, said)


def refused(values: Floats, column: ColumnEntry, *, whole: bool) -> npt.NDArray[np.bool_]:
    """Bool [row]: what the model does not take; NaN is taken where the column may be missing."""
    low, high = _limits(column)
    with np.errstate(invalid="ignore"):
        wrong = ~((values >= low) & (values <= high)) | np.isinf(values)
        if whole or column.integer:
            wrong |= values != np.floor(values)
    missing = np.isnan(values)
    return np.where(missing, not column.missing or whole, wrong)


def outside(values: Floats, column: ColumnEntry) -> npt.NDArray[np.bool_]:
    """Bool [row]: beyond what training saw; a missing value is not."""
    found: npt.NDArray[np.bool_] = np.zeros(len(values), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        if column.trained_minimum is not None:
            found |= values < column.trained_minimum
        if column.trained_maximum is not None:
            found |= values > column.trained_maximum
    return found


def _limits(column: ColumnEntry) -> tuple[float, float]:
    low = -math.inf if column.minimum is None else column.minimum
    return low, math.inf if column.maximum is None else column.maximum


def _wanted(column: ColumnEntry, *, whole: bool) -> str:
    low, high = _limits(column)
    kind: Any = "a whole number" if whole or column.integer else "a number"
    return f"{kind} in {low:g}..{high:g} {column.unit or ''}".rstrip()
