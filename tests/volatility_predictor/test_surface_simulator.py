"""Simulated surfaces: free of arbitrage, repeatable, with a known best forecast."""

import numpy as np
import pytest
from scipy.stats import norm

from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.surfaces.daily_features import CALL, NODES, PUT, TENORS, Quote, daily_features
from train.volatility_predictor.surfaces.simulator import (
    best_forecast,
    grid_features,
    simulate_surfaces,
    start,
    step,
    surface,
)

SIMULATED = simulate_surfaces(12, 60, seed=4)


def grids() -> np.ndarray:
    return np.concatenate([surface(SIMULATED.law, state) for state in SIMULATED.states[::15]])


def test_the_same_seed_gives_the_same_surfaces_and_another_seed_others() -> None:
    again, other = simulate_surfaces(12, 60, seed=4), simulate_surfaces(12, 60, seed=5)
    assert np.array_equal(again.features, SIMULATED.features)
    assert not np.array_equal(other.features, SIMULATED.features)


def test_every_feature_is_known_and_within_the_contract() -> None:
    for index, column in enumerate(DAILY_FEATURES):
        values = SIMULATED.features[:, :, index]
        assert ((column.minimum <= values) & (values <= column.maximum)).all(), column.name


def test_features_of_a_grid_are_those_of_its_quotes() -> None:
    grid = grids()[:10]
    quick = grid_features(grid, np.full(len(grid), 25.0))
    for row, ivs in zip(quick, grid, strict=True):
        quotes = [
            Quote(tenor, 100 * m, CALL if m >= 1 else PUT, float(ivs[t, n]), 1.0, m)
            for t, tenor in enumerate(TENORS)
            for n, m in enumerate(NODES)
        ]
        assert daily_features(quotes) == pytest.approx(tuple(row), rel=1e-12, abs=1e-15)


def test_total_variance_rises_with_tenor_at_every_moneyness() -> None:
    total = grids() ** 2 * np.array(TENORS)[:, None]
    assert (np.diff(total, axis=1) > 0).all()


def test_calls_are_convex_and_falling_in_strike() -> None:
    strikes, tenors = np.array(NODES), np.array(TENORS)[:, None]
    deviation = grids() * np.sqrt(tenors)
    d1 = -np.log(strikes) / deviation + deviation / 2
    calls = norm.cdf(d1) - strikes * norm.cdf(d1 - deviation)
    slopes = np.diff(calls, axis=2) / np.diff(strikes)
    assert ((slopes < 0) & (slopes > -1)).all()
    assert (np.diff(slopes, axis=2) > 0).all()


def test_volatility_reverts_to_its_mean() -> None:
    rng = np.random.default_rng(0)
    law, state = SIMULATED.law, start(SIMULATED.law)
    levels = []
    for _ in range(3000):
        state = step(law, state, rng)
        levels.append(state.slow + state.medium + state.fast)
    assert np.abs(np.mean(levels, axis=0)).max() < 0.5
    assert np.std(levels, axis=0).max() < 1.0


def test_the_best_forecast_beats_persistence_and_its_own_error_shrinks_with_paths() -> None:
    rng = np.random.default_rng(1)
    best = persistence = 0.0
    for day in range(0, 39, 3):
        forecast, _ = best_forecast(SIMULATED, day, 21, paths=200, rng=rng)
        outcome, today = SIMULATED.features[:, day + 21, 0], SIMULATED.features[:, day, 0]
        best += float(((forecast - outcome) ** 2 / today**2).sum())
        persistence += float(((today - outcome) ** 2 / today**2).sum())
    assert best < persistence
    few, many = (best_forecast(SIMULATED, 0, 1, paths=n, rng=rng)[1].mean() for n in (50, 800))
    assert many < few
