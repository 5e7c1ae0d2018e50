"""Neighbours within a radius to the last bit, the k nearest as measured, and what they would fill in refused."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.impute import KNNImputer
from sklearn.linear_model import Ridge
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from export.errors import NoExactForm
from export.sklearn.compile import compile_sklearn, is_bit_exact
from export.sklearn.graded.measured import compile_graded
from tests.support.compiled import answer, run, same_bits
from train.core.errors import PipelineError
from train.core.sklearn_answers import one_job

X, Y = datasets.load_iris(return_X_y=True)
NAMED = np.array(["setosa", "versicolor", "virginica"])[Y]
WIDE, VALUES = datasets.load_diabetes(return_X_y=True)
WIDE, VALUES = WIDE[:150], VALUES[:150]
HOLES = np.where(np.random.default_rng(0).random(WIDE.shape) < 0.15, np.nan, WIDE)


def around(rows):
    """The rows themselves (duplicates among them), halfway to others, on the radius, and far away."""
    other = rows[::-1]
    return np.concatenate([rows, (rows + other) / 2.0, rows + np.eye(rows.shape[1])[0], rows * 3.0])


radius = RadiusNeighborsClassifier
WITHIN = {
    "most frequent": radius(0.5, outlier_label="most_frequent"),
    "by distance": radius(0.7, weights="distance", outlier_label="versicolor"),
    **{f"{m}": radius(0.5, metric=m, outlier_label="setosa") for m in ("manhattan", "chebyshev")},
    "one for all": radius(100.0),
}


@pytest.mark.parametrize("name", WITHIN)
def test_all_neighbours_within_a_radius_vote(name):
    estimator = WITHIN[name].fit(X, NAMED)
    rows = around(X)

    model = compile_sklearn(estimator, name="model", labels=True)

    found, expected = run(model, rows), answer(estimator, rows)
    assert same_bits(found, expected) if is_bit_exact(estimator) else np.abs(found - expected).max() <= 1e-12
    assert is_bit_exact(estimator) == (name != "by distance")
    assert np.array_equal(estimator.classes_[found.argmax(axis=1)], estimator.predict(rows))
    assert compile_graded(estimator, name="model").grade.kind == "exact"


def test_by_brute_force_blocks_have_their_bits_and_outliers_a_class_by_its_number():
    estimator = radius(0.5, metric="manhattan", algorithm="brute", outlier_label=1).fit(X, Y)
    rows = around(X)

    assert same_bits(run(compile_sklearn(estimator, name="model"), rows), answer(estimator, rows))


def test_rows_without_a_neighbour_that_the_original_refuses_are_compared_with_nothing():
    estimator = radius(0.6).fit(X, Y)

    found = run(compile_graded(estimator, name="model").model, X)

    assert same_bits(found, estimator.predict_proba(X))


@pytest.mark.parametrize("targets", [VALUES, np.column_stack([VALUES, -VALUES]), VALUES.astype(int)])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_all_neighbours_within_a_radius_are_averaged(weights, targets):
    estimator = RadiusNeighborsRegressor(0.12, weights=weights).fit(WIDE, targets)
    rows = around(WIDE)

    found = run(compile_sklearn(estimator, name="model"), rows)

    with one_job():
        expected = estimator.predict(rows).reshape(len(rows), -1).astype(float)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert weights == "distance" or len(np.unique(expected)) > 20


NEAREST = {
    "uniform": KNeighborsClassifier(),
    "distance": KNeighborsClassifier(7, weights="distance"),
    "brute": KNeighborsClassifier(algorithm="brute"),
    "manhattan": KNeighborsClassifier(3, p=1),
    "values": KNeighborsRegressor(4),
    "values by distance": KNeighborsRegressor(4, weights="distance"),
}


@pytest.mark.parametrize("name", NEAREST)
def test_the_nearest_are_measured_as_ties_are_the_originals_own(name):
    estimator = make_pipeline(StandardScaler(), NEAREST[name]).fit(WIDE, VALUES // 80)
    rows = np.concatenate([WIDE, (WIDE + WIDE[::-1])[:75] / 2.0 + 1e-3, WIDE * 5.0])

    with pytest.raises(NoExactForm, match="KNeighbors"):
        compile_graded(estimator, name="model", exact=True)
    model, grade = compile_graded(estimator, name="model")

    assert grade.kind == "measured"
    assert "equally far" in grade.says or "compare either way" in grade.says
    np.testing.assert_allclose(run(model, rows), answer(estimator, rows), rtol=1e-9, atol=1e-9)


def test_what_neighbours_cannot_do_is_refused_by_name():
    cases = {
        "metric='minkowski'": radius(1.0, p=3).fit(X, Y),
        "none of its classes": radius(1.0, outlier_label=7).fit(X, Y),
        "several outputs": radius(1.0).fit(X, np.column_stack([Y, Y])),
        "weights is a function": radius(1.0, weights=lambda d: d).fit(X, Y),
        "taken for the number": radius(1.0, algorithm="brute", metric="manhattan", outlier_label=1).fit(X, Y + 1),
        "a tree of balls": radius(1.0, algorithm="ball_tree").fit(X, Y),
    }
    for reason, estimator in cases.items():
        with pytest.raises(PipelineError, match=reason):
            compile_sklearn(estimator, name="model")
    for model in (Ridge(), DecisionTreeRegressor()):
        with pytest.raises(PipelineError, match="cannot compile KNNImputer: which of equally far rows"):
            compile_graded(make_pipeline(KNNImputer(), model).fit(HOLES, VALUES), name="model")
