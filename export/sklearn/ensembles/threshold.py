"""Classifiers with a threshold of their own: the probabilities of the one inside, and the label by the threshold."""

from functools import partial
from typing import Any

import numpy as np
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower


class Threshold(ClassifierGraph):
    """FixedThresholdClassifier and TunedThresholdClassifierCV."""

    own_rule = True

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        fitted = getattr(estimator, "estimator_", None) or estimator.estimator
        self.inner = inside(estimator, "its estimator", partial(lower, fitted, scope))
        method = estimator.response_method
        if method == "auto":
            method = "predict_proba" if hasattr(fitted, "predict_proba") else "decision_function"
        self.soft = method == "predict_proba"
        tuned = hasattr(estimator, "best_threshold_")
        self.positive_label = estimator._curve_scorer._get_pos_label() if tuned else estimator.pos_label
        mark = estimator.best_threshold_ if tuned else estimator.threshold
        self.mark = (0.5 if self.soft else 0.0) if isinstance(mark, str) else float(mark)
        self.exact_probabilities, self.exact_decision = self.inner.exact_probabilities, self.inner.exact_decision

    @property
    @override
    def exact_label(self) -> bool:
        return self.inner.exact_probabilities if self.soft else self.inner.exact_decision

    @override
    def decision(self) -> str | None:
        return self.inner.decision()

    @override
    def positive(self) -> str:
        return self.inner.positive()

    @override
    def probabilities(self) -> str:
        return self.inner.probabilities()

    @override
    def label(self) -> str:
        build = self.build
        classes = list(self.estimator.classes_)
        if self.positive_label is None and classes not in ([0, 1], [-1, 1], [1]):
            raise refuse(self.estimator, "pos_label is None", supported="pos_label, or the classes 0 and 1")
        second = self.positive_label is None or self.positive_label == classes[1]
        if self.soft:
            place = build.constant([int(second)], np.int64)
            score = build.node("Gather", self.inner.probabilities(), place, axis=1)
        else:
            found = self.inner.decision()
            if found is None:
                raise refuse(self.estimator, "its decision_function has no exact form", supported="predict_proba")
            score = found if second else build.node("Neg", found)
        above = build.node("GreaterOrEqual", self.flat(score), build.constant(self.mark))
        label = build.node("Cast", above, to=7)
        return label if second else build.node("Sub", build.constant(1, np.int64), label)
