"""Levels from one day to the next; `runtime/src/surface/plausible/levels.rs` alike.

What moves as no market does is another unit; what moves as markets seldom do is said.
"""

import datetime as dt
from collections.abc import Sequence

RISE, FALL = 1.6, 0.6
"""Overnight factors that are odd."""
DRASTIC = 3.0
"""Overnight; the largest of 7,556 days of the VIX index is 2.2."""
DRASTIC_LATER = 8.0
"""Between days that are far apart."""
LONGEST_GAP = 10
"""Calendar days between two neighbours that no run of holidays explains."""
RECENT = 10
"""Days that say how many quotes are usual."""
FEW, USUAL, HALF_A_DAY = 10, 20, 0.6
"""A day with less than a tenth of the usual quotes, which are so many at least, was cut off; less than 0.6 is odd."""
VARIANCE = 0.15
"""A level so near to the square of the one before, relatively, is a variance."""
Level = tuple[dt.date, float]


def level_change(one: Level, other: Level) -> tuple[bool, str] | None:
    """Whether a change of the average implied volatility is drastic, and in words; None where it is usual."""
    (day, before), (next_day, after) = one, other
    factor = after / before
    text = f"average implied volatility goes from {before:.4f} on {day} to {after:.4f} on {next_day}"
    most = DRASTIC if (next_day - day).days <= LONGEST_GAP else DRASTIC_LATER
    if factor >= most or factor <= 1.0 / most:
        return True, f"{text}; does its unit change?"
    if factor <= FALL and abs(after - before * before) <= VARIANCE * after:
        return True, f"{text}, about its square; is it a variance?"
    if factor >= RISE or factor <= FALL:
        return False, f"{text} ({(factor - 1.0) * 100.0:+.0f} %)"
    return None


def quotes_change(date: dt.date, quotes: float, before: Sequence[float]) -> tuple[bool, str] | None:
    """Whether a day has far fewer quotes than those before it, and in words; None where it has enough.

    Args:
        date: the day.
        quotes: its clean quotes.
        before: those of the days before it, oldest first.
    """
    recent = sorted(before[-RECENT:])
    usual = recent[len(recent) // 2] if len(recent) >= 3 else 0.0
    if quotes >= HALF_A_DAY * usual:
        return None
    text = f"{date} has {quotes:.0f} clean quotes, the days before it {usual:.0f}: is the file whole?"
    return usual >= USUAL and quotes * FEW < usual, text
