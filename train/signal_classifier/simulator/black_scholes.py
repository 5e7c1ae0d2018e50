"""European options after Black, Scholes and Merton (1973), without dividends, in the engine's own units.

Every function takes float64 arrays that broadcast against each other: `spot` and `strike` in $, `years` > 0, `rate`
continuously compounded per year, `vol` > 0 per square root of a year, `call` True for a call. Out of that range the
result is NaN or infinite, never an exception.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_BISECTIONS = 40


def d_plus(spot: Floats, strike: Floats, years: Floats, *, rate: float, vol: Floats) -> Floats:
    """d1 of the formula: (ln(S/K) + (r + vol^2/2) T) / (vol sqrt T)."""
    deviation = vol * np.sqrt(years)
    result: Floats = (np.log(spot / strike) + rate * years) / deviation + 0.5 * deviation
    return result


def price(spot: Floats, strike: Floats, years: Floats, *, rate: float, vol: Floats, call: Bools) -> Floats:
    """Value of one share's worth of option, $."""
    sign = np.where(call, 1.0, -1.0)
    d1 = d_plus(spot, strike, years, rate=rate, vol=vol)
    d2 = d1 - vol * np.sqrt(years)
    result: Floats = sign * (spot * ndtr(sign * d1) - strike * np.exp(-rate * years) * ndtr(sign * d2))
    return result


def delta(spot: Floats, strike: Floats, years: Floats, *, rate: float, vol: Floats, call: Bools) -> Floats:
    """Change of price with spot: 0..1 for a call, -1..0 for a put."""
    result: Floats = ndtr(d_plus(spot, strike, years, rate=rate, vol=vol)) - np.where(call, 0.0, 1.0)
    return result


def gamma(spot: Floats, strike: Floats, years: Floats, *, rate: float, vol: Floats) -> Floats:
    """Change of delta with spot, per $1 of spot."""
    result: Floats = _density(d_plus(spot, strike, years, rate=rate, vol=vol)) / (spot * vol * np.sqrt(years))
    return result


def vega(spot: Floats, strike: Floats, years: Floats, *, rate: float, vol: Floats) -> Floats:
    """Change of price with volatility, $ per 1.00 of volatility (100 points)."""
    result: Floats = spot * _density(d_plus(spot, strike, years, rate=rate, vol=vol)) * np.sqrt(years)
    return result


def theta(spot: Floats, strike: Floats, years: Floats, *, rate: float, vol: Floats, call: Bools) -> Floats:
    """Change of price as time passes, $ per year."""
    sign = np.where(call, 1.0, -1.0)
    d1 = d_plus(spot, strike, years, rate=rate, vol=vol)
    d2 = d1 - vol * np.sqrt(years)
    decay = -spot * _density(d1) * vol / (2.0 * np.sqrt(years))
    result: Floats = decay - sign * rate * strike * np.exp(-rate * years) * ndtr(sign * d2)
    return result


def implied_vol(call_price: Floats, spot: Floats, strike: Floats, years: Floats, *, rate: float) -> Floats:
    """The volatility in 0.001..5 at which a call costs `call_price` ($), by bisection to 5e-12.

    A price outside what those bounds give ends at the nearer bound.
    """
    low = np.full(np.shape(call_price), 1e-3)
    high = np.full(np.shape(call_price), 5.0)
    calls = np.ones(np.shape(call_price), dtype=np.bool_)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = price(spot, strike, years, rate=rate, vol=middle, call=calls) < call_price
        low = np.where(below, middle, low)
        high = np.where(below, high, middle)
    result: Floats = 0.5 * (low + high)
    return result


def _density(x: Floats) -> Floats:
    result: Floats = np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
    return result
