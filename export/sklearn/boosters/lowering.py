"""Boosted trees of the three libraries in the graph: the same comparisons, the same sums, the same link."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from export.graph import ML_DOMAIN, GraphBuilder
from export.sklearn.boosters.trees import (
    SMALLEST_OF_LIGHTGBM,
    BoostedTrees,
    Floats,
    Memberships,
    ZeroAsMissing,
)
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.in_front import before_trees
from export.sklearn.columns.preprocess import input_columns, refuse
from export.sklearn.columns.thresholds import to_float32
from export.sklearn.estimators.forest import Term, Tree, merge_equal_leaves, pack, sum_of_trees

LESS_THAN = 1
"""`TreeEnsemble`'s number of the comparison `<`."""
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


def raw_scores(model: BoostedTrees, scope: ColumnScope) -> str:
    """The library's raw scores to the last bit, [batch, score]: float32 of XGBoost, else float64.

    Raises:
        PipelineError: a column in front of the trees is no exact operation.
    """
    if model.n_features > len(scope.columns):
        raise refuse(
            model.library, f"it takes {model.n_features} columns, it gets {len(scope.columns)}", supported="all"
        )
    if model.derived or model.single_sums:
        scope = before_trees(scope, _compared(model), folds=False)
    if model.derived:
        scope = _beside(model, scope)
    trees = [_start(value) for value in model.start] + list(model.trees)
    targets = [*range(model.n_scores), *model.scores.tolist()]
    terms = [Term(number, 0, target) for number, target in enumerate(targets)]
    if model.single_sums:
        return _single_sums(trees, targets, scope, model.n_scores)
    total = sum_of_trees(trees, terms, scope, cast=to_float32 if model.single_input else _without_dust)
    build = scope.builder
    if model.divide > 1:
        total = build.node("Div", total, build.constant(float(model.divide)))
    if model.scale != 1.0:
        total = build.node("Mul", total, build.constant(model.scale))
    if model.bias is not None and np.any(model.bias != 0.0):
        total = build.node("Add", total, build.constant(model.bias))
    return total


def _compared(model: BoostedTrees) -> list[int]:
    """The input's columns that the trees look at."""
    used = {int(index) for tree in model.trees for index in np.unique(tree.feature) if index >= 0}
    beyond = {derived.column for derived in model.derived}
    return sorted({index for index in used if index < model.n_features} | beyond)


def linked(model: BoostedTrees, raw: str, build: GraphBuilder) -> str:
    """What the library's `predict` makes of raw scores, of their type and shape."""
    kind = model.link.kind
    if model.single_sums and kind in ("logistic", "softmax", "exp"):
        return _single_link(kind, raw, build)
    if kind == "logistic":
        return build.node("Sigmoid", _scaled(raw, model.link.slope, build))
    if kind == "softmax":
        return build.node("Softmax", raw, axis=1)
    if kind == "exp":
        return build.node("Exp", raw)
    if kind == "log1p_exp":
        return build.node("Log", build.node("Add", build.constant(1.0), build.node("Exp", raw)))
    if kind == "signed_square":
        return build.node("Mul", build.node("Sign", raw), build.node("Mul", raw, raw))
    kind_of = FLOAT if model.single_sums else DOUBLE
    if kind == "sign":
        zero = build.constant(0.0, np.float32 if model.single_sums else np.float64)
        return build.node("Cast", build.node("Greater", raw, zero), to=kind_of)
    if kind == "largest":
        return build.node("Cast", build.node("ArgMax", raw, axis=1, keepdims=1), to=kind_of)
    return raw


def as_double(model: BoostedTrees, tensor: str, build: GraphBuilder) -> str:
    """An answer as float64, which every float32 is."""
    return build.node("Cast", tensor, to=DOUBLE) if model.single_sums else tensor


def _scaled(raw: str, slope: float, build: GraphBuilder) -> str:
    return raw if slope == 1.0 else build.node("Mul", raw, build.constant(slope))


