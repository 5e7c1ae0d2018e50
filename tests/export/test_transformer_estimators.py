"""Transformers that are no step-by-step arithmetic of one column, in front of linear models: within 1e-12."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from export.sklearn.compile import compile_sklearn
from tests.support.compiled import run
from train.core.sklearn_answers import one_job

X, Y = datasets.load_diabetes(return_X_y=True)


def beside(values):
    """The numbers, their neighbours, and others far away."""
    return np.concatenate(
        [values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf), values * 1e3, values * 0]
    )


def same(estimator, rows, *, tolerance=1e-12):
    with one_job():
        expected = estimator.predict(rows).reshape(len(rows), -1)
    found = run(compile_sklearn(estimator, name="model"), rows)
    apart = np.abs(found - expected) / (1.0 + np.abs(expected))
    assert found.shape == expected.shape
    assert np.nanmax(apart) <= tolerance, (rows[np.nanargmax(apart.max(axis=1))], np.nanmax(apart))
    assert np.array_equal(np.isnan(found), np.isnan(expected))


REPEATED = {
    "as they are": X,
    "rounded": np.round(X, 2),
    "a constant column": np.where(np.arange(10) == 3, 5.0, X),
    "half of them zero": np.maximum(X, 0.0),
}


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("data", REPEATED)
def test_repeated_quantiles_are_the_mean_of_both_ends(data, distribution):
    seen = REPEATED[data]
    mapper = QuantileTransformer(n_quantiles=100, output_distribution=distribution)
    estimator = make_pipeline(mapper, Ridge()).fit(seen, Y)

    same(estimator, np.concatenate([beside(seen), np.tile(mapper.quantiles_, (1, 1)), beside(mapper.quantiles_)]))


@pytest.mark.parametrize("column", range(4))
def test_a_uniform_quantile_has_the_bits_of_the_original(column):
    seen = np.round(X[:, [column]], 2)
    mapper = QuantileTransformer(n_quantiles=50).fit(seen)
    identity = LinearRegression().fit(np.eye(1), [1.0])
    identity.coef_, identity.intercept_ = np.ones(1), 0.0

    same(make_pipeline(mapper, identity), beside(seen), tolerance=0.0)
