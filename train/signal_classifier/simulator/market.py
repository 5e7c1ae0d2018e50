"""The market simulator: trade signals as the engine sees them, and what became of each.

One signal is one listed option on one stock:

1. the stock follows Heston's model (`train.signal_classifier.simulator.heston`); its fair volatility is exact;
2. the market quotes that volatility with a risk premium, a premium on low strikes and noise;
3. the engine's model estimates it with less noise, but now and then is blind to something the market knows;
4. the spread widens with vega, moneyness and illiquidity, and so do volume and open interest shrink;
5. the engine buys at the ask when its edge is positive and sells at the bid otherwise, hedges with stock at every
   close until expiry, and pays for it. Label: profit and loss after costs > 0.

What the engine cannot see (true variance, its law, the spread, the noises) keeps the attainable accuracy far below one.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.simulator import black_scholes, heston
from train.signal_classifier.simulator.black_scholes import Bools, Floats
from train.signal_classifier.simulator.heston import DAYS_PER_YEAR, Heston
from train.signal_classifier.simulator.market_settings import RATE, MarketSettings

BLOCK = 2_000
"""Signals come in blocks with seeds of their own, so that the first rows do not depend on how many are asked for."""

_DRAWN = 2_500  # of which the dear enough ones make a block
_PATHS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Deals:
    """Everything that determines the law of a trade's profit, one element per trade (hidden from the classifier)."""

    stock: Heston
    spot: Floats
    strike: Floats
    days: npt.NDArray[np.int64]
    call: Bools
    long: Bools
    market_vol: Floats
    paid: Floats  # $ per share: the ask of what is bought, the bid of what is sold

    def take(self, index: npt.NDArray[np.int64]) -> "Deals":
        """The deals at `index`."""
        rest = {name: getattr(self, name)[index] for name in _DEAL_ARRAYS}
        return Deals(stock=self.stock.take(index), **rest)


_DEAL_ARRAYS = tuple(field.name for field in fields(Deals) if field.name != "stock")


@dataclass(frozen=True)
class Signals:
    """Simulated signals.

    `features` float64 [row, feature] in contract order; `pnl` float64 [row], $ per share after costs.
    """

    features: Floats
    pnl: Floats
    deals: Deals

    @property
    def profitable(self) -> npt.NDArray[np.int64]:
        """1 where pnl > 0, else 0."""
        return (self.pnl > 0.0).astype(np.int64)


