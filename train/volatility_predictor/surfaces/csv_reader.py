"""Surface and index files -> checked rows. The same rules and messages stand in `runtime/src/surface/reader.rs`.

Four shapes, recognised by header (case and order of columns do not matter, further columns are ignored in the first
three): the engine's snapshot, the same with a date, the old script's, and an index history such as VIX (`date`,
`close` in percent, nothing but open, high and low beside them). Plain or gzip by content, comma separated, UTF-8.

Wrong rows are errors with row and column; what is right but useless (solver bounds, deep in the money) is left for
`daily_features` to skip. The csv module splits the lines: pandas fills a short row with NaN without a word, and a
file that was cut short must not pass.
"""

import csv
import datetime as dt
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from train.core.errors import PipelineError
from train.core.files import read_bytes
from train.volatility_predictor.surfaces.daily_features import CALL, IV_BOUNDS, NO_TENOR, NO_VOLUME, PUT, UNKNOWN, Quote
from train.volatility_predictor.surfaces.file_name import FIRST_DAY, latest_day

MAX_BYTES = 1 << 30
"""Of the unpacked text."""

SNAPSHOT = ("symbol", "strike", "timetoexpiry", "impliedvol", "moneyness", "optiontype", "volume")
OLD = ("date", "strike", "implied_vol", "volume", "moneyness")
INDEX = ("date", "close")
INDEX_ALSO = ("open", "high", "low")
NOT_A_SURFACE = "row 1: not the header of a surface file"
"""How the refusal of another kind of file begins."""
_HEADERS = (
    "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume (with or without a leading Date), "
    "date,strike,implied_vol,volume,moneyness, or date,close"
)
_KINDS = {"call": CALL, "c": CALL, "put": PUT, "p": PUT}
_SYMBOL = re.compile(r"[A-Za-z0-9.^_-]{1,16}")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_US = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)


class Row(NamedTuple):
    """One checked row; `date` is None in an undated file, `line` the line of the file."""

    date: dt.date | None
    symbol: str | None
    quote: Quote
    line: int


@dataclass(frozen=True)
class Shape:
    """Where each column stands; -1 for one that the shape does not have."""

    name: str
    width: int
    date: int
    symbol: int
    strike: int
    tenor: int
    iv: int
    moneyness: int
    kind: int
    volume: int


