"""One row of a trading history: cells to numbers, every refusal with its row and field.

A bad cell costs its row (`BadRow`, collected and reported by `labelled_signals`); what casts doubt on the whole file is
a `PipelineError`: a label that is neither 0 nor 1.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from train.core.cells import MINUS, MISSING, read_number
from train.core.contract import check_value
from train.core.errors import PipelineError
from train.core.tables.dates import KNOWN
from train.core.tables.moments import MomentColumn
from train.signal_classifier.contract import HISTORY_LABELS, SIGNAL_FEATURES

_LABELS = dict.fromkeys(("1", "1.0", "true", "win", "won", "winner", "w", "yes", "y"), True) | dict.fromkeys(
    ("0", "0.0", "false", "loss", "lost", "loser", "l", "no", "n"), False
)
_IN_PERCENT = ("edge_percent", "pnl")
TIMES = ("timestamp", "closed")
DUPLICATE = "duplicate"
"""The field of a row that repeats another."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One usable row: features in contract order; `time` aware or without zone as written, or None.

    `line` is its line in the file (the header is line 1), `symbol` in upper case or empty, `pnl` None where no such
    column is.
    """

    line: int
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
class RowReader:
    """Reads the rows of one file: `header` in lower case, `commas` says whose decimal mark is a comma."""

    path: Path
    header: tuple[str, ...]
    commas: dict[str, bool]
    moments: dict[str, MomentColumn]
    """Of the columns that hold times, once the whole file was seen."""

    def read(self, cells: list[str], line: int) -> "Trade | Rejection":
        """The trade of a row, or why it is left out.

        Raises:
            PipelineError: a label is not 0/1.
        """
        where = f"{self.path.name} row {line}"
        try:
            return self._trade(cells, line, where)
        except BadRow as bad:
            return Rejection(where, bad.field, str(bad), self._known_outcome(cells, where))

    def _known_outcome(self, cells: list[str], where: str) -> bool | None:
        """The outcome of a row that is rejected for something else; of a pnl that cannot be read, by its sign."""
        if len(cells) != len(self.header):
            return None
        row = {name: cell.strip() for name, cell in zip(self.header, cells, strict=True)}
        try:
            return self.outcome(row, where)[0]
        except (BadRow, PipelineError):
            text = row.get("pnl", "").replace(MINUS, "-")
            if not any(letter.isdigit() for letter in text):
                return None
            return not ("-" in text or "(" in text or text.upper().endswith(("DR", "D", "LOSS")))

    def _trade(self, cells: list[str], line: int, where: str) -> Trade:
        if len(cells) != len(self.header):
            raise BadRow("row", f"{len(cells)} cells, expected {len(self.header)}")
        row = {name: cell.strip() for name, cell in zip(self.header, cells, strict=True)}
        features = []
        for column in SIGNAL_FEATURES:
            number = _number(row[column.name], column.name, self.commas.get(column.name, False))
            try:
                features.append(check_value(number, column, where))
            except PipelineError as error:
                raise BadRow(column.name, str(error).removeprefix(f"{where}: ")) from error
        time, closed = (self._time(row[name], name) if name in row else None for name in TIMES)
        if closed is not None and (time is None or (closed.tzinfo is None) != (time.tzinfo is None) or closed < time):
            raise BadRow("closed", "field 'closed' must be a time like that of 'timestamp' and not before it")
        profitable, pnl = self.outcome(row, where)
        return Trade(line, tuple(features), profitable, time, row.get("symbol", "").upper(), pnl, closed)

    def _time(self, text: str, field: str) -> datetime:
        found = self.moments[field].read(text)
        if found is None:
            raise BadRow(field, f"field {field!r} must be a date or time ({KNOWN}), found {text[:40]!r}")
        return found

    def outcome(self, row: dict[str, str], where: str) -> tuple[bool, float | None]:
        """Whether a trade was profitable, and its pnl in $, None where no such column is.

        Raises:
            BadRow: it has no outcome yet, or one that cannot be read.
            PipelineError: a label is not 0/1.
        """
        outcomes = []
        earned: float | None = None
        for name in (n for n in HISTORY_LABELS if n in row):
            if row[name].lower() in MISSING:
                raise BadRow(name, f"field {name!r} is empty: the trade has no outcome yet")
            if name == "pnl":
                pnl = _number(row[name], name, self.commas.get(name, False))
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


def in_utc(time: datetime | None) -> datetime | None:
    """The time in UTC; one without a zone is taken as UTC."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _number(text: str, field: str, comma: bool) -> float:
    found = read_number(text, comma=comma)
    if found is None:
        raise BadRow(field, f"field {field!r} is empty")
    number, percent = found
    # A pnl in percent has the same sign, which is all that is asked of it.
    if math.isnan(number) or (percent and field not in _IN_PERCENT):
        raise BadRow(field, f"field {field!r} must be a number, found {text[:40]!r}")
    return number
