"""Files and folders of snapshots -> days for the history store; the rules of `runtime/src/store/observe.rs`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from train.core.chains.documents import NOT_A_CHAIN
from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.surfaces.chain_rows import is_chain
from train.volatility_predictor.surfaces.columns import NOT_A_SURFACE
from train.volatility_predictor.surfaces.file_name import UNKNOWN_SYMBOL, checked_symbol, date_in_name
from train.volatility_predictor.surfaces.plausible.levels import level_change, quotes_change
from train.volatility_predictor.surfaces.surface_days import NO_USABLE_DAY, SurfaceHistory, read_days

_ENDS = tuple(end + packed for end in (".csv", ".json", ".parquet") for packed in ("", ".gz", ".zst"))


@dataclass(frozen=True)
class FoundDay:
    """One day of one symbol, the file it stands in, and its features in contract order (NaN = missing)."""

    symbol: str
    date: dt.date
    features: tuple[float, ...]
    path: Path


@dataclass(frozen=True)
class Reading:
    """What to read of a file that needs a word: one symbol of several, what is not plausible, which days count."""

    symbol: str | None = None
    accept: bool = False
    calendar: Calendar = BY_WEEKDAYS


@dataclass
class Said:
    """What was left out of the files, a line each, and how they were read."""

    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_days(
    path: Path, date: dt.date | None = None, reading: Reading | None = None
) -> tuple[list[FoundDay], list[str], list[str]]:
    """The days of a surface file or of a folder of them, a line for each that was left out, and notes on the rest.

    A file with a `Date` column gives each of its days. An undated snapshot is of the day `date`, else of the one in its
    name (`tsla_2024-03-04.csv`). Of a folder, what is no CSV file of a surface, has no date or is of no trading day is
    left out; a wrong row, or a day that stands in two files, is an error.

    Raises:
        PipelineError: a file is wrong, has no date, or another one than `date`; it names no symbol; no day was found.
    """
    reading, said = reading or Reading(), Said()
    if not path.is_dir():
        of_chain = date if is_chain(path) else None
        history = read_days(
            path, date=of_chain, symbol=reading.symbol, accept=reading.accept, calendar=reading.calendar
        )
        found = _days_of(path, history, date, said)
    elif date is not None:
        raise PipelineError(f"{path}: is a folder, its files carry their dates; leave --date out")
    else:
        found = _folder(path, reading, said)
    for one, other in pairwise(found):
        if (one.symbol, one.date) == (other.symbol, other.date):
            raise PipelineError(
                f"{other.path}: holds {other.date} of {other.symbol}, and so does {one.path}; keep one of them; "
                "nothing is stored"
            )
    return found, said.skipped, said.notes


def changes(
    found: Sequence[FoundDay], known: Mapping[str, Mapping[dt.date, tuple[float, ...]]]
) -> list[tuple[bool, str]]:
    """What moved as it seldom does between days found and their neighbours in the store; True where it is drastic.

    What stands in one file alone was looked at when that was read; of it only the counts of quotes are.
    """
    said: list[tuple[bool, str]] = []
    for symbol in sorted(known):
        own = {day.date: day for day in found if day.symbol == symbol}
        days = sorted({**known[symbol], **{date: day.features for date, day in own.items()}}.items())
        for at, (date, features) in enumerate(days):
            if at and (date in own or days[at - 1][0] in own):
                last, before = days[at - 1]
                one_file = date in own and last in own and own[date].path == own[last].path
                change = None if one_file else level_change((last, before[0]), (date, features[0]))
                said += [] if change is None else [(change[0], f"{symbol}: {change[1]}")]
            quotes = quotes_change(date, features[-1], [row[-1] for _, row in days[:at]]) if date in own else None
            said += [] if quotes is None else [(quotes[0], f"{symbol}: {quotes[1]}")]
    return said


def _folder(path: Path, reading: Reading, said: Said) -> list[FoundDay]:
    with explain_os_errors(path, "read"):
        files = sorted(path.iterdir())
    found: list[FoundDay] = []
    for file in files:
        history = _candidate(file, reading)
        if isinstance(history, str):
            said.skipped.append(f"{file}: {history}")
        else:
            found += _days_of(file, history, None, said)
    if not found:
        first = f" (left out: {said.skipped[0]})" if said.skipped else ""
        raise PipelineError(
            f"{path}: a folder without a dated snapshot{first}; call its files tsla_2024-03-04.csv or the like"
        )
    return sorted(found, key=lambda day: (day.symbol, day.date))


def _candidate(path: Path, reading: Reading) -> SurfaceHistory | str:
    """What a file of a folder holds, or why it is no dated snapshot; an error where it is one that is wrong."""
    if path.is_dir():
        return "a folder"
    if path.name.startswith("."):
        return "a hidden file"
    if not path.name.lower().endswith(_ENDS):
        return "neither .csv, .json nor .parquet (packed: .gz, .zst)"
    try:
        history = read_days(path, symbol=reading.symbol, accept=reading.accept, calendar=reading.calendar)
    except PipelineError as error:
        reason = str(error).removeprefix(f"{path}: ")
        if reason.startswith((NOT_A_SURFACE, NOT_A_CHAIN)):
            return "not a surface file by its header"
        if reason.startswith(NO_USABLE_DAY):
            return reason
        raise
    if history.dates[0] is not None:
        return history
    named = date_in_name(path)
    if named is None:
        return "a snapshot without a date in its rows or its name"
    closed = reading.calendar.closed(named)
    return f"{named}: {closed}" if closed else history


def _days_of(path: Path, history: SurfaceHistory, date: dt.date | None, said: Said) -> list[FoundDay]:
    """The days of one file, each with its date."""
    other = date or date_in_name(path)
    single = len(history.dates) == 1
    if date is not None and not single:
        raise PipelineError(f"{path}: holds more than one day; observe takes the snapshot of one")
    said.skipped += [f"{path}: {reason}" for reason in history.dropped]
    # Each day that was left out has its own line.
    said.notes += [f"{path}: {n}" for n in history.notes if not (n.startswith("left out: ") and " day" in n)]
    symbol = checked_symbol(history.symbol)
    if symbol == UNKNOWN_SYMBOL:
        raise PipelineError(
            f"{path}: neither its rows nor its name give one symbol; call it tsla_2024-03-04.csv, or add --symbol"
        )
    dates: Sequence[dt.date | None] = history.dates
    if dates[0] is None:
        if other is None:
            raise PipelineError(
                f"{path}: a snapshot without a date; add --date YYYY-MM-DD, or call it tsla_2024-03-04.csv or the like"
            )
        dates = [other]
    elif single and other not in (None, dates[0]):
        raise PipelineError(f"{path}: is dated {dates[0]}, not {other}")
    rows = zip(dates, history.features.tolist(), strict=True)
    return [FoundDay(symbol, day, tuple(features), path) for day, features in rows if day is not None]
