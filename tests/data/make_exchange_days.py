"""Writes the tables of exchanges' holidays that Python and Rust read, from the library exchange_calendars.

`python -m tests.data.make_exchange_days`; both files hold the same text, and a test holds them against the library.
"""

import datetime as dt
from collections.abc import Iterator

import exchange_calendars

from tests.support.places import ROOT

EXCHANGES = (
    *("BVMF", "XAMS", "XASX", "XBOM", "XCBF", "XETR", "XEUR", "XHKG", "XJSE", "XKRX", "XLON", "XMAD", "XMEX", "XMIL"),
    *("XNAS", "XNYS", "XPAR", "XSES", "XSHG", "XSTO", "XSWX", "XTAI", "XTKS", "XTSE"),
)
FIRST, LAST = dt.date(1990, 1, 1), dt.date(2027, 12, 31)
PYTHON = ROOT / "train/core/tables/exchange_days.txt"
RUST = ROOT / "runtime/src/surface/exchange_days.txt"


def span(name: str) -> tuple[dt.date, dt.date]:
    """The days for which the library knows the sessions, within `FIRST` and `LAST`."""
    kind = type(exchange_calendars.get_calendar(name))
    low, high = kind.bound_min(), kind.bound_max()
    return max(FIRST, low.date()) if low else FIRST, min(LAST, high.date()) if high else LAST


def sessions(name: str) -> set[dt.date]:
    """Every session within the span."""
    first, last = span(name)
    calendar = exchange_calendars.get_calendar(name, start=str(first), end=str(last))
    return {session.date() for session in calendar.sessions}


def table() -> str:
    """The text that both languages read: an exchange with the days that its table spans, then by year its holidays."""
    return "".join(f"{line}\n" for name in EXCHANGES for line in _lines(name))


def _lines(name: str) -> Iterator[str]:
    first, last = span(name)
    open_days = sessions(name)
    # The library's first session need not be the first day of its span.
    first = min(first if first in open_days or first == FIRST else min(open_days), min(open_days))
    yield f"{name} {first} {last}"
    if any(day.weekday() >= 5 for day in open_days):
        raise ValueError(f"{name}: a session on a weekend, which the table cannot tell")
    for year in range(first.year, last.year + 1):
        begin, end = max(first, dt.date(year, 1, 1)), min(last, dt.date(year, 12, 31))
        days = [begin + dt.timedelta(days=at) for at in range((end - begin).days + 1)]
        marks = [f"{day:%m%d}" for day in days if day.weekday() < 5 and day not in open_days]
        for at in range(0, len(marks), 16):
            yield f"{year} {' '.join(marks[at : at + 16])}"


if __name__ == "__main__":
    for path in (PYTHON, RUST):
        path.write_text(table())
