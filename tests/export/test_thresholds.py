"""Thresholds in raw units: the last double that goes left."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from export.sklearn.columns.thresholds import as_is, chain_of, fold, from_key, to_float32, to_key
from train.core.columns.column_expressions import (
    absolute,
    column,
    const,
    evaluate,
    fill,
    log1p,
    maximum,
    minimum,
    signed_log1p,
)
from train.core.errors import PipelineError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODERATE = st.floats(min_value=-1e6, max_value=1e6).filter(lambda v: abs(v) > 1e-6)
LARGEST = float(np.finfo(np.float64).max)


def goes_left(expression, x, threshold, cast):
    with np.errstate(all="ignore"):
        return float(cast(evaluate(expression, np.array([[x]])))[0]) <= threshold


def folded(expression, threshold, *, missing_left=False, cast=to_float32):
    return fold(chain_of(expression), np.array([threshold]), np.array([missing_left]), cast=cast)


def assert_same_side(expression, threshold, cast, splits, x):
    true = x <= splits.threshold[0]
    assert (true ^ splits.swapped[0]) == goes_left(expression, x, threshold, cast)


@settings(max_examples=150, deadline=None)
@given(mean=MODERATE, scale=MODERATE, threshold=MODERATE, anywhere=FINITE, single=st.booleans())
def test_a_folded_scaler_sends_every_double_to_the_side_that_numpy_sends_it(mean, scale, threshold, anywhere, single):
    expression = (column(0) - const(mean)) / const(scale)
    cast = to_float32 if single else as_is

    splits = folded(expression, threshold, cast=cast)

    at = splits.threshold[0]
    for x in (at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), anywhere, 0.0, -0.0, mean):
        if np.isfinite(x):
            assert_same_side(expression, threshold, cast, splits, float(x))


@settings(max_examples=60, deadline=None)
@given(a=MODERATE, b=MODERATE, low=MODERATE, threshold=MODERATE, anywhere=FINITE)
def test_clips_and_reversals_fold_too(a, b, low, threshold, anywhere):
    expression = const(b) - minimum(maximum(column(0) * const(a) + const(b), const(low)), const(low + 2e6))
    assume(np.isfinite(anywhere))

    splits = folded(expression, threshold)

    at = splits.threshold[0]
    for x in (at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), anywhere):
        if np.isfinite(x):
            assert_same_side(expression, threshold, to_float32, splits, float(x))


@pytest.mark.parametrize("function", [log1p, signed_log1p])
def test_a_monotone_function_folds_by_numpys_own_values(function):
    expression = (function(maximum(column(0), const(0.0))) - const(1.5)) / const(0.3)

    for threshold in np.linspace(-4.0, 8.0, 25):
        splits = folded(expression, threshold)
        at = splits.threshold[0]
        for x in (at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), 0.0, 1.0, 1e9):
            if np.isfinite(x):
                assert_same_side(expression, threshold, to_float32, splits, float(x))


def test_many_thresholds_fold_as_each_alone():
    chain = chain_of((column(0) - const(3.0)) / const(-7.0))
    thresholds = np.random.default_rng(0).standard_normal(200)
    nobody = np.zeros(200, dtype=bool)

    together = fold(chain, thresholds, nobody).threshold

    alone = [fold(chain, thresholds[i : i + 1], nobody[:1]).threshold[0] for i in range(200)]
    assert np.array_equal(together, alone)


def test_a_threshold_that_all_numbers_pass_is_infinite_and_one_that_none_pass_is_minus_infinite():
    clipped = minimum(maximum(column(0), const(0.0)), const(1.0))

    assert folded(clipped, 1.0).threshold[0] == np.inf
    assert folded(clipped, -0.5).threshold[0] == -np.inf


@pytest.mark.parametrize("missing_left", [True, False])
def test_nan_keeps_its_route_and_a_fill_decides_it_by_value(missing_left):
    plain = (column(0) - const(1.0)) / const(2.0)
    filled = (fill(column(0), const(5.0)) - const(1.0)) / const(2.0)

    assert folded(plain, 0.0, missing_left=missing_left).missing_true[0] == missing_left
    assert folded(filled, 1.9, missing_left=missing_left).missing_true[0] == False  # noqa: E712
    assert folded(filled, 2.0, missing_left=missing_left).missing_true[0] == True  # noqa: E712


def test_nan_changes_sides_with_a_falling_column():
    falling = const(1.0) - column(0)

    splits = folded(falling, 0.0, missing_left=True)

    assert splits.swapped[0]
    assert not splits.missing_true[0]


def test_what_is_not_monotone_stays_a_core_for_the_graph():
    ratio = (column(0) / column(1)) * const(2.0) - const(1.0)

    assert chain_of(ratio).core == column(0) / column(1)
    assert chain_of(absolute(column(0))).core == absolute(column(0))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (log1p(column(0)) / column(1), "not correctly rounded"),
        (absolute(log1p(column(0))), "not correctly rounded"),
    ],
)
def test_a_logarithm_inside_a_column_is_refused(expression, reason):
    with pytest.raises(PipelineError, match=reason):
        chain_of(expression)


def test_a_logarithm_of_what_may_be_below_its_domain_is_refused():
    with pytest.raises(PipelineError, match="NaN for some numbers"):
        folded(log1p(column(0)), 1.0)


@given(x=FINITE, y=FINITE)
def test_keys_are_in_the_order_of_the_doubles(x, y):
    a, b = to_key(np.array([x, y]))

    assert (a < b) == (x < y)
    assert from_key(np.array([a]))[0] == x


@given(x=st.floats(min_value=-LARGEST, max_value=LARGEST, exclude_max=True))
def test_neighbouring_doubles_have_neighbouring_keys(x):
    assert to_key(np.array([np.nextafter(x, np.inf)]))[0] == to_key(np.array([x]))[0] + 1
