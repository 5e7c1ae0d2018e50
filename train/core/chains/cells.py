"""Columns of text -> numbers and days, a chunk at a time."""

import datetime as dt
import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from train.core.cells import MISSING, read_number
from train.core.errors import PipelineError
from train.core.tables.dates import DateColumn

Floats = NDArray[np.float64]
EPOCH = dt.date(1970, 1, 1)
UNKNOWN_DAY = -1
NEW_YORK_HOURS = -5
"""New York's clock without summer time: no session crosses its midnight."""
_EPOCH = re.compile(r"[0-9]{9,19}(?:\.0*)?", re.ASCII)
_TIME = re.compile(r"[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")


def numbers(
    texts: pd.Series, *, comma: bool, where: str, lines: NDArray[np.int64], ratio: bool
) -> tuple[Floats, NDArray[np.bool_]]:
    """float64, NaN where a value is missing or infinite; and which cells stand in percent (divided by 100 then).

    Only a `ratio` may.

    Raises:
        PipelineError: a cell is no number; names the row.
    """
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, copy=True)
    if comma:
        values[texts.str.contains(r"[.,]", regex=True).to_numpy(bool)] = np.nan
    left = np.flatnonzero(np.isnan(values))
    percent = np.zeros(len(values), dtype=np.bool_)
    known: dict[str, tuple[float, bool]] = {}
    for at in left:
        text = str(texts.iloc[at]).strip()
        if text not in known:
            found = None if text.lower() in MISSING else read_number(text, comma=comma)
            if found is not None and (np.isnan(found[0]) or (found[1] and not ratio)):
                raise PipelineError(f"{where.format(lines[at])}: must be a number, found '{text[:40]}'")
            signed = found is not None and found[1]
            known[text] = (np.nan if found is None else found[0] / (100.0 if signed else 1.0), signed)
        values[at], percent[at] = known[text]
    values[~np.isfinite(values)] = np.nan
    return values, percent


class Days:
    """The days (and moments) of one column, settled by all of its different texts."""

    def __init__(self, where: str, *, hours: int = NEW_YORK_HOURS, utc: bool = False) -> None:
        self._where, self.hours, self._utc = where, hours, utc
        self._column = DateColumn()
        self._texts: dict[str, int] = {}
        self._plain: dict[str, str] = {}

    def see(self, text: str, line: int) -> None:
        """Look at one more cell, by its text as it stands."""
        if text in self._texts:
            return
        self._texts[text] = UNKNOWN_DAY
        clean = text.strip()
        if clean.lower() in MISSING:
            return
        if _EPOCH.fullmatch(clean):
            self._texts[text] = self._at_once(clean, line)
            return
        clean = re.sub(r"(?i)\s*(EST|EDT|ET)$", "", clean)
        if problem := self._column.see(clean):
            raise PipelineError(f"{self._where.format(line)}: {problem}")
        self._plain[text] = clean

    def settle(self) -> None:
        """Once all was seen: read what depends on the whole column."""
        if doubt := self._column.doubt():
            raise PipelineError(f"{self._where.replace('row {}: ', '')}: {doubt}")
        for text, clean in self._plain.items():
            day = self._column.read(clean)
            if day is None:
                raise PipelineError(
                    f"{self._where.replace('row {}: ', '')}: '{text[:40]}' is not a day of the calendar"
                )
            number = (day - EPOCH).days
            time = _TIME.search(clean)
            zulu = self._utc or clean.endswith(("Z", "+00:00", "UTC", "GMT"))
            if time and self.hours and zulu and "PM" not in clean and int(time[1]) + self.hours < 0:
                number -= 1
            self._texts[text] = number

    def day(self, text: str) -> int:
        """Days since 1970; `UNKNOWN_DAY` where none stands."""
        return self._texts[text]

    def _at_once(self, text: str, line: int) -> int:
        number = int(text.split(".")[0])
        for power in (0, 3, 6, 9):
            seconds = number / 10**power
            if 1e8 <= seconds < 1e10:
                return int((seconds + 3600 * self.hours) // 86400)
        raise PipelineError(f"{self._where.format(line)}: '{text}' is no time since 1970")


def date_of(number: int) -> dt.date:
    """The date of a count of days."""
    return EPOCH + dt.timedelta(days=int(number))
