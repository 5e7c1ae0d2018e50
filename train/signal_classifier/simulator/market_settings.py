"""Constants of the simulated market (`simulator.market`), each with its unit and where it comes from."""

from dataclasses import dataclass

RATE = 0.04  # per year; the level of three-month bills in 2023-2025


@dataclass(frozen=True)
class MarketSettings:
    """Constants of the simulated market.

    Ranges are those of US single-stock chains; the liquid end of spread, volume and open interest was set by eye on
    the TSLA chain in the shared data (one expiry, March 2026), the rest as noted.
    """

    spot: tuple[float, float] = (20.0, 600.0)  # $, log-uniform
    days: tuple[int, int] = (7, 90)  # calendar days to expiry, uniform
    moneyness: float = 1.6  # strikes within so many standard deviations of the forward
    vol_median: float = 0.34  # long-run volatility, log-normal: indices near 0.15, TSLA near 0.5
    vol_spread: float = 0.40
    vol_limits: tuple[float, float] = (0.12, 1.0)
    kappa: tuple[float, float] = (2.0, 7.0)  # per year: half-life of five weeks to four months (Bakshi et al. 1997)
    feller: tuple[float, float] = (1.2, 4.0)  # 2 kappa theta / xi^2; above 1 the variance stays positive
    rho: tuple[float, float] = (-0.8, -0.2)  # leverage effect (Bakshi et al. 1997: -0.6 for the index)
    drift: float = 0.08  # of the stock, per year; hedged away but for its bias
    premium: float = 0.035  # implied over expected volatility, relative; small for single stocks (Carr and Wu 2009)
    skew_premium: float = 0.03  # more of it per standard deviation below the forward (Bollen and Whaley 2004)
    market_noise: float = 0.12  # of the quoted volatility, relative, for a median name; falls with liquidity
    model_noise: float = 0.06  # of the engine's estimate, relative
    blind_chance: float = 0.08  # share of signals whose edge is the model's own error ...
    blind_factor: float = 4.0  # ... so many times as large as usual
    spread_points: float = 0.012  # bid-ask spread in volatility, for a median name at the money
    tick: float = 0.01  # $
    cheapest: float = 0.10  # $; the engine screens out what costs less
    commission: float = 0.0065  # $ per share: $0.65 a contract, a retail broker's list price
    stock_cost: float = 0.0001  # of the stock's value traded in hedging: half of a two-basis-point spread
