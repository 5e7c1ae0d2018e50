"""Distances between a row and the stored rows of an estimator of neighbours, float64 [batch, stored row]."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import only_measured
from export.sklearn.columns.preprocess import refuse
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.sums import city_block, differences, expanded_distance, squared_distance

Floats = npt.NDArray[np.float64]
METRICS = ("euclidean", "manhattan", "chebyshev")


class Distances(NamedTuple):
    """A tensor of distances, squared ones where `squared` is set."""

    tensor: str
    squared: bool


def distances(estimator: Any, scope: ColumnScope) -> Distances:
    """What the estimator compares with its radius, or sorts.

    A tree adds the columns up one by one, which has the same bits here; brute force squares distances by expansion.

    Raises:
        NoExactForm: another metric, or a tree of balls.
    """
    require_accounted(estimator)
    metric, build = estimator.effective_metric_, scope.builder
    metric = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}.get(metric, metric)
    if metric not in METRICS:
        name = metric if isinstance(metric, str) else "a function"
        raise refuse(estimator, f"metric={name!r}", supported=f"metric={', '.join(METRICS)}")
    if hasattr(estimator._fit_X, "toarray"):
        raise refuse(estimator, "it was fitted on sparse rows", supported="dense ones")
    if estimator._fit_method == "ball_tree":
        raise refuse(
            estimator, "a tree of balls drops rows by bounds that round", supported="algorithm='kd_tree' or 'brute'"
        )
    points, seen = finite(estimator, "_fit_X", estimator._fit_X), scope.matrix()
    if metric == "euclidean" and estimator._fit_method == "brute":
        only_measured(
            estimator,
            "brute force squares distances by expansion, so that two that are equal may compare either way",
            supported="algorithm='kd_tree', or the grade measured",
        )
        return Distances(expanded_distance(build, seen, points), squared=True)
    if metric == "euclidean":
        return Distances(squared_distance(build, seen, points), squared=True)
    if metric == "manhattan":
        return Distances(city_block(build, seen, points), squared=False)
    return Distances(_largest(build, seen, points), squared=False)


def _largest(build: GraphBuilder, seen: str, points: Floats) -> str:
    sizes = [build.node("Abs", difference) for difference in differences(build, seen, points)]
    return sizes[0] if len(sizes) == 1 else build.node("Max", *sizes)


def weighed(estimator: Any, found: Distances, chosen: str, build: GraphBuilder) -> str:
    """The weight of every chosen stored row, 0 for the others; float64 [batch, stored row].

    By distance it is the inverse; where a stored row is met exactly, those that are met alone count.

    Args:
        estimator: with `weights`.
        found: distances.
        chosen: bool [batch, stored row].
        build: where nodes go.
    """
    one, none = build.constant(1.0), build.constant(0.0)
    if estimator.weights in (None, "uniform"):
        return build.node("Where", chosen, one, none)
    if estimator.weights != "distance":
        raise refuse(estimator, "weights is a function", supported="weights='uniform' or 'distance'")
    size = build.node("Sqrt", found.tensor) if found.squared else found.tensor
    met = build.node("And", chosen, build.node("Equal", size, none))
    axis = build.constant([1], np.int64)
    any_met = build.node("ReduceMax", build.node("Where", met, one, none), axis, keepdims=1)
    away = build.node("Where", chosen, build.node("Div", one, size), none)
    return build.node("Where", build.node("Greater", any_met, none), build.node("Where", met, one, none), away)
