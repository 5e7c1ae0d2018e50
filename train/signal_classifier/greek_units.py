"""Greeks that contradict each other, and the unit behind it; `runtime/src/models/signal_classifier/given/units.rs`.

Under Black-Scholes-Merton the fields of a signal tell more than they say. With d1 from delta, phi its density and
T the years to expiry: implied volatility = phi^2 / (gamma vega), where T, spot and strike cancel; spot = vega / (phi
sqrt T); present value of the strike = spot exp(-d1 s + s^2 / 2) with s = volatility sqrt T; theta without interest =
-phi^2 / (2 gamma T). What is left of theta is interest on the strike and gives the implied rate: of 120,000 simulated
signals each implies the simulator's 4 % to ten digits.

The shares that are found and the false alarms: `tests/signal_classifier/test_greek_units.py` measures them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from train.signal_classifier.contract import SIGNAL_NAMES

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HIGHEST_VOLATILITY = 5.0  # no listed option is quoted above it
LOWEST_VOLATILITY = 0.01
RATES = (-0.01, 0.08)  # interest rates that are believed, dividends taken off
WRONG_WAY = -0.02  # a call whose strike earns less is believed to be a put
SMALL_THETA = 1.0 / 25.0  # a theta of a smaller share of what gamma demands is not one per year
PUT_THETA = 0.95  # beyond rounding: a put's theta is smaller than what gamma demands
FEWEST_DAYS = 2  # days are whole: on the last of them the fraction that is lost matters
DAYS_IN_A_YEAR = 365.0
POINTS = 100.0


@dataclass(frozen=True)
class Contradictions:
    """For each signal (bool [row]) whether its Greeks say that a unit is wrong."""

    VegaPerPoint: Bools
    ThetaPerDay: Bools
    PutDeltaUnsigned: Bools

    @property
    def any(self) -> Bools:
        """Whether the signal is warned of at all."""
        return self.VegaPerPoint | self.ThetaPerDay | self.PutDeltaUnsigned


def contradictions(features: Floats) -> Contradictions:
    """What the Greeks say of their own units.

    Args:
        features: float64 [row, feature] in contract order, within the contract's limits.
    """
    delta, gamma, vega, theta, days = (
        features[:, SIGNAL_NAMES.index(name)] for name in ("delta", "gamma", "vega", "theta", "days_to_expiry")
    )
    tells = (delta != 0.0) & (np.abs(delta) < 1.0) & (gamma > 0.0) & (vega > 0.0)
    with np.errstate(all="ignore"):
        d1 = ndtri(np.where(delta > 0.0, delta, 1.0 + delta))
        density = np.exp(-(d1**2) / 2.0) / np.sqrt(2.0 * np.pi)
        volatility = density**2 / (gamma * vega)
        corrected = volatility / POINTS
        per_point = (volatility > HIGHEST_VOLATILITY) & (corrected >= LOWEST_VOLATILITY)
        per_point &= (corrected <= HIGHEST_VOLATILITY) & tells
        scale = np.where(per_point, POINTS, 1.0)
        years = days / DAYS_IN_A_YEAR
        demanded = density**2 / (2.0 * gamma * years)
        rest = theta + demanded
        deviation = volatility / scale * np.sqrt(years)
        spot = vega * scale / (density * np.sqrt(years))

        def rate(d: Floats, call: Bools) -> Floats:
            strike = spot * np.exp(deviation**2 / 2.0 - d * deviation)
            d2 = d - deviation
            found: Floats = np.where(call, -rest / (strike * ndtr(d2)), rest / (strike * ndtr(-d2)))
            return found

        implied = rate(d1, delta > 0.0)
        share = -theta / demanded
        tells &= days >= FEWEST_DAYS
        believed = (implied >= RATES[0]) & (implied <= RATES[1])
        per_day = tells & (np.abs(share) < SMALL_THETA) & ~believed
        turned = rate(-d1, np.zeros(len(d1), dtype=np.bool_))
        unsigned = tells & ~per_day & (delta > 0.0) & (implied < WRONG_WAY) & (share < PUT_THETA)
        unsigned &= (turned >= 0.0) & (turned <= RATES[1])
    return Contradictions(per_point, per_day, unsigned)
