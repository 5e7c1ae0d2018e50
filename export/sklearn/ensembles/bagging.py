"""Bagging: the mean of members that each see some of the columns."""

from functools import partial
from typing import Any

import numpy as np
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside
from export.sklearn.ensembles.parts import constant_column, ordered_sum, votes
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import lower_value, value_is_exact, value_width


def _seen(scope: ColumnScope, features: Any) -> ColumnScope:
    return scope.replaced([scope.columns[index] for index in features])


class Bag(ClassifierGraph):
    """BaggingClassifier: mean probabilities, or votes where members have no probabilities."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        pairs = zip(estimator.estimators_, estimator.estimators_features_, strict=True)
        self.members = [
            inside(estimator, f"member {number}", partial(lower, member, _seen(scope, features)))
            for number, (member, features) in enumerate(pairs)
        ]
        self.soft = [hasattr(member, "predict_proba") for member in estimator.estimators_]
        self.exact_probabilities = all(
            member.exact_probabilities if soft else member.exact_label
            for member, soft in zip(self.members, self.soft, strict=True)
        )
        decided = all(hasattr(member, "decision_function") for member in estimator.estimators_)
        self.decided = decided and all(member.n_classes == self.n_classes for member in self.members)
        self.exact_decision = self.decided and all(member.exact_decision for member in self.members)

    @override
    def probabilities(self) -> str:
        parts = [self._part(number) for number in range(len(self.members))]
        total = ordered_sum(self.scope, parts)
        return self.build.node("Div", total, self.build.constant(float(self.estimator.n_estimators)))

    @override
    def positive(self) -> str:
        return self.build.node("Gather", self.probabilities(), self.build.constant([1], np.int64), axis=1)

    @override
    def decision(self) -> str | None:
        if not self.decided:
            return None
        parts = [member.decision() for member in self.members]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return self.build.node("Div", ordered_sum(self.scope, known), self.build.constant(float(len(known))))

    def _part(self, number: int) -> str:
        member, fitted = self.members[number], self.estimator.estimators_[number]
        classes = np.asarray(fitted.classes_).astype(np.int64)
        if not self.soft[number]:
            return votes(member, self.n_classes, classes)
        if member.n_classes == self.n_classes:
            return member.probabilities()
        table, where = member.probabilities(), {int(name): place for place, name in enumerate(classes)}
        columns = [
            self.build.node("Gather", table, self.build.constant([where[k]], np.int64), axis=1)
            if k in where
            else constant_column(self.scope, 0.0)
            for k in range(self.n_classes)
        ]
        return self.build.node("Concat", *columns, axis=1)


def bagged_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a BaggingRegressor, float64 [batch, output]."""
    pairs = zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    parts = [
        inside(estimator, f"member {number}", partial(lower_value, member, _seen(scope, features)))
        for number, (member, features) in enumerate(pairs)
    ]
    return scope.builder.node("Div", ordered_sum(scope, parts), scope.builder.constant(float(estimator.n_estimators)))


def bag_is_exact(estimator: Any) -> bool:
    """Whether every member is."""
    return all(value_is_exact(member) for member in estimator.estimators_)


def bag_width(estimator: Any) -> int:
    """Outputs of its members."""
    return value_width(estimator.estimators_[0])