def _single_link(kind: str, raw: str, build: GraphBuilder) -> str:
    """XGBoost's formulas in float32; exponentials in double and rounded once, as a good expf is."""
    if kind == "exp":
        return _exp_of_float(raw, build)
    if kind == "logistic":
        one = build.constant(1.0, np.float32)
        turned = build.node("Min", build.node("Neg", raw), build.constant(88.7, np.float32))
        return build.node("Div", one, build.node("Add", _exp_of_float(turned, build), one))
    axes = build.constant([1], np.int64)
    largest = build.node("ReduceMax", raw, axes, keepdims=1)
    powers = _exp_of_float(build.node("Sub", raw, largest), build)
    total = build.node("ReduceSum", build.node("Cast", powers, to=DOUBLE), axes, keepdims=1)
    return build.node("Div", powers, build.node("Cast", total, to=FLOAT))


def _exp_of_float(x: str, build: GraphBuilder) -> str:
    return build.node("Cast", build.node("Exp", build.node("Cast", x, to=DOUBLE)), to=FLOAT)


def _single_sums(trees: Sequence[Tree], targets: Sequence[int], scope: ColumnScope, n_scores: int) -> str:
    """Sums of float32 on rows of float32; thresholds are the library's own, with its `<`."""
    rows = scope.builder.node("Cast", scope.matrix(), to=FLOAT)
    single = [(merge_equal_leaves(tree, 0), target) for tree, target in zip(trees, targets, strict=True)]
    attributes = pack(single, n_targets=n_scores)
    splits = np.nextafter(_values(attributes["nodes_splits"]).astype(np.float32), np.float32(np.inf))
    leaves = _values(attributes["leaf_weights"]).astype(np.float32)
    modes = np.full(len(splits), LESS_THAN, dtype=np.uint8)
    attributes |= {
        "nodes_splits": numpy_helper.from_array(splits),
        "leaf_weights": numpy_helper.from_array(leaves),
        "nodes_modes": numpy_helper.from_array(modes),
    }
    return scope.builder.node("TreeEnsemble", rows, domain=ML_DOMAIN, **attributes)


def _values(tensor: Any) -> Floats:
    found: Floats = numpy_helper.to_array(tensor)
    return found


def _start(value: float) -> Tree:
    zero = np.zeros(1, dtype=np.int64)
    return Tree(zero - 1, np.zeros(1), zero, zero, np.zeros(1, dtype=bool), np.array([[value]], dtype=np.float64))


def _without_dust(x: Floats) -> Floats:
    """LightGBM reads what is next to 0 as 0."""
    return np.where(np.abs(x) <= SMALLEST_OF_LIGHTGBM, 0.0, x)


def _beside(model: BoostedTrees, scope: ColumnScope) -> ColumnScope:
    """A scope whose input is the columns that the trees compare, derived ones behind."""
    build, rows = scope.builder, scope.matrix()
    if model.single_input:
        rows = build.node("Cast", build.node("Cast", rows, to=FLOAT), to=DOUBLE)
    parts = [rows]
    for derived in model.derived:
        column = build.node("Gather", rows, build.constant([derived.column], np.int64), axis=1)
        parts.append(_hole(column, build) if isinstance(derived, ZeroAsMissing) else _member(derived, column, build))
    width = len(scope.columns) + sum(
        1 if isinstance(derived, ZeroAsMissing) else derived.goes_right.shape[1] for derived in model.derived
    )
    if len(scope.columns) != model.n_features:
        raise refuse(model.library, "columns stand behind those that it knows", supported="just its own columns")
    return ColumnScope(build, build.node("Concat", *parts, axis=1), width, input_columns(width))


def _hole(column: str, build: GraphBuilder) -> str:
    near = build.node("LessOrEqual", build.node("Abs", column), build.constant(SMALLEST_OF_LIGHTGBM))
    return build.node("Where", near, build.constant(np.nan), column)


def _member(derived: Memberships, column: str, build: GraphBuilder) -> str:
    """1 where a category goes right at a split, else 0; [batch, split]."""
    codes = len(derived.goes_right) - 1
    low = (
        build.node("Greater", column, build.constant(-1.0))
        if derived.above < 0
        else build.node("GreaterOrEqual", column, build.constant(0.0))
    )
    known = build.node("And", low, build.node("Less", column, build.constant(float(codes))))
    code = build.node("Cast", build.node("Where", known, column, build.constant(float(codes))), to=TensorProto.INT64)
    flat = build.node("Reshape", code, build.constant([-1], np.int64))
    answer = build.node("Gather", build.constant(derived.goes_right), flat, axis=0)
    if not derived.keeps_missing:
        return answer
    return build.node("Where", build.node("IsNaN", column), build.constant(np.nan), answer)
