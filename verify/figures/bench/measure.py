"""Subjects in turn, round by round, so that what disturbs the machine disturbs all alike: medians, spread, ratios."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from verify.runtimes.not_run import NotRunError

FEWEST, MOST = 5, 400
"""Rounds of a row."""


class Timed(Protocol):
    """What answers with the seconds of one thing."""

    def time(self, subject: str) -> float:
        """See `Child` and `Program`."""

    def close(self) -> None:
        """End what is open."""


@dataclass(frozen=True)
class Entry:
    """One of those that are timed side by side."""

    label: str
    who: Timed
    subject: str = ""


@dataclass(frozen=True)
class Row:
    """What is timed: ours first, then the others. `least`: how many times as fast ours is to be, by label."""

    key: str
    what: str
    entries: Sequence[Entry]
    least: dict[str, float]
    seconds: float = 6.0


def measure(row: Row) -> dict[str, Any]:
    """Everything about a row that goes into the file; a peer that cannot run is in it with its reason."""
    times: dict[str, list[float | None]] = {entry.label: [] for entry in row.entries}
    spent = dict.fromkeys(times, 0.0)
    not_run: dict[str, str] = {}
    share = row.seconds / len(row.entries)
    begun, rounds = time.perf_counter(), 0
    while rounds < MOST and (rounds < FEWEST or time.perf_counter() - begun < row.seconds):
        for entry in row.entries:
            found = times[entry.label]
            # A slow one does not take the others' time.
            slow = sum(took is not None for took in found) >= FEWEST and spent[entry.label] > share
            if entry.label in not_run or (slow and entry is not row.entries[0]):
                found.append(None)
                continue
            start = time.perf_counter()
            try:
                seconds = entry.who.time(entry.subject)
                # The first is warm-up where it is quick to repeat.
                if rounds == 0 and time.perf_counter() - start < share / 4:
                    seconds = entry.who.time(entry.subject)
                found.append(seconds)
            except NotRunError as error:
                not_run[entry.label] = str(error)
                found.append(None)
            spent[entry.label] += time.perf_counter() - start
        rounds += 1
    ours = row.entries[0].label
    entries = [_entry(label, times[label], times[ours], not_run.get(label)) for label in times]
    return {"key": row.key, "what": row.what, "rounds": rounds, "least": row.least, "entries": entries}


def _entry(
    label: str, found: Sequence[float | None], ours: Sequence[float | None], reason: str | None
) -> dict[str, Any]:
    times = [took for took in found if took is not None]
    if reason is not None or not times:
        return {"label": label, "not_run": reason or "no time was left"}
    both = zip(found, ours, strict=True)
    ratios = [other / own for other, own in both if other is not None and own is not None]
    return {
        "label": label,
        "times": len(times),
        "seconds": quartiles(times),
        "times_ours": quartiles(ratios) if ratios else None,
    }


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """The median with its quartiles."""
    if len(values) == 1:
        return dict.fromkeys(("low", "median", "high"), float(values[0]))
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"low": low, "median": median, "high": high}