def simulate(
    rows: int, *, seed: int, settings: MarketSettings | None = None, show: Callable[[int], None] | None = None
) -> Signals:
    """Simulate `rows` signals with their outcomes.

    Args:
        rows: how many, at least 1.
        seed: the first n rows of one seed are the same whatever `rows` is.
        settings: constants of the market.
        show: called with the number of rows done so far.

    Returns:
        The signals in the order drawn (they are independent).
    """
    settings = settings or MarketSettings()
    blocks = []
    for number in range(-(-rows // BLOCK)):
        random = np.random.default_rng(np.random.SeedSequence((seed, 0, number)))
        features, deals = _draw(settings, random)
        blocks.append(Signals(features, profit(deals, settings=settings, random=random), deals))
        if show:
            show(min((number + 1) * BLOCK, rows))
    return _join(blocks, rows)


def true_probability(
    deals: Deals,
    *,
    paths: int,
    seed: int,
    settings: MarketSettings | None = None,
    show: Callable[[int], None] | None = None,
) -> Floats:
    """P(profit) of each deal over the stock's future, by inner simulation.

    Args:
        deals: trades at their opening.
        paths: independent futures per deal; the standard error is at most 0.5 / sqrt(paths).
        seed: of the futures; independent of the seed of `simulate`, even if equal.
        settings: constants of the market.
        show: called with the number of deals done so far.

    Returns:
        float64 [deal] in 0..1.
    """
    settings = settings or MarketSettings()
    at_once = max(1, _PATHS_AT_ONCE // paths)
    result = np.empty(len(deals.spot))
    for start in range(0, len(result), at_once):
        random = np.random.default_rng(np.random.SeedSequence((seed, 1, start)))
        rows = np.arange(start, min(start + at_once, len(result)))
        pnl = profit(deals.take(np.repeat(rows, paths)), settings=settings, random=random)
        result[rows] = (pnl.reshape(len(rows), paths) > 0.0).mean(axis=1)
        if show:
            show(int(rows[-1]) + 1)
    return result


def profit(deals: Deals, *, settings: MarketSettings, random: np.random.Generator) -> Floats:
    """One simulated profit and loss per deal, $ per share (float64 [deal]), held and hedged to expiry.

    The hedge is the Black-Scholes delta at the volatility quoted at the opening, set at the opening and at each close;
    gains and losses are carried to expiry without interest but for that on the premium and the stock position.
    """
    order = np.argsort(-deals.days, kind="stable")
    d = deals.take(order)
    sign = np.where(d.long, 1.0, -1.0)
    spot = d.spot.copy()
    held = _delta(d, spot, d.days / DAYS_PER_YEAR)
    gains = np.zeros(len(spot))  # of hedging one long option, before costs
    costs = np.abs(held) * spot * settings.stock_cost
    carry = RATE / DAYS_PER_YEAR
    returns = heston.daily_returns(d.stock, d.days, drift=settings.drift, random=random)
    for day, log_return in enumerate(returns, start=1):
        n = len(log_return)
        before = spot[:n].copy()
        spot[:n] *= np.exp(log_return)
        gains[:n] -= held[:n] * (spot[:n] - before * (1.0 + carry))
        left = int(np.searchsorted(-d.days, -day, side="left"))  # those that live on after today
        fresh = np.zeros(n)
        fresh[:left] = _delta(d, spot[:left], (d.days[:left] - day) / DAYS_PER_YEAR)
        costs[:n] += np.abs(fresh - held[:n]) * spot[:n] * settings.stock_cost
        held[:n] = fresh
    payoff = np.maximum(np.where(d.call, spot - d.strike, d.strike - spot), 0.0)
    paid = d.paid * np.exp(RATE * d.days / DAYS_PER_YEAR)
    result = np.empty(len(spot))
    result[order] = sign * (payoff - paid + gains) - costs - settings.commission
    return result


def _delta(d: Deals, spot: Floats, years: Floats) -> Floats:
    n = len(spot)
    return black_scholes.delta(spot, d.strike[:n], years, rate=RATE, vol=d.market_vol[:n], call=d.call[:n])


def _draw(settings: MarketSettings, random: np.random.Generator) -> tuple[Floats, Deals]:
    """One block of signals: features float64 [row, feature] and the deals behind them."""
    stock = _stocks(settings, random)
    spot = np.exp(random.uniform(np.log(settings.spot[0]), np.log(settings.spot[1]), _DRAWN))
    days = random.integers(settings.days[0], settings.days[1] + 1, _DRAWN)
    years = days / DAYS_PER_YEAR
    deviation = np.sqrt(stock.mean_variance(years) * years)
    distance = np.clip(random.normal(0.0, 0.7, _DRAWN), -settings.moneyness, settings.moneyness)
    strike = _listed(spot * np.exp(RATE * years + distance * deviation), spot)
    distance = (np.log(strike / spot) - RATE * years) / deviation
    # Liquidity of the name; out-of-the-money options trade more.
    liquidity = random.standard_normal(_DRAWN)
    call = random.random(_DRAWN) < np.where(distance > 0.0, 0.7, 0.3)

    fair = heston.fair_vol(stock, spot, strike, years, rate=RATE)
    premium = 1.0 + settings.premium - settings.skew_premium * distance
    noise = settings.market_noise * np.exp(-0.25 * liquidity)
    market_vol = fair * premium * np.exp(noise * random.standard_normal(_DRAWN))
    blind = np.where(random.random(_DRAWN) < settings.blind_chance, settings.blind_factor, 1.0)
    model_vol = fair * np.exp(settings.model_noise * blind * random.standard_normal(_DRAWN))

    mid = black_scholes.price(spot, strike, years, rate=RATE, vol=market_vol, call=call)
    value = black_scholes.price(spot, strike, years, rate=RATE, vol=model_vol, call=call)
    vega = black_scholes.vega(spot, strike, years, rate=RATE, vol=market_vol)
    inside = np.maximum(np.where(call, spot - strike, strike - spot), 0.0)
    width = np.exp(-0.35 * liquidity + 0.3 * random.standard_normal(_DRAWN))
    spread = settings.tick + (settings.spread_points * vega + 0.02 * inside) * width
    long = value > mid
    activity = 5.0 + 1.3 * liquidity - 0.6 * distance**2 - 3.0 * inside / spot
    volume = np.floor(np.exp(activity + 1.0 * random.standard_normal(_DRAWN)))
    open_interest = np.floor(np.exp(activity + 1.5 + 0.8 * random.standard_normal(_DRAWN)))
    greeks = {
        "edge_percent": (value - mid) / mid * 100.0,
        "delta": black_scholes.delta(spot, strike, years, rate=RATE, vol=market_vol, call=call),
        "gamma": black_scholes.gamma(spot, strike, years, rate=RATE, vol=market_vol),
        "vega": vega,
        "theta": black_scholes.theta(spot, strike, years, rate=RATE, vol=market_vol, call=call),
        "volume": volume,
        "open_interest": open_interest,
        "days_to_expiry": days.astype(np.float64),
    }
    paid = mid + np.where(long, 0.5, -0.5) * spread
    features = np.column_stack([greeks[name] for name in SIGNAL_NAMES])
    kept = np.flatnonzero(mid >= settings.cheapest)[:BLOCK]
    if len(kept) < BLOCK:
        raise PipelineError(f"market settings: too few options cost {settings.cheapest} $ or more; lower `cheapest`")
    return features[kept], Deals(stock, spot, strike, days, call, long, market_vol, paid).take(kept)


def _stocks(settings: MarketSettings, random: np.random.Generator) -> Heston:
    vol = settings.vol_median * np.exp(settings.vol_spread * random.standard_normal(_DRAWN))
    theta = np.clip(vol, *settings.vol_limits) ** 2
    kappa = random.uniform(*settings.kappa, _DRAWN)
    feller = random.uniform(*settings.feller, _DRAWN)
    xi = np.sqrt(2.0 * kappa * theta / feller)
    # The stationary law of the variance is a gamma distribution (Cox, Ingersoll and Ross 1985).
    variance = np.maximum(random.gamma(feller, theta / feller), 0.1 * theta)
    return Heston(variance, kappa, theta, xi, random.uniform(*settings.rho, _DRAWN))


def _listed(strike: Floats, spot: Floats) -> Floats:
    """The nearest listed strike: every $0.50 below $25, $1 below $100, $2.50 above."""
    step = np.where(spot < 25.0, 0.5, np.where(spot < 100.0, 1.0, 2.5))
    result: Floats = np.maximum(np.round(strike / step), 1.0) * step
    return result


def _join(blocks: list[Signals], rows: int) -> Signals:
    def joined(parts: list[Any]) -> Any:
        return np.concatenate(parts)[:rows]

    stock = Heston(*(joined([getattr(b.deals.stock, name) for b in blocks]) for name in Heston.__slots__))
    rest = {name: joined([getattr(b.deals, name) for b in blocks]) for name in _DEAL_ARRAYS}
    deals = Deals(stock=stock, **rest)
    return Signals(joined([b.features for b in blocks]), joined([b.pnl for b in blocks]), deals)
