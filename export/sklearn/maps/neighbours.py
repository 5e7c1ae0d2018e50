"""Classifiers and regressors by neighbours: all within a radius, or the k nearest."""

from typing import Any

import numpy as np
from typing_extensions import override

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import only_measured
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.maps.distances import Distances, distances, weighed


def _weights(estimator: Any, scope: ColumnScope) -> str:
    """The weight of every stored row, float64 [batch, stored row]."""
    found, build = distances(estimator, scope), scope.builder
    chosen = _nearest(estimator, found, build) if hasattr(estimator, "kneighbors") else _within(estimator, found, build)
    return weighed(estimator, found, chosen, build)


def counts_the_same(estimator: Any) -> bool:
    """Whether the very rows count that count for scikit-learn, whatever is asked."""
    by_expansion = estimator._fit_method == "brute" and estimator.effective_metric_ in ("euclidean", "l2")
    return not hasattr(estimator, "kneighbors") and not by_expansion


def _within(estimator: Any, found: Distances, build: GraphBuilder) -> str:
    radius = float(estimator.radius)
    return build.node("LessOrEqual", found.tensor, build.constant(radius * radius if found.squared else radius))


def _nearest(estimator: Any, found: Distances, build: GraphBuilder) -> str:
    """A one for each of the k nearest; of equally far ones the first, which is not always the original's choice."""
    only_measured(
        estimator,
        "which of equally far neighbours counts depends on the order in which scikit-learn meets them",
        supported="RadiusNeighborsClassifier, RadiusNeighborsRegressor, or the grade measured",
    )
    count = build.constant([int(estimator.n_neighbors)], np.int64)
    _, places = build.two_outputs("TopK", found.tensor, count, axis=1, largest=0, sorted=1)
    none = build.node("Mul", found.tensor, build.constant(0.0))
    # Infinite distances times zero are no number.
    none = build.node("Where", build.node("IsNaN", none), build.constant(0.0), none)
    ones = build.node("Expand", build.constant(1.0), build.node("Shape", places))
    chosen = build.node("ScatterElements", none, places, ones, axis=1)
    return build.node("Greater", chosen, build.constant(0.0))


class Neighbours(ClassifierGraph):
    """KNeighborsClassifier and RadiusNeighborsClassifier with one output."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        if estimator.outputs_2d_:
            raise refuse(estimator, "it has several outputs", supported="one output")
        self.outlier = None
        known = getattr(estimator, "outlier_label_", None)
        if known is not None:
            if estimator._fit_method == "brute":
                _require_own_numbers(estimator)
            found = np.flatnonzero(np.asarray(estimator.classes_) == known[0])
            if len(found) != 1:
                raise refuse(
                    estimator,
                    f"its outlier_label {known[0]!r} is none of its classes",
                    supported="a label of the classes, or 'most_frequent'",
                )
            self.outlier = int(found[0])
        self.weights = _weights(estimator, scope)
        # Sums of ones and their quotient round as scikit-learn's do, if the same rows count.
        self.exact_probabilities = estimator.weights in (None, "uniform") and counts_the_same(estimator)

    @override
    def probabilities(self) -> str:
        build = self.build
        members = np.eye(self.n_classes)[np.asarray(self.estimator._y).ravel()]
        votes = build.node("MatMul", self.weights, build.constant(members))
        total = build.node("ReduceSum", votes, build.constant([1], np.int64), keepdims=1)
        if self.outlier is not None:
            alone = build.node("Equal", total, build.constant(0.0))
            votes = build.node("Where", alone, build.constant(np.eye(self.n_classes)[self.outlier]), votes)
            total = build.node("Where", alone, build.constant(1.0), total)
        return build.node("Div", votes, total)


def _require_own_numbers(estimator: Any) -> None:
    """Brute force takes the label of outliers for the number of a class, which is right where the two are the same."""
    same = np.array_equal(estimator.classes_, np.arange(len(estimator.classes_)))
    if not same or isinstance(estimator.outlier_label, str):
        raise refuse(
            estimator,
            f"by brute force its outlier_label {estimator.outlier_label!r} is taken for the number of a class",
            supported="algorithm='kd_tree'",
        )


def neighbours_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of KNeighborsRegressor and RadiusNeighborsRegressor, float64 [batch, output]."""
    build, weights = scope.builder, _weights(estimator, scope)
    values = np.asarray(estimator._y)
    table = values.astype(np.float64).reshape(len(values), -1)
    total = build.node("ReduceSum", weights, build.constant([1], np.int64), keepdims=1)
    mean = build.node("Div", build.node("MatMul", weights, build.constant(table)), total)
    if hasattr(estimator, "kneighbors"):
        return mean
    with np.errstate(invalid="ignore"):
        # Without a neighbour scikit-learn answers NaN as the type of its targets has it.
        nothing = np.full_like(values.reshape(len(values), -1)[0], np.nan).astype(np.float64)
    return build.node("Where", build.node("Equal", total, build.constant(0.0)), build.constant(nothing), mean)


def neighbours_width(estimator: Any) -> int:
    """Outputs of a regressor by neighbours."""
    return 1 if np.ndim(estimator._y) == 1 else int(np.shape(estimator._y)[1])
