"""One record of a surface file -> a checked row; the rules of `runtime/src/surface/row_reader.rs`, in its words."""

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from train.core.cells import read_number
from train.core.errors import PipelineError
from train.core.tables.calendar import FIRST_DAY, latest_day
from train.core.tables.dates import DateColumn
from train.volatility_predictor.surfaces.columns import INDEX, Shape
from train.volatility_predictor.surfaces.daily_features import CALL, IV_BOUNDS, NO_TENOR, NO_VOLUME, PUT, UNKNOWN, Quote

NO_IV, EXPIRED, NO_LEVEL = "without an implied volatility", "of an expiry that has passed", "without a level"
LOW_IV = "with an implied volatility of 0.01 or less"
HIGH_IV = "with an implied volatility of 5 (500 %) or more"
UNKNOWN_VOLUME = "with a volume that is no number or negative, which counts as unknown"
"""Of rows that are not left out."""
_KINDS = dict.fromkeys(("call", "c", "calls", "ce"), CALL) | dict.fromkeys(("put", "p", "puts", "pe"), PUT)


class Other(NamedTuple):
    """What columns that are not read say of a row; 0: nothing."""

    years: float
    """To the date of expiry."""
    price: float
    spot: float
    both: bool
    """Whether moneyness is there beside the spot price."""


NO_OTHER = Other(0.0, 0.0, 0.0, False)


class Row(NamedTuple):
    """One checked row; `date` is None in an undated file, `line` the line of the file, `moneyness` as written."""

    date: dt.date | None
    symbol: str | None
    quote: Quote
    line: int
    other: Other = NO_OTHER


@dataclass(frozen=True)
class Settled:
    """What the whole file says of its spellings; `expiries` None: not to be compared."""

    dates: DateColumn
    expiries: DateColumn | None
    comma: dict[int, bool]


