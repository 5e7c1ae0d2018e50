"""Columns that say the same thing, held against each other; `runtime/src/surface/plausible/columns_agree.rs` alike.

The time to expiry against the date of expiry, the spot price against strike and moneyness, the implied volatility
against the price of the option. None of them is read; where they do not agree, one of the two is in another unit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from train.volatility_predictor.surfaces.daily_features import CALL, UNKNOWN, is_clean
from train.volatility_predictor.surfaces.row_reader import NO_OTHER, Row

ENOUGH = 5
"""Rows from which on a share says something."""
TENOR_OFF, DAYS_OFF = 0.1, 3.0 / 365.0
"""Relative and in years: trading days of 252 a year agree, calendar days of 252 do not."""
MOST_TENORS_OFF = 0.05
SPOT_OFF = 1.2
"""A factor that no forward of a listed expiry has."""
IV_OFF = 1.4
"""A factor on the implied volatility that rates, dividends and early exercise do not explain."""
FORWARD_FROM, FORWARD_RATE = 0.01, 0.06
"""How far the forward may lie from the spot: so much, and so much a year."""
PRICED_TENORS = (7.0 / 365.0, 3.0)
LEAST_PRICE = 0.002
"""Of the spot: a cheaper option's price is mostly its tick."""
TRADING_YEAR, CALENDAR_YEAR = 252.0, 365.0
ROUNDED = 0.02
"""Days; a tenor written with four digits is a whole number of days to so much."""
_ACROSS = 3
"""Different tenors that show how they are counted."""


@dataclass
class Tally:
    """How many rows were compared, how many of them do not agree, and the first of these in words."""

    compared: int = 0
    off: int = 0
    low: int = 0
    first: str = ""

    def add(self, words: str | None, *, low: bool = False) -> None:
        """Count a row; `words` where it does not agree."""
        self.compared += 1
        if words is not None:
            self.off += 1
            self.low += low
            self.first = self.first or words


