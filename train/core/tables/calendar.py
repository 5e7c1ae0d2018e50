"""On which days something can have been observed; `runtime/src/surface/calendar.rs` says the same, by the same table.

`tests/data/make_exchange_days.py` writes the table from the library exchange_calendars; no command needs the library.
"""

import argparse
import datetime as dt
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from train.core.errors import PipelineError
from train.core.files import read_json

FIRST_DAY = dt.date(1970, 1, 1)
"""No date lies before it: what does is a mistake of the clock or of the format."""
WEEKDAYS, EVERY_DAY = "weekdays", "24/7"
WEEKEND = "a Saturday or Sunday"
CALENDARS = "weekdays, 24/7 or the code (MIC) of an exchange, as XNYS"
_CONFIG = Path("config/ml_config.json")
_TABLE = Path(__file__).with_name("exchange_days.txt")


@dataclass(frozen=True)
class Calendar:
    """Which days are trading days: `weekdays` (the default), `24/7`, or those of an exchange by its code (MIC).

    `span` holds the first and the last day for which holidays are known; None where no table is needed.
    """

    name: str = WEEKDAYS
    span: tuple[dt.date, dt.date] | None = None
    _holidays: frozenset[dt.date] = field(default=frozenset(), repr=False)

    def closed(self, date: dt.date) -> str | None:
        """Why the day is no trading day; None for one that is. A day outside of `span` is judged by weekdays."""
        if self.name == EVERY_DAY:
            return None
        if date.weekday() >= 5:
            return WEEKEND
        return f"no session of {self.name}" if date in self._holidays else None

    def not_judged(self, dates: Iterable[dt.date]) -> str | None:
        """What to say of days outside of the table."""
        if self.span is None:
            return None
        first, last = self.span
        days = list(dates)
        outside = sum(not first <= date <= last for date in days)
        if not outside:
            return None
        return (
            f"calendar {self.name}: holidays are known from {first} to {last}; {outside} of {len(days)} days lie "
            "outside, judged by weekdays alone"
        )

    def no_trading_day(self, date: dt.date) -> str | None:
        """Why nothing can have been observed on that day; None for a day on which something can."""
        if date < FIRST_DAY:
            return f"lies before {FIRST_DAY}"
        if reason := self.closed(date):
            return f"is {reason}, no trading day"
        return "lies in the future" if date > latest_day() else None


BY_WEEKDAYS = Calendar()


def calendar_of(name: str) -> Calendar:
    """The calendar of that name, in any case.

    Raises:
        PipelineError: there is none; names those that there are.
    """
    if name.lower() == WEEKDAYS:
        return BY_WEEKDAYS
    if name == EVERY_DAY:
        return Calendar(EVERY_DAY)
    found = _exchanges().get(name.upper())
    if found is None:
        raise PipelineError(
            f"calendar: must be {WEEKDAYS}, {EVERY_DAY} or an exchange ({', '.join(_exchanges())}), found '{name}'"
        )
    return found


def configured_calendar(asked: str | None = None) -> Calendar:
    """The calendar asked for, else `runtime.calendar` of the config of the working directory, else weekdays.

    Every command that reads files with days goes by it, as `dollarbill-ml` does.

    Raises:
        PipelineError: there is none of that name, or the config is no JSON object.
    """
    if asked is not None or not _CONFIG.is_file():
        return BY_WEEKDAYS if asked is None else calendar_of(asked)
    fields = read_json(_CONFIG)
    runtime = fields.get("runtime") if isinstance(fields, dict) else None
    name = runtime.get("calendar") if isinstance(runtime, dict) else None
    if name is not None and not isinstance(name, str):
        raise PipelineError(f"{_CONFIG}: field 'runtime.calendar': must be {CALENDARS}, found {name!r}")
    try:
        return BY_WEEKDAYS if name is None else calendar_of(name)
    except PipelineError as error:
        raise PipelineError(f"{_CONFIG}: field 'runtime.calendar': {error}") from error


def calendar_name(text: str) -> str:
    """The name of a calendar as a command line takes it."""
    try:
        return calendar_of(text).name
    except PipelineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@functools.cache
def _exchanges() -> dict[str, Calendar]:
    """The table. A line begins with an exchange and its span, or with a year and holidays of it."""
    spans: dict[str, tuple[dt.date, dt.date]] = {}
    holidays: dict[str, list[dt.date]] = {}
    name = ""
    for line in _TABLE.read_text(encoding="ascii").splitlines():
        first, *rest = line.split(" ")
        if first.isdigit():
            holidays[name] += [dt.date(int(first), int(day[:2]), int(day[2:])) for day in rest]
        else:
            name, holidays[first] = first, []
            spans[first] = (dt.date.fromisoformat(rest[0]), dt.date.fromisoformat(rest[1]))
    return {name: Calendar(name, spans[name], frozenset(days)) for name, days in holidays.items()}


def latest_day() -> dt.date:
    """Today, or tomorrow: it is tomorrow somewhere already."""
    return dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
