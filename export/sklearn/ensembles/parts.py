"""What several ensembles need: members' answers as columns of a wider input, scores of binary members, ordered sums."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.base import is_regressor

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph
from export.sklearn.estimators.registry import lower_classifier, lower_value, value_is_exact
from train.core.columns.column_expressions import const


def constant_column(scope: ColumnScope, value: float) -> str:
    """The same number in every row, float64 [batch, 1]."""
    return scope.matrix([const(value)])


def ordered_sum(scope: ColumnScope, tensors: Sequence[str]) -> str:
    """0 plus each tensor in turn, as Python's `sum` adds arrays."""
    total = scope.builder.constant(0.0)
    for tensor in tensors:
        total = scope.builder.node("Add", total, tensor)
    return total


def label_value(graph: ClassifierGraph) -> str:
    """What `predict` answers as a number, float64 [batch, 1].

    Raises:
        PipelineError: its labels are no numbers.
    """
    classes = np.asarray(graph.estimator.classes_)
    if classes.dtype.kind not in "biuf":
        raise refuse(graph.estimator, "its labels are no numbers, but columns are made of them", supported="numbers")
    label = graph.build.node("Gather", graph.build.constant(classes), graph.label(), axis=0)
    return graph.build.node("Unsqueeze", label, graph.build.constant([1], np.int64))


def votes(graph: ClassifierGraph, n_classes: int, classes: Any) -> str:
    """float64 [batch, n_classes] with a one at `classes[label]`."""
    build = graph.build
    index = build.node("Gather", build.constant(classes, np.int64), graph.label(), axis=0)
    column = build.node("Unsqueeze", index, build.constant([1], np.int64))
    equal = build.node("Equal", column, build.constant(np.arange(n_classes), np.int64))
    return build.node("Cast", equal, to=TensorProto.DOUBLE)


class BinaryMember:
    """A binary member of one-against-the-rest and its kin: its score, its label, and which of them are exact."""

    def __init__(self, estimator: Any, scope: ColumnScope) -> None:
        self.scope, self.build = scope, scope.builder
        self.constant = float(estimator.y_[0]) if type(estimator).__name__ == "_ConstantPredictor" else None
        self.regressor = self.constant is None and is_regressor(estimator)
        self.graph = None if self.constant is not None or self.regressor else lower_classifier(estimator, scope)
        self.estimator = estimator
        scored = hasattr(estimator, "decision_function") and self.graph is not None
        self.threshold = 0.0 if scored else 0.5
        self.by_decision = scored

    @property
    def exact_score(self) -> bool:
        """Whether `score` has scikit-learn's bits."""
        if self.graph is None:
            return self.constant is not None or value_is_exact(self.estimator)
        return self.graph.exact_decision if self.by_decision else self.graph.exact_probabilities

    @property
    def exact_positive(self) -> bool:
        """Whether `positive` has scikit-learn's bits."""
        return self.graph is None or self.graph.exact_probabilities

    def score(self) -> str:
        """The decision, or else the probability of the second class, or a regressor's value; float64 [batch, 1]."""
        if self.constant is not None:
            return constant_column(self.scope, self.constant)
        if self.graph is None:
            return lower_value(self.estimator, self.scope)
        if not self.by_decision:
            return self.positive()
        decision = self.graph.decision()
        if decision is None:
            raise refuse(self.estimator, "its decision_function has no exact form here", supported="other members")
        return decision

    def positive(self) -> str:
        """`predict_proba(X)[:, 1]`, float64 [batch, 1]."""
        if self.constant is not None:
            return constant_column(self.scope, self.constant)
        if self.graph is None:
            raise refuse(self.estimator, "it has no predict_proba", supported="classifiers")
        return self.graph.positive()