class ColumnsAgree:
    """Collects what the rows of a file tell."""

    def __init__(self) -> None:
        self.tenors, self.spots, self.prices = Tally(), Tally(), Tally()
        self._lengths: set[float] = set()

    def see(self, rows: Sequence[Row]) -> None:
        """Look at a day's rows, whose moneyness is strike / spot already."""
        for row in rows:
            if row.quote.tenor > 0.0 and len(self._lengths) < 1000:
                self._lengths.add(row.quote.tenor)
            if row.other is not NO_OTHER:
                self._see_tenor(row)
                self._see_spot(row)
        priced = [row for row in rows if _is_priced(row)]
        # One price in every row is a placeholder.
        if 2 * len({row.other.price for row in priced}) > len(priced):
            for row in priced:
                self._see_price(row)

    def drastic(self) -> list[str]:
        """What is in another unit."""
        found = []
        t = self.tenors
        if t.off > MOST_TENORS_OFF * t.compared:
            found.append(
                f"the time to expiry is not that of the date of expiry: {t.first}; {t.off} of {t.compared} rows differ"
            )
        t = self.spots
        if 2 * t.off > t.compared:
            found.append(
                f"strike, moneyness and spot price do not agree: {t.first}; {t.off} of {t.compared} rows differ"
            )
        t = self.prices
        if t.compared >= ENOUGH and 2 * t.off > t.compared and (5 * t.low >= 4 * t.off or 5 * t.low <= t.off):
            found.append(
                f"the implied volatility is not that of the price: {t.first}; {t.off} of {t.compared} rows differ"
            )
        return found

    @property
    def priced(self) -> bool:
        """Whether the prices of the options are there and are those of the implied volatilities."""
        return self.prices.compared >= ENOUGH and 5 * self.prices.off <= self.prices.compared

    def odd(self) -> list[str]:
        """What a reader should know."""
        lines = []
        t = self.tenors
        if 0 < t.off <= MOST_TENORS_OFF * t.compared:
            lines.append(f"the time to expiry of {t.off} of {t.compared} rows is not that of the date: {t.first}")
        t = self.prices
        if t.compared >= ENOUGH and 5 * t.off > t.compared:
            lines.append(f"the implied volatility of {t.off} of {t.compared} rows is not that of the price: {t.first}")
        if self._is_in_trading_days():
            doubt = (
                ""
                if self.tenors.compared
                else "; are they trading days? Calendar days would be 45 % too long: write days / 365, or add the date "
                "of expiry"
            )
            lines.append(f"the time to expiry is counted in days of 252 a year{doubt}")
        return lines

    def _see_tenor(self, row: Row) -> None:
        years, tenor = row.other.years, row.quote.tenor
        if years == 0.0 or tenor <= 0.0:
            return
        is_off = abs(tenor - years) > max(TENOR_OFF * years, DAYS_OFF)
        words = (
            f"row {row.line}: {tenor:.4f} years, but {years * CALENDAR_YEAR:.0f} days ({years:.4f} years) to the date"
        )
        self.tenors.add(words if is_off else None)

    def _see_spot(self, row: Row) -> None:
        spot, quote = row.other.spot, row.quote
        if spot <= 0.0 or quote.moneyness <= 0.0 or not row.other.both:
            return
        own = quote.strike / quote.moneyness
        is_off = own > SPOT_OFF * spot or own * SPOT_OFF < spot
        words = (
            f"row {row.line}: strike {quote.strike!r} at moneyness {quote.moneyness:.4f} makes a spot of {own:.2f}, "
            f"the column says {spot:.2f}"
        )
        self.spots.add(words if is_off else None)

    def _see_price(self, row: Row) -> None:
        quote, price = row.quote, row.other.price
        spot = _spot(row)
        drift = FORWARD_FROM + FORWARD_RATE * quote.tenor

        def of(forward: float, iv: float) -> float:
            return black(forward, quote.strike, quote.tenor, iv, call=quote.kind == CALL)

        down, up = spot * (1.0 - drift), spot * (1.0 + drift)
        if quote.kind != CALL:
            down, up = up, down
        low, high = of(down, quote.iv / IV_OFF), of(up, quote.iv * IV_OFF)
        if low <= price <= high:
            self.prices.add(None)
            return
        implied = implied_volatility(lambda iv: of(spot, iv), price)
        words = f"row {row.line}: a price of {price:.4f} is one of about {implied:.3f}, the column says {quote.iv:.3f}"
        self.prices.add(words, low=price < low)

    def _is_in_trading_days(self) -> bool:
        lengths = self._lengths
        if len(lengths) < _ACROSS:
            return False
        # Months and quarters are whole in both.
        return (
            all(_is_whole(tenor * TRADING_YEAR, ROUNDED) for tenor in lengths)
            and not all(_is_whole(tenor * CALENDAR_YEAR, ROUNDED) for tenor in lengths)
            and not all(_is_whole(tenor * 12.0, 0.001) for tenor in lengths)
        )


def _is_whole(number: float, most: float) -> bool:
    return number >= 0.5 and abs(number - math.floor(number + 0.5)) <= most


def _spot(row: Row) -> float:
    return row.other.spot if row.other.spot > 0.0 else row.quote.strike / row.quote.moneyness


def _is_priced(row: Row) -> bool:
    quote = row.quote
    return (
        row.other.price > 0.0
        and quote.kind != UNKNOWN
        and PRICED_TENORS[0] <= quote.tenor <= PRICED_TENORS[1]
        and is_clean(quote)
        and row.other.price >= LEAST_PRICE * _spot(row)
    )


def black(forward: float, strike: float, years: float, iv: float, *, call: bool) -> float:
    """Undiscounted price of an option (Black 1976), in the unit of `forward`; `iv` as a decimal."""
    deviation = iv * math.sqrt(years)
    d = math.log(forward / strike) / deviation + deviation / 2.0
    price = forward * _normal(d) - strike * _normal(d - deviation)
    return price if call else price - forward + strike


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def implied_volatility(price_of: Callable[[float], float], price: float) -> float:
    """The volatility of a price between 0.001 and 10, by halving; for a message, not for an answer."""
    low, high = 0.001, 10.0
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if price_of(middle) < price else (low, middle)
    return (low + high) / 2.0
