"""SplineTransformer: on every interval between knots each basis function is a polynomial of the way into it."""

from math import factorial
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


def splines_width(transformer: Any) -> int:
    """Columns that it makes."""
    require_accounted(transformer)
    if transformer.extrapolation not in ("error", "constant", "linear", "continue", "periodic"):
        raise refuse(transformer, f"extrapolation={transformer.extrapolation!r}", supported="those of scikit-learn 1.9")
    if transformer.extrapolation == "linear":
        only_measured(
            transformer,
            "extrapolation='linear' hands on terms that grow with the row and cancel in what is behind",
            supported="extrapolation='constant', 'continue' or 'periodic', or the grade measured",
        )
    return int(transformer.n_features_out_)


def splines(transformer: Any, scope: ColumnScope) -> str:
    """Values of the basis functions of every column, float64 [batch, output]."""
    build, seen = scope.builder, scope.matrix()
    parts = [_column(transformer, index, seen, build) for index in range(transformer.n_features_in_)]
    return parts[0] if len(parts) == 1 else build.node("Concat", *parts, axis=1)


def _column(transformer: Any, index: int, seen: str, build: GraphBuilder) -> str:
    spline, degree, how = transformer.bsplines_[index], int(transformer.degree), transformer.extrapolation
    beyond, functions = _beyond(degree, index, how)
    knots = np.asarray(spline.t, dtype=np.float64)
    low, high = knots[beyond], knots[len(knots) - beyond - 1]
    x = build.node("Gather", seen, build.constant([index], np.int64), axis=1)
    missing = build.node("IsNaN", x)
    x = build.node("Where", missing, build.constant(low), x)
    if how == "periodic":
        x = _wrapped(build, x, low, high)
    inner = np.unique(knots[beyond : len(knots) - beyond])[:-1].tolist()
    pieces = [_polynomials(spline, start, degree) for start in inner]
    if how in ("constant", "linear"):
        width = np.shape(spline.c)[1]
        order = 1 if how == "linear" and degree else 0
        at_end = _ends(spline, high, range(width), degree, order=0)  # of repeated knots it is no limit from below
        first = _ends(spline, low, range(functions), degree, order=order)
        last = _ends(spline, high, range(width - functions, width), degree, order=order)
        pieces, starts = [first, *pieces, at_end, last], [low, *inner, high, high]
        edges = [*inner, high, np.nextafter(high, np.inf)]
    else:
        # Outside the polynomials next to the ends go on: with repeated knots they are others than those inside.
        before = np.nextafter(low, -np.inf)
        pieces = [_polynomials(spline, before, degree), *pieces, _polynomials(spline, high, degree)]
        starts, edges = [before, *inner, high], [*inner, high]
    return _evaluated(transformer, build, x, missing, edges=edges, starts=starts, pieces=pieces)


def _beyond(degree: int, index: int, how: str) -> tuple[int, int]:
    """Which knot is the first of the range, counted from either end, and how many functions are continued outside.

    Of a linear continuation of degree 0 or 1 scikit-learn counts the degree up from column to column, to 2.
    """
    if how != "linear" or degree > 1:
        return degree, degree
    counted = min(degree + index, 2)
    return counted, min(counted + 1, 2)


def _evaluated(
    transformer: Any, build: GraphBuilder, x: str, missing: str, *, edges: list[float], starts: list[float], pieces: Any
) -> str:
    """Which piece a value lies on, and its polynomials there by Horner's rule."""
    passed = build.node("Cast", build.node("GreaterOrEqual", x, build.constant(edges)), to=TensorProto.INT64)
    place = build.node("ReduceSum", passed, build.constant([1], np.int64), keepdims=0)
    table = np.array(pieces)  # [piece, power, output]
    if not transformer.include_bias:
        table = table[:, :, :-1]
    start = build.node("Gather", build.constant(np.array(starts)[:, None]), place, axis=0)
    way = build.node("Sub", x, start)
    total = ""
    for power in range(table.shape[1] - 1, -1, -1):
        weights = build.node("Gather", build.constant(table[:, power]), place, axis=0)
        total = build.node("Add", build.node("Mul", total, way), weights) if total else weights
    return build.node("Where", missing, build.constant(0.0), total)


def _polynomials(spline: Any, start: float, degree: int) -> Floats:
    """Coefficients of every basis function from `start` up to the next knot, [power, output]: Taylor's, at `start`."""
    return np.array([_derivative(spline, start, power) / factorial(power) for power in range(degree + 1)])


def _derivative(spline: Any, at: float, order: int) -> Floats:
    """Of every basis function, [output]; from its own pieces, for SciPy makes no spline of a constant column anew."""
    values: Floats = np.asarray(spline(at, nu=order, extrapolate=True))
    return values


def _ends(spline: Any, at: float, functions: range, degree: int, *, order: int) -> Floats:
    """Some functions beyond an end by their value and, with `order` 1, their slope there; [power, output]."""
    made = np.zeros((degree + 1, np.shape(spline.c)[1]))
    some = list(functions)
    for power in range(order + 1):
        made[power, some] = _derivative(spline, at, power)[some]
    return made


def _wrapped(build: GraphBuilder, x: str, low: float, high: float) -> str:
    """Into one period, as NumPy's remainder does it; a column of one value is 0."""
    if not high > low:
        return build.node("Mul", x, build.constant(0.0))
    away = build.node("Sub", x, build.constant(low))
    rest = build.node("Mod", away, build.constant(high - low), fmod=1)
    negative = build.node("Less", rest, build.constant(0.0))
    rest = build.node("Where", negative, build.node("Add", rest, build.constant(high - low)), rest)
    return build.node("Add", build.constant(low), rest)
