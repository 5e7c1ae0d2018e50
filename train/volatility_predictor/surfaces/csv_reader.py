"""Surface and index files -> checked rows. The same rules and messages stand in `runtime/src/surface/reader.rs`.

Shapes are recognised by what the columns mean (`columns`). A file is read twice, a row at a time: first its spellings
are settled by the whole file (dates, decimal marks, symbols), then its rows are read. Wrong rows are errors with row
and column. A row without an implied volatility, or of an expiry that has passed, is no error: it is counted, and its
quote is never a clean one.
"""

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from train.core.cells import Spelling, decimal_commas, read_number
from train.core.errors import PipelineError
from train.core.tables.dates import DateColumn
from train.core.tables.table import Table
from train.volatility_predictor.surfaces.columns import INDEX, NOT_A_SURFACE, OLD, SNAPSHOT, read_header
from train.volatility_predictor.surfaces.daily_features import CALL, IV_BOUNDS, NO_TENOR, NO_VOLUME, PUT, UNKNOWN, Quote
from train.volatility_predictor.surfaces.file_name import FIRST_DAY, is_symbol, latest_day

__all__ = ["INDEX", "NOT_A_SURFACE", "OLD", "SNAPSHOT", "Row", "SurfaceFile", "read_rows"]

NO_IV, EXPIRED, NO_LEVEL = "without an implied volatility", "of an expiry that has passed", "without a level"
_KINDS = dict.fromkeys(("call", "c", "calls", "ce"), CALL) | dict.fromkeys(("put", "p", "puts", "pe"), PUT)
_NAMED = 5
"""Symbols that a message names."""
_MANY = 1000
"""More symbols are not counted."""


class Row(NamedTuple):
    """One checked row; `date` is None in an undated file, `line` the line of the file, `moneyness` as written."""

    date: dt.date | None
    symbol: str | None
    quote: Quote
    line: int


def read_rows(path: Path, symbol: str | None = None) -> tuple[str, Iterator[Row]]:
    """The shape's name ("snapshot", "dated", "old" or "index") and the rows in file order, checked as they come.

    Args:
        path: the file.
        symbol: the one to read of a file that holds several.

    Raises:
        PipelineError: at once or while iterating: path, row and column, what was expected and found.
    """
    file = SurfaceFile(path, symbol)
    return file.shape.name, file.rows()


