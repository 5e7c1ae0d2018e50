"""Dates as tables hold them; the rules of `runtime/src/surface/dates.rs`.

ISO with or without time and zone, YYYYMMDD, YYYY/MM/DD, M/D/YYYY or D/M/YYYY (also with two digits of the year) where
the whole file settles the order, D.M.YYYY, months by name, the day numbers of spreadsheets, and seconds since 1970
(also in thousandths and finer). The day is the one written, whatever the zone; that of a count of seconds is UTC's.
"""

import datetime as dt
import re
from dataclasses import dataclass, field

ISO, YEAR_FIRST, COMPACT, SLASHED, SHORT, DOTTED, NAMED, SERIAL, SECONDS = (
    "YYYY-MM-DD",
    "YYYY/MM/DD",
    "YYYYMMDD",
    "M/D/YYYY",
    "M/D/YY",
    "D.M.YYYY",
    "D-Mon-YYYY",
    "day number",
    "seconds since 1970",
)
KNOWN = (
    "YYYY-MM-DD, YYYY/MM/DD, YYYYMMDD, MM/DD/YYYY or DD/MM/YYYY (or YY), DD.MM.YYYY, 13-Oct-2026, Oct 13, 2026, a "
    "spreadsheet's day number, or seconds since 1970"
)
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_NAMES = ("sept", "tues", "thur", "thurs")
_EPOCH = dt.date(1899, 12, 30)
_UNIX = dt.date(1970, 1, 1)
_TIME = set("0123456789:.+-ZUTCGMAPESDapm ")
_BETWEEN = set(" ,-./")
_OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?$", re.ASCII)
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "EST": -300, "EDT": -240, "ET": -300}
_SUMMER = 60
"""Minutes by which the clock of one place differs within a year."""
_SATURDAY, _SUNDAY, _MONDAY = 0, 1, 2
"""Remainders of a spreadsheet's day numbers by 7."""
_FEWER = 3
"""The years of a file are fewer than its days: by this factor, where nothing else tells one from the other."""
_NEW_YORK = 4 * 3600
"""Seconds after midnight UTC during which New York has another day."""

Parts = tuple[int, int, int]


def classify(text: str) -> tuple[str, Parts] | None:
    """The format of a date and its three numbers in the order written; None where it is none that is known.

    Months by name are day, month, year. Of seconds: whole days since 1970, seconds of the day, 0.
    """
    if not text.isascii():
        return None
    if found := _number(text):
        return found
    head, time = _split(text)
    if time and not _is_time(time):
        return _named(text)
    for mark, format_, lengths in (("-", ISO, (4, 2, 2)), ("/", YEAR_FIRST, (4, -2, -2)), (".", DOTTED, (-2, -2, 4))):
        if numbers := _numbers(head.split(mark), lengths):
            return format_, numbers
    for format_, year in ((SLASHED, 4), (SHORT, 2)):
        if numbers := _numbers(head.split("/"), (-2, -2, year)):
            return format_, numbers
    if time and len(head) == 8 and head.isdigit() and head[:2] in ("19", "20"):
        return COMPACT, (int(head[:4]), int(head[4:6]), int(head[6:]))
    return _named(text)


def _number(text: str) -> tuple[str, Parts] | None:
    """A date that is one number, with or without decimals."""
    whole, mark, decimals = text.partition(".")
    if not whole.isdigit() or (mark and not decimals.isdigit()):
        return None
    if len(whole) == 8 and whole[:2] in ("19", "20") and not decimals.strip("0"):
        return COMPACT, (int(whole[:4]), int(whole[4:6]), int(whole[6:]))
    if len(whole) == 5:
        return SERIAL, (int(whole), 0, 0)
    for digits in (10, 13, 16, 19):
        if len(whole) == digits and whole[0] in "12":
            days, seconds = divmod(int(whole[:10]), 86400)
            return SECONDS, (days, seconds, 0)
    return None


def _named(text: str) -> tuple[str, Parts] | None:
    """13-Oct-2026, 13OCT26, Oct 13, 2026, 2026-Oct-13, with or without the day of the week before and a time behind."""
    tokens: list[str] = []
    at = 0
    while at < len(text) and len(tokens) < 3:
        if text[at] in _BETWEEN and at:
            at += 1
            continue
        end = at
        while end < len(text) and text[end].isalnum() and text[end].isalpha() == text[at].isalpha():
            end += 1
        token = text[at:end].lower()
        if not token:
            return None
        at = end
        if tokens or _place(token, _DAYS) is None:
            tokens.append(token)
    rest = text[at:]
    if len(tokens) != 3 or (rest and not (rest[0] in " T" and _is_time(rest[1:]))):
        return None
    first, second, third = tokens
    if (month := _place(second, _MONTHS)) is not None and len(first) == 4:
        day, year = third, first
    elif month is not None:
        day, year = first, third
    elif (month := _place(first, _MONTHS)) is not None:
        day, year = second, third
    else:
        return None
    if not (day.isdigit() and year.isdigit() and len(day) <= 2 and len(year) in (2, 4)):
        return None
    return NAMED, (int(day), month + 1, _full(int(year)) if len(year) == 2 else int(year))


def _place(token: str, names: tuple[str, ...]) -> int | None:
    """Which of the names it is, whole or by its first three letters."""
    if len(token) == 3 or token in names or token in _SHORT_NAMES:
        return next((at for at, name in enumerate(names) if name.startswith(token[:3])), None)
    return None


