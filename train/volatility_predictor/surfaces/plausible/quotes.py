"""What a day's rows tell of their own units; `runtime/src/surface/plausible/quotes.rs` alike, operation by operation.

Strike over moneyness is the spot, one number on one day, or the forward, one number for each expiry: what makes it
constant is how moneyness is written. A contract with two volatilities on one day, volatilities that did not move
overnight, and the ladder of halves that a data source shows while its market is closed are no observation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from train.volatility_predictor.surfaces.daily_features import (
    EDGES,
    IV_BOUNDS,
    NO_TENOR,
    SHORTEST,
    Quote,
    is_clean,
)

RATIO, PERCENT, LOGARITHM, INVERSE, OFFSET = (
    "strike / spot",
    "strike / spot in percent",
    "the logarithm of strike / spot",
    "spot / strike",
    "strike / spot - 1",
)
NOT_ONE = "no number that strike and one spot make"
"""Of no day that anybody can read."""
LOOSE, TIGHT = 0.02, 0.005
"""Spread of the spot within a day: rounded moneyness and a spot that moves; no doubt."""
PERCENT_FROM = 5.0
"""A median moneyness above it stands in percent."""
STALE_SHARE, ODD_SHARE = 0.5, 0.1
"""Of volatilities equal to the bit overnight: no observation, and odd. Real markets show 0.03 to 0.25 over a holiday,
and on 99 of 100 other days of the S&P 500's surface 1996 to 2015 0.03 at most."""
ENOUGH = 5
"""Quotes from which on a share says something."""
LONGEST_TENOR = 12.0
"""Years; no listed option lives longer."""
_LADDER = (0.0078125, 0.015625, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0)

Marks = Sequence[tuple[float, int, float]]


@dataclass(frozen=True, order=True)
class Convention:
    """How moneyness is written: one of RATIO and the rest, by the spot or by the forward of each expiry."""

    written: str
    forward: bool = False

    def __str__(self) -> str:
        return self.written.replace("spot", "the forward of its expiry") if self.forward else self.written


def convention(quotes: Sequence[Quote]) -> Convention | None:
    """How the moneyness of a day is written; None where too few rows tell."""
    if not _can_tell(quotes):
        return None
    if written := _written(quotes, LOOSE):
        return Convention(written)
    expiries: dict[float, list[Quote]] = {}
    for quote in quotes:
        expiries.setdefault(quote.tenor, []).append(quote)
    telling = [group for group in expiries.values() if _can_tell(group)]
    if telling and len(expiries) > 1:
        found = {_written(group, TIGHT) for group in telling}
        if len(found) == 1 and (by_forward := found.pop()):
            return Convention(by_forward, forward=True)
    return Convention(NOT_ONE)


def _can_tell(quotes: Sequence[Quote]) -> bool:
    return len(quotes) >= 3 and len({quote.strike for quote in quotes}) >= 3


