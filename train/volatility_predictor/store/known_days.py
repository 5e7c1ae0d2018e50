"""Which days a forecast rests on: those observed, a dated file's, and an undated snapshot as the newest one.

The rules and words of `runtime/src/models/volatility_predictor/days.rs`. A snapshot without dates is of the day that is
given, else of the one in its name, else of its modification time by New York's clock without summer time (UTC-5), whose
midnight no trading session crosses; a day that is no trading day then counts as the last one before it.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.surfaces.chain_rows import is_chain
from train.volatility_predictor.surfaces.file_name import (
    checked_symbol,
    date_in_name,
    name_in_file,
    symbol_of,
)
from train.volatility_predictor.surfaces.plausible.levels import LONGEST_GAP, level_change, quotes_change
from train.volatility_predictor.surfaces.surface_days import COPY_QUOTES, SurfaceHistory, read_days

Floats = NDArray[np.float64]

DAYS_LOOKED_UP = 1024
"""More days than any window holds."""
CLOCK = dt.timezone(dt.timedelta(hours=-5))
LOOKED_AT = 10
"""The newest days whose gaps and jumps are worth a warning."""

_Days = dict[dt.date, Floats]
_DAYS_LEFT_OUT = re.compile("left out: [0-9]+ days?: ")


@dataclass(frozen=True)
class KnownDays:
    """Days of one symbol, oldest first: `features` float64 [day, feature] in contract order, NaN = missing.

    `place` says where they come from, `todo` what to do if they are too few, `warnings` what a trader should know,
    `notes` how the file was read and what was left out of it.
    """

    symbol: str
    dates: tuple[dt.date, ...]
    features: Floats
    place: str
    todo: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def days_of_symbol(
    symbol: str,
    *,
    store: Path,
    data_dir: Path,
    date: dt.date | None = None,
    accept: bool = False,
    calendar: Calendar = BY_WEEKDAYS,
) -> KnownDays:
    """The days of `symbol`: the store's, and on top of them `<data_dir>/<symbol in lower case>_vol_surface.csv`.

    Args:
        symbol: in any case.
        store: the history store; it need not be there.
        data_dir: where the engine writes its surfaces.
        date: the day of the undated snapshot there.
        accept: use what is drastic and say so.
        calendar: which days are trading days.

    Raises:
        PipelineError: a file or the store is wrong, or the snapshot does not fit on top of the days observed.
    """
    symbol = checked_symbol(symbol)
    file = data_dir / f"{name_in_file(symbol)}_vol_surface.csv"
    days, warnings, place = _stored(store, symbol), [], f"symbol {symbol}"
    notes: tuple[str, ...] = ()
    if file.exists():
        found = read_days(file, accept=accept, calendar=calendar)
        notes = found.notes
        if found.symbol.upper() not in (symbol, symbol_of(file)):
            raise PipelineError(f"{file}: its rows are of {found.symbol.upper()}, not of {symbol}")
        if found.dates[0] is not None:
            _no_date_wanted(file, date)
            days |= _dated(found)
            warnings += _dropped_last(found)
        else:
            if not days:
                place = f"{file}: a snapshot without a date (no history)"
            older = _add_newest(days, found, file, date, calendar=calendar)
            if older and date is not None:
                raise PipelineError(f"{file}: {older}; name the day it shows with --date")
            if older:
                # The store knows more than a file that nobody renewed.
                warnings.append(f"{file}: {older}; it is left out")
    elif date is not None:
        raise PipelineError(f"{file}: is not there, so --date has nothing to date")
    elif not days:
        place += f": never observed (no day in history store {store}, no file {file})"
    todo = _todo(file if file.exists() else Path("SNAPSHOT.csv"), symbol)
    known = replace(_known(symbol, days, place, todo, warnings, accept), notes=notes)
    if known.dates and (age := (dt.datetime.now(CLOCK).date() - known.dates[-1]).days) > LONGEST_GAP:
        # A forecast for the days after one long past is of no use to somebody who trades today.
        late = f"the newest day known is {known.dates[-1]}, {age} days ago"
        return replace(known, warnings=(*known.warnings, late))
    return known


def days_of_file(
    path: Path,
    *,
    store: Path,
    date: dt.date | None = None,
    symbol: str | None = None,
    accept: bool = False,
    calendar: Calendar = BY_WEEKDAYS,
) -> KnownDays:
    """The days of a dated file; or an undated snapshot on top of what the store holds of its symbol.

    Args:
        path: the file.
        store: the history store; it need not be there, and is not looked at for a dated file.
        date: the day of an undated snapshot.
        symbol: the one to read of a file that holds several.
        accept: use what is drastic and say so.
        calendar: which days are trading days.

    Raises:
        PipelineError: as `days_of_symbol`.
    """
    chain = is_chain(path)
    found = read_days(path, date=date if chain else None, symbol=symbol, accept=accept, calendar=calendar)
    symbol = checked_symbol(found.symbol)
    if chain and len(found.dates) == 1:
        date = found.dates[0]
    elif found.dates[0] is not None:
        _no_date_wanted(path, date)
        todo = f"{_left_out(found)}a file with more days is needed"
        known = _known(symbol, _dated(found), str(path), todo, _dropped_last(found), accept)
        return replace(known, notes=found.notes)
    days = _stored(store, symbol)
    place = f"{path} and the days observed" if days else f"{path}: a snapshot without a date (no history)"
    older = _add_newest(days, found, path, date, calendar=calendar)
    if older:
        raise PipelineError(f"{path}: {older}; name the day it shows with --date")
    known = _known(symbol, days, place, _todo(path, symbol), [], accept)
    return replace(known, notes=found.notes)


def _stored(store: Path, symbol: str) -> _Days:
    if not store.exists():
        return {}
    with HistoryStore(store) as opened:
        return _dated(opened.days(symbol, DAYS_LOOKED_UP))


def _dated(history: SurfaceHistory) -> _Days:
    rows = zip(history.dates, history.features, strict=True)
    return {date: features for date, features in rows if date is not None}


def _add_newest(
    days: _Days, found: SurfaceHistory, path: Path, date: dt.date | None, *, calendar: Calendar
) -> str | None:
    """Put the snapshot on top, in place of a day of the same date; the reason when it is older than the newest."""
    named = None if date else date_in_name(path)
    own = date or named or _modified(path, calendar)
    source = "--date" if date else "in its name" if named else "its modification time"
    if reason := calendar.no_trading_day(own):
        raise PipelineError(f"{path}: {own} ({source}) {reason}")
    last = max(days, default=own)
    if own < last:
        return f"is of {own} ({source}), older than the newest day observed, {last}"
    days[own] = found.features[0]
    return None


def _modified(path: Path, calendar: Calendar) -> dt.date:
    with explain_os_errors(path, "read"):
        time = path.stat().st_mtime
    date = dt.datetime.fromtimestamp(time, CLOCK).date()
    while calendar.closed(date):
        date -= dt.timedelta(days=1)
    return date


def _no_date_wanted(path: Path, date: dt.date | None) -> None:
    if date is not None:
        raise PipelineError(f"{path}: the file has dates of its own; leave --date out")


def _todo(path: Path, symbol: str) -> str:
    return (
        f"run `dollarbill-ml observe {path} --date YYYY-MM-DD` each day, then `dollarbill-ml predict --symbol {symbol}`"
    )


def _dropped_last(found: SurfaceHistory) -> list[str]:
    """A warning when the last days of the file were of no use: the forecast is for the days after an older one."""
    newest = str(found.dates[-1])
    late = [line for line in found.dropped if line[:10] > newest]
    if not late:
        return []
    more = f" and {len(late) - 3} more" if len(late) > 3 else ""
    return [f"the forecast rests on {newest}: the days after it were left out: {'; '.join(late[:3])}{more}"]


def _left_out(found: SurfaceHistory) -> str:
    """Why most of the days that were left out are not known, the first part of what to do about it."""
    return next((f"{note}; " for note in found.notes if _DAYS_LEFT_OUT.match(note)), "")


def _jumps(kept: list[tuple[dt.date, Floats]], place: str, accept: bool) -> list[str]:
    """Warnings for what moved overnight as markets seldom do; refused where none ever did."""
    levels = [(date, float(features[0])) for date, features in kept]
    found = [level_change(one, other) for one, other in pairwise(levels[-LOOKED_AT:])]
    if kept:
        before = [float(features[-1]) for _, features in kept[:-1]]
        found.append(quotes_change(kept[-1][0], float(kept[-1][1][-1]), before))
    lines = []
    for drastic, text in (change for change in found if change is not None):
        if drastic and not accept:
            raise PipelineError(f"{place}: {text} If it is right, add --accept")
        lines.append(text)
    return lines


def _known(symbol: str, days: _Days, place: str, todo: str, warnings: list[str], accept: bool) -> KnownDays:
    kept: list[tuple[dt.date, Floats]] = []
    for date, features in sorted(days.items(), key=lambda day: day[0]):
        # A holiday's copy, or the snapshot that was observed already.
        if not kept or features[-1] < COPY_QUOTES or not np.array_equal(features, kept[-1][1], equal_nan=True):
            kept.append((date, features))
    if len(kept) < len(days):
        place += f" (copies of the day before left out: {len(days) - len(kept)})"
    for (one, _), (other, _) in pairwise(kept[-LOOKED_AT:]):
        gap = (other - one).days
        if gap > LONGEST_GAP:
            warnings.append(f"{one} and {other} are {gap} days apart and count as neighbours")
    warnings += _jumps(kept, place, accept)
    table = np.array([features for _, features in kept]).reshape(-1, len(DAILY_FEATURES))
    return KnownDays(symbol, tuple(date for date, _ in kept), table, place, todo, tuple(warnings))
