"""AdaBoost: a weighted vote of labels, and the weighted median of values."""

from functools import partial
from typing import Any

import numpy as np
from onnx import TensorProto
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.ensembles.parts import constant_column, ordered_sum
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import lower_value, value_is_exact


class AdaBoosted(ClassifierGraph):
    """AdaBoostClassifier (SAMME): scores have the bits of scikit-learn's where members' labels do."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        self.members = [
            inside(estimator, f"member {number}", partial(lower, member, scope))
            for number, member in enumerate(estimator.estimators_)
        ]
        self.exact_decision = all(member.exact_label for member in self.members)
        self.exact_probabilities = self.n_classes == 1

    @property
    @override
    def exact_label(self) -> bool:
        return self.exact_decision

    @override
    def decision(self) -> str:
        build = self.build
        if self.n_classes == 1:
            return constant_column(self.scope, 0.0)
        weights = self.estimator.estimator_weights_
        parts = []
        for member, fitted, weight in zip(self.members, self.estimator.estimators_, weights, strict=False):
            places = np.searchsorted(self.estimator.classes_, fitted.classes_).astype(np.int64)
            index = build.node("Gather", build.constant(places, np.int64), member.label(), axis=0)
            column = build.node("Unsqueeze", index, build.constant([1], np.int64))
            equal = build.node("Equal", column, build.constant(np.arange(self.n_classes), np.int64))
            against = build.constant(float(-1 / (self.n_classes - 1) * weight))
            parts.append(build.node("Where", equal, build.constant(float(weight)), against))
        score = build.node("Div", ordered_sum(self.scope, parts), build.constant(float(weights.sum())))
        if self.n_classes > 2:
            return score
        first, second = (build.node("Gather", score, build.constant([k], np.int64), axis=1) for k in (0, 1))
        return build.node("Add", build.node("Mul", first, build.constant(-1.0)), second)

    @override
    def probabilities(self) -> str:
        build = self.build
        if self.n_classes == 1:
            return constant_column(self.scope, 1.0)
        score = self.decision()
        if self.n_classes == 2:
            both = build.node("Concat", build.node("Neg", score), score, axis=1)
            return self.softmax(build.node("Div", both, build.constant(2.0)))
        return self.softmax(build.node("Div", score, build.constant(float(self.n_classes - 1))))

    @override
    def positive(self) -> str:
        return self.build.node("Gather", self.probabilities(), self.build.constant([1], np.int64), axis=1)

    @override
    def label(self) -> str:
        score = self.decision()
        return self.label_by_sign(score, "Greater") if self.n_classes == 2 else self.label_by_largest(score)


def median_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of an AdaBoostRegressor: the weighted median of its members, float64 [batch, 1]."""
    build = scope.builder
    members = [
        inside(estimator, f"member {number}", partial(lower_value, member, scope))
        for number, member in enumerate(estimator.estimators_)
    ]
    if not members:
        raise refuse(estimator, "it has no members", supported="fitted ones")
    weights = np.asarray(estimator.estimator_weights_[: len(members)], dtype=np.float64)
    values = members[0] if len(members) == 1 else build.node("Concat", *members, axis=1)
    order = build.two_outputs("TopK", values, build.constant([len(members)], np.int64), axis=1, largest=0, sorted=1)
    weight = build.node(
        "CumSum", build.node("Gather", build.constant(weights), order[1], axis=0), build.constant(1, np.int64)
    )
    total = build.node("Gather", weight, build.constant([len(members) - 1], np.int64), axis=1)
    above = build.node("GreaterOrEqual", weight, build.node("Mul", build.constant(0.5), total))
    first = build.node("ArgMax", build.node("Cast", above, to=TensorProto.INT32), axis=1, keepdims=1)
    return build.node("GatherElements", order[0], first, axis=1)


def median_is_exact(estimator: Any) -> bool:
    """Whether every member is; the median is one of their values."""
    return all(value_is_exact(member) for member in estimator.estimators_)
