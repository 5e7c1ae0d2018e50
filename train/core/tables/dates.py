"""Dates as tables hold them; the rules of `runtime/src/surface/dates.rs`.

ISO with or without time and zone, YYYYMMDD, YYYY/MM/DD, M/D/YYYY or D/M/YYYY where the whole file settles the order,
D.M.YYYY, 4-Mar-2024, and the day numbers of spreadsheets. The day is the one written, whatever the zone.
"""

import datetime as dt
import re
from dataclasses import dataclass, field

ISO, YEAR_FIRST, COMPACT, SLASHED, DOTTED, NAMED, SERIAL = (
    "YYYY-MM-DD",
    "YYYY/MM/DD",
    "YYYYMMDD",
    "M/D/YYYY",
    "D.M.YYYY",
    "D-Mon-YYYY",
    "day number",
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = dt.date(1899, 12, 30)
_TIME = set("0123456789:.+-ZUTC ")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})?$", re.ASCII)
_SUMMER = 60
"""Minutes by which the clock of one place differs within a year."""
_SATURDAY, _SUNDAY, _MONDAY = 0, 1, 2
"""Remainders of a spreadsheet's day numbers by 7."""

Parts = tuple[int, int, int]


def classify(text: str) -> tuple[str, Parts] | None:
    """The format of a date and its three numbers in the order written; None where it is none that is known."""
    head, time = _split(text)
    if time and not (len(time) >= 5 and time[2] == ":" and time[:2].isdigit() and set(time) <= _TIME):
        return None
    if not head.isascii():
        return None
    if head.isdigit() and not time:
        if len(head) == 8 and head[:2] in ("19", "20"):
            return COMPACT, (int(head[:4]), int(head[4:6]), int(head[6:]))
        return (SERIAL, (int(head), 0, 0)) if len(head) == 5 else None
    for mark, format_, lengths in (("-", ISO, (4, 2, 2)), ("/", YEAR_FIRST, (4, -2, -2)), (".", DOTTED, (-2, -2, 4))):
        if numbers := _numbers(head.split(mark), lengths):
            return format_, numbers
    if numbers := _numbers(head.split("/"), (-2, -2, 4)):
        return SLASHED, numbers
    parts = head.split("-")
    if len(parts) == 3 and parts[1].lower() in _MONTHS:
        parts[1] = str(_MONTHS.index(parts[1].lower()) + 1)
        if numbers := _numbers(parts, (-2, -2, 4)):
            return NAMED, numbers
    return None


def _split(text: str) -> tuple[str, str]:
    for at, letter in enumerate(text):
        if letter == " " or (letter == "T" and text[:at][-1:].isdigit()):
            return text[:at], text[at + 1 :]
    return text, ""


def _zone(time: str) -> int | None:
    """Minutes east of UTC; None where it is not said."""
    if time.endswith(("Z", "UTC")):
        return 0
    found = _OFFSET.search(time)
    if found is None:
        return None
    minutes = 60 * int(found[2]) + int(found[3] or 0)
    return -minutes if found[1] == "-" else minutes


def _numbers(parts: list[str], lengths: tuple[int, int, int]) -> Parts | None:
    """The numbers, if each has its length; a negative length: that many digits at most."""
    if len(parts) != 3:
        return None
    for part, length in zip(parts, lengths, strict=True):
        if not part.isdigit() or (len(part) != length if length > 0 else len(part) > -length):
            return None
    return int(parts[0]), int(parts[1]), int(parts[2])


@dataclass
class DateColumn:
    """What the dates of a column seen so far tell of its format."""

    format: str | None = None
    month_first: bool = False
    day_first: bool = False
    example: str = ""
    zone: tuple[int | None, str] | None = None
    """Minutes east of UTC (None: not said) of the first cell with a time, and the cell."""
    weekdays: set[int] = field(default_factory=set)
    """Of day numbers, their remainders by 7."""
    _last: str | None = field(default=None, repr=False)

    def see(self, text: str) -> str | None:
        """Look at one more cell; what is wrong with it, if anything."""
        if text == self._last:
            return None
        found = classify(text)
        if found is None:
            return f"must be YYYY-MM-DD (or MM/DD/YYYY), found '{text[:40]}'"
        if self.format not in (None, found[0]):
            return f"'{text[:40]}' is written in another format than the rows before; use one"
        self.format, self._last = found[0], text
        if found[0] == SLASHED:
            self.day_first |= found[1][0] > 12
            self.month_first |= found[1][1] > 12
            self.example = self.example or text
        elif found[0] == SERIAL:
            self.weekdays.add(found[1][0] % 7)
        return self._other_zone(text)

    def _other_zone(self, text: str) -> str | None:
        """What is wrong with the time zone of a cell: a day is that of one clock."""
        _, time = _split(text)
        if not time:
            return None
        zone = _zone(time)
        before, first = self.zone = self.zone or (zone, text)
        if zone == before or (zone is not None and before is not None and abs(zone - before) <= _SUMMER):
            return None
        return f"'{text[:40]}' is of another time zone than '{first[:40]}'; write the days of one clock"

    def doubt(self) -> str | None:
        """Why the days are not settled, once every cell was seen: the order of day and month, or the first day."""
        if _SATURDAY in self.weekdays and not self.weekdays & {_SUNDAY, _MONDAY}:
            return (
                "its day numbers fall on Saturdays and never on a Monday: does the spreadsheet count from 1904? Write "
                "YYYY-MM-DD"
            )
        if self.format != SLASHED or self.day_first != self.month_first:
            return None
        if self.day_first:
            return "some rows have the day first and some the month; write YYYY-MM-DD"
        one, other, year = self.example.split(" ")[0].split("/")
        a, b = int(one), int(other)
        return (
            f"'{self.example[:40]}' can be read as {year}-{a:02d}-{b:02d} and as {year}-{b:02d}-{a:02d}, and no row "
            "settles which; write YYYY-MM-DD"
        )

    def read(self, text: str) -> dt.date | None:
        """The day of a cell that was seen; None where the calendar has no such day."""
        found = classify(text)
        if found is None:
            return None
        format_, (a, b, c) = found
        try:
            if format_ == SERIAL:
                return _EPOCH + dt.timedelta(days=a)
            if format_ in (DOTTED, NAMED) or (format_ == SLASHED and self.day_first):
                return dt.date(c, b, a)
            return dt.date(c, a, b) if format_ == SLASHED else dt.date(a, b, c)
        except ValueError:
            return None
