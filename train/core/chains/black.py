"""Black-76: volatilities and prices by QuantLib, and Greeks in spot."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from train.core.chains.columns import CALL

Floats = NDArray[np.float64]
_GUESS, _ACCURACY, _STEPS = 0.2, 1e-14, 1000


def implied_volatility(price: Floats, forward: Floats, strike: Floats, years: Floats, side: Any) -> Floats:
    """Volatility (decimal, a year) of undiscounted prices in dollars; float64 [quote], NaN where none gives the price.

    Exact to 1e-9 relative; `tests/core/test_chains.py` measures it.
    """
    import QuantLib as ql  # noqa: N813  45 MB that only chains need

    kinds = {CALL: ql.Option.Call}
    out = np.full(len(price), np.nan)
    rows = zip(price.tolist(), forward.tolist(), strike.tolist(), np.asarray(side).tolist(), strict=True)
    for at, (p, f, k, s) in enumerate(rows):
        try:
            out[at] = ql.blackFormulaImpliedStdDev(
                kinds.get(s, ql.Option.Put), k, f, p, 1.0, 0.0, _GUESS, _ACCURACY, _STEPS
            )
        except RuntimeError:
            continue
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = out / np.sqrt(years)
    found[~(found > 0.0) | ~np.isfinite(found)] = np.nan
    return found


def price(volatility: Floats, forward: Floats, strike: Floats, years: Floats, side: Any) -> Floats:
    """Undiscounted Black-76 price in dollars, float64 [quote]; the intrinsic value where the volatility is 0."""
    deviation = volatility * np.sqrt(years)
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(forward / strike) / deviation + deviation / 2.0
        value = side * (forward * ndtr(side * d1) - strike * ndtr(side * (d1 - deviation)))
    found: Floats = np.where(deviation > 0.0, value, np.maximum(side * (forward - strike), 0.0))
    return found


def greeks(
    volatility: Floats, spot: float, forward: Floats, discount: Floats, strike: Floats, years: Floats, side: Any
) -> dict[str, Floats]:
    """Delta and gamma in spot, vega per 1.00 of volatility, theta in $ a year (Black-Scholes-Merton).

    With r = -ln(D) / T and q = r - ln(F / S) / T; Hull, "Options, Futures, and Other Derivatives", chapter 19.
    """
    root = np.sqrt(years)
    deviation = volatility * root
    d1 = np.log(forward / strike) / deviation + deviation / 2.0
    d2 = d1 - deviation
    density = np.exp(-d1 * d1 / 2.0) / np.sqrt(2.0 * np.pi)
    carry = discount * forward / spot
    r = -np.log(discount) / years
    q = r - np.log(forward / spot) / years
    theta = -spot * carry * density * volatility / (2.0 * root)
    theta += side * (q * spot * carry * ndtr(side * d1) - r * strike * discount * ndtr(side * d2))
    return {
        "delta": side * carry * ndtr(side * d1),
        "gamma": carry * density / (spot * deviation),
        "vega": spot * carry * density * root,
        "theta": theta,
    }
