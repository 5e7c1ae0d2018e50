"""The yardsticks of the attainable gain."""

import numpy as np
import pytest

from train.volatility_predictor.surfaces.simulator import best_forecast, simulate_surfaces
from verify.figures.volatility_predictor.attainable import (
    FIRST_DAY,
    Sample,
    gains,
    kalman_forecast,
    observed_inputs,
    regression_forecast,
)

pytestmark = pytest.mark.slow

SIMULATED = simulate_surfaces(24, 330, seed=77)
DAYS = range(FIRST_DAY, 300, 12)


@pytest.fixture(scope="module")
def found() -> dict[str, list[float]]:
    rng = np.random.default_rng(5)
    forecasts = {
        "today": lambda day, _: (SIMULATED.features[:, day, 0], 0.0),
        "all factors": lambda day, horizon: best_forecast(SIMULATED, day, horizon, paths=100, rng=rng),
        "law and quotes": kalman_forecast(SIMULATED, paths=100, seed=1),
        "quotes": regression_forecast(SIMULATED, Sample(symbols=500, days=330, each=20), seed=2),
    }
    return gains(SIMULATED, DAYS, forecasts, paths=100, seed=3)


def test_who_knows_all_factors_gains_all_and_who_says_today_gains_nothing(found: dict[str, list[float]]) -> None:
    assert found["today"] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert found["all factors"] == pytest.approx([1.0, 1.0, 1.0], abs=0.1)


def test_who_knows_less_gains_less_and_all_gain_something(found: dict[str, list[float]]) -> None:
    for all_factors, law, quotes in zip(found["all factors"], found["law and quotes"], found["quotes"], strict=True):
        assert all_factors > law > quotes > 0.0


def test_inputs_know_nothing_of_what_comes_and_nothing_of_the_level() -> None:
    changed = SIMULATED.features.copy()
    changed[:, 300:] *= 3.0
    before, after = (observed_inputs(features)[:, FIRST_DAY:300] for features in (SIMULATED.features, changed))
    assert np.array_equal(before, after)
    scaled = SIMULATED.features.copy()
    scaled[:, :, :5] *= 2.0
    assert observed_inputs(scaled)[:, FIRST_DAY] == pytest.approx(observed_inputs(SIMULATED.features)[:, FIRST_DAY])
