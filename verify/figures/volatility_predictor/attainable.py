"""What can be gained on simulated surfaces, and which share of it a forecaster makes.

Gain: 1 - E(f - m)^2 / E(today - m)^2, errors relative to today, m the mean of what comes given the law and all factors.
Three yardsticks, each knowing less than the one before:

- *all factors*: m itself, gain 1. Nobody can have it: slow and fast move all quotes alike, so none tells them apart.
- *the law and the quotes*: a day's features give the sum of slow and fast, and each other factor; a Kalman filter with
  the true law then tells slow from fast as well as the past of the sum allows. What no forecaster who sees quotes alone
  can beat, but one who would know eighteen numbers of the symbol besides.
- *the quotes*: regression and boosted trees on what the features of 252 days say, on so many other symbols that more of
  them hardly add to it: what a pooled model can learn, whatever its form.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.surfaces.simulator import (
    Law,
    SimulatedSurfaces,
    best_forecast,
    simulate_surfaces,
    step,
    surface,
)

Floats = NDArray[np.float64]
Forecast = Callable[[int, int], tuple[Floats, Floats | float]]
"""(day, horizon) -> avg_iv float64 [symbol], and the variance by which simulation makes it miss."""

FIRST_DAY = 251
_LAGS, _MEANS, _SIZES, _USUAL = 10, (2, 3, 5, 10, 22, 44, 63, 126, 252), (5, 22, 252), (10, 63, 252)


def gains(
    simulated: SimulatedSurfaces, days: Sequence[int], forecasts: dict[str, Forecast], *, paths: int, seed: int
) -> dict[str, list[float]]:
    """The gain of each forecaster at each horizon, simulation errors taken out."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in forecasts}
    for horizon in HORIZONS:
        missed, attainable = dict.fromkeys(forecasts, 0.0), 0.0
        for day in days:
            best, noise = best_forecast(simulated, day, horizon, paths=paths, rng=rng)
            today = simulated.features[:, day, 0]
            attainable += float((((today - best) ** 2 - noise) / today**2).sum())
            for name, forecast in forecasts.items():
                value, own_noise = forecast(day, horizon)
                missed[name] += float((((value - best) ** 2 - noise - own_noise) / today**2).sum())
        for name, miss in missed.items():
            found[name].append(1.0 - miss / attainable)
    return found


def kalman_forecast(simulated: SimulatedSurfaces, *, paths: int, seed: int) -> Forecast:
    """Knows the law and the quotes: slow and fast are drawn from what the filter says of them."""
    rng = np.random.default_rng(seed)
    mean, variance = _filtered(simulated)

    def forecast(day: int, horizon: int) -> tuple[Floats, Floats]:
        index = np.repeat(np.arange(len(mean)), paths)
        law, state = simulated.law.take(index), simulated.states[day].take(index)
        slow = mean[index, day] + np.sqrt(variance[index, day]) * rng.standard_normal(len(index))
        state = replace(state, slow=slow, fast=state.slow + state.fast - slow, vol=np.zeros_like(slow))
        for _ in range(horizon):
            state = step(law, state, rng)
        table = surface(law, state).mean(axis=(1, 2)).reshape(-1, paths)
        return table.mean(axis=1), table.var(axis=1, ddof=1) / paths

    return forecast


def _filtered(simulated: SimulatedSurfaces) -> tuple[Floats, Floats]:
    """Mean and variance of slow given the sums of slow and fast so far, float64 [symbol, day] each."""
    from statsmodels.tsa.statespace.kalman_filter import KalmanFilter

    law: Law = simulated.law
    sums = np.stack([state.slow + state.fast for state in simulated.states], axis=1)
    means, variances = np.empty_like(sums), np.empty_like(sums)
    for symbol, series in enumerate(sums):
        speeds = np.array([law.slow[symbol], law.fast[symbol]])
        shocks = np.array([law.slow_shock[symbol], law.fast_shock[symbol]]) ** 2
        model = KalmanFilter(k_endog=1, k_states=2)
        model.bind(np.ascontiguousarray(series[:, None]))
        model["design"], model["selection"] = np.ones((1, 2)), np.eye(2)
        model["transition"], model["state_cov"] = np.diag(1.0 - speeds), np.diag(shocks)
        model.initialize_known(np.zeros(2), np.diag(shocks / (1.0 - (1.0 - speeds) ** 2)))
        result = model.filter()
        means[symbol], variances[symbol] = result.filtered_state[0], np.maximum(result.filtered_state_cov[0, 0], 0.0)
    return means, variances