class RowReader:
    """Reads one record after the other; `left_out` counts those of no use by reason."""

    def __init__(self, path: Path, shape: Shape, settled: Settled, left_out: dict[str, tuple[int, int]]) -> None:
        self.path, self.shape, self._settled, self.left_out = path, shape, settled, left_out
        self._line = 1
        self._date_text = ""
        self._date: dt.date | None = None
        self.newest_first: bool | None = None
        """What the second day says; None before."""
        self._limit = latest_day()
        self._spelled: dict[int, tuple[bool, int]] = {}
        """Of columns that may stand in percent: whether they do, and the first row that says so."""
        compared = (
            shape.expiry if settled.expiries else -1,
            *shape.compared,
            shape.spot if shape.moneyness >= 0 else -1,
        )
        self._compares = any(at >= 0 for at in compared)

    def row(self, line: int, record: list[str]) -> Row | None:
        """The row; None where it says nothing.

        Raises:
            PipelineError: a cell is wrong; names row and column.
        """
        self._line = line
        return self._row(record)

    def _row(self, record: list[str]) -> Row | None:
        shape = self.shape
        date = self._read_date(record[shape.date]) if shape.date >= 0 else None
        if shape.name == INDEX:
            level = self._number(record, shape.iv, None)
            if level is None:
                self._count(NO_LEVEL)
                return None
            if not IV_BOUNDS[0] < level / 100.0 < IV_BOUNDS[1]:
                raise self._error("must be an implied volatility in percent, 1 to 500", shape.iv)
            return Row(date, None, Quote(NO_TENOR, 1.0, UNKNOWN, level / 100.0, NO_VOLUME, 1.0), self._line)
        symbol = record[shape.symbol].strip() if shape.symbol >= 0 else None
        strike = self._positive(record, shape.strike)
        tenor = self._tenor(record, date) if shape.tenor >= 0 else NO_TENOR
        iv = self._iv(record)
        moneyness = self._moneyness(record, strike)
        kind = self._kind(record[shape.kind]) if shape.kind >= 0 else UNKNOWN
        quote = Quote(tenor, strike, kind, iv, self._volume(record), moneyness)
        return Row(date, symbol, quote, self._line, self._other(record, date) if self._compares else NO_OTHER)

    def _other(self, record: list[str], date: dt.date | None) -> Other:
        shape, expiries = self.shape, self._settled.expiries
        years = 0.0
        if shape.expiry >= 0 and expiries is not None and date is not None:
            expiry = expiries.read(record[shape.expiry].strip())
            years = (expiry - date).days / 365.0 if expiry is not None else 0.0
        elif shape.days >= 0:
            years = self._compared(record, shape.days) / 365.0
        price, bid, ask = (self._compared(record, at) for at in (shape.price, shape.bid, shape.ask))
        if bid > 0.0 and ask >= bid:
            price = (bid + ask) / 2.0
        return Other(years, price, self._compared(record, shape.spot), shape.moneyness >= 0)

    def _compared(self, record: list[str], at: int) -> float:
        """The number of a cell; 0 where it holds none above 0."""
        found = read_number(record[at].strip(), comma=self._settled.comma.get(at, False)) if at >= 0 else None
        return found[0] if found is not None and 0.0 < found[0] < math.inf else 0.0

    def _read_date(self, raw: str) -> dt.date:
        text = raw.strip()
        if self._date is not None and text == self._date_text:
            return self._date
        date, column = self._settled.dates.read(text), self.shape.date
        if date is None:
            raise self._error(f"'{text}' is not a day of the calendar", column)
        if date > self._limit:
            raise self._error(f"'{text}' lies in the future", column)
        if date < FIRST_DAY:
            raise self._error(f"'{text}' lies before {FIRST_DAY}", column)
        if self._date is not None and date != self._date:
            if self.newest_first is None:
                self.newest_first = date < self._date
            if (date < self._date) != self.newest_first:
                raise self._error(f"'{text}' comes after {self._date}; sort the rows by date, oldest first", column)
        self._date_text, self._date = text, date
        return date

    def _tenor(self, record: list[str], date: dt.date | None) -> float:
        """Years; 0 of an expiry that has passed, or that nobody knows."""
        at, unit = self.shape.tenor, self.shape.tenor_unit
        if unit == "expiry":
            expiry = self._settled.expiries.read(record[at].strip()) if self._settled.expiries else None
            if expiry is None or date is None:
                raise self._error(f"'{record[at].strip()}' is not a day of the calendar", at)
            years: float | None = (expiry - date).days / 365.0
        else:
            years = self._number(record, at, None)
            if unit == "days" and years is not None:
                years /= 365.0
        if years is None or years <= 0.0:
            self._count(EXPIRED)
            return 0.0
        return years

    def _iv(self, record: list[str]) -> float:
        """As a decimal; 0 where the solver failed."""
        at = self.shape.iv
        iv = self._number(record, at, 100.0, endless=True)
        if iv is not None and self.shape.iv_unit == "ivpercent" and not record[at].strip().endswith("%"):
            iv /= 100.0
        if iv is None or iv <= 0.0 or math.isinf(iv):
            self._count(NO_IV)
            return 0.0
        if not IV_BOUNDS[0] < iv < IV_BOUNDS[1]:
            self._count(LOW_IV if iv <= IV_BOUNDS[0] else HIGH_IV)
        return iv

    def _moneyness(self, record: list[str], strike: float) -> float:
        at = self.shape.moneyness
        if at < 0:
            return strike / self._positive(record, self.shape.spot)
        number = self._number(record, at, 100.0)
        if number is None:
            raise self._error("is missing", at)
        return number

    def _kind(self, raw: str) -> int:
        kind = _KINDS.get(raw.strip().lower())
        if kind is None:
            raise self._error(f"must be Call or Put, found '{raw.strip()[:40]}'", self.shape.kind)
        return kind

    def _volume(self, record: list[str]) -> float:
        """Contracts traded; one that is no number or negative is unknown: what the row says of prices is no worse."""
        at = self.shape.volume
        if at < 0:
            return NO_VOLUME
        found = read_number(record[at].strip(), comma=self._settled.comma.get(at, False))
        if found is None:
            return NO_VOLUME
        volume, percent = found
        if percent or not 0.0 <= volume < math.inf:
            self._count(UNKNOWN_VOLUME)
            return NO_VOLUME
        return volume

    def _positive(self, record: list[str], at: int) -> float:
        number = self._number(record, at, None)
        if number is None:
            raise self._error("is missing", at)
        if number <= 0.0:
            raise self._error(f"must be greater than zero, found {record[at].strip()}", at)
        return number

    def _number(self, record: list[str], at: int, per_cent: float | None, *, endless: bool = False) -> float | None:
        """The number of a cell, None where it is missing; `per_cent` divides what ends in %, which else is none."""
        text = record[at].strip()
        found = read_number(text, comma=self._settled.comma.get(at, False))
        if found is None:
            return None
        number, percent = found
        if math.isnan(number) or (math.isinf(number) and not endless) or (percent and per_cent is None):
            raise self._error(f"must be a finite number, found '{text[:40]}'", at)
        if per_cent is None:
            return number
        if number != 0.0 and not math.isinf(number):
            before, first = self._spelled.setdefault(at, (percent, self._line))
            if before != percent:
                raise self._error(
                    f"'{text[:40]}' stands {'in' if percent else 'without'} percent, and row {first} "
                    f"{'without' if percent else 'in'} it; write one unit",
                    at,
                )
        return number / per_cent if percent else number

    def _count(self, reason: str) -> None:
        count, first = self.left_out.get(reason, (0, self._line))
        self.left_out[reason] = (count + 1, first)

    def _error(self, problem: str, at: int | None = None) -> PipelineError:
        place = f"column {self.shape.names[at]}: " if at is not None else ""
        return PipelineError(f"{self.path}: row {self._line}: {place}{problem}")
