"""Bytes of a table -> records of cells, a piece at a time; the rules of `runtime/src/surface/table/`.

Plain, gzip, zstd or Parquet by content, UTF-8 or UTF-16 by its mark, parted by comma, semicolon, tab or bar: whichever
the header has most of. Memory does not grow with the file: what unpacks to far more than any table does
is refused early.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.parquet import parquet_records
from train.core.tables.unpacked import DAMAGED, MAX_BYTES, PARQUET, check_packed, check_size, packing, unpacked

LONGEST_LINE = 1 << 17
"""Characters."""
_DELIMITERS = ",;\t|"


class Table:
    """The records of a file; each `records()` begins anew."""

    def __init__(self, path: Path) -> None:
        """Look at the beginning of the file.

        Raises:
            PipelineError: it cannot be read, is empty, or is no text.
        """
        self.path = path
        with explain_os_errors(path, "read"):
            if not path.is_file():
                path.open("rb").close()
                raise PipelineError(f"cannot read {path}: is not a regular file")
            self._size = path.stat().st_size
            if self._size > MAX_BYTES:
                raise PipelineError(f"{path}: {self._size} bytes, more than the {MAX_BYTES} allowed; split the file")
            self._packing = packing(path)
        self.delimiter, self._skip = ",", 0
        if self._packing == PARQUET:
            return
        check_packed(path, self._packing)
        lines = self._lines()
        first = next((line for line in lines if line.strip()), None)
        if first is None:
            raise PipelineError(f"{path}: the file is empty")
        if first.strip()[:4].lower() == "sep=" and len(first.strip()) == 5:
            self.delimiter, self._skip = first.strip()[4], 1
        else:
            self.delimiter = max(_DELIMITERS, key=first.count)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Line number (as an editor shows it) and cells of each record that is not blank; the first is the header.

        Raises:
            PipelineError: while iterating: the file is damaged, too large, or no text.
        """
        if self._packing == PARQUET:
            yield from parquet_records(self.path)
            return
        records = self._plain_records()
        first = next(records, None)
        if first is None:
            return
        yield from _one_header(first, records)
        yield from records

    def _plain_records(self) -> Iterator[tuple[int, list[str]]]:
        skip = self._skip
        reader = csv.reader(self._lines(), delimiter=self.delimiter)
        header = True
        while True:
            try:
                record = next(reader, None)
            except csv.Error as error:
                raise PipelineError(f"{self.path}: not a CSV file: {error}") from error
            if record is None:
                return
            if not record or (header and not any(cell.strip() for cell in record)):
                continue
            if skip:
                skip -= 1
                continue
            header = False
            yield reader.line_num, record

    def _lines(self) -> Iterator[str]:
        total, started = 0, False
        with explain_os_errors(self.path, "read"), self.path.open("rb") as file:
            try:
                stream = io.BufferedReader(unpacked(file, self._packing))  # type: ignore[type-var]
                wide = stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
                text = io.TextIOWrapper(stream, "utf-16" if wide else "utf-8", newline="")
                while line := text.readline(LONGEST_LINE):
                    total += len(line)
                    if not started:
                        line, started = line.removeprefix("\ufeff"), True
                    self._check(line, total)
                    yield line
            except DAMAGED as error:
                raise PipelineError(
                    f"{self.path}: the {self._packing} data is cut short or damaged; fetch the file again"
                ) from error
            except UnicodeError as error:
                raise PipelineError(f"{self.path}: not a CSV file: it is not UTF-8 text") from error

    def _check(self, line: str, total: int) -> None:
        # Python strips these as if they were blanks.
        if any(mark in line for mark in "\x1c\x1d\x1e\x1f"):
            raise PipelineError(f"{self.path}: not a CSV file: it holds control characters")
        if "\0" in line:
            raise PipelineError(f"{self.path}: not a CSV file: it holds NUL bytes")
        if len(line) >= LONGEST_LINE:
            raise PipelineError(f"{self.path}: not a CSV file: a line is longer than {LONGEST_LINE} characters")
        check_size(self.path, total, self._size if self._packing else 0)


def _one_header(
    first: tuple[int, list[str]], records: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    """The header, and what was read to find it: yfinance writes three lines (Price, Ticker, Date) for one."""
    if first[1][0].strip().lower() != "price":
        yield first
        return
    ahead = [first]
    for record in records:
        ahead.append(record)
        if len(ahead) == 3:
            break
    if len(ahead) == 3:
        (line, names), (_, tickers), (_, last) = ahead
        of_one = tickers[0].strip().lower() == "ticker" and len({ticker.strip() for ticker in tickers[1:]}) == 1
        if of_one and last[0].strip().lower() in ("date", "datetime") and not any(cell.strip() for cell in last[1:]):
            ahead = [(line, [last[0], *names[1:]])]
    yield from ahead
