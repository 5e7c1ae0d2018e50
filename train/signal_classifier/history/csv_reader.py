"""The trading-history CSV, line by line: cells to numbers, every refusal with its row and field.

A bad cell costs its row (`BadRow`, collected and reported by `labelled_signals`); what casts doubt on the whole file is
a `PipelineError`: a label that is neither 0 nor 1, a timestamp in the future, time zones on some rows only.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from train.core.cells import MINUS, MISSING, Spelling, decimal_commas, read_number
from train.core.contract import check_value
from train.core.errors import PipelineError
from train.core.files import explain_os_errors, read_bytes, sha256_hex
from train.core.tables.parquet import parquet_records
from train.core.tables.unpacked import PARQUET, packing, read_unpacked
from train.signal_classifier.contract import HISTORY_LABELS, HISTORY_OPTIONAL, SIGNAL_FEATURES, SIGNAL_NAMES

_LABELS = dict.fromkeys(("1", "1.0", "true", "win", "won", "winner", "w", "yes", "y"), True) | dict.fromkeys(
    ("0", "0.0", "false", "loss", "lost", "loser", "l", "no", "n"), False
)
_NAMES = dict.fromkeys(
    (
        "p/l",
        "p&l",
        "pl",
        "pnl ($)",
        "p/l ($)",
        "realized p&l",
        "realized p/l",
        "realized pnl",
        "realized_pnl",
        "net pnl",
    ),
    "pnl",
) | dict.fromkeys(("win/loss", "win_loss", "w/l", "is profitable"), "is_profitable")
"""Other spellings of the outcome's columns."""
_IN_PERCENT = ("edge_percent", "pnl")
_EAST = timedelta(hours=14)  # a local time without a zone may be ahead of UTC by so much


@dataclass(frozen=True, slots=True)
class Trade:
    """One usable row: features in contract order; `time` aware, in UTC, or None; `symbol` in upper case or empty."""

    where: str
    features: tuple[float, ...]
    profitable: bool
    time: datetime | None
    symbol: str
    pnl: float | None = None
    closed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not used: `where` = "trades.csv row 7" (the line in the file; the header is line 1).

    `profitable` is its outcome where that can be read.
    """

    where: str
    field: str
    reason: str
    profitable: bool | None = None


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
            if all(cell.strip().lower() in MISSING for cell in column):
                raise PipelineError(
                    f"{self.path}: column {name!r} holds no value in any row; export it with its values"
                )
        commas = self._decimal_commas()
        zones = set()
        for number, cells in self.lines:
            where = f"{self.path.name} row {number}"
            try:
                trade = self._trade(cells, where, commas)
            except BadRow as bad:
                yield Rejection(where, bad.field, str(bad), self._known_outcome(cells, where))
                continue
            if trade.time is not None:
                zones.add(trade.time.tzinfo is None)
                if len(zones) > 1:
                    raise PipelineError(f"{self.path} row {number}: 'timestamp': some rows have a time zone, some none")
            yield self._in_utc(trade, number, now)

    def _decimal_commas(self) -> dict[str, bool]:
        """Whether each column's decimal mark is a comma."""
        names = [name for name in self.header if name in {*SIGNAL_NAMES, "pnl"}]
        spellings = {name: Spelling() for name in names}
        places = [(self.header.index(name), spelling) for name, spelling in spellings.items()]
        for _, cells in self.lines:
            if len(cells) == len(self.header):
                for at, spelling in places:
                    spelling.see(cells[at])
        answers = decimal_commas(list(spellings.values()))
        for name, comma in zip(spellings, answers, strict=True):
            if comma is None:
                raise PipelineError(
                    f"{self.path}: column {name!r}: a comma can be read as a decimal mark and as one between "
                    "thousands; write decimal points and no other mark"
                )
        return {name: bool(comma) for name, comma in zip(spellings, answers, strict=True)}

    def _known_outcome(self, cells: list[str], where: str) -> bool | None:
        """The outcome of a row that is rejected for something else; of a pnl that cannot be read, by its sign."""
        if len(cells) != len(self.header):
            return None
        row = {name: cell.strip() for name, cell in zip(self.header, cells, strict=True)}
        try:
            return self._outcome(row, where, {})[0]
        except (BadRow, PipelineError):
            text = row.get("pnl", "").replace(MINUS, "-")
            if not any(letter.isdigit() for letter in text):
                return None
            return not ("-" in text or "(" in text or text.upper().endswith(("DR", "D", "LOSS")))

    def _trade(self, cells: list[str], where: str, commas: dict[str, bool]) -> Trade:
        if len(cells) != len(self.header):
            raise BadRow("row", f"{len(cells)} cells, expected {len(self.header)}")
        row = {name: cell.strip() for name, cell in zip(self.header, cells, strict=True)}
        features = []
        for column in SIGNAL_FEATURES:
            number = _number(row[column.name], column.name, commas.get(column.name, False))
            try:
                features.append(check_value(number, column, where))
            except PipelineError as error:
                raise BadRow(column.name, str(error).removeprefix(f"{where}: ")) from error
        time = _time(row["timestamp"]) if "timestamp" in row else None
        closed = _time(row["closed"], "closed") if "closed" in row else None
        if closed is not None and (time is None or (closed.tzinfo is None) != (time.tzinfo is None) or closed < time):
            raise BadRow("closed", "field 'closed' must be a time like that of 'timestamp' and not before it")
        profitable, pnl = self._outcome(row, where, commas)
        return Trade(where, tuple(features), profitable, time, row.get("symbol", "").upper(), pnl, closed)

    def _outcome(self, row: dict[str, str], where: str, commas: dict[str, bool]) -> tuple[bool, float | None]:
        outcomes = []
        earned: float | None = None
        for name in (n for n in HISTORY_LABELS if n in row):
            if row[name].lower() in MISSING:
                raise BadRow(name, f"field {name!r} is empty: the trade has no outcome yet")
            if name == "pnl":
                pnl = _number(row[name], name, commas.get(name, False))
                if not math.isfinite(pnl):
                    raise BadRow(name, f"field {name!r} must be finite, found {pnl}")
                outcomes.append(pnl > 0.0)
                earned = pnl
            elif row[name].lower() in _LABELS:
                outcomes.append(_LABELS[row[name].lower()])
            else:
                raise PipelineError(
                    f"{self.path.parent / where}: column {name!r} must be 0 or 1, found {row[name]!r}; "
                    "relabel the file (1 = profitable)"
                )
        if len(set(outcomes)) > 1:
            raise BadRow("pnl", "fields 'pnl' and 'is_profitable' contradict each other")
        return outcomes[0], earned

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
        return replace(trade, time=time, closed=_utc(trade.closed))


