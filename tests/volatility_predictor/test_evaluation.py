"""Figures of forecasts against cases with known answers."""

import numpy as np
import pytest

from train.volatility_predictor.evaluation.forecasts import NETWORK, Evaluated, beaten_by, diebold_mariano, quality_rows
from train.volatility_predictor.evaluation.rivals import AR, EWMA, HAR, PERSISTENCE, baseline_forecasts


def mean_reverting(days: int, *, speed: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.zeros(days)
    for day in range(1, days):
        x[day] = (1 - speed) * x[day - 1] + 0.05 * rng.standard_normal()
    return 0.2 * np.exp(x)


def forecasts(iv: np.ndarray, split: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    days = np.arange(split + 21, len(iv) - 21)
    return days, baseline_forecasts(iv, fit_stop=split, days=days)


def test_persistence_says_today_at_every_horizon() -> None:
    iv = mean_reverting(400, speed=0.1)
    days, found = forecasts(iv, 200)
    assert np.array_equal(found[PERSISTENCE], np.repeat(iv[days, None], 3, axis=1))


@pytest.mark.parametrize("name", [AR, HAR])
def test_regressions_beat_persistence_where_volatility_reverts_fast(name: str) -> None:
    iv = mean_reverting(4000, speed=0.2)
    days, found = forecasts(iv, 2000)
    for column, horizon in enumerate((1, 5, 21)):
        errors = [np.mean((found[n][:, column] - iv[days + horizon]) ** 2) for n in (name, PERSISTENCE)]
        assert errors[0] < errors[1]


def test_ewma_is_persistence_on_a_random_walk() -> None:
    iv = 0.2 * np.exp(np.cumsum(0.01 * np.random.default_rng(3).standard_normal(2000)))
    days, found = forecasts(iv, 1500)
    assert found[EWMA][:, 0] == pytest.approx(iv[days], rel=0.01)


def test_rivals_do_not_see_what_comes_after_their_fit() -> None:
    iv = mean_reverting(600, speed=0.1)
    changed = iv.copy()
    changed[330:] *= 3
    days = np.arange(300, 325)
    before, after = (baseline_forecasts(series, fit_stop=300, days=days) for series in (iv, changed))
    for name in before:
        assert np.array_equal(before[name], after[name]), name


def test_diebold_mariano_sees_a_better_forecast_and_no_difference_where_there_is_none() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((2, 2000))
    statistic, p = diebold_mariano(0.8 * noise[0] ** 2, noise[0] ** 2, 1)
    assert statistic < -3
    assert p < 0.01
    assert diebold_mariano(noise[0] ** 2, noise[1] ** 2, 1)[1] > 0.05
    assert diebold_mariano(noise[0] ** 2, noise[0] ** 2, 5) == (0.0, 1.0)


def test_diebold_mariano_on_one_lag_is_the_paired_t_statistic() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.random((2, 500))
    difference = a - b
    expected = difference.mean() / (difference.std(ddof=1) / np.sqrt(500))
    assert diebold_mariano(a, b, 1)[0] == pytest.approx(expected, rel=1e-12)


def test_overlapping_errors_count_for_less_than_independent_ones() -> None:
    rng = np.random.default_rng(5)
    smooth = np.convolve(rng.standard_normal(3000), np.ones(21) / 21, "valid") + 0.02
    wide, narrow = (diebold_mariano(smooth, np.zeros_like(smooth), horizon)[1] for horizon in (21, 1))
    assert wide > narrow


def test_quality_names_the_best_rival_and_a_perfect_network_has_no_error() -> None:
    iv = mean_reverting(900, speed=0.2)
    days, rivals = forecasts(iv, 450)
    outcome = np.stack([iv[days + horizon] for horizon in (1, 5, 21)], axis=1)
    one = Evaluated("x", outcome, rivals | {NETWORK: outcome}, outcome * 0.9, outcome * 1.1)
    rows = quality_rows([one], seed=0)
    assert [row.value for row in rows[:3]] == [0.0, 0.0, 0.0]
    assert {row.baseline for row in rows[:3]} <= {PERSISTENCE, AR, HAR, EWMA}
    assert all(row.baseline_value <= 1.0 for row in rows[:3])
    assert (rows[3].value, rows[3].baseline_value) == (1.0, 0.8)
    assert beaten_by(rows) == [None, None, None]


def test_a_network_that_loses_to_a_simple_rival_is_named_with_it() -> None:
    iv = mean_reverting(900, speed=0.2)
    days, rivals = forecasts(iv, 450)
    outcome = np.stack([iv[days + horizon] for horizon in (1, 5, 21)], axis=1)
    network = outcome.copy()
    network[:, 1] += 1.0
    one = Evaluated("x", outcome, rivals | {NETWORK: network}, outcome * 0.9, outcome * 1.1)
    rows = quality_rows([one], seed=0)
    assert beaten_by(rows) == [None, rows[1].baseline, None]


def test_the_excess_is_over_the_best_simple_rival_and_the_worst_comes_first() -> None:
    from verify.figures.volatility_predictor.forecast_table import excess, excess_line

    rng = np.random.default_rng(8)
    outcome = 0.2 + 0.01 * rng.standard_normal((400, 3))
    miss = rng.standard_normal((400, 3))
    forecasts = {name: outcome + size * miss for name, size in ((PERSISTENCE, 2.0), (AR, 1.5), (HAR, 1.0), (EWMA, 0.1))}
    better, worse = ({**forecasts, NETWORK: outcome + size * miss} for size in (0.9, 1.1))
    tested = [Evaluated(name, outcome, own, outcome, outcome) for name, own in (("calm", better), ("wild", worse))]
    rows = excess(tested)
    assert all("wild" in name for _, _, name in rows[:3])
    assert [share for share, _, _ in rows] == pytest.approx([0.21] * 3 + [-0.19] * 3)
    assert "3 of 6 (series, horizon), 3 of them with p < 0.05" in excess_line(tested)
