"""Bytes of a table -> records of cells, a piece at a time; the rules of `runtime/src/surface/table.rs`.

Plain or gzip by content, UTF-8 or UTF-16 by its mark, parted by comma, semicolon, tab or bar: whichever the header has
most of. Memory does not grow with the file: what unpacks to far more than any table does is refused early.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from train.core.errors import PipelineError
from train.core.files import explain_os_errors

MAX_BYTES = 1 << 30
"""Of the unpacked text."""
BOMB_FROM = 1 << 26
"""Bytes of text from which on the ratio counts."""
BOMB_RATIO = 200
"""Text bytes for one packed byte; real tables have 5 to 20."""
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
        self.delimiter, self._skip = ",", 0
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
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            try:
                stream = gzip.GzipFile(fileobj=file) if packed else file
                text = io.TextIOWrapper(io.BufferedReader(stream), self._encoding(packed), newline="")
                while line := text.readline(LONGEST_LINE):
                    total += len(line)
                    if not started:
                        line, started = line.removeprefix("\ufeff"), True
                    self._check(line, total, packed)
                    yield line
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise PipelineError(
                    f"{self.path}: the gzip data is cut short or damaged; fetch the file again"
                ) from error
            except UnicodeError as error:
                raise PipelineError(f"{self.path}: not a CSV file: it is not UTF-8 text") from error

    def _encoding(self, packed: bool) -> str:
        with self.path.open("rb") as file:
            start = (gzip.GzipFile(fileobj=file) if packed else file).read(2)
        return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8"

    def _check(self, line: str, total: int, packed: bool) -> None:
        if "\0" in line:
            raise PipelineError(f"{self.path}: not a CSV file: it holds NUL bytes")
        if len(line) >= LONGEST_LINE:
            raise PipelineError(f"{self.path}: not a CSV file: a line is longer than {LONGEST_LINE} characters")
        if total > MAX_BYTES:
            raise PipelineError(f"{self.path}: more than {MAX_BYTES} bytes of text; split the file")
        if packed and total > BOMB_FROM and total > BOMB_RATIO * self._size:
            raise PipelineError(
                f"{self.path}: unpacks to more than {BOMB_RATIO} times its size, as no table does; fetch the file again"
            )