def _written(quotes: Sequence[Quote], most: float) -> str | None:
    """What makes strike over moneyness one number."""
    moneyness = sorted(quote.moneyness for quote in quotes)
    if moneyness[0] > 0.0 and _spread([q.strike / q.moneyness for q in quotes]) <= most:
        return PERCENT if moneyness[len(moneyness) // 2] > PERCENT_FROM else RATIO
    if moneyness[0] > -3.0 and moneyness[-1] < 3.0:
        if _spread([q.strike / exponential(q.moneyness) for q in quotes]) <= TIGHT:
            return LOGARITHM
        if moneyness[0] > -1.0 and _spread([q.strike / (1.0 + q.moneyness) for q in quotes]) <= TIGHT:
            return OFFSET
    if moneyness[0] > 0.0 and _spread([q.strike * q.moneyness for q in quotes]) <= TIGHT:
        return INVERSE
    return None


def as_ratio(moneyness: float, written: str) -> float:
    """Strike over spot."""
    if written == PERCENT:
        return moneyness / 100.0
    if written == LOGARITHM:
        return exponential(moneyness)
    if written == INVERSE:
        return 1.0 / moneyness
    return 1.0 + moneyness if written == OFFSET else moneyness


def exponential(x: float) -> float:
    """For small x, by operations that every machine rounds alike."""
    total = 1.0
    for n in range(30, 0, -1):
        total = 1.0 + x * total / n
    return total


def _spread(values: list[float]) -> float:
    """From the lowest tenth to the highest, relative to the median."""
    values.sort()
    tenth = len(values) // 10
    return (values[len(values) - 1 - tenth] - values[tenth]) / values[len(values) // 2]


def not_observed(quotes: Sequence[Quote], before: Marks) -> tuple[bool, str] | None:
    """Why a day's quotes are no observation of that day (True), or may be none (False); None when they are one.

    Args:
        quotes: one day's, sorted, no row twice.
        before: strike, type and volatility of the day before, in the same order.
    """
    marks = [(quote.strike, quote.kind, quote.iv) for quote in quotes]
    if len(marks) >= ENOUGH and marks == before:
        return True, "a copy of the day before"
    sound = [quote for quote in quotes if IV_BOUNDS[0] < quote.iv < IV_BOUNDS[1]]
    if len(sound) < ENOUGH:
        return None
    contracts, twice = _contracts(sound)
    if contracts >= ENOUGH and 2 * twice >= contracts:
        return True, f"two snapshots in one: {twice} of {contracts} contracts have two implied volatilities"
    steps = {step for quote in sound for step in _LADDER if abs(quote.iv - step) <= 0.0001}
    placed = sum(any(abs(quote.iv - step) <= 0.0001 for step in _LADDER) for quote in sound)
    if len(steps) >= 3 and 5 * placed >= 4 * len(sound):
        return (
            True,
            f"{placed} of {len(sound)} implied volatilities are placeholders (0.0625, 0.125, 0.25 and the like)",
        )
    old = set(before)
    stale = sum((quote.strike, quote.kind, quote.iv) in old for quote in sound)
    # Rounded volatilities repeat by chance; a day that has few different ones tells nothing.
    distinct = len({quote.iv for quote in sound})
    if 5 * distinct < 4 * len(sound):
        return None
    words = f"{stale} of {len(sound)} quotes have the implied volatility of the day before to the last digit"
    if stale > STALE_SHARE * len(sound):
        return True, words
    if stale >= ENOUGH and stale > ODD_SHARE * len(sound):
        return False, f"{words}: is it a holiday's copy?"
    if 2 * twice > 0 and 20 * twice >= contracts:
        return False, f"{twice} of {contracts} contracts have two implied volatilities: are two snapshots in one?"
    return None


def _contracts(quotes: Sequence[Quote]) -> tuple[int, int]:
    """How many contracts there are, and how many of them have more than one volatility; of files with expiries."""
    found: dict[tuple[float, float, int], set[float]] = {}
    for quote in quotes:
        if quote.tenor != NO_TENOR:
            found.setdefault((quote.tenor, quote.strike, quote.kind), set()).add(quote.iv)
    return len(found), sum(len(values) > 1 for values in found.values())


CAUSES = (
    "without an implied volatility",
    "of an expiry that has passed or is today's",
    "with an implied volatility of 5 (500 %) or more: is it in percent?",
    "with an implied volatility of 0.01 or less",
    "far from the money (strike / spot outside 0.875 to 1.125)",
    "deep in the money (are puts and calls swapped?)",
    "that look sound, but share their expiry with too few others (is the time to expiry another in each row?)",
)


def cause(quote: Quote) -> int:
    """Why a quote is of no use to its day: an index of CAUSES."""
    if is_clean(quote):
        return 6
    if quote.iv == 0.0:
        return 0
    if quote.tenor != NO_TENOR and quote.tenor < SHORTEST:
        return 1
    if quote.iv >= IV_BOUNDS[1]:
        return 2
    if quote.iv <= IV_BOUNDS[0]:
        return 3
    return 5 if EDGES[0] <= quote.moneyness < EDGES[-1] else 4
