"""Column expressions compute what NumPy does, and say which of them are exact."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.core.columns.column_expressions import (
    Expression,
    absolute,
    column,
    columns_of,
    const,
    evaluate,
    evaluate_all,
    fill,
    from_json,
    is_nan,
    log1p,
    maximum,
    minimum,
    sign,
    signed_log1p,
    sqrt,
    substitute,
    to_json,
)
from train.core.errors import PipelineError

LEAVES = st.one_of(st.integers(0, 5).map(column), st.floats(allow_nan=False, allow_infinity=False).map(const))
ONE = st.sampled_from([sqrt, absolute, sign, is_nan, log1p, signed_log1p])
TWO = st.sampled_from([minimum, maximum, fill, Expression.__add__, Expression.__mul__, Expression.__truediv__])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda f, x: f(x), ONE, inner), st.builds(lambda f, x, y: f(x, y), TWO, inner, inner)
    ),
    max_leaves=12,
)


@given(TREES)
def test_json_keeps_every_expression(expression):
    assert from_json(json.loads(json.dumps(to_json(expression)))) == expression


@given(TREES)
def test_a_row_has_the_same_value_in_any_batch(expression):
    rows = np.random.default_rng(0).standard_normal((7, 6))

    together = evaluate(expression, rows)

    alone = [evaluate(expression, rows[i : i + 1])[0] for i in range(7)]
    assert np.array_equal(together, alone, equal_nan=True)


@given(TREES)
def test_substituting_the_columns_by_themselves_changes_nothing(expression):
    assert substitute(expression, [column(i) for i in range(6)]) == expression
    assert columns_of(expression) <= set(range(6))


def test_nan_and_division_by_zero_follow_ieee_without_a_warning():
    rows = np.array([[1.0, 0.0], [math.nan, 2.0], [-1.0, 0.0]])

    got = evaluate_all([column(0) / column(1), fill(column(0), const(9.0)), is_nan(column(0))], rows)

    expected = [[math.inf, 1.0, 0.0], [math.nan, 9.0, 1.0], [-math.inf, -1.0, 0.0]]
    assert np.array_equal(got, expected, equal_nan=True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "column",
        ["column"],
        ["column", True],
        ["column", -1],
        ["const", "1"],
        ["const", math.inf],
        ["pow", ["const", 1], ["const", 2]],
        ["add", ["const", 1]],
        ["sqrt", 3],
    ],
)
def test_what_is_not_an_expression_is_refused(value):
    with pytest.raises(PipelineError, match="expression: "):
        from_json(value)


def test_a_column_that_does_not_exist_is_named():
    with pytest.raises(PipelineError, match="column 3 of 2 columns"):
        evaluate(column(3), np.zeros((1, 2)))
