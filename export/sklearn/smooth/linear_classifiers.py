"""Classifiers that decide by a linear score: logistic regression, ridge, SGD, discriminants, LinearSVC."""

from typing import Any

import numpy as np
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.logistic import sigmoid
from export.sklearn.estimators.registry import SeveralOutputs, lower_classifier
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.linear import affine, linear_value


class LinearScores(ClassifierGraph):
    """One score for two classes, above 0 for the second; else one for each class, of which the first largest wins.

    Those that have probabilities make them of the score: logistic for two classes, a softmax for more.
    """

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        require_accounted(estimator)

    @override
    def decision(self) -> str:
        return linear_value(self.estimator, self.scope)

    @override
    def positive(self) -> str:
        self.require_probabilities()
        return sigmoid(self.build, self.decision()) if self.n_classes == 2 else super().positive()

    @override
    def probabilities(self) -> str:
        self.require_probabilities()
        return super().probabilities() if self.n_classes == 2 else self.softmax(self.decision())

    @override
    def label(self) -> str:
        score = self.decision()
        return self.label_by_sign(score, "Greater") if self.n_classes == 2 else self.label_by_largest(score)

    def require_probabilities(self) -> None:
        """Refused where scikit-learn has none either."""
        if not hasattr(self.estimator, "predict_proba"):
            name = type(self.estimator).__name__
            raise refuse(self.estimator, "it has no predict_proba", supported=f"CalibratedClassifierCV({name}())")


class StochasticScores(LinearScores):
    """SGDClassifier: with several classes each has a probability of its own, and all are divided by their sum.

    Where that is 0, every class has the same share.
    """

    @override
    def positive(self) -> str:
        self.require_probabilities()
        if self.n_classes != 2 or self.estimator.loss != "modified_huber":
            return super().positive()
        return self._clipped()

    @override
    def probabilities(self) -> str:
        if self.n_classes == 2:
            return super().probabilities()
        self.require_probabilities()
        build = self.build
        huber = self.estimator.loss == "modified_huber"
        each = self._clipped() if huber else sigmoid(build, self.decision())
        total = build.node("ReduceSum", each, build.constant([1], np.int64), keepdims=1)
        shares = build.node("Div", each, total)
        nothing = build.node("Equal", total, build.constant(0.0))
        return build.node("Where", nothing, build.constant(1.0 / self.n_classes), shares)

    def _clipped(self) -> str:
        build, one = self.build, self.build.constant(1.0)
        inner = build.node("Clip", self.decision(), build.constant(-1.0), one)
        return build.node("Div", build.node("Add", inner, one), build.constant(2.0))


class OneScore(ClassifierGraph):
    """One output of a RidgeClassifier with several labels a row: above 0 is the second class."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower, *, output: int) -> None:
        super().__init__(estimator, scope, lower)
        self.output, self.n_classes = output, 2

    @override
    def decision(self) -> str:
        weights = finite(self.estimator, "coef_", self.estimator.coef_)[[self.output]].T
        intercept = np.broadcast_to(np.ravel(self.estimator.intercept_), (len(self.estimator.coef_),))
        return affine(self.scope, self.scope.matrix(), weights, intercept[[self.output]])

    @override
    def label(self) -> str:
        return self.label_by_sign(self.decision(), "Greater")


def several_ridges(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """A graph for each label of a RidgeClassifier fitted on several labels a row."""
    require_accounted(estimator)
    numbers = range(len(estimator.coef_))
    graphs = tuple(OneScore(estimator, scope, lower_classifier, output=k) for k in numbers)
    return SeveralOutputs(graphs, tuple(np.array([0, 1]) for _ in numbers), joined=True)
