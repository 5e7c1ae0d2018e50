"""The simple forecasts that travel with the network, in both languages."""

import json
from pathlib import Path

import numpy as np
import pytest

from export.artifact.manifest import read_manifest
from tests.support.places import ROOT
from tests.support.volatility_house import trained_version
from train.volatility_predictor.contract import DAILY_FEATURES, HORIZONS
from train.volatility_predictor.network.shipped_baselines import SPANS, fit_shipped, shipped_forecasts
from train.volatility_predictor.network.windows import Series
from train.volatility_predictor.surfaces.surface_days import read_days
from verify.figures.volatility_predictor.round_trip import House
from verify.runtimes.open import BINARY

pytestmark = pytest.mark.slow

SURFACE = ROOT / "examples/surface.csv"


def reverting(pull: float, *, days: int = 4000, seed: int = 0) -> Series:
    """A level whose log is drawn back by `pull` a day to that of 0.2."""
    noise = np.random.default_rng(seed).normal(0.0, 0.05, days)
    log_iv = np.zeros(days)
    for day in range(1, days):
        log_iv[day] = log_iv[day - 1] * (1.0 - pull) + noise[day]
    features = np.full((days, len(DAILY_FEATURES)), np.nan)
    features[:, 0] = 0.2 * np.exp(log_iv)
    return Series(f"seed {seed}", features)


def test_the_autoregression_finds_how_fast_a_series_comes_back() -> None:
    found = fit_shipped([reverting(0.05, seed=seed) for seed in range(8)], [4000] * 8, [1.0] * 8)
    pulls = [pull for (pull,) in found["ar"]]
    assert pulls == pytest.approx([1.0 - 0.95**horizon for horizon in HORIZONS], rel=0.15)


def test_days_from_the_stop_on_change_nothing() -> None:
    one = reverting(0.05)
    other = Series("other", np.where(np.arange(4000)[:, None] < 2000, one.features, 0.7))
    assert fit_shipped([one], [2000], [1.0]) == fit_shipped([other], [2000], [1.0])


def test_the_formulas_by_hand() -> None:
    coefficients = {"ar": [[0.1]], "har": [[0.2, 0.1, 0.05]], "ewma": [[0.5]]}
    found = shipped_forecasts(np.array([0.2, 0.4]), coefficients)
    half = np.log(0.5) / 2
    assert found["ar"] == pytest.approx([0.4 * np.exp(0.1 * half)])
    assert found["har"] == pytest.approx([0.4 * np.exp(0.35 * half)])
    assert found["ewma"] == pytest.approx([0.4 * np.exp(np.log(0.5) / 3)])


def test_a_long_history_is_looked_at_no_further_back_than_the_spans() -> None:
    days = np.random.default_rng(1).uniform(0.1, 0.4, 400)
    coefficients = {"har": [[0.2, 0.1, 0.05]]}
    longest = max(SPANS["har"])
    short, long = (shipped_forecasts(part, coefficients)["har"] for part in (days[-longest:], days))
    assert np.array_equal(short, long)


def test_rust_gives_the_same_numbers_beside_its_forecast(tmp_path: Path) -> None:
    version, _ = trained_version()
    house = House(tmp_path, ROOT / BINARY)
    house.configure(version, horizon=5)
    answer = json.loads(house.run("predict", "--json", str(SURFACE)))
    settings = read_manifest(version).settings
    iv = read_days(SURFACE).features[:, 0]
    known = iv[~np.isnan(iv)][-settings["window_days"] :]
    expected = shipped_forecasts(known, settings["baselines"])
    for number, entry in enumerate(answer["horizons"]):
        found = entry["baseline"]
        assert found["persistence"] == known[-1]
        for name, values in expected.items():
            assert found[name] == pytest.approx(values[number], rel=1e-12), name
    assert answer["baseline"] == answer["horizons"][1]["baseline"]
