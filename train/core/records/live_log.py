"""The log that the runtime writes (`docs/live_log.md`), read strictly.

What is no answer of the model is left out with a count, and named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.records.live_rows import LiveReader, LiveRow, Skipped


@dataclass(frozen=True)
class LiveLog:
    """The answers of one model, in the order in which they were given; runs by their beginning."""

    model: str
    paths: tuple[Path, ...]
    rows: tuple[LiveRow, ...]
    skipped: Skipped

    def column(self, name: str) -> NDArray[np.float64]:
        """An input as float64 [row], NaN where it is missing or no number."""
        return np.array([number_of(row.inputs.get(name)) for row in self.rows], dtype=np.float64)

    def table(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Inputs as float64 [row, column]."""
        return np.column_stack([self.column(name) for name in names]) if names else np.empty((len(self.rows), 0))

    def taken(self, rows: Sequence[int] | NDArray[np.int64]) -> "LiveLog":
        """Some of the answers."""
        return LiveLog(self.model, self.paths, tuple(self.rows[int(row)] for row in rows), self.skipped)


def read_live_log(paths: Sequence[Path], *, model: str, columns: Sequence[str] | None = None) -> LiveLog:
    """All answers of a model at once; see `LiveReader` for the arguments.

    Raises:
        PipelineError: a file cannot be read or unpacked, or none of its lines is an answer of the model.
    """
    reader = LiveReader(paths, model=model, columns=columns)
    rows = in_order(list(reader))
    for before, row in pairwise(rows):
        reader.skipped.clock_back += before.run == row.run and row.time < before.time
    return LiveLog(model, reader.paths, tuple(rows), reader.skipped)


def in_order(rows: Sequence[LiveRow]) -> list[LiveRow]:
    """Runs by their earliest answer, and the answers of each in the order in which they were given."""
    begins: dict[str, Any] = {}
    for row in rows:
        begins[row.run] = min(begins.get(row.run, row.time), row.time)
    return sorted(rows, key=lambda row: (begins[row.run], row.run, row.seq))


def number_of(value: Any) -> float:
    """A value of a log as a number; NaN where it is none, or larger than any."""
    try:
        return float(value) if isinstance(value, int | float) else float("nan")
    except OverflowError:
        return float("nan")
