"""Times of day beside the dates of a table: `10/13/2026 9:31:05 AM`, `13-Oct-26 16:00 ET`, seconds since 1970."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

from train.core.tables.dates import SECONDS, SERIAL, DateColumn, classify

_TIME = re.compile(
    r"[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)?"
    r"(?: ?(Z|UTC|GMT|EST|EDT|ET|[+-][0-9]{2}(?::?[0-9]{2})?))?$",
    re.ASCII,
)
_NEW_YORK = ZoneInfo("America/New_York")
_HOURS = {"Z": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4}


class MomentColumn:
    """The moments of a column; `see` every cell first, then ask `doubt`, then `read` each."""

    def __init__(self) -> None:
        self._days = DateColumn()
        self._iso = self._other = 0
        self._settled = True

    def see(self, text: str) -> None:
        """Look at a cell; one that is ISO 8601 or no date at all tells nothing of the others."""
        if _iso(text) is not None:
            self._iso += 1
        elif self._days.see(text) is None:
            self._other += 1

    def doubt(self) -> str | None:
        """Why the days are not settled; None where they are, or where most are ISO 8601 and the others are not read."""
        found = None if self._days.format == SECONDS else self._days.doubt()
        self._settled = found is None
        return found if self._other > self._iso else None

    def read(self, text: str) -> dt.datetime | None:
        """The moment, with its time zone where it says one (UTC for seconds since 1970); None where it is none."""
        found = _iso(text)
        return self._read(text) if found is None and self._settled else found

    def _read(self, text: str) -> dt.datetime | None:
        kind = classify(text)
        day = self._days.read(text)
        if kind is None or day is None:
            return None
        start = dt.datetime.combine(day, dt.time())
        if kind[0] == SECONDS:
            whole, _, decimals = text.partition(".")
            part = int(f"{whole[10:]}{decimals}".ljust(6, "0")[:6])
            return start.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=kind[1][1], microseconds=part)
        if kind[0] == SERIAL:
            return start + dt.timedelta(seconds=round(float(f"0.{text.partition('.')[2] or 0}") * 86400))
        if ":" not in text:
            return start
        time = _TIME.search(text)
        return None if time is None else _at(start, time)


def _iso(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _at(day: dt.datetime, time: re.Match[str]) -> dt.datetime | None:
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    if time[5] and not 1 <= hour <= 12:
        return None
    if time[5]:
        hour = hour % 12 + (12 if time[5] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    moment = day.replace(hour=hour, minute=minute, second=second, microsecond=int((time[4] or "0").ljust(6, "0")[:6]))
    zone = time[6]
    if zone is None:
        return moment
    if zone == "ET":
        return moment.replace(tzinfo=_NEW_YORK)
    if zone in _HOURS:
        return moment.replace(tzinfo=dt.timezone(dt.timedelta(hours=_HOURS[zone])))
    digits = zone[1:].replace(":", "")
    minutes = 60 * int(digits[:2]) + int(digits[2:] or 0)
    if minutes >= 24 * 60:
        return None
    return moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=-minutes if zone[0] == "-" else minutes)))
