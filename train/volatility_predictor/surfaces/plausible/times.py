"""What times to expiry, volatilities and spots tell of each other over the days; `plausible/times.rs` alike.

No other column is needed. A listed option's time to expiry falls by a day a day; times that all change by one factor
overnight are in another unit; a volatility that grows as the root of time is the total one, not that of a year; one far
below what the spot itself moves is a variance or of a day.
"""

import datetime as dt
import math
from collections.abc import Sequence

from train.volatility_predictor.surfaces.daily_features import IV_BOUNDS
from train.volatility_predictor.surfaces.row_reader import Row

DAY = 1.0 / 365.0
LONGEST_GAP, FALL_GAP = 10, 4
"""Calendar days between neighbours that are compared; between those whose fall is measured."""
MOST_EXPIRIES = 200
FALL_PAIRS, FALL_FROM, FALL_TO = 4, 0.8, 1.25
"""Days that show how fast time falls, and what is a day a day: by the calendar, or by sessions of 252 a year."""
UNEQUAL, MOVED = 0.1 * DAY, 0.05 * DAY
FACTOR, ALIKE, ACROSS = 1.25, 1.1, 1.5
"""A change of all times by so much is one of unit; how alike the factors are; how far apart the expiries."""
SHORT = 5.0 * DAY
NEAR, TERM = 0.05, 3.0
GROWS, GROWS_OF_TWO, FALLS = 0.35, 0.45, -0.45
"""Powers of time by which a volatility changes: an index's calm term structures stay below a quarter."""
LONG_SHORTEST = 0.5
RETURNS, MOVES_MORE, MOST_MOVED, MOVES_ALIKE = 15, 2.5, 3.0, 1.5
MEDIAN_OF_NORMAL = 0.6745


