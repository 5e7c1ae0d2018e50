"""Simulated surfaces of many symbols, free of arbitrage, whose best possible forecast can be computed.

Every symbol has a law of its own, drawn around values under which the gains of AR and HAR over persistence resemble
those on the S&P 500 surface and on VIX. The log of volatility is a sum of mean-reverting factors:

- slow (half-life about a year) and medium (weeks), the latter with upward jumps;
- fast (a day or so), which moves the whole surface and is gone again: what makes "tomorrow equals today" beatable;
- term: a premium for far tenors, which makes the term slope a weak witness of where volatility goes, as it is on the
  S&P 500 surface;
- volatility of volatility, itself mean-reverting, scales their shocks.

Slow and fast move all tenors alike; the medium factor decays along the forward variance curve, which gives the term
slope. Total variance at the money is the integral of that positive curve, so it rises with tenor. The smile is SSVI
with phi = eta / sqrt(theta (1 + theta)) and eta (1 + |rho|) <= 2, free of butterfly and calendar arbitrage (Gatheral
and Jacquier, "Arbitrage-free SVI volatility surfaces", 2014, theorem 4.2 and remark 4.4, with rho and eta the same at
all tenors). Skew (rho) and curvature (eta) are mean-reverting, too, and correlated with the medium factor.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.surfaces.daily_features import NODES, TENORS

Floats = NDArray[np.float64]

_FAR = 4.0
"""Per year: how fast the term factor grows along tenors."""
_STEPS = 24
"""Of the midpoint rule on the forward variance curve, which is smooth."""


@dataclass(frozen=True)
class Law:
    """What does not change, one element per symbol. Rates are per trading day, factors in logs of volatility."""

    level: Floats
    premium: Floats  # log of far over near volatility when the factors are zero
    slow: Floats  # mean reversion a day, 0..1, and so are medium, fast, term and smile
    medium: Floats
    fast: Floats
    term: Floats
    smile: Floats
    slow_shock: Floats  # standard deviation a day
    medium_shock: Floats
    fast_shock: Floats
    term_shock: Floats
    smile_shock: Floats
    jump_chance: Floats  # a day
    jump_size: Floats  # mean, exponential
    vol_shock: Floats  # standard deviation a day of log volatility of volatility
    rho: Floats
    eta: Floats
    decay: Floats  # of the medium factor along tenors, per year
    volume: Floats  # log of contracts

    def take(self, index: NDArray[np.int64]) -> "Law":
        """The laws of the symbols at `index`."""
        return Law(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True)
class State:
    """Today's factors, one element per symbol (or path)."""

    slow: Floats
    medium: Floats
    fast: Floats
    term: Floats
    vol: Floats
    skew: Floats
    bend: Floats

    def take(self, index: NDArray[np.int64]) -> "State":
        """The states at `index`."""
        return State(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True)
class SimulatedSurfaces:
    """`features` float64 [symbol, day, feature] in contract order, `grids` [symbol, day, tenor, moneyness].

    `states`: one per day; `law`: one per symbol.
    """

    features: Floats
    grids: Floats
    states: tuple[State, ...]
    law: Law


def draw_law(symbols: int, rng: np.random.Generator) -> Law:
    """Laws of so many symbols: indices and single stocks, calm and wild."""

    def between(low: float, high: float) -> Floats:
        return np.exp(rng.uniform(np.log(low), np.log(high), symbols))

    level = between(0.13, 0.60)
    slow_life, medium_life, fast_life = between(250, 900), between(15, 60), between(0.6, 5.0)
    term_life = between(10, 60)
    slow, medium, fast, term = (1.0 - 0.5 ** (1.0 / life) for life in (slow_life, medium_life, fast_life, term_life))
    return Law(
        level=level,
        premium=rng.uniform(-0.05, 0.40, symbols),
        slow=slow,
        medium=medium,
        fast=fast,
        term=term,
        smile=1.0 - 0.5 ** (1.0 / between(5, 30)),
        slow_shock=between(0.20, 0.35) * np.sqrt(2.0 * slow),
        medium_shock=between(0.145, 0.24) * np.sqrt(2.0 * medium),
        fast_shock=between(0.017, 0.049),
        term_shock=between(0.10, 0.25) * np.sqrt(2.0 * term),
        smile_shock=between(0.03, 0.10),
        jump_chance=between(0.004, 0.02),
        jump_size=between(0.05, 0.16),
        vol_shock=between(0.05, 0.12),
        rho=rng.uniform(-0.85, -0.10, symbols),
        eta=rng.uniform(0.5, 0.95, symbols),
        decay=between(1.5, 6.0),
        volume=np.log(between(3e3, 3e6)),
    )


def start(law: Law) -> State:
    """All factors at rest."""
    rest = np.zeros_like(law.level)
    return State(rest, rest, rest, rest, rest, rest, rest)


