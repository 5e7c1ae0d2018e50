"""The comparator itself: whatever is wrong in whatever row is caught, and nothing else is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.comparison.parity import (
    KEPT_ROWS,
    NOT_A_NUMBER_APART,
    ParityResult,
    Tolerance,
    above,
    absolute_difference,
    compare,
    label,
    ulp_distance,
)

ROWS, WIDTH = 40, 3
NEAR = Tolerance(absolute=1e-9, relative=1e-6)
rows = st.integers(0, ROWS - 1)
columns = st.integers(0, WIDTH - 1)
quick = settings(max_examples=40, deadline=None)


def answers() -> np.ndarray:
    return np.random.default_rng(0).random((ROWS, WIDTH)) + 0.1


@pytest.mark.parametrize("tolerance", [Tolerance(), NEAR])
def test_equal_answers_are_in_parity(tolerance):
    result = compare(answers(), answers(), tolerance=tolerance)
    assert result.in_parity
    assert (result.rows, result.mismatched, result.max_abs, result.max_ulp) == (ROWS, 0, 0.0, 0)


@pytest.mark.parametrize("tolerance", [Tolerance(), NEAR])
@pytest.mark.parametrize(
    "spoil",
    [lambda x: x + 0.5, lambda x: -x, lambda x: np.nan, lambda x: np.inf, lambda x: 0.0],  # noqa: ARG005
    ids=["other value", "flipped sign", "NaN", "infinity", "zero"],
)
@quick
@given(row=rows, column=columns)
def test_one_wrong_value_in_any_row_fails(tolerance, spoil, row, column):
    found = answers()
    found[row, column] = spoil(found[row, column])
    result = compare(answers(), found, inputs=answers(), tolerance=tolerance)
    assert not result.in_parity
    assert result.mismatched == 1
    assert result.first[0].index == row
    assert result.first[0].inputs == tuple(answers()[row])


@quick
@given(row=rows, column=columns, towards=st.sampled_from([-np.inf, np.inf]))
def test_one_ulp_in_any_row_fails_when_bits_are_asked_for(row, column, towards):
    found = answers()
    found[row, column] = np.nextafter(found[row, column], towards)
    assert compare(answers(), found).max_ulp == 1
    assert not compare(answers(), found).in_parity
    assert compare(answers(), found, tolerance=NEAR).in_parity


@quick
@given(row=rows, column=columns)
def test_a_nan_of_the_original_must_be_a_nan(row, column):
    expected = answers()
    expected[row, column] = np.nan
    for tolerance in (Tolerance(), NEAR):
        assert not compare(expected, answers(), tolerance=tolerance).in_parity
        assert compare(expected, expected.copy(), tolerance=tolerance).in_parity
    assert compare(expected, answers()).max_ulp == NOT_A_NUMBER_APART


def test_a_nan_with_another_payload_is_the_same_nan():
    other = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert compare(np.array([np.nan]), other).in_parity


def test_minus_zero_is_not_zero_by_bits_and_is_within_a_tolerance():
    assert not compare(np.array([0.0]), np.array([-0.0])).in_parity
    assert compare(np.array([0.0]), np.array([-0.0]), tolerance=NEAR).in_parity


@pytest.mark.parametrize("tolerance", [Tolerance(), NEAR])
def test_an_infinity_only_equals_itself(tolerance):
    assert compare(np.array([np.inf]), np.array([np.inf]), tolerance=tolerance).in_parity
    assert not compare(np.array([np.inf]), np.array([-np.inf]), tolerance=tolerance).in_parity
    assert not compare(np.array([np.inf]), np.array([1e308]), tolerance=tolerance).in_parity


@quick
@given(value=st.floats(-1e6, 1e6), share=st.floats(0.0, 0.999))
def test_the_tolerance_is_absolute_plus_relative_to_the_original(value, share):
    allowed = NEAR.absolute + NEAR.relative * abs(value)
    assert compare(np.array([value]), np.array([value + share * allowed]), tolerance=NEAR).in_parity
    assert not compare(np.array([value]), np.array([value + 1.01 * allowed]), tolerance=NEAR).in_parity


@pytest.mark.parametrize(
    "found",
    [
        answers()[:-1],
        answers()[:, :2],
        answers()[:, :, None],
        answers()[:, 0],
        answers().astype(np.float32),
        np.zeros(()),
    ],
    ids=["a row less", "a column less", "an axis more", "an axis less", "float32", "a scalar"],
)
def test_another_shape_or_type_fails_and_says_so(found):
    result = compare(answers(), found)
    assert not result.in_parity
    assert result.mismatched == result.rows > 0
    assert "instead of" in result.problem


def test_nothing_compared_is_not_parity():
    assert not ParityResult().in_parity
    assert not compare(np.empty(0), np.empty(0)).in_parity


@quick
@given(threshold=st.floats(0.2, 0.9), row=rows)
def test_a_flipped_decision_fails_even_within_the_tolerance(threshold, row):
    expected = np.full(ROWS, 0.1)
    expected[row] = threshold
    found = expected.copy()
    found[row] = np.nextafter(threshold, 1.0)
    result = compare(expected, found, tolerance=NEAR, decisions={"TRADE": above(threshold)})
    assert result.flipped == {"TRADE": 1}
    assert result.mismatched == 1
    assert not result.in_parity


def test_a_tie_goes_to_the_first_class_on_both_sides():
    assert label(np.array([[0.5, 0.5], [0.25, 0.75]])).tolist() == [0, 1]


@quick
@given(cut=st.integers(1, ROWS - 1), wrong=st.sets(rows, max_size=ROWS))
def test_chunks_add_up_to_the_whole(cut, wrong):
    found = answers()
    found[sorted(wrong), 0] += 1.0
    decisions = {"TRADE": above(0.9)}
    whole = compare(answers(), found, inputs=answers(), decisions=decisions)
    parts = [
        compare(answers()[part], found[part], inputs=answers()[part], decisions=decisions)
        for part in (slice(0, cut), slice(cut, ROWS))
    ]
    assert parts[0] + parts[1] == whole
    assert len(whole.first) == min(len(wrong), KEPT_ROWS)


@quick
@given(a=st.floats(allow_nan=False), steps=st.integers(0, 50))
def test_ulp_distance_counts_doubles(a, steps):
    b = a
    for _ in range(steps):
        b = math.nextafter(b, -math.inf)
    crossed = int(a >= 0.0 > b)  # both zeros lie on the way, and nextafter steps over one of them
    distance = int(ulp_distance(np.array([a]), np.array([b]))[0])
    reached = steps if np.isfinite(b) else distance
    assert distance in (reached, reached + crossed)
    assert distance == int(ulp_distance(np.array([b]), np.array([a]))[0])


def test_absolute_difference_is_infinite_where_only_one_side_is_a_number():
    differences = absolute_difference(np.array([np.nan, np.nan, np.inf]), np.array([1.0, np.nan, np.inf]))
    assert differences.tolist() == [np.inf, 0.0, 0.0]