def read_rows(path: Path) -> tuple[str, Iterator[Row]]:
    """The shape's name ("snapshot", "dated", "old" or "index") and the rows in file order, checked as they come.

    Raises:
        PipelineError: at once or while iterating: path, row and column, what was expected and found.
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""))
    header = next((line for line in lines if line), [])
    shape = _shape(path, header)
    return shape.name, _Rows(path, shape).read(lines)


def _text(path: Path) -> str:
    data = read_bytes(path)
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(MAX_BYTES + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise PipelineError(f"{path}: the gzip data is cut short or damaged; fetch the file again") from error
    if len(data) > MAX_BYTES:
        raise PipelineError(f"{path}: more than {MAX_BYTES} bytes of text; split the file")
    if not data.strip():
        raise PipelineError(f"{path}: the file is empty")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: not a CSV file: it is not UTF-8 text") from error
    if "\0" in text:
        raise PipelineError(f"{path}: not a CSV file: it holds NUL bytes")
    return text


def _shape(path: Path, header: list[str]) -> Shape:
    names = [name.strip().lower() for name in header]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PipelineError(f"{path}: row 1: column '{twice}' stands twice")

    def at(name: str) -> int:
        return names.index(name) if name in names else -1

    has = set(names)
    if has.issuperset(SNAPSHOT):
        name = "dated" if "date" in has else "snapshot"
        columns = [at(column) for column in ("date", *SNAPSHOT)]
        return Shape(name, len(names), *columns)
    if has.issuperset(OLD):
        return Shape(
            "old", len(names), at("date"), -1, at("strike"), -1, at("implied_vol"), at("moneyness"), -1, at("volume")
        )
    if has.issuperset(INDEX) and has.issubset(INDEX + INDEX_ALSO):
        return Shape("index", len(names), at("date"), -1, -1, -1, at("close"), -1, -1, -1)
    found = ",".join(header)
    raise PipelineError(f"{path}: {NOT_A_SURFACE}: '{found[:200]}'; expected {_HEADERS}")


class _Rows:
    """The checks of one file's rows, with what must stay the same from row to row."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self._path = path
        self._shape = shape
        self._line = 1
        self._us: bool | None = None
        self._date_text = ""
        self._date: dt.date | None = None
        self._symbol_text: str | None = None
        self._limit = latest_day()

    def read(self, lines: Iterator[list[str]]) -> Iterator[Row]:
        while True:
            try:
                record = next(lines, None)
            except csv.Error as error:
                raise PipelineError(f"{self._path}: not a CSV file: {error}") from error
            if record is None:
                return
            if record:
                self._line = lines.line_num  # type: ignore[attr-defined]
                yield self._row(record)

    def _row(self, record: list[str]) -> Row:
        shape = self._shape
        if len(record) != shape.width:
            found, expected = len(record), shape.width
            raise self._error(f"has {found} fields, the header has {expected}; is the file cut short?")
        date = self._read_date(record[shape.date]) if shape.date >= 0 else None
        if shape.name == "index":
            level = self._positive(record[shape.iv], "close") / 100.0
            if not IV_BOUNDS[0] < level < IV_BOUNDS[1]:
                raise self._error("must be an implied volatility in percent, 1 to 500", "close")
            return Row(date, None, Quote(NO_TENOR, 1.0, UNKNOWN, level, NO_VOLUME, 1.0), self._line)
        symbol = self._read_symbol(record[shape.symbol]) if shape.symbol >= 0 else None
        strike = self._positive(record[shape.strike], "strike")
        tenor = self._positive(record[shape.tenor], "timetoexpiry") if shape.tenor >= 0 else NO_TENOR
        iv = self._positive(record[shape.iv], "implied_vol" if shape.name == "old" else "impliedvol")
        moneyness = self._positive(record[shape.moneyness], "moneyness")
        kind = self._read_kind(record[shape.kind]) if shape.kind >= 0 else UNKNOWN
        volume = self._read_volume(record[shape.volume])
        return Row(date, symbol, Quote(tenor, strike, kind, iv, volume, moneyness), self._line)

    def _read_date(self, raw: str) -> dt.date:
        text = raw.strip()
        if self._date is not None and text == self._date_text:
            return self._date
        iso, us = _ISO.fullmatch(text), _US.fullmatch(text)
        if not iso and not us:
            raise self._error(f"must be YYYY-MM-DD (or MM/DD/YYYY), found '{text[:40]}'", "date")
        if self._us is not None and self._us != bool(us):
            raise self._error(f"'{text}' is written in another format than the rows before; use one", "date")
        self._us = bool(us)
        order = (3, 1, 2) if us else (1, 2, 3)
        year, month, day = (int((us or iso).group(i)) for i in order)  # type: ignore[union-attr]
        try:
            date = dt.date(year, month, day)
        except ValueError:
            raise self._error(f"'{text}' is not a day of the calendar", "date") from None
        if date > self._limit:
            raise self._error(f"'{text}' lies in the future", "date")
        if date < FIRST_DAY:
            raise self._error(f"'{text}' lies before {FIRST_DAY}", "date")
        if self._date is not None and date < self._date:
            raise self._error(f"'{text}' comes after {self._date}; sort the rows by date, oldest first", "date")
        self._date_text, self._date = text, date
        return date

    def _read_symbol(self, raw: str) -> str:
        text = raw.strip()
        if text != self._symbol_text:
            if not _SYMBOL.fullmatch(text):
                raise self._error(f"must be 1 to 16 letters, digits, or one of . - _ ^, found '{text[:40]}'", "symbol")
            if self._symbol_text is not None:
                raise self._error(f"'{text}' after '{self._symbol_text}'; one symbol per file", "symbol")
            self._symbol_text = text
        return text

    def _read_kind(self, raw: str) -> int:
        kind = _KINDS.get(raw.strip().lower())
        if kind is None:
            raise self._error(f"must be Call or Put, found '{raw.strip()[:40]}'", "optiontype")
        return kind

    def _read_volume(self, raw: str) -> float:
        if raw.strip().lower() in ("", "nan", "na", "none"):
            return NO_VOLUME
        volume = self._number(raw, "volume")
        if volume < 0.0:
            raise self._error(f"must not be negative, found {raw.strip()}", "volume")
        return volume

    def _positive(self, raw: str, column: str) -> float:
        number = self._number(raw, column)
        if number <= 0.0:
            raise self._error(f"must be greater than zero, found {raw.strip()}", column)
        return number

    def _number(self, raw: str, column: str) -> float:
        """A finite number as Python and Rust both read it: ASCII, no digit separators."""
        text = raw.strip()
        if not text:
            raise self._error("is missing", column)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or "_" in text or not text.isascii():
            raise self._error(f"must be a finite number, found '{text[:40]}'", column)
        return number

    def _error(self, problem: str, column: str | None = None) -> PipelineError:
        place = f"column {column}: " if column else ""
        return PipelineError(f"{self._path}: row {self._line}: {place}{problem}")
