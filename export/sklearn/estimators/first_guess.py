"""Gradient boosting that starts from another model's answer: the trees are added to it one after the other.

The model inside is fitted on, and asked for, rows rounded to float32. What computes in float64 whatever it is given is
exact; what computes in float32 then (linear models, scalers) is measured.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn import dummy, ensemble, svm, tree
from sklearn.base import is_classifier

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import only_measured
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.forest import Term, Tree, sum_of_trees
from export.sklearn.estimators.registry import innermost, lower_classifier, lower_value, value_is_exact
from train.core.columns.column_expressions import operation

_MEMBERS = [
    "DecisionTree",
    "ExtraTree",
    "RandomForest",
    "ExtraTrees",
    "GradientBoosting",
    "HistGradientBoosting",
    "Dummy",
]
_DOUBLES = {
    getattr(module, name + kind)
    for module in (dummy, ensemble, tree)
    for name in (*_MEMBERS, "Dummy")
    for kind in ("Classifier", "Regressor")
    if hasattr(module, name + kind)
} | {svm.SVR, svm.NuSVR}
"""Whose float32 rows are the same rows as float64."""
_AROUND = {getattr(ensemble, name + kind) for name in ("Bagging", "Voting") for kind in ("Classifier", "Regressor")}


def starts_from_model(estimator: Any) -> bool:
    """Whether the first guess depends on the row."""
    return not isinstance(estimator.init_, str) and type(estimator.init_) not in (
        dummy.DummyClassifier,
        dummy.DummyRegressor,
    )


def first_guess_is_exact(estimator: Any) -> bool:
    """Whether a regressor's first guess has the original's bits."""
    return _takes_doubles(estimator.init_) and value_is_exact(estimator.init_)


def started(estimator: Any, trees: Sequence[Tree], scope: ColumnScope) -> str:
    """First guess plus each stage in turn, float64 [batch, 1] or [batch, class]."""
    build = scope.builder
    terms = [Term(number, 0, number) for number in range(len(trees))]
    leaves = sum_of_trees(trees, terms, scope)
    guess = _first_guess(estimator, scope)
    n_scores = int(estimator.estimators_.shape[1])
    stages = build.node("Reshape", leaves, build.constant([-1, len(trees) // n_scores, n_scores], np.int64))
    first = build.node("Unsqueeze", guess, build.constant([1], np.int64))
    running = build.node("CumSum", build.node("Concat", first, stages, axis=1), build.constant(1, np.int64))
    return build.node("Gather", running, build.constant(len(trees) // n_scores, np.int64), axis=1)


def _first_guess(estimator: Any, scope: ColumnScope) -> str:
    guess = estimator.init_
    single = scope.replaced([operation("single", x) for x in scope.columns])
    in_doubles = _takes_doubles(guess)
    if not in_doubles:
        only_measured(
            estimator,
            f"its init, a {type(guess).__name__}, computes in float32, as boosting hands it float32 rows",
            supported="init=None, 'zero', or trees, forests, boosting, SVR",
        )
        guess = _widened(guess)
    if not is_classifier(estimator):
        value = lower_value(guess, single)
        if in_doubles:
            return value
        # What it adds up is a float32, too: infinite beyond its range.
        rounded = scope.builder.node("Cast", value, to=TensorProto.FLOAT)
        return scope.builder.node("Cast", rounded, to=TensorProto.DOUBLE)
    graph = lower_classifier(guess, single)
    if not np.array_equal(innermost(guess).classes_, np.arange(graph.n_classes)):
        raise refuse(estimator, "its init has not seen every class", supported="one that has")
    if not graph.exact_probabilities:
        only_measured(
            estimator,
            f"its init, a {type(guess).__name__}, has probabilities next to 1 whose logit is what the rounding leaves",
            supported="init=None, 'zero', or trees and forests",
        )
    one = graph.n_classes == 2
    return _linked(estimator, graph.positive() if one else graph.probabilities(), scope.builder)


def _linked(estimator: Any, chances: str, build: GraphBuilder) -> str:
    """Raw scores of probabilities that are kept off 0 and 1: logits, or logarithms less their mean."""
    eps = float(np.finfo(np.float64).eps)
    kept = build.node("Min", build.node("Max", chances, build.constant(eps)), build.constant(1.0 - eps))
    if estimator._loss.is_multiclass:
        logs = build.node("Log", kept)
        return build.node("Sub", logs, build.node("ReduceMean", logs, build.constant([1], np.int64), keepdims=1))
    logit = build.node("Log", build.node("Div", kept, build.node("Sub", build.constant(1.0), kept)))
    if type(estimator._loss.link).__name__ == "HalfLogitLink":
        return build.node("Mul", build.constant(0.5), logit)
    return logit


def _takes_doubles(guess: Any) -> bool:
    if type(guess) in _AROUND:
        return all(_takes_doubles(member) for member in guess.estimators_)
    return type(guess) in _DOUBLES


def _widened(part: Any) -> Any:
    """A copy whose fitted float32 numbers are float64."""
    made = copy.deepcopy(part)
    waiting, seen = [made], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or not hasattr(one, "get_params"):
            continue
        seen.add(id(one))
        for name, value in vars(one).items():
            if isinstance(value, (np.ndarray, np.float32)) and value.dtype == np.float32:
                setattr(one, name, value.astype(np.float64))
            parts = value if isinstance(value, (list, tuple)) else [value]
            waiting.extend(inner[1] if isinstance(inner, tuple) and len(inner) == 2 else inner for inner in parts)
    return made