class SurfaceFile:
    """A file whose spellings are settled; `left_out` counts, once the rows are read, those of no use by reason."""

    def __init__(self, path: Path, symbol: str | None = None) -> None:
        """Look through the whole file.

        Raises:
            PipelineError: it is no surface file, a row is of another width, dates or numbers could be read in two ways,
                or several symbols are in it and none was asked for.
        """
        self.path = path
        self.left_out: dict[str, tuple[int, int]] = {}
        self._table = Table(path)
        records = self._table.records()
        self._line, header = next(records)
        self.shape = read_header(path, header)
        self._dates, self._expiries = DateColumn(), DateColumn()
        self._symbols: dict[str, int] = {}
        self._symbol = symbol.upper() if symbol else None
        self._comma: dict[int, bool] = {}
        self._look_through(records)
        self._date_text = ""
        self._date: dt.date | None = None
        self._limit = latest_day()

    def rows(self) -> Iterator[Row]:
        """The rows of the file, or of the symbol asked for."""
        self._date_text, self._date, self.left_out = "", None, {}
        records = self._table.records()
        next(records, None)
        at, only = self.shape.symbol, self._symbol if len(self._symbols) > 1 else None
        for self._line, record in records:
            if len(record) != len(self.shape.names):
                raise self._error("is not what it was a moment ago; is the file being written?")
            if only is None or record[at].strip().upper() == only:
                row = self._row(record)
                if row is not None:
                    yield row

    def _look_through(self, records: Iterator[tuple[int, list[str]]]) -> None:
        shape, by_comma = self.shape, self._table.delimiter == ","
        width, last = len(shape.names), ""
        numbers = {at: Spelling() for at in shape.numbers}
        for self._line, record in records:
            if len(record) != width:
                raise self._error(f"has {len(record)} fields, the header has {width}; is the file cut short?")
            if shape.date >= 0 and (problem := self._dates.see(record[shape.date].strip())):
                raise self._error(problem, shape.date)
            if shape.tenor_unit == "expiry" and (problem := self._expiries.see(record[shape.tenor].strip())):
                raise self._error(problem, shape.tenor)
            if shape.symbol >= 0 and record[shape.symbol] != last:
                last = record[shape.symbol]
                self._see_symbol(last.strip())
            if not by_comma or "," in "".join(record):
                for at, spelling in numbers.items():
                    spelling.see(record[at])
        self._settle(numbers)

    def _see_symbol(self, text: str) -> None:
        if not is_symbol(text):
            problem = f"must be 1 to 16 letters, digits, or one of . - _ ^ = $ / &, found '{text[:40]}'"
            raise self._error(problem, self.shape.symbol)
        if len(self._symbols) < _MANY:
            self._symbols.setdefault(text, self._line)

    def _settle(self, numbers: dict[int, Spelling]) -> None:
        shape = self.shape
        for column, at in ((self._dates, shape.date), (self._expiries, shape.tenor)):
            if doubt := column.doubt():
                raise PipelineError(f"{self.path}: column {shape.names[at]}: {doubt}")
        for at, comma in zip(numbers, decimal_commas(list(numbers.values())), strict=True):
            if comma is None:
                raise PipelineError(
                    f"{self.path}: column {shape.names[at]}: a comma can be read as a decimal mark and as one between "
                    "thousands; write decimal points and no other mark"
                )
            self._comma[at] = comma
        names = list(self._symbols)
        if self._symbol is not None and names and self._symbol not in [name.upper() for name in names]:
            raise PipelineError(f"{self.path}: holds no row of {self._symbol}; it is of {', '.join(names[:_NAMED])}")
        if len(names) > 1 and self._symbol is None:
            more = ", ..." if len(names) > _NAMED else ""
            raise PipelineError(
                f"{self.path}: row {self._symbols[names[1]]}: column {shape.names[shape.symbol]}: {len(names)} symbols "
                f"in one file: {', '.join(names[:_NAMED])}{more}; name one with --symbol, or split the file"
            )

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
        return Row(date, symbol, Quote(tenor, strike, kind, iv, self._volume(record), moneyness), self._line)

    def _read_date(self, raw: str) -> dt.date:
        text = raw.strip()
        if self._date is not None and text == self._date_text:
            return self._date
        date, column = self._dates.read(text), self.shape.date
        if date is None:
            raise self._error(f"'{text}' is not a day of the calendar", column)
        if date > self._limit:
            raise self._error(f"'{text}' lies in the future", column)
        if date < FIRST_DAY:
            raise self._error(f"'{text}' lies before {FIRST_DAY}", column)
        if self._date is not None and date < self._date:
            raise self._error(f"'{text}' comes after {self._date}; sort the rows by date, oldest first", column)
        self._date_text, self._date = text, date
        return date

    def _tenor(self, record: list[str], date: dt.date | None) -> float:
        """Years; 0 of an expiry that has passed, or that nobody knows."""
        at, unit = self.shape.tenor, self.shape.tenor_unit
        if unit == "expiry":
            expiry = self._expiries.read(record[at].strip())
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
        if self.shape.volume < 0:
            return NO_VOLUME
        volume = self._number(record, self.shape.volume, None)
        if volume is None:
            return NO_VOLUME
        if volume < 0.0:
            raise self._error(f"must not be negative, found {record[self.shape.volume].strip()}", self.shape.volume)
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
        found = read_number(text, comma=self._comma.get(at, False))
        if found is None:
            return None
        number, percent = found
        if math.isnan(number) or (math.isinf(number) and not endless) or (percent and per_cent is None):
            raise self._error(f"must be a finite number, found '{text[:40]}'", at)
        return number / per_cent if percent and per_cent is not None else number

    def _count(self, reason: str) -> None:
        count, first = self.left_out.get(reason, (0, self._line))
        self.left_out[reason] = (count + 1, first)

    def _error(self, problem: str, at: int | None = None) -> PipelineError:
        place = f"column {self.shape.names[at]}: " if at is not None else ""
        return PipelineError(f"{self.path}: row {self._line}: {place}{problem}")