class Times:
    """Collects what the days of a file tell."""

    def __init__(self) -> None:
        self._date: dt.date | None = None
        self._tenors: list[float] = []
        self._same = 0
        self._spot = 0.0
        self._pairs, self._fallen, self._calendar, self._sessions = 0, 0.0, 0, 0
        self._scaled = ""
        self._shortest = math.inf
        self._powers: list[float] = []
        self._of_two = True
        self._returns: list[float] = []

    def see(self, date: dt.date | None, rows: Sequence[Row]) -> None:
        """Look at a day's rows, whose moneyness is strike / spot already."""
        tenors = sorted({row.quote.tenor for row in rows if row.quote.tenor > 0.0})
        if tenors:
            self._shortest = min(self._shortest, tenors[0])
        self._see_term(rows)
        spots = sorted(row.quote.strike / row.quote.moneyness for row in rows if row.quote.moneyness > 0.0)
        spot = spots[len(spots) // 2] if spots else 0.0
        if date is None:
            return
        if self._date is not None and 0 < (date - self._date).days <= LONGEST_GAP:
            gap = (date - self._date).days
            if self._spot > 0.0 and spot > 0.0:
                self._returns.append(abs(math.log(spot / self._spot)) / math.sqrt(_sessions(self._date, date)))
            if tenors and self._tenors and max(len(tenors), len(self._tenors)) <= MOST_EXPIRIES:
                if gap <= FALL_GAP:
                    self._see_fall(date, tenors)
                self._see_scale(date, tenors)
        self._same = self._same + 1 if tenors == self._tenors else 0
        self._date, self._tenors, self._spot = date, tenors, spot

    def drastic(self, level: float) -> list[str]:
        """What is in another unit; `level` is the average implied volatility of the median day."""
        found = []
        if self._scaled:
            found.append(self._scaled)
        if self._pairs >= FALL_PAIRS:
            by_calendar = self._fallen / self._calendar
            by_sessions = self._fallen * 252.0 / 365.0 / max(self._sessions, 1)
            if not any(FALL_FROM <= rate <= FALL_TO for rate in (by_calendar, by_sessions)):
                found.append(
                    f"the time to expiry falls by {by_calendar:.2f} days a calendar day ({self._pairs} pairs of days): "
                    "it is not counted in years; write days / 365, or add the date of expiry"
                )
        power = _median(self._powers)
        if power >= (GROWS_OF_TWO if self._of_two else GROWS):
            found.append(
                f"implied volatility grows as the time to expiry to the power of {power:.2f}: is it the total one, "
                "times the root of time, or a total variance? Write that of a year"
            )
        moved = self._moved()
        if MOVES_MORE * level < moved <= MOST_MOVED:
            found.append(
                f"implied volatility is about {level:.3f}, but the spot that strike and moneyness make moves by "
                f"{moved:.3f} a year: is it a variance ({math.sqrt(level):.3f} as volatility) or another unit?"
            )
        return found

    def moves_like(self, level: float) -> bool:
        """Whether the spot moved on enough days, and about as the implied volatility says."""
        return 0.0 < self._moved() <= MOVES_ALIKE * level

    def odd(self) -> list[str]:
        """What a reader should know."""
        lines = []
        if LONG_SHORTEST <= self._shortest < math.inf:
            lines.append(f"the shortest time to expiry is {self._shortest / DAY:.0f} days: is it counted in years?")
        power = _median(self._powers)
        if self._of_two and GROWS <= power < GROWS_OF_TWO:
            lines.append(
                f"implied volatility grows as the time to expiry to the power of {power:.2f}: is it that of a year?"
            )
        if power <= FALLS:
            lines.append(
                f"implied volatility falls as the time to expiry to the power of {power:.2f}: is it that of a year?"
            )
        return lines

    def _moved(self) -> float:
        """The spot's volatility of a year by the median move, which splits and jumps do not change; 0: too few days."""
        return _median(self._returns) / MEDIAN_OF_NORMAL * math.sqrt(252.0) if len(self._returns) >= RETURNS else 0.0

    def _see_term(self, rows: Sequence[Row]) -> None:
        near: dict[float, list[float]] = {}
        for row in rows:
            quote = row.quote
            if quote.tenor >= SHORT and abs(quote.moneyness - 1.0) <= NEAR and IV_BOUNDS[0] < quote.iv < IV_BOUNDS[1]:
                near.setdefault(quote.tenor, []).append(quote.iv)
        if len(near) < 2 or max(near) < TERM * min(near):
            return
        points = [(math.log(tenor), math.log(sum(ivs) / len(ivs))) for tenor, ivs in sorted(near.items())]
        x, y = (sum(point[i] for point in points) / len(points) for i in (0, 1))
        self._powers.append(sum((a - x) * (b - y) for a, b in points) / sum((a - x) * (a - x) for a, _ in points))
        self._of_two = self._of_two and len(points) == 2

    def _see_fall(self, date: dt.date, tenors: list[float]) -> None:
        # An expiry may have been added at the far end, and one at the near end has passed.
        for added in range(3):
            falls = [before - now for before, now in zip(self._tenors[::-1], tenors[::-1][added:], strict=False)]
            if len(falls) < 2 or max(falls) - min(falls) > UNEQUAL:
                continue
            if abs(falls[0]) <= MOVED:
                return
            if falls[0] > 0.0 and self._date is not None:
                self._pairs += 1
                self._fallen += falls[0] / DAY
                self._calendar += (date - self._date).days
                self._sessions += _sessions(self._date, date)
                return

    def _see_scale(self, date: dt.date, tenors: list[float]) -> None:
        if self._scaled or self._date is None:
            return
        fixed = self._same >= 2
        for fall in (0, (date - self._date).days):
            pairs = [(b - fall * DAY, n) for b, n in zip(self._tenors[::-1], tenors[::-1], strict=False)]
            pairs = [(before, now) for before, now in pairs if before > SHORT]
            enough = len(pairs) >= 3 or (len(pairs) > 0 and fixed and len(self._tenors) == len(tenors))
            if not enough or (len(pairs) > 1 and pairs[0][0] < ACROSS * pairs[-1][0]):
                continue
            factors = sorted(now / before for before, now in pairs)
            middle = factors[len(factors) // 2]
            if (middle >= FACTOR or middle <= 1.0 / FACTOR) and factors[-1] <= ALIKE * factors[0]:
                self._scaled = (
                    f"the times to expiry of {date} are {middle:.2f} times those of {self._date}: their unit changes "
                    "inside the file; write years of 365 days, or add the date of expiry"
                )
                return


def _sessions(one: dt.date, other: dt.date) -> int:
    """Weekdays after the first day up to the other; 1 at least."""
    return max(sum((one + dt.timedelta(days=n)).weekday() < 5 for n in range(1, (other - one).days + 1)), 1)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
