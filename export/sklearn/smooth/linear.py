"""Linear models: a product of the columns with coefficients, a link behind it for generalised linear models."""

from copy import copy
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.isotonic import IsotonicRegression

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.estimators.calibration import interpolate
from export.sklearn.estimators.registry import lower_value, value_width
from export.sklearn.smooth.accounted import finite, require_accounted

Floats = npt.NDArray[np.float64]


def linear_value(estimator: Any, scope: ColumnScope) -> str:
    """X coef + intercept, float64 [batch, output] (or [batch, class])."""
    require_accounted(estimator)
    weights = np.atleast_2d(finite(estimator, "coef_", estimator.coef_)).T
    return affine(scope, scope.matrix(), weights, finite(estimator, "intercept_", np.ravel(estimator.intercept_)))


def affine(scope: ColumnScope, seen: str, weights: Floats, intercept: Floats) -> str:
    """The product with weights, and an intercept added: float64 [batch, output]."""
    build = scope.builder
    return build.node("Add", build.node("MatMul", seen, build.constant(weights)), build.constant(intercept))


def generalized_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a generalised linear model: the inverse link of the linear predictor."""
    link, raw = estimator._base_loss.link, linear_value(estimator, scope)
    if isinstance(link, LogLink):
        return scope.builder.node("Exp", raw)
    if isinstance(link, IdentityLink):
        return raw
    raise refuse(estimator, f"its link is {type(link).__name__}", supported="the links identity and log")


def projected_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of partial least squares: the columns less their means, times the coefficients."""
    require_accounted(estimator)
    build = scope.builder
    centred = build.node("Sub", scope.matrix(), build.constant(finite(estimator, "_x_mean", estimator._x_mean)))
    intercept = finite(estimator, "intercept_", estimator.intercept_)
    return affine(scope, centred, finite(estimator, "coef_", estimator.coef_).T, intercept)


def consensus_value(estimator: Any, scope: ColumnScope) -> str:
    """RANSAC answers with the estimator that it fitted last."""
    require_accounted(estimator)
    return inside(estimator, "its estimator", partial(lower_value, estimator.estimator_, scope))


def consensus_width(estimator: Any) -> int:
    """Outputs of what RANSAC fitted."""
    return value_width(estimator.estimator_)


def isotonic_value(estimator: IsotonicRegression, scope: ColumnScope) -> str:
    """An isotonic regression, which takes one column; what it refuses outside its knots is clipped here."""
    require_accounted(estimator)
    build, seen, clipped = scope.builder, scope.matrix(), copy(estimator)
    clipped.out_of_bounds = "clip"
    inner = interpolate(clipped, seen, build)
    if estimator.out_of_bounds != "nan":
        return inner
    below = build.node("Less", seen, build.constant(float(estimator.X_min_)))
    above = build.node("Greater", seen, build.constant(float(estimator.X_max_)))
    return build.node("Where", build.node("Or", below, above), build.constant(np.nan), inner)
