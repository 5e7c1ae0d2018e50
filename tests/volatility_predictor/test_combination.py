"""The linear path and the interval: what they look at, how they are fitted, and that no fit looks ahead."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.tiny_volatility import simulated_windows
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.combination import (
    BASE,
    EWMA,
    HAR,
    MEMBERS,
    PRIOR,
    Pooled,
    Source,
    errors_out_of_sample,
    fit_combination,
    fit_weights,
    members,
)
from train.volatility_predictor.network.gaps import GAPS, MOVES, REGIME_DAYS, REGIME_FROM, gap_table, move_table
from train.volatility_predictor.network.interval import conformal_factor, fit_interval, quantile_regression

FULL = len(REGIME_DAYS) - 1


def walk(days: int, *, pull: float, seed: int) -> np.ndarray:
    """Logs of a level that is drawn back by `pull` a day."""
    noise = 0.05 * np.random.default_rng(seed).standard_normal(days)
    log_iv = np.zeros(days)
    for day in range(1, days):
        log_iv[day] = (1.0 - pull) * log_iv[day - 1] + noise[day]
    return log_iv - 1.6


def simulated(pull: float = 0.03, *, seed: int = 0, count: int = 4) -> list[Source]:
    return [Source(walk(600, pull=pull, seed=seed + number), 600) for number in range(count)]


def real(pull: float = 0.03, *, days: int = 2600, stop: int = 2200, seed: int = 50) -> Source:
    dates = np.busday_offset("1995-01-02", np.arange(days)).astype("datetime64[D]")
    return Source(walk(days, pull=pull, seed=seed), stop, dates)


@pytest.mark.slow
@pytest.mark.parametrize("known", [10, 11, 19, 40, 120, 252])
def test_the_network_sees_the_same_gaps_and_moves_as_the_fits(known: int) -> None:
    from train.volatility_predictor.network.network import preprocess_model

    history = simulated_windows(4, days=known)
    regressors, moves = (np.asarray(part) for part in preprocess_model(10)(history)[:2])
    regime = max(number for number, least in enumerate(REGIME_FROM) if known >= least)
    for row, window in enumerate(history):
        log_iv = np.log(window[-known:, 0])
        for found, table, width in ((regressors, gap_table, GAPS), (moves, move_table, MOVES)):
            expected = np.zeros((len(REGIME_FROM), width))
            expected[regime] = table(log_iv, known)[-1]
            assert found[row] == pytest.approx(expected.ravel(), abs=1e-12)


def test_every_amount_of_history_has_the_set_that_was_fitted_nearest_to_it() -> None:
    for known in range(10, 253):
        own = REGIME_DAYS[max(number for number, least in enumerate(REGIME_FROM) if known >= least)]
        nearest = min(abs(np.log(known / days)) for days in REGIME_DAYS)
        assert abs(np.log(known / own)) == pytest.approx(nearest, abs=0.02)


def test_the_members_find_how_fast_a_series_comes_back_and_none_of_them_moves_a_random_walk() -> None:
    fast, still = (Pooled(simulated(pull, count=12), []).at(None, FULL, 1) for pull in (0.2, 0.0))
    gain = [moments[-1, -1] - _loss(moments) for moments in (fast, still)]
    assert gain[0] > 0.3 * fast[-1, -1]
    assert gain[1] < 0.1 * still[-1, -1]


def _loss(moments: np.ndarray) -> float:
    own = np.append(-members(moments)[:, MEMBERS.index(BASE)], 1.0)
    return float(own @ moments @ own)


def test_weights_go_to_the_better_member_and_stay_at_the_prior_where_all_are_alike() -> None:
    prior = PRIOR[0]
    alike = np.ones((len(MEMBERS), len(MEMBERS)))
    assert fit_weights([alike], prior) == pytest.approx(prior, abs=1e-4)
    assert np.array_equal(fit_weights([], prior), prior)
    worse = np.diag([3.0 if name == BASE else 0.6 for name in MEMBERS]) + 0.3
    found = fit_weights([worse], prior)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0.0).all()
    assert found[MEMBERS.index(BASE)] < prior[MEMBERS.index(BASE)] - 0.2


def test_one_bad_fold_counts_for_more_than_its_share() -> None:
    rng = np.random.default_rng(0)
    cells = []
    for bad in (False, False, False, True):
        errors = rng.standard_normal((500, len(MEMBERS)))
        errors[:, MEMBERS.index(EWMA)] *= 2.0 if bad else 0.9
        cells.append(errors.T @ errors / 500)
    calm = fit_weights(cells[:3], np.full(5, 0.2))[MEMBERS.index(EWMA)]
    assert fit_weights(cells, np.full(5, 0.2))[MEMBERS.index(EWMA)] < calm - 0.1


def test_days_from_the_stop_on_change_nothing() -> None:
    one = real()
    other = replace(one, log_iv=np.where(np.arange(2600) < one.stop, one.log_iv, 0.5))
    found = [fit_combination(Pooled(simulated(), [source]), []) for source in (one, other)]
    assert np.array_equal(found[0].linear, found[1].linear)
    assert np.array_equal(found[0].weights, found[1].weights)


def test_an_error_out_of_sample_does_not_depend_on_what_came_later() -> None:
    one = real()
    changed = replace(one, log_iv=np.where(np.arange(2600) < 1700, one.log_iv, one.log_iv * 1.3))
    weights = np.tile(PRIOR, (len(REGIME_DAYS), 1, 1))
    before, after = (errors_out_of_sample(Pooled(simulated(), [source]), weights, FULL, 0) for source in (one, changed))
    assert len(before) == len(after) >= 2
    _, first, left = before[0]
    same = 1700 - 1 - first
    assert np.array_equal(left[:same], after[0][2][:same])
    assert not np.array_equal(np.concatenate([e for *_, e in before]), np.concatenate([e for *_, e in after]))


def test_the_har_member_alone_is_the_har_of_the_answer() -> None:
    from train.volatility_predictor.network.shipped_baselines import shipped_forecasts

    coefficients = members(Pooled(simulated(count=8), []).at(None, FULL, 2))[:, MEMBERS.index(HAR)]
    iv = np.exp(walk(300, pull=0.05, seed=9))
    said = gap_table(np.log(iv), 252)[-1] @ coefficients
    shipped = [[float(c) for c in coefficients[coefficients != 0.0]]]
    assert shipped_forecasts(iv, {"har": shipped})["har"][0] == pytest.approx(iv[-1] * np.exp(said), rel=1e-12)


def test_the_interval_holds_four_fifths_of_days_that_no_fit_saw() -> None:
    source, rest = real(days=5000, stop=3000), slice(3000, 4900)
    pooled = Pooled(simulated(), [source])
    unseen = simulated(seed=30)
    combination = fit_combination(pooled, unseen)
    low, high = fit_interval(pooled, unseen, combination, rows=600, seed=0)
    assert (low >= 0.0).all()
    assert (high >= 0.0).all()
    for column, horizon in enumerate(HORIZONS[:2]):
        gaps, moves = gap_table(source.log_iv, 252)[rest], move_table(source.log_iv, 252)[rest]
        came = source.log_iv[3000 + horizon : 4900 + horizon] - source.log_iv[rest]
        left = came - gaps @ combination.linear[FULL, :, column]
        inside = (-(moves @ low[FULL, :, column]) <= left) & (left <= moves @ high[FULL, :, column])
        assert inside.mean() == pytest.approx(0.8, abs=0.05)


def test_after_wild_days_the_interval_is_wider() -> None:
    calm = np.full(300, -1.6) + 0.01 * np.sin(np.arange(300))
    wild = calm.copy()
    wild[-30:] += 0.2 * np.sin(1.7 * np.arange(30))
    assert (move_table(wild, 252)[-1] > move_table(calm, 252)[-1]).all()


def test_moves_that_a_short_history_hardly_holds_have_no_say() -> None:
    pooled, unseen = Pooled(simulated(), [real()]), simulated(seed=30)
    sides = fit_interval(pooled, unseen, fit_combination(pooled, unseen), rows=200, seed=0)
    for known in range(10, 253):
        regime = max(number for number, least in enumerate(REGIME_FROM) if known >= least)
        moves = move_table(walk(400, pull=0.03, seed=3), known)[-1]
        for side in sides:
            width = moves @ side[regime]
            assert (width > 0.005).all(), known
            assert (width < 1.5).all(), known


def test_a_quantile_regression_finds_the_quantile() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (4000, 2))
    y = rng.exponential(1.0, 4000) * x[:, 0]
    found = quantile_regression(x, y, np.ones(4000))
    assert (found >= 0.0).all()
    assert (y <= x @ found).mean() == pytest.approx(0.9, abs=0.002)


def test_a_conformal_factor_covers_new_errors() -> None:
    rng = np.random.default_rng(6)
    factor = conformal_factor(rng.exponential(1.0, 4000))
    assert (rng.exponential(1.0, 40_000) <= factor).mean() == pytest.approx(0.9, abs=0.015)
    assert conformal_factor(np.array([1.0, 2.0, 3.0])) == 3.0
