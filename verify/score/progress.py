"""How far it is, how fast it goes and how long it still takes: one line now and then on stderr."""

import time
from collections.abc import Sequence

from train.core import cli
from verify.score.finished import Done
from verify.score.parts import Part

_EVERY = 5.0
"""Seconds."""


class Progress:
    """Counts the rows of this run, and of those before it what was done already."""

    def __init__(self, parts: Sequence[Part], todo: Sequence[Part]) -> None:
        self._parts, self._weight = len(parts), sum(part.weight for part in todo)
        self._finished, self._done, self.rows = len(parts) - len(todo), 0.0, 0
        self._began = self._shown = time.monotonic()

    def add(self, part: Part, done: Done | None) -> None:
        """A part is finished, or (None) set aside."""
        self._finished += 1
        self._done += part.weight
        self.rows += 0 if done is None else done.rows
        now = time.monotonic()
        if now - self._shown >= _EVERY:
            self._shown = now
            left = (self._weight - self._done) / self._done * (now - self._began) if self._done else 0.0
            cli.show(
                f"{self._finished:,} of {self._parts:,} parts, {self.rows:,} rows, {self.per_second():,.0f} rows/s, "
                f"{clock(left)} left"
            )

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def per_second(self) -> float:
        """Rows a second since it began."""
        return self.rows / max(self.seconds, 1e-9)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
