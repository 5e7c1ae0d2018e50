"""KNNImputer: a missing number is the mean of those of the nearest stored rows that have it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import only_measured
from export.sklearn.columns.preprocess import refuse
from export.sklearn.smooth.accounted import require_accounted

Floats = npt.NDArray[np.float64]


def imputed_width(imputer: Any) -> int:
    """Columns that it makes."""
    require_accounted(imputer)
    missing = imputer.missing_values
    if not (isinstance(missing, float) and np.isnan(missing)):
        raise refuse(imputer, f"missing_values is {missing!r}", supported="missing_values=NaN")
    if imputer.metric != "nan_euclidean" or imputer.weights != "uniform":
        raise refuse(
            imputer,
            "by distance the row that is nearest counts by the inverse of what the rounding of an expansion leaves"
            if imputer.weights == "distance"
            else "its metric or weights is a function",
            supported="metric='nan_euclidean', weights='uniform'",
        )
    only_measured(
        imputer,
        "it squares distances by expansion, so that which of equally far rows counts is what the rounding leaves",
        supported="SimpleImputer, or the grade measured",
    )
    marks = len(imputer.indicator_.features_) if imputer.add_indicator else 0
    return len(_kept(imputer)) + marks


def _kept(imputer: Any) -> list[int]:
    valid = np.asarray(imputer._valid_mask)
    return list(range(len(valid))) if imputer.keep_empty_features else np.flatnonzero(valid).tolist()


def imputed(imputer: Any, scope: ColumnScope) -> str:
    """Columns without gaps, then marks of gaps; float64 [batch, output]."""
    build, seen = scope.builder, scope.matrix()
    stored = np.asarray(imputer._fit_X, dtype=np.float64)
    gaps = build.node("IsNaN", seen)
    apart = _distances(build, seen, gaps, stored)
    valid, columns = np.asarray(imputer._valid_mask), []
    for index in _kept(imputer):
        place = build.constant([index], np.int64)
        x, gap = (build.node("Gather", part, place, axis=1) for part in (seen, gaps))
        if valid[index]:
            columns.append(build.node("Where", gap, _donated(imputer, build, apart, stored, index), x))
        else:
            columns.append(build.node("Mul", build.node("Cast", gap, to=TensorProto.DOUBLE), build.constant(0.0)))
    if imputer.add_indicator:
        marked = build.node("Gather", gaps, build.constant(imputer.indicator_.features_, np.int64), axis=1)
        columns.append(build.node("Cast", marked, to=TensorProto.DOUBLE))
    return columns[0] if len(columns) == 1 else build.node("Concat", *columns, axis=1)


def _distances(build: GraphBuilder, seen: str, gaps: str, stored: Floats) -> str:
    """Squared distances over the columns that both have, scaled up to all; infinite where they share none."""
    total, shared = "", ""
    for index in range(stored.shape[1]):
        place, known = build.constant([index], np.int64), ~np.isnan(stored[:, index])
        x, gap = (build.node("Gather", part, place, axis=1) for part in (seen, gaps))
        both = build.node("And", build.node("Not", gap), build.constant(known[None], np.bool_))
        away = build.node("Sub", x, build.constant(np.where(known, stored[:, index], 0.0)))
        square = build.node("Where", both, build.node("Mul", away, away), build.constant(0.0))
        one = build.node("Cast", both, to=TensorProto.DOUBLE)
        total = build.node("Add", total, square) if total else square
        shared = build.node("Add", shared, one) if shared else one
    none = build.node("Equal", shared, build.constant(0.0))
    scaled = build.node("Mul", build.node("Div", total, shared), build.constant(float(stored.shape[1])))
    return build.node("Where", none, build.constant(np.inf), scaled)


def _donated(imputer: Any, build: GraphBuilder, apart: str, stored: Floats, index: int) -> str:
    """What the nearest rows that have a number in this column give, float64 [batch, 1]."""
    donors = np.flatnonzero(~np.isnan(stored[:, index]))
    values, count = stored[donors, index], min(int(imputer.n_neighbors), len(donors))
    some = build.node("Gather", apart, build.constant(donors, np.int64), axis=1)
    size, places = build.two_outputs("TopK", some, build.constant([count], np.int64), axis=1, largest=0, sorted=1)
    given = build.node("Gather", build.constant(values), places, axis=0)
    one, none, axis = build.constant(1.0), build.constant(0.0), build.constant([1], np.int64)
    weights = build.node("Where", build.node("IsInf", size), none, one)
    total = build.node("ReduceSum", weights, axis, keepdims=1)
    sums = build.node("ReduceSum", build.node("Mul", weights, given), axis, keepdims=1)
    alone = build.node("Equal", total, none)
    return build.node("Where", alone, build.constant(float(values.mean())), build.node("Div", sums, total))
