"""The two distances against known truths, and what chance alone gives."""

import numpy as np
import pytest
from scipy import stats

from train.core.records.distribution import column_distribution, flat_answers
from verify.drift.statistics import SAMPLE, Counted, distance


def training(values):
    found = column_distribution(np.asarray(values, dtype=np.float64))
    assert found is not None
    return found


def test_values_of_the_same_law_are_as_far_as_chance_says():
    rng = np.random.default_rng(0)
    known = training(rng.normal(size=20_000))
    found = [distance(known, rng.normal(size=500)) for _ in range(200)]
    assert np.mean([one.psi for one in found]) == pytest.approx(found[0].psi_by_chance, rel=0.25)
    assert np.mean([one.ks_p < 0.01 for one in found]) <= 0.03
    assert np.mean([one.ks_p < 0.5 for one in found]) == pytest.approx(0.5, abs=0.15)


def test_a_shift_is_measured_as_the_formula_says():
    rng = np.random.default_rng(1)
    known = training(rng.normal(size=200_000))
    found = distance(known, rng.normal(loc=0.5, size=200_000))
    edges = stats.norm.ppf(np.linspace(0, 1, 11))
    shares = np.diff(stats.norm.cdf(edges, loc=0.5))
    assert found.psi == pytest.approx(float(((shares - 0.1) * np.log(shares / 0.1)).sum()), rel=0.05)
    assert found.ks == pytest.approx(2 * stats.norm.cdf(0.25) - 1, abs=0.01)


def test_the_distance_of_scipy_on_the_training_rows_themselves_is_met():
    rng = np.random.default_rng(2)
    trained, live = rng.gamma(2.0, size=5000), rng.gamma(2.4, size=700)
    exact = stats.ks_2samp(live, trained)
    found = distance(training(trained), live)
    assert found.ks == pytest.approx(exact.statistic, abs=0.006)
    assert abs(np.log10(found.ks_p) - np.log10(exact.pvalue)) < 1.5


@pytest.mark.parametrize("kind", ["whole", "mostly zero", "two values", "constant"])
def test_ties_are_no_distance(kind):
    rng = np.random.default_rng(3)
    draw = {
        "whole": lambda n: rng.integers(0, 5, n).astype(float),
        "mostly zero": lambda n: np.where(rng.random(n) < 0.9, 0.0, rng.random(n)),
        "two values": lambda n: (rng.random(n) < 0.3).astype(float),
        "constant": lambda n: np.full(n, 7.0),
    }[kind]
    found = distance(training(draw(10_000)), draw(1000))
    assert found.psi < 0.05
    assert found.ks < 0.06
    moved = distance(training(draw(10_000)), draw(1000) + 1.0)
    assert moved.psi > 0.5 or moved.ks > 0.3


def test_values_that_go_missing_are_a_change_though_the_rest_is_the_same():
    rng = np.random.default_rng(4)
    known = training(rng.normal(size=5000))
    live = rng.normal(size=1000)
    live[:400] = np.nan
    found = distance(known, live)
    assert found.missing == pytest.approx(0.4)
    assert found.psi > 0.25
    assert found.ks < 0.1
    gone = distance(known, np.full(100, np.nan))
    assert np.isnan(gone.ks)
    assert np.isfinite(gone.psi)


def test_quantiles_are_values_that_occur_and_bounded_in_number():
    found = training(np.arange(100_000.0))
    assert len(found.quantiles) == 201
    assert all(value.is_integer() for value in found.quantiles)
    assert column_distribution(np.full(5, np.nan)) is None


def test_answers_of_several_numbers_are_columns_of_their_own():
    found = flat_answers({"a": np.zeros(3), "b": np.zeros((3, 2))})
    assert list(found) == ["a", "b[0]", "b[1]"]


def test_values_in_parts_are_counted_exactly_and_their_quantiles_drawn():
    random = np.random.default_rng(3)
    trained = training(random.normal(size=5000))
    live = np.where(random.random(60_000) < 0.1, np.nan, random.normal(0.3, 1.2, 60_000))
    whole = distance(trained, live)
    parts = Counted(trained)
    for part in np.array_split(live, 37):
        parts.add(part)
    assert parts.distance() == whole
    known = live[np.isfinite(live)]
    assert whole.ks == pytest.approx(stats.ks_2samp(known, np.array(trained.quantiles)).statistic, abs=1e-15)
    found, wanted = np.array(parts.quantiles(21)), np.quantile(known, np.linspace(0.0, 1.0, 21))
    assert found[[0, -1]].tolist() == wanted[[0, -1]].tolist()
    assert np.abs(stats.norm.cdf(found, 0.3, 1.2) - stats.norm.cdf(wanted, 0.3, 1.2))[1:-1].max() < 0.02  # 20,000 drawn
    assert len(parts._values) == SAMPLE
