"""GARCH as a rival, against its known forecast."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from tests.support.places import SHARED
from train.core.errors import PipelineError
from verify.figures.volatility_predictor.garch import (
    AHEAD,
    ALONE,
    BESIDE,
    file_prices,
    garch_variances,
    implied_forecasts,
    realised_table,
    surface_prices,
)

pytestmark = pytest.mark.slow


def simulated_returns(days: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """GARCH(1,1) with omega 2e-6, alpha 0.1, beta 0.88: returns, and the variance of each next day."""
    rng = np.random.default_rng(seed)
    variance, returns, following = 1e-4, np.empty(days), np.empty(days)
    for day in range(days):
        returns[day] = np.sqrt(variance) * rng.standard_normal()
        variance = 2e-6 + 0.1 * returns[day] ** 2 + 0.88 * variance
        following[day] = variance
    return returns, following


def test_the_variance_of_a_garch_process_is_found_again() -> None:
    returns, following = simulated_returns(4000)
    found = garch_variances(returns, 3000)
    assert found.shape == (4000, AHEAD)
    assert np.median(np.abs(found[3000:, 0] / following[3000:] - 1.0)) < 0.1


def test_parameters_do_not_see_what_comes_after_the_fit() -> None:
    returns, _ = simulated_returns(1500)
    changed = returns.copy()
    changed[1010:] *= 5.0
    before, after = (garch_variances(series, 1000)[:1010] for series in (returns, changed))
    assert before == pytest.approx(after, rel=1e-12)


def test_forecasts_of_implied_volatility_follow_sigma_where_it_leads() -> None:
    rng = np.random.default_rng(2)
    sigma = 0.2 * np.exp(np.cumsum(0.05 * rng.standard_normal(1500)) * 0.3)
    iv = 1.2 * np.concatenate([sigma[:1], sigma[:-1]])
    days = np.arange(1000, 1400)
    found = implied_forecasts(iv, sigma, fit_stop=900, days=days)
    assert set(found) == {ALONE, BESIDE}
    assert found[ALONE][:, 0] == pytest.approx(iv[days + 1], rel=1e-9)


def test_the_surface_holds_the_prices_of_the_index() -> None:
    prices = surface_prices(SHARED / "spx_surface_1996_2015.csv.gz")
    assert len(prices) == 5032
    assert prices[dt.date(1996, 1, 5)] == pytest.approx(616.71, abs=0.02)


def test_the_engines_price_file_gives_a_table_of_realised_volatility_alone() -> None:
    lines = realised_table(SHARED / "dollarbill/tsla_five_year.csv", 0.25)
    assert len(lines) == 2 + 6
    assert all(line.startswith("| tsla_five_year.csv |") for line in lines[2:])


def test_a_file_without_prices_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for text, reason in (("a,b\n1,2\n", "columns Date and Close"), ("Date,Close\nx,1\n", "not a price file")):
        path.write_text(text)
        with pytest.raises(PipelineError, match=reason):
            file_prices(path)
