"""Outcomes of answers that were logged: a log and a file of what came of it, as a trading history or as a window.

The file is a table with an outcome (`pnl` or `is_profitable`), optionally `closed`, and what tells whose it is: `id`
(`<run>-<seq>` of the log), `tag` (as the engine gave it), or the eight features of the signal. A signal that was asked
several times takes its outcomes in their order.
"""

import csv
import io
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from train.core.cells import MISSING, read_number
from train.core.errors import PipelineError
from train.core.records.live_log import LiveLog, read_live_log
from train.core.records.live_rows import LiveRow
from train.core.records.live_window import LiveWindow
from train.core.records.window import Floats, Measures, Window
from train.core.tables.table import Table
from train.signal_classifier.contract import (
    BRIER,
    HISTORY_LABELS,
    OUTCOME,
    SIGNAL_CLASSIFIER,
    SIGNAL_INPUT,
    SIGNAL_NAMES,
)
from train.signal_classifier.history.history_file import SPELLINGS
from train.signal_classifier.history.trade_rows import BadRow, RowReader

BASE_RATE, RULE = "base rate of these outcomes", "traditional rule"
_KEYS = ("id", "tag")
_FEATURES = "features"


@dataclass(frozen=True)
class Known:
    """An answer's outcome: its place in the log, what came, and when that was certain, as written."""

    row: int
    profitable: bool
    pnl: float | None
    closed: str


@dataclass(frozen=True)
class Joined:
    """Outcomes in the order of the log; `notes` count what found no partner."""

    known: list[Known]
    notes: tuple[str, ...]


class _Answers:
    """Where answers stand in a log, by what an outcome may know of them."""

    def __init__(self, rows: Sequence[LiveRow]) -> None:
        self.by: dict[str, dict[object, deque[int]]] = {kind: defaultdict(deque) for kind in (*_KEYS, _FEATURES)}
        for place, row in enumerate(rows):
            self.by["id"][row.id].append(place)
            if row.tag is not None:
                self.by["tag"][row.tag].append(place)
            self.by[_FEATURES][tuple(row.inputs.get(name) for name in SIGNAL_NAMES)].append(place)

    def take(self, kind: str, key: object) -> int | None:
        """The answer of a key; of equal signals each is given once, of one id or tag always the first."""
        places = self.by[kind].get(key)
        if not places:
            return None
        return places.popleft() if kind == _FEATURES else places[0]


def join(log: LiveLog, outcomes: Sequence[Path]) -> Joined:
    """Find the answer of each outcome.

    Raises:
        PipelineError: a file is none of outcomes, a label is not 0/1, two outcomes of one answer differ, or no
            outcome is of an answer of the log.
    """
    answers = _Answers(log.rows)
    found: dict[int, Known] = {}
    strangers = still_open = 0
    for path in outcomes:
        for kind, key, known in _outcomes(path):
            row = None if known is None else answers.take(kind, key)
            if known is None:
                still_open += 1
            elif row is None:
                strangers += 1
            elif row in found and found[row].profitable != known.profitable:
                raise PipelineError(f"{path}: two outcomes of the {kind} {str(key)[:60]!r} contradict each other")
            else:
                found[row] = replace(known, row=row)
    if not found:
        names = ", ".join(map(str, outcomes)) or "--outcomes"
        if still_open and not strangers:
            raise PipelineError(f"{names}: none of the {still_open:,} trades has an outcome yet")
        others = f"{strangers:,} are of others" + (f", {still_open:,} trades have none yet" if still_open else "")
        raise PipelineError(f"{names}: no outcome is of an answer of the log ({others})")
    notes = [f"{len(found):,} of {len(log.rows):,} answers have an outcome"]
    notes += [f"{strangers:,} outcomes are of no answer of the log"] if strangers else []
    notes += [f"{still_open:,} trades have no outcome yet"] if still_open else []
    return Joined([found[row] for row in sorted(found)], tuple(notes))


