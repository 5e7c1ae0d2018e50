"""The trading-history CSV, line by line: cells to numbers, every refusal with its row and field.

A bad cell costs its row (`BadRow`, collected and reported by `labelled_signals`); what casts doubt on the whole file is
a `PipelineError`: a label that is neither 0 nor 1, a timestamp in the future, time zones on some rows only.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from train.core.contract import check_value
from train.core.errors import PipelineError
from train.core.files import read_bytes, sha256_hex
from train.signal_classifier.contract import HISTORY_LABELS, HISTORY_OPTIONAL, SIGNAL_FEATURES, SIGNAL_NAMES

_LABELS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_MISSING = {"", "nan", "na", "n/a", "null", "none"}
_EAST = timedelta(hours=14)  # a local time without a zone may be ahead of UTC by so much


@dataclass(frozen=True, slots=True)
class Trade:
    """One usable row: features in contract order; `time` aware, in UTC, or None; `symbol` in upper case or empty."""

    where: str
    features: tuple[float, ...]
    profitable: bool
    time: datetime | None
    symbol: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not used: `where` = "trades.csv row 7" (the line in the file; the header is line 1)."""

    where: str
    field: str
    reason: str


class BadRow(Exception):  # noqa: N818  not an error of the program: it ends as a Rejection
    """Why a row is left out."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True)
class HistoryFile:
    """A history file split into cells: `header` in lower case, `lines` as (line number, cells)."""

    path: Path
    header: tuple[str, ...]
    lines: list[tuple[int, list[str]]]
    sha256: str

    @property
    def used(self) -> frozenset[str]:
        """Names of the columns that are read."""
        return frozenset(self.header) & {*SIGNAL_NAMES, *HISTORY_LABELS, *HISTORY_OPTIONAL}

    def trades(self, now: datetime) -> Iterator[Trade | Rejection]:
        """Every row, usable or rejected, in file order.

        Raises:
            PipelineError: a column holds no number at all, a label is not 0/1, a timestamp lies after `now`, or some
                timestamps have a time zone and some have none.
        """
        for name in sorted(self.used - {*HISTORY_OPTIONAL}):
            column = (row[self.header.index(name)] for _, row in self.lines if len(row) == len(self.header))
            if all(cell.strip().lower() in _MISSING for cell in column):
                raise PipelineError(
                    f"{self.path}: column {name!r} holds no value in any row; export it with its values"
                )
        zones = set()
        for number, cells in self.lines:
            where = f"{self.path.name} row {number}"
            try:
                trade = self._trade(cells, where)
            except BadRow as bad:
                yield Rejection(where, bad.field, str(bad))
                continue
            if trade.time is not None:
                zones.add(trade.time.tzinfo is None)
                if len(zones) > 1:
                    raise PipelineError(f"{self.path} row {number}: 'timestamp': some rows have a time zone, some none")
            yield self._in_utc(trade, number, now)

    def _trade(self, cells: list[str], where: str) -> Trade:
        if len(cells) != len(self.header):
            raise BadRow("row", f"{len(cells)} cells, expected {len(self.header)}")
        row = {name: cell.strip() for name, cell in zip(self.header, cells, strict=True)}
        features = []
        for column in SIGNAL_FEATURES:
            number = _number(row[column.name], column.name)
            try:
                features.append(check_value(number, column, where))
            except PipelineError as error:
                raise BadRow(column.name, str(error).removeprefix(f"{where}: ")) from error
        time = _time(row["timestamp"]) if "timestamp" in row else None
        return Trade(where, tuple(features), self._outcome(row, where), time, row.get("symbol", "").upper())

    def _outcome(self, row: dict[str, str], where: str) -> bool:
        outcomes = []
        for name in (n for n in HISTORY_LABELS if n in row):
            if row[name].lower() in _MISSING:
                raise BadRow(name, f"field {name!r} is empty: the trade has no outcome yet")
            if name == "pnl":
                pnl = _number(row[name], name)
                if not math.isfinite(pnl):
                    raise BadRow(name, f"field {name!r} must be finite, found {pnl}")
                outcomes.append(pnl > 0.0)
            elif row[name].lower() in _LABELS:
                outcomes.append(_LABELS[row[name].lower()])
            else:
                raise PipelineError(
                    f"{self.path.parent / where}: column {name!r} must be 0 or 1, found {row[name]!r}; "
                    "relabel the file (1 = profitable)"
                )
        if len(set(outcomes)) > 1:
            raise BadRow("pnl", "fields 'pnl' and 'is_profitable' contradict each other")
        return outcomes[0]

    def _in_utc(self, trade: Trade, number: int, now: datetime) -> Trade:
        if trade.time is None:
            return trade
        naive = trade.time.tzinfo is None
        time = trade.time.replace(tzinfo=UTC) if naive else trade.time.astimezone(UTC)
        if time > now + (_EAST if naive else timedelta(0)):
            raise PipelineError(
                f"{self.path} row {number}: column 'timestamp': {trade.time.isoformat()} lies in the future "
                f"(now: {now.isoformat(timespec='seconds')}); a history holds past trades only"
            )
        return Trade(trade.where, trade.features, trade.profitable, time, trade.symbol)


def open_history(path: Path) -> HistoryFile:
    """Read and split a file; a PipelineError that names file and line unless it is a CSV with the right header."""
    data = read_bytes(path)
    if not data.strip():
        raise PipelineError(f"{path}: the file is empty; expected a header line and one trade per line")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: not UTF-8 text (byte {error.start}); expected a CSV file") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = tuple(name.strip().lower() for name in next(reader))
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise PipelineError(f"{path}: line {reader.line_num}: not CSV: {error}") from error
    _check_header(path, header)
    if not lines:
        raise PipelineError(f"{path}: a header and no rows; expected one trade per line")
    return HistoryFile(path, header, lines, sha256_hex(data))


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    found = ", ".join(header)[:160]
    missing = [name for name in SIGNAL_NAMES if name not in header]
    if missing:
        raise PipelineError(
            f"{path}: line 1: column {missing[0]!r} is missing; expected {', '.join(SIGNAL_NAMES)} "
            f"and pnl or is_profitable, found {found}"
        )
    if not any(name in header for name in HISTORY_LABELS):
        raise PipelineError(f"{path}: line 1: no outcome; expected a column pnl ($) or is_profitable (0/1)")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise PipelineError(f"{path}: line 1: column {twice[0]!r} stands twice; keep one")


def _number(text: str, field: str) -> float:
    if text.lower() in _MISSING:
        raise BadRow(field, f"field {field!r} is empty")
    try:
        # float() would read 1_000 as a thousand.
        return float(text.replace("_", "?"))
    except ValueError as error:
        raise BadRow(field, f"field {field!r} must be a number, found {text[:40]!r}") from error


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        reason = f"field 'timestamp' must be an ISO 8601 date or time, found {text[:40]!r}"
        raise BadRow("timestamp", reason) from error
