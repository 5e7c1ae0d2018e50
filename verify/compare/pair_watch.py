"""Looks on while two models are compared: progress, rows a second and time left on stderr, mismatches into a file."""

import time
from types import TracebackType

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from train.core import cli
from verify.compare.compare_model import Watch
from verify.compare.mismatch_file import MismatchFile

Floats = npt.NDArray[np.float64]
LONG = 10_000_000
"""Rows that take minutes: a log without a progress bar should say what is going on."""


class ShownWatch(Watch):
    """A progress bar, and `--save-mismatches`."""

    def __init__(self, saved: MismatchFile | None) -> None:
        self._saved = saved
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=False),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[speed]:,.0f} rows/s, left"),
            TimeRemainingColumn(),
            console=cli.console,
            transient=True,
            disable=not cli.console.is_terminal,
        )
        self._task = self._progress.add_task("looking for a row at every split", total=None, rows=0, speed=0.0)
        self._began = time.monotonic()
        self.rows = 0

    def __enter__(self) -> "ShownWatch":
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        del kind, error, trace
        self._progress.stop()

    def begins(self, rows: int | None) -> None:
        """See `Watch`; the time counts from here."""
        self._began = time.monotonic()
        if rows is not None and rows >= LONG and not cli.console.is_terminal:
            cli.show(f"comparing {rows:,} rows")
        self._progress.update(self._task, description="comparing", total=rows)

    def compared(self, rows: int) -> None:
        """See `Watch`."""
        self.rows += rows
        self._progress.update(self._task, advance=rows, rows=self.rows, speed=self.speed)

    def differ(self, family: str, rows: Floats, expected: Floats, found: Floats) -> None:
        """See `Watch`."""
        if self._saved is not None:
            self._saved.add(family, rows, expected, found)

    @property
    def speed(self) -> float:
        """Rows a second so far."""
        return self.rows / max(time.monotonic() - self._began, 1e-9)

    def said(self) -> str:
        """Rows, seconds and speed, in words."""
        return f"{self.rows:,} rows in {time.monotonic() - self._began:,.1f} s, {self.speed:,.0f} rows/s"