@dataclass(frozen=True)
class Sample:
    """What the regression learns from: so many symbols over so many days, `each` windows of a symbol."""

    symbols: int = 6000
    days: int = 420
    each: int = 40


def regression_forecast(simulated: SimulatedSurfaces, sample: Sample, *, seed: int) -> Forecast:
    """Knows the quotes: ridge regression, then boosted trees on what it leaves, fitted to other symbols."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    table, iv = observed_inputs(simulated.features), simulated.features[:, :, 0]
    inputs: list[Floats] = []
    outcomes: dict[int, list[Floats]] = {horizon: [] for horizon in HORIZONS}
    for block in range(0, sample.symbols, 500):
        features = simulate_surfaces(min(500, sample.symbols - block), sample.days, seed=seed + 1 + block).features
        days = rng.choice(np.arange(FIRST_DAY, sample.days - max(HORIZONS)), sample.each, replace=False)
        inputs.append(observed_inputs(features)[:, days].reshape(-1, table.shape[2]))
        for horizon in HORIZONS:
            ratios = features[:, days + horizon, 0] / features[:, days, 0] - 1.0
            outcomes[horizon].append(ratios.ravel())
    x = np.concatenate(inputs)
    fitted = {}
    for horizon in HORIZONS:
        y = np.concatenate(outcomes[horizon])
        line = make_pipeline(StandardScaler(), Ridge(1.0)).fit(x, y)
        trees = HistGradientBoostingRegressor(
            learning_rate=0.05, max_iter=400, max_leaf_nodes=15, min_samples_leaf=200, l2_regularization=10.0,
            early_stopping=True, validation_fraction=0.1, random_state=seed,
        )  # fmt: skip
        fitted[horizon] = (line, trees.fit(x, y - line.predict(x)))

    def forecast(day: int, horizon: int) -> tuple[Floats, float]:
        line, trees = fitted[horizon]
        today = table[:, day]
        return np.asarray(iv[:, day] * (1.0 + line.predict(today) + trees.predict(today))), 0.0

    return forecast


def observed_inputs(features: Floats) -> Floats:
    """What 252 days of features say, free of level: float64 [symbol, day, input], days before `FIRST_DAY` unusable.

    Daily changes of log avg_iv, its distance from trailing means, sizes of changes, and the smile's ratios to avg_iv,
    today's and against their own trailing means; all but the ratios in units of a year's changes, too.
    """
    x = np.log(features[:, :, 0])
    changes = np.diff(x, axis=1, prepend=x[:, :1])
    sizes = [np.sqrt(_trailing(changes**2, days) + 1e-8) for days in _SIZES]
    moves = [np.roll(changes, lag, axis=1) for lag in range(_LAGS)] + [x - _trailing(x, days) for days in _MEANS]
    ratios = [features[:, :, column] / features[:, :, 0] for column in range(1, 5)]
    smile = ratios + [ratio - _trailing(ratio, days) for ratio in ratios for days in _USUAL]
    scaled = [move / sizes[-1] for move in moves]
    return np.stack([*moves, *scaled, *(np.log(size) for size in sizes), *smile], axis=2)


def _trailing(series: Floats, days: int) -> Floats:
    """The mean of the last so many days, over those that exist."""
    sums = np.cumsum(np.concatenate([np.zeros((len(series), 1)), series], axis=1), axis=1)
    ends = np.arange(1, series.shape[1] + 1)
    begins = np.maximum(ends - days, 0)
    return np.asarray((sums[:, ends] - sums[:, begins]) / (ends - begins))
