"""A trading-history file, in bounded memory: looked over once when it is opened, then read row by row.

What casts doubt on the whole file is a `PipelineError`: a column without values, a decimal mark or an order of day and
month that cannot be told, a timestamp in the future, time zones on some rows only.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from train.core.cells import MISSING, Spelling, decimal_commas
from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.moments import MomentColumn
from train.core.tables.parquet import parquet_records
from train.core.tables.table import LONGEST_LINE
from train.core.tables.unpacked import DAMAGED, PARQUET, check_packed, check_size, packing, unpacked
from train.signal_classifier.contract import HISTORY_LABELS, HISTORY_OPTIONAL, SIGNAL_NAMES
from train.signal_classifier.history.trade_rows import TIMES, Rejection, RowReader, Trade, in_utc

SPELLINGS = dict.fromkeys(
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
_EAST = timedelta(hours=14)  # a local time without a zone may be ahead of UTC by so much


@dataclass(frozen=True)
class HistoryFile:
    """A history file that was looked over: `header` in lower case, `commas` says whose decimal mark is a comma."""

    path: Path
    header: tuple[str, ...]
    commas: dict[str, bool]
    moments: dict[str, MomentColumn]
    sha256: str

    @property
    def used(self) -> frozenset[str]:
        """Names of the columns that are read."""
        return frozenset(self.header) & {*SIGNAL_NAMES, *HISTORY_LABELS, *HISTORY_OPTIONAL}

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Line in the file and cells of every row, read anew each time."""
        records = _records(self.path)
        next(records)
        yield from records

    def trades(self, now: datetime) -> Iterator[tuple[int, Trade | Rejection]]:
        """Line and content of every row, usable or rejected, in file order; times in UTC.

        Raises:
            PipelineError: a label is not 0/1, a timestamp lies after `now`, or some timestamps have a time zone and
                some have none.
        """
        reader = RowReader(self.path, self.header, self.commas, self.moments)
        naive: bool | None = None
        for line, cells in self.lines():
            row = reader.read(cells, line)
            if isinstance(row, Rejection) or row.time is None:
                yield line, row
                continue
            found = row.time.tzinfo is None
            if naive not in (None, found):
                raise PipelineError(f"{self.path} row {line}: 'timestamp': some rows have a time zone, some none")
            naive = found
            time = in_utc(row.time)
            if time is not None and time > now + (_EAST if naive else timedelta(0)):
                raise PipelineError(
                    f"{self.path} row {line}: column 'timestamp': {row.time.isoformat()} lies in the future "
                    f"(now: {now.isoformat(timespec='seconds')}); a history holds past trades only"
                )
            yield line, replace(row, time=time, closed=in_utc(row.closed))


def open_history(path: Path) -> HistoryFile:
    """Look a file over, from beginning to end.

    Raises:
        PipelineError: it cannot be read, is no CSV or Parquet file with the right header, has no rows, a column that
            holds no number at all, or a decimal mark or an order of day and month that cannot be told.
    """
    records = _records(path)
    header = tuple(SPELLINGS.get(name, name) for name in (name.strip().lower() for name in next(records)[1]))
    _check_header(path, header)
    places = [(at, Spelling()) for at, name in enumerate(header) if name in {*SIGNAL_NAMES, "pnl"}]
    wanted = {*SIGNAL_NAMES, *HISTORY_LABELS}
    empty = {name: at for at, name in sorted(enumerate(header), key=lambda one: one[1]) if name in wanted}
    moments = {name: MomentColumn() for name in TIMES}
    timed = [(at, moments[name]) for at, name in enumerate(header) if name in moments]
    rows = 0
    for _, cells in records:
        rows += 1
        if len(cells) != len(header):
            continue
        for name in [name for name, at in empty.items() if cells[at].strip().lower() not in MISSING]:
            del empty[name]
        for at, column in timed:
            column.see(cells[at].strip())
        for at, spelling in places:
            cell = cells[at]
            # Nothing else in a cell can tell more of the decimal mark than is known.
            if "," in cell or (not spelling.point and "." in cell):
                spelling.see(cell)
    if not rows:
        raise PipelineError(f"{path}: a header and no rows; expected one trade per line")
    if empty:
        raise PipelineError(
            f"{path}: column {next(iter(empty))!r} holds no value in any row; export it with its values"
        )
    for at, column in timed:
        if doubt := column.doubt():
            raise PipelineError(f"{path}: column {header[at]!r}: {doubt}")
    commas = {}
    answers = decimal_commas([spelling for _, spelling in places])
    for (at, _), comma in zip(places, answers, strict=True):
        if comma is None:
            raise PipelineError(
                f"{path}: column {header[at]!r}: a comma can be read as a decimal mark and as one between "
                "thousands; write decimal points and no other mark"
            )
        commas[header[at]] = comma
    with explain_os_errors(path, "read"), path.open("rb") as file:
        return HistoryFile(path, header, commas, moments, hashlib.file_digest(file, "sha256").hexdigest())


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of each record that is not blank; the first is the header."""
    with explain_os_errors(path, "read"):
        how = packing(path)
    if how == PARQUET:
        yield from parquet_records(path)
        return
    check_packed(path, how)
    lines = _lines(path, how)
    # Lines before the header count, though nobody reads them.
    start: list[str] = []
    while (line := next(lines, None)) is not None:
        start.append(line)
        if line.strip():
            break
    else:
        raise PipelineError(f"{path}: the file is empty; expected a header line and one trade per line")
    first = start[-1]

    def whole() -> Iterator[str]:
        yield from start
        yield from lines

    reader = csv.reader(whole(), strict=True, delimiter=max(",;\t", key=first.count))
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise PipelineError(f"{path}: line {reader.line_num}: not CSV: {error}") from error


def _lines(path: Path, how: str) -> Iterator[str]:
    total = 0
    with explain_os_errors(path, "read"), path.open("rb") as file:
        size = path.stat().st_size if how else 0
        stream = io.BufferedReader(unpacked(file, how))  # type: ignore[type-var]
        try:
            wide = stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
            text = io.TextIOWrapper(stream, "utf-16" if wide else "utf-8-sig", newline="")
            while line := text.readline(LONGEST_LINE):
                if wide and not total and SIGNAL_NAMES[0] not in line.lower():
                    raise PipelineError(f"{path}: not UTF-8 text (byte 0); expected a CSV file")
                total += len(line)
                check_size(path, total, size)
                if len(line) >= LONGEST_LINE:
                    raise PipelineError(f"{path}: not CSV: a line is longer than {LONGEST_LINE} characters")
                yield line
        except UnicodeError as error:
            raise PipelineError(f"{path}: not UTF-8 text; expected a CSV file") from error
        except DAMAGED as error:
            raise PipelineError(f"{path}: the {how} data is cut short or damaged; fetch the file again") from error


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
