"""Answers of a log whose outcome is known by now, as a window of the gate: the same losses, on what was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.records.live_log import LiveLog
from train.core.records.live_rows import LiveRow
from train.core.records.window import Window

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LiveWindow:
    """Rows of `window` are the answers at `rows` of the log, in its order; `notes` say what has no outcome, and why."""

    window: Window
    rows: NDArray[np.int64]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Indicator:
    """How well calibrated answers are: the mean of `values`, float64 [row], should be `expected`; NaN: not known.

    `horizon`: outcomes within so many moments overlap; 0: they do not.
    """

    name: str
    values: Floats
    expected: float
    horizon: int = 0


def outputs_of(rows: Sequence[LiveRow], names: Sequence[str], *, shadow: str | None = None) -> dict[str, Floats]:
    """Outputs as they stand in the log, float64 [row] or [row, place].

    Args:
        rows: answers of one kind.
        names: of the outputs.
        shadow: this version's answers, which stood beside; None: those that were given.

    Raises:
        PipelineError: an answer lacks an output, or answers are of different widths; names the answer.
    """
    found: dict[str, list[Floats]] = {name: [] for name in names}
    for row in rows:
        answer: Mapping[str, Any] | None = row.answer
        if shadow is not None:
            answer = row.shadow.answer if row.shadow is not None and row.shadow.version == shadow else None
        for name in names:
            try:
                value = np.asarray(None if answer is None else answer[name], dtype=np.float64)
            except (KeyError, TypeError, ValueError) as error:
                raise PipelineError(
                    f"answer {row.id}: holds no numbers as {name!r}; it is of another contract"
                ) from error
            if found[name] and found[name][0].shape != value.shape:
                raise PipelineError(f"answer {row.id}: {name!r} is of another length than before")
            found[name].append(value)
    return {name: np.stack(values) if values else np.empty(0) for name, values in found.items()}


def answered_by(log: LiveLog, version: str, *, shadow: str | None = None) -> LiveLog:
    """The answers that one version gave, and, with `shadow`, beside which that version answered, too."""
    kept = [
        number
        for number, row in enumerate(log.rows)
        if row.version == version
        and not row.fallback
        and (
            shadow is None
            or (row.shadow is not None and row.shadow.version == shadow and row.shadow.answer is not None)
        )
    ]
    return log.taken(kept)
