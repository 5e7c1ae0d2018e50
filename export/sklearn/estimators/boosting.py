"""Gradient and histogram gradient boosting: raw scores to the last bit, the link function to 1e-12."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn._loss.link import HalfLogitLink, IdentityLink, LogitLink, LogLink
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.columns.thresholds import as_is, to_float32
from export.sklearn.estimators.category_sets import by_category_sets
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.first_guess import first_guess_is_exact, started, starts_from_model
from export.sklearn.estimators.forest import Floats, Term, Tree, sklearn_tree, sum_of_trees

_HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


def raw_scores(estimator: Any, scope: ColumnScope) -> str:
    """The sum of start value and trees in scikit-learn's order, float64 [batch, 1] or [batch, class]; the same bits."""
    histogram = isinstance(estimator, _HISTOGRAM)
    if not histogram and starts_from_model(estimator):
        return started(estimator, _grown(estimator), scope)
    if histogram:
        start, grown, scope = _histogram_trees(estimator, scope)
    else:
        start, grown = _gradient_trees(estimator)
    trees = [_constant(value) for value in start] + grown
    n_scores = len(start)
    # Start values first, then stage by stage: tree number t adds to score t mod n_scores, start values included.
    terms = [Term(number, 0, number % n_scores) for number in range(len(trees))]
    return sum_of_trees(trees, terms, scope, cast=as_is if histogram else to_float32)


def _gradient_trees(estimator: Any) -> tuple[Floats, list[Tree]]:
    if getattr(estimator.init_, "strategy", "") in ("stratified", "uniform"):
        raise refuse(estimator, "init draws random numbers", supported="DummyClassifier(strategy='prior')")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_)))[0]
    return np.asarray(start, dtype=np.float64), _grown(estimator)


def _grown(estimator: Any) -> list[Tree]:
    """The trees, their values times the learning rate."""
    rate = float(estimator.learning_rate)
    trees = (sklearn_tree(member) for member in estimator.estimators_.ravel())
    return [replace(tree, value=rate * tree.value) for tree in trees]


def _histogram_trees(estimator: Any, scope: ColumnScope) -> tuple[Floats, list[Tree], ColumnScope]:
    """Start values, trees, and the columns that they compare."""
    predictors = [predictor for stage in estimator._predictors for predictor in stage]
    trees = [_histogram_tree(predictor.nodes) for predictor in predictors]
    if estimator.is_categorical_ is not None and np.any(estimator.is_categorical_):
        trees, scope = by_category_sets(estimator, predictors, trees, scope)
    return np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel(), trees, scope


def _histogram_tree(nodes: Any) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        true=nodes["left"].astype(np.int64),
        false=nodes["right"].astype(np.int64),
        missing_true=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"].astype(np.float64)[:, None],
    )


def _constant(value: float) -> Tree:
    zero = np.zeros(1, dtype=np.int64)
    return Tree(zero - 1, np.zeros(1), zero, zero, np.zeros(1, dtype=bool), np.array([[value]], dtype=np.float64))


class BoostedClassifier(ClassifierGraph):
    """Both boosting classifiers; the label comes from the raw score, whose bits are scikit-learn's."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        # The link of a first guess by another model is a logarithm.
        self.exact_decision = isinstance(estimator, _HISTOGRAM) or not starts_from_model(estimator)
        if self.n_classes < 2:
            raise refuse(estimator, "it has seen one class only", supported="two classes or more")

    @property
    @override
    def exact_label(self) -> bool:
        return self.exact_decision

    @override
    def decision(self) -> str:
        return raw_scores(self.estimator, self.scope)

    @override
    def positive(self) -> str:
        if self.n_classes != 2:
            return super().positive()
        return apply_link(self.estimator, self.scope, self.decision())

    @override
    def probabilities(self) -> str:
        return super().probabilities() if self.n_classes == 2 else self.softmax(self.decision())

    @override
    def label(self) -> str:
        if self.n_classes != 2:
            return self.label_by_largest(self.decision())
        histogram = isinstance(self.estimator, _HISTOGRAM)  # the two decide a score of exactly 0 differently
        return self.label_by_sign(self.decision(), "Greater" if histogram else "GreaterOrEqual")


def apply_link(estimator: Any, scope: ColumnScope, raw: str) -> str:
    """The inverse link of the estimator's loss: raw score to probability or regression value."""
    link, build = estimator._loss.link, scope.builder
    if isinstance(link, LogitLink):
        return build.node("Sigmoid", raw)
    if isinstance(link, HalfLogitLink):
        return build.node("Sigmoid", build.node("Mul", raw, build.constant(2.0)))
    if isinstance(link, LogLink):
        return build.node("Exp", raw)
    if isinstance(link, IdentityLink):
        return raw
    raise refuse(estimator, f"its link is {type(link).__name__}", supported="logit, half-logit, log, identity, softmax")


def boosted_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a boosting regressor, float64 [batch, 1]."""
    raw = raw_scores(estimator, scope)
    return apply_link(estimator, scope, raw) if isinstance(estimator, _HISTOGRAM) else raw


def has_identity_link(estimator: Any) -> bool:
    """Whether a boosting regressor answers with its raw score, in the original's bits."""
    if isinstance(estimator, _HISTOGRAM):
        return isinstance(estimator._loss.link, IdentityLink)
    return not starts_from_model(estimator) or first_guess_is_exact(estimator)