def step(law: Law, state: State, rng: np.random.Generator) -> State:
    """The factors one trading day later."""
    shocks = rng.standard_normal((7, len(law.level)))
    jumped = rng.random(len(law.level)) < law.jump_chance
    jump = np.where(jumped, rng.exponential(1.0, len(law.level)) * law.jump_size, 0.0)
    scale = np.exp(np.clip(state.vol, -1.2, 1.2))
    # A rise of volatility makes volatility of volatility rise, and lowers the skew's correlation.
    medium_shock = scale * law.medium_shock * shocks[1] + jump
    return replace(
        state,
        slow=(1.0 - law.slow) * state.slow + scale * law.slow_shock * shocks[0],
        medium=(1.0 - law.medium) * state.medium + medium_shock - law.jump_chance * law.jump_size,
        fast=(1.0 - law.fast) * state.fast + scale * law.fast_shock * shocks[2],
        term=(1.0 - law.term) * state.term + law.term_shock * shocks[6],
        vol=0.94 * state.vol + law.vol_shock * (0.5 * shocks[1] + 0.87 * shocks[3]),
        skew=(1.0 - law.smile) * state.skew + law.smile_shock * (0.87 * shocks[4] - 0.5 * shocks[1]),
        bend=(1.0 - law.smile) * state.bend + law.smile_shock * (0.87 * shocks[5] - 0.3 * shocks[1]),
    )


def surface(law: Law, state: State) -> Floats:
    """Implied volatilities float64 [symbol, tenor, node] on the grid of `surfaces.daily_features`."""
    tenors = np.array(TENORS)
    middles = (np.arange(_STEPS) + 0.5) / _STEPS
    times = tenors[:, None] * middles  # [tenor, step]
    faded = np.exp(-law.decay[:, None, None] * times)
    common = np.log(law.level) + state.slow + state.fast
    far = law.premium + state.term
    log_vol = (
        common[:, None, None] + state.medium[:, None, None] * faded + far[:, None, None] * (1.0 - np.exp(-_FAR * times))
    )
    theta = (np.exp(2.0 * log_vol).mean(axis=2) * tenors)[:, :, None]  # [symbol, tenor, 1]
    rho = np.clip(law.rho + 0.3 * state.skew, -0.9, 0.3)[:, None, None]
    eta = np.clip(law.eta * np.exp(state.bend), 0.3, 1.05)[:, None, None]
    skewed = eta / np.sqrt(theta * (1.0 + theta)) * np.log(np.array(NODES))
    total = theta / 2.0 * (1.0 + rho * skewed + np.sqrt((skewed + rho) ** 2 + 1.0 - rho**2))
    return np.asarray(np.sqrt(total / tenors[:, None]), dtype=np.float64)


def simulate_surfaces(symbols: int, days: int, *, seed: int) -> SimulatedSurfaces:
    """Simulate so many symbols over so many days after a run-in of one year, which is not returned."""
    rng = np.random.default_rng(seed)
    law = draw_law(symbols, rng)
    state = start(law)
    for _ in range(252):
        state = step(law, state, rng)
    states, features, grids = [], [], []
    for _ in range(days):
        state = step(law, state, rng)
        states.append(state)
        grids.append(surface(law, state))
        features.append(grid_features(grids[-1], _volumes(law, state, rng)))
    return SimulatedSurfaces(np.stack(features, axis=1), np.stack(grids, axis=1), tuple(states), law)


def grid_features(grid: Floats, volume: Floats) -> Floats:
    """`daily_features` of full grids, for many symbols at once: float64 [symbol, feature]; tested to be equal."""
    features = np.empty((len(grid), len(DAILY_FEATURES)))
    features[:, 0] = grid.mean(axis=(1, 2))
    features[:, 1] = grid[:, 0, 2]
    features[:, 2] = grid[:, 0, 1] - grid[:, 0, 3]
    features[:, 3] = (grid[:, 0, 1] + grid[:, 0, 3]) / 2.0 - grid[:, 0, 2]
    features[:, 4] = grid[:, 2, 2] - grid[:, 0, 2]
    features[:, 5] = volume
    features[:, 6] = grid.shape[1] * grid.shape[2]
    return features


def _volumes(law: Law, state: State, rng: np.random.Generator) -> Floats:
    """Contracts a day: more when volatility of volatility is high."""
    return np.asarray(np.round(np.exp(law.volume + 0.5 * state.vol + 0.3 * rng.standard_normal(len(law.volume)))))


def best_forecast(
    simulated: SimulatedSurfaces, day: int, horizon: int, *, paths: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """What a forecaster who knows the law and the factors would say of avg_iv, by simulation from there on.

    Returns:
        The conditional mean float64 [symbol], and the variance of that estimate, by which it misses the true mean.
    """
    symbols = len(simulated.law.level)
    index = np.repeat(np.arange(symbols), paths)
    law, state = simulated.law.take(index), simulated.states[day].take(index)
    for _ in range(horizon):
        state = step(law, state, rng)
    outcomes = surface(law, state).mean(axis=(1, 2)).reshape(symbols, paths)
    return outcomes.mean(axis=1), outcomes.var(axis=1, ddof=1) / paths