def _full(year: int) -> int:
    """Of two digits; listed options began in 1973."""
    return year + (1900 if year >= 70 else 2000)


def _split(text: str) -> tuple[str, str]:
    for at, letter in enumerate(text):
        if letter == " " or (letter == "T" and text[:at][-1:].isdigit()):
            return text[:at], text[at + 1 :]
    return text, ""


def _is_time(time: str) -> bool:
    hour, colon, _ = time.partition(":")
    return len(time) >= 4 and bool(colon) and len(hour) in (1, 2) and hour.isdigit() and set(time) <= _TIME


def _zone(time: str) -> int | None:
    """Minutes east of UTC; None where it is not said."""
    for name, minutes in _ZONES.items():
        if time.endswith(name):
            return minutes
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


_MONTH_FIRST, _DAY_FIRST, _YEAR_FIRST = _ORDERS = (2, 0, 1), (2, 1, 0), (0, 1, 2)
"""Where year, month and day stand in the three numbers of a date with slashes."""


@dataclass
class DateColumn:
    """What the dates of a column seen so far tell of its format."""

    format: str | None = None
    example: str = ""
    zone: tuple[int | None, str] | None = None
    """Minutes east of UTC (None: not said) of the first cell with a time, and the cell."""
    weekdays: set[int] = field(default_factory=set)
    """Of day numbers, their remainders by 7."""
    _last: str | None = field(default=None, repr=False)
    _order: Parts | None = field(default=None, repr=False)
    _seen: tuple[set[int], set[int], set[int]] = field(default_factory=lambda: (set(), set(), set()), repr=False)
    """Of dates with slashes, the different numbers at each place."""
    _evening: str = ""
    """The first count of seconds at which New York has another day."""

    def see(self, text: str) -> str | None:
        """Look at one more cell; what is wrong with it, if anything."""
        if text == self._last:
            return None
        found = classify(text)
        if found is None:
            return f"must be a date ({KNOWN}), found '{text[:40]}'"
        if self.format not in (None, found[0]):
            return f"'{text[:40]}' is written in another format than the rows before; use one"
        self.format, self._last, self._order = found[0], text, None
        if found[0] in (SLASHED, SHORT):
            for numbers, number in zip(self._seen, found[1], strict=True):
                numbers.add(number)
            self.example = self.example or text
        elif found[0] == SERIAL:
            self.weekdays.add(found[1][0] % 7)
        elif found[0] == SECONDS and 0 < found[1][1] < _NEW_YORK:
            self._evening = self._evening or text
        return self._other_zone(text)

    def _other_zone(self, text: str) -> str | None:
        """What is wrong with the time zone of a cell: a day is that of one clock."""
        _, colon, _ = text.partition(":")
        if not colon:
            return None
        zone = _zone(text)
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
        if self._evening:
            return (
                f"'{self._evening[:40]}' seconds since 1970 are another day in New York than by UTC; write YYYY-MM-DD"
            )
        if self.format not in (SLASHED, SHORT):
            return None
        orders = self._orders()
        if not orders and self.format == SHORT:
            return "no order of day, month and year fits every row; write YYYY-MM-DD"
        if not orders:
            return "some rows have the day first and some the month; write YYYY-MM-DD"
        if len(orders) == 1:
            return None
        found = classify(self.example)
        numbers = found[1] if found else (0, 0, 0)
        readings = dict.fromkeys(_iso(numbers, order, self.format) for order in orders)
        return (
            f"'{self.example[:40]}' can be read as {' and as '.join(readings)}, and no row settles which; write "
            "YYYY-MM-DD"
        )

    def _orders(self) -> list[Parts]:
        """The orders of year, month and day that every date with slashes can have."""
        seen = self._seen
        if self.format != SHORT:
            return [order for order in (_MONTH_FIRST, _DAY_FIRST) if max(seen[order[1]]) <= 12]
        orders = [(y, m, d) for y, m, d in _ORDERS if max(seen[m]) <= 12 and max(seen[d]) <= 31]
        first, last = len(seen[0]), len(seen[2])
        if first >= _FEWER * last:
            return [order for order in orders if order[0] == 2]
        if last >= _FEWER * first:
            return [order for order in orders if order[0] == 0]
        return orders

    def read(self, text: str) -> dt.date | None:
        """The day of a cell that was seen; None where the calendar has no such day."""
        found = classify(text)
        if found is None:
            return None
        format_, numbers = found
        a, b, c = numbers
        try:
            if format_ == SERIAL:
                return _EPOCH + dt.timedelta(days=a)
            if format_ == SECONDS:
                return _UNIX + dt.timedelta(days=a)
            if format_ in (DOTTED, NAMED):
                return dt.date(c, b, a)
            if format_ in (SLASHED, SHORT):
                self._order = self._order or next(iter(self._orders()), _MONTH_FIRST)
                year, month, day = self._order
                full = _full(numbers[year]) if format_ == SHORT else numbers[year]
                return dt.date(full, numbers[month], numbers[day])
            return dt.date(a, b, c)
        except ValueError:
            return None


def _iso(numbers: Parts, order: Parts, format_: str) -> str:
    year, month, day = (numbers[at] for at in order)
    return f"{_full(year) if format_ == SHORT else year:04d}-{month:02d}-{day:02d}"
