"""Days that were kept while the model served: those of the history store, and those that its log holds."""

import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path

from train.core.errors import PipelineError
from train.core.records.live_files import is_live_log
from train.core.records.live_log import LiveLog, read_live_log
from train.core.records.live_rows import LiveRow
from train.core.tables.calendar import configured_calendar
from train.volatility_predictor.contract import DAILY_NAMES, VOLATILITY_PREDICTOR
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.surfaces.surface_days import read_days

Days = dict[dt.date, tuple[float, ...]]
"""Date -> the day's features, NaN where one is missing."""
_SQLITE = b"SQLite format 3\0"


def is_store(path: Path) -> bool:
    """Whether a file is a history store, by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def is_kept(path: Path) -> bool:
    """Whether a path is a history store or a log, and no surface."""
    return is_store(path) or is_live_log(path)


def kept_days(path: Path) -> tuple[dict[str, Days], list[str]]:
    """Symbol -> its days, of a history store or a log; and what is to be said of it."""
    if is_store(path):
        return days_of_store(path), []
    log = read_live_log([path], model=VOLATILITY_PREDICTOR, columns=DAILY_NAMES)
    return days_of_log(log), log.skipped.report()


def days_of_file(path: Path) -> dict[str, Days]:
    """Symbol -> its days, of a surface file with dates, a history store, or a log."""
    if is_kept(path):
        return kept_days(path)[0]
    history = read_days(path, calendar=configured_calendar())
    rows = zip(history.dates, history.features.tolist(), strict=True)
    days = {date: tuple(row) for date, row in rows if date is not None}
    if not days:
        raise PipelineError(f"{path}: has no dates; what came is told by days with dates")
    return {history.symbol: days}


def days_of_store(path: Path) -> dict[str, Days]:
    """Every symbol of a history store."""
    found: dict[str, Days] = {}
    with HistoryStore(path) as store:
        for symbol in store.symbols():
            history = store.days(symbol, -1)
            rows = zip(history.dates, history.features.tolist(), strict=True)
            found[symbol] = {date: tuple(row) for date, row in rows if date is not None}
    return found


def days_of_log(log: LiveLog) -> dict[str, Days]:
    """The newest day of each forecast; of a day that was asked for several times the last."""
    found: dict[str, Days] = {}
    for row in log.rows:
        features, asked = _features(row.inputs), day_of(row)
        if asked is not None and not math.isnan(features[0]):
            found.setdefault(asked[0], {})[asked[1]] = features
    return found


def day_of(row: LiveRow) -> tuple[str, dt.date] | None:
    """Symbol and newest day of a forecast; None where the log does not say."""
    symbol, text = row.about.get("symbol"), row.about.get("date")
    if not isinstance(symbol, str) or not isinstance(text, str):
        return None
    try:
        return symbol, dt.date.fromisoformat(text)
    except ValueError:
        return None


def _features(inputs: Mapping[str, object]) -> tuple[float, ...]:
    values = (inputs.get(name) for name in DAILY_NAMES)
    return tuple(float(value) if isinstance(value, int | float) else math.nan for value in values)
