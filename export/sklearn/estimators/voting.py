"""Voting classifiers and regressors: averages and votes in the order in which scikit-learn adds them."""

from functools import partial
from typing import Any

import numpy as np
from typing_extensions import override

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import lower_value, value_is_exact


class Vote(ClassifierGraph):
    """VotingClassifier, soft or hard. A hard vote has no probabilities; only its label exists."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        self.members = [
            inside(estimator, f"member {name!r}", partial(lower, member, scope)) for name, member in _members(estimator)
        ]
        if any(not np.array_equal(m.classes_, np.arange(self.n_classes)) for m in estimator.estimators_):
            raise refuse(estimator, "a member has not seen every class", supported="members fitted by the vote itself")
        self.soft = estimator.voting == "soft"
        self.exact_probabilities = self.soft and all(member.exact_probabilities for member in self.members)

    @property
    @override
    def exact_label(self) -> bool:
        return self.exact_probabilities if self.soft else all(member.exact_label for member in self.members)

    @property
    @override
    def probability_error(self) -> float:
        return max(member.probability_error for member in self.members)

    @override
    def positive(self) -> str:
        self._require_soft()
        return average([m.positive() for m in self.members], self.estimator._weights_not_none, self.build)

    @override
    def probabilities(self) -> str:
        self._require_soft()
        return average([m.probabilities() for m in self.members], self.estimator._weights_not_none, self.build)

    @override
    def label(self) -> str:
        if self.soft:
            return super().label()
        weights = self.estimator._weights_not_none
        ballots = [self.one_hot(member.label()) for member in self.members]
        return self.label_by_largest(weighted_sum(ballots, weights, self.build))

    def _require_soft(self) -> None:
        if not self.soft:
            raise refuse(self.estimator, "a hard vote has no predict_proba", supported="voting='soft'")


def weighted_sum(tensors: list[str], weights: list[float] | None, build: GraphBuilder) -> str:
    """Sum from first to last, each tensor times its weight."""
    if weights is not None:
        tensors = [build.node("Mul", t, build.constant(float(w))) for t, w in zip(tensors, weights, strict=True)]
    total = tensors[0]
    for tensor in tensors[1:]:
        total = build.node("Add", total, tensor)
    return total


def average(tensors: list[str], weights: list[float] | None, build: GraphBuilder) -> str:
    """`numpy.average` over tensors."""
    scale = len(tensors) if weights is None else sum(np.asarray(weights, dtype=np.float64))
    return build.node("Div", weighted_sum(tensors, weights, build), build.constant(float(scale)))


def voting_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a VotingRegressor, float64 [batch, 1]."""
    members = [
        inside(estimator, f"member {name!r}", partial(lower_value, member, scope))
        for name, member in _members(estimator)
    ]
    return average(members, estimator._weights_not_none, scope.builder)


def voting_is_exact(estimator: Any) -> bool:
    """Whether every member of a VotingRegressor is."""
    return all(value_is_exact(member) for _, member in _members(estimator))


def _members(estimator: Any) -> list[tuple[str, Any]]:
    return [(name, member) for name, member in estimator.named_estimators_.items() if member != "drop"]
