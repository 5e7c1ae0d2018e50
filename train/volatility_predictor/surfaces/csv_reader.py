"""Surface and index files, their spellings settled; the same rules and messages as in `runtime/src/surface/reader.rs`.

Shapes are recognised by what the columns mean (`columns`). A file is read twice, a row at a time: first its spellings
are settled by the whole file (dates, decimal marks, symbols), then its rows are read (`row_reader`). Wrong rows are
errors with row and column. A row without an implied volatility, or of an expiry that has passed, is no error: it is
counted, and its quote is never a clean one.
"""

from collections.abc import Iterator
from pathlib import Path

from train.core.cells import Spelling, decimal_commas
from train.core.errors import PipelineError
from train.core.tables.dates import DateColumn
from train.core.tables.table import Table
from train.volatility_predictor.surfaces.columns import INDEX, NOT_A_SURFACE, OLD, SNAPSHOT, read_header
from train.volatility_predictor.surfaces.file_name import is_symbol
from train.volatility_predictor.surfaces.row_reader import Row, RowReader, Settled

__all__ = ["INDEX", "NOT_A_SURFACE", "OLD", "SNAPSHOT", "Row", "SurfaceFile", "read_rows"]

_NAMED = 5
"""Symbols that a message names."""
_MANY = 1000
"""More symbols are not counted."""


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
        self.not_compared: list[str] = []
        self.inverted = False
        self._reader: RowReader | None = None
        self._table = Table(path)
        records = self._table.records()
        self._line, header = next(records)
        self.shape = read_header(path, header)
        self._dates, self._expiries = DateColumn(), DateColumn()
        self._symbols: dict[str, int] = {}
        self._symbol = symbol.upper() if symbol else None
        self._comma: dict[int, bool] = {}
        self._no_expiries: str | None = None
        self._look_through(records)

    def rows(self) -> Iterator[Row]:
        """The rows of the file, or of the symbol asked for."""
        self.left_out = {}
        settled = Settled(self._dates, None if self._no_expiries else self._expiries, self._comma)
        reader = self._reader = RowReader(self.path, self.shape, settled, self.left_out)
        records = self._table.records()
        next(records, None)
        at, only = self.shape.symbol, self._symbol if len(self._symbols) > 1 else None
        for line, record in records:
            if len(record) != len(self.shape.names):
                self._line = line
                raise self._error("is not what it was a moment ago; is the file being written?")
            if only is None or record[at].strip().upper() == only:
                row = reader.row(line, record)
                if row is not None:
                    yield row

    @property
    def newest_first(self) -> bool:
        """Whether the second day that was read is older than the first."""
        return self._reader is not None and bool(self._reader.newest_first)

    def _look_through(self, records: Iterator[tuple[int, list[str]]]) -> None:
        shape, by_comma = self.shape, self._table.delimiter == ","
        width, last, expiries = len(shape.names), "", shape.expiries
        numbers = {at: Spelling() for at in shape.numbers}
        for self._line, record in records:
            if len(record) != width:
                raise self._error(f"has {len(record)} fields, the header has {width}; is the file cut short?")
            if shape.date >= 0 and (problem := self._dates.see(record[shape.date].strip())):
                raise self._error(problem, shape.date)
            if expiries >= 0 and not self._no_expiries and (problem := self._expiries.see(record[expiries].strip())):
                if shape.tenor_unit == "expiry":
                    raise self._error(problem, expiries)
                self._no_expiries = f"column {shape.names[expiries]}: {problem}"
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
        for column, at in ((self._dates, shape.date), (self._expiries, shape.expiries)):
            if doubt := column.doubt():
                if column is self._dates or shape.tenor_unit == "expiry":
                    raise PipelineError(f"{self.path}: column {shape.names[at]}: {doubt}")
                self._no_expiries = f"column {shape.names[at]}: {doubt}"
        if self._no_expiries:
            self.not_compared.append(self._no_expiries)
        for at, comma in zip(numbers, decimal_commas(list(numbers.values())), strict=True):
            if comma is None and at not in shape.compared:
                raise PipelineError(
                    f"{self.path}: column {shape.names[at]}: a comma can be read as a decimal mark and as one between "
                    "thousands; write decimal points and no other mark"
                )
            self._comma[at] = bool(comma)
        names = list(self._symbols)
        if self._symbol is not None and names and self._symbol not in [name.upper() for name in names]:
            raise PipelineError(f"{self.path}: holds no row of {self._symbol}; it is of {', '.join(names[:_NAMED])}")
        if len(names) > 1 and self._symbol is None:
            more = ", ..." if len(names) > _NAMED else ""
            raise PipelineError(
                f"{self.path}: row {self._symbols[names[1]]}: column {shape.names[shape.symbol]}: {len(names)} symbols "
                f"in one file: {', '.join(names[:_NAMED])}{more}; name one with --symbol, or split the file"
            )

    def _error(self, problem: str, at: int | None = None) -> PipelineError:
        place = f"column {self.shape.names[at]}: " if at is not None else ""
        return PipelineError(f"{self.path}: row {self._line}: {place}{problem}")