def open_history(path: Path) -> HistoryFile:
    """Read and split a file; a PipelineError that names file and line unless it is a CSV with the right header."""
    with explain_os_errors(path, "read"):
        how = packing(path)
    if how == PARQUET:
        (_, names), *lines = parquet_records(path)
    else:
        names, lines = _split(path, read_unpacked(path))
    header = tuple(_NAMES.get(name, name) for name in (name.strip().lower() for name in names))
    _check_header(path, header)
    if not lines:
        raise PipelineError(f"{path}: a header and no rows; expected one trade per line")
    return HistoryFile(path, header, lines, sha256_hex(read_bytes(path)))


def _split(path: Path, data: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    if not data.strip():
        raise PipelineError(f"{path}: the file is empty; expected a header line and one trade per line")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: not UTF-8 text (byte {error.start}); expected a CSV file") from error
    if wide and SIGNAL_NAMES[0] not in text.lower():
        raise PipelineError(f"{path}: not UTF-8 text (byte 0); expected a CSV file")
    first = text.lstrip().split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=max(",;\t", key=first.count))
    try:
        return next(reader), [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise PipelineError(f"{path}: line {reader.line_num}: not CSV: {error}") from error


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


def _number(text: str, field: str, comma: bool) -> float:
    found = read_number(text, comma=comma)
    if found is None:
        raise BadRow(field, f"field {field!r} is empty")
    number, percent = found
    # A pnl in percent has the same sign, which is all that is asked of it.
    if math.isnan(number) or (percent and field not in _IN_PERCENT):
        raise BadRow(field, f"field {field!r} must be a number, found {text[:40]!r}")
    return number


def _utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _time(text: str, field: str = "timestamp") -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        reason = f"field {field!r} must be an ISO 8601 date or time, found {text[:40]!r}"
        raise BadRow(field, reason) from error