def _outcomes(path: Path) -> Iterator[tuple[str, object, Known | None]]:
    """How an outcome names its answer, the name, and the outcome; None for a trade that has none yet."""
    records = Table(path).records()
    header = tuple(SPELLINGS.get(name, name) for name in (cell.strip().lower() for cell in next(records)[1]))
    kind = next((name for name in _KEYS if name in header), _FEATURES)
    if kind == _FEATURES and any(name not in header for name in SIGNAL_NAMES):
        raise PipelineError(
            f"{path}: line 1: names no answer: expected a column id or tag, or {', '.join(SIGNAL_NAMES)}"
        )
    if not any(name in header for name in HISTORY_LABELS):
        raise PipelineError(f"{path}: line 1: no outcome; expected a column pnl ($) or is_profitable (0/1)")
    reader = RowReader(path, header, {}, {})
    for line, cells in records:
        if len(cells) != len(header):
            raise PipelineError(f"{path}: row {line}: {len(cells)} cells, expected {len(header)}")
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        key: object = row[kind] if kind != _FEATURES else tuple(_number(row[name]) for name in SIGNAL_NAMES)
        try:
            profitable, pnl = reader.outcome(row, f"{path.name} row {line}")
        except BadRow as bad:
            if not any(row.get(name, "").lower() in MISSING for name in HISTORY_LABELS if name in row):
                raise PipelineError(f"{path}: row {line}: {bad}") from bad
            yield kind, key, None
            continue
        yield kind, key, Known(-1, profitable, pnl, row.get("closed", ""))


def _number(cell: str) -> float | None:
    found = read_number(cell, comma=False)
    return None if found is None else found[0]


def history_of_log(logs: Sequence[Path], outcomes: Sequence[Path]) -> tuple[bytes, list[str]]:
    """A trading history, as CSV, of the answers whose outcome is known; and what is to be said of it.

    Raises:
        PipelineError: as `read_live_log` and `join`.
    """
    log = read_live_log(logs, model=SIGNAL_CLASSIFIER, columns=SIGNAL_NAMES)
    joined = join(log, outcomes)
    closes = any(one.closed for one in joined.known)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["timestamp", *SIGNAL_NAMES, "is_profitable", *(["closed"] if closes else [])])
    for one in joined.known:
        row = log.rows[one.row]
        numbers = [_cell(row.inputs.get(name)) for name in SIGNAL_NAMES]
        writer.writerow([row.time.isoformat(), *numbers, int(one.profitable), *([one.closed] if closes else [])])
    return text.getvalue().encode(), [*log.skipped.report(), *joined.notes]


def _cell(value: object) -> str:
    """A number as a history has it: whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return "" if value is None else repr(value)


def live_window(log: LiveLog, outcomes: Sequence[Path]) -> LiveWindow:
    """The answers whose outcome is known, beside simple baselines; those of one day share its luck."""
    joined = join(log, outcomes)
    rows = np.array([one.row for one in joined.known], dtype=np.int64)
    taken = log.taken(rows)
    won: Any = np.array([one.profitable for one in joined.known], dtype=np.int64)
    days = np.array([row.time.toordinal() for row in taken.rows], dtype=np.int64)
    rule = np.array([_rule(row) for row in taken.rows])
    rate: Floats = np.full(len(won), won.mean())
    baselines = {BASE_RATE: {BRIER: (rate - won) ** 2}}
    if np.isfinite(rule).all():
        baselines[RULE] = {BRIER: (rule - won) ** 2}
    arrays: dict[str, Any] = {SIGNAL_INPUT.name: taken.table(SIGNAL_NAMES), OUTCOME: won}
    window = Window(
        arrays=arrays,
        moments=days,
        measures=Measures(
            horizons={BRIER: 0}, first=str(taken.rows[0].time.date()), last=str(taken.rows[-1].time.date())
        ),
        baselines=baselines,
    )
    return LiveWindow(window, rows, joined.notes)


def _rule(row: LiveRow) -> float:
    value = row.answer.get("rule_score")
    return float(value) if isinstance(value, int | float) else float("nan")
