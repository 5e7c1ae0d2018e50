"""One against the rest and one against one, with scikit-learn's own rules for ties."""

from functools import partial
from typing import Any

import numpy as np
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.ensembles.parts import BinaryMember, constant_column, ordered_sum, votes
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import SeveralOutputs, lower_classifier

SEQUENTIAL = 8
"""From this number of terms on NumPy adds a row in an order that depends on the number of rows."""


def _members(estimator: Any, scope: ColumnScope) -> list[BinaryMember]:
    return [
        inside(estimator, f"member {number}", partial(BinaryMember, member, scope))
        for number, member in enumerate(estimator.estimators_)
    ]


class OneAgainstRest(ClassifierGraph):
    """OneVsRestClassifier with one label a row."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        self.members = _members(estimator, scope)
        self.exact_probabilities = all(m.exact_positive for m in self.members) and len(self.members) < SEQUENTIAL
        self.exact_decision = all(member.exact_score for member in self.members)

    @property
    @override
    def exact_label(self) -> bool:
        return all(member.exact_score for member in self.members)

    @override
    def decision(self) -> str | None:
        if not all(member.by_decision for member in self.members):
            return None
        columns = [member.score() for member in self.members]
        return columns[0] if len(columns) == 1 else self.build.node("Concat", *columns, axis=1)

    @override
    def probabilities(self) -> str:
        build = self.build
        columns = [member.positive() for member in self.members]
        if len(columns) == 1:
            columns.insert(0, build.node("Sub", build.constant(1.0), columns[0]))
        total = ordered_sum(self.scope, columns)
        table = build.node("Concat", *columns, axis=1)
        zero = build.node("Equal", total, build.constant(0.0))
        return build.node("Where", zero, table, build.node("Div", table, total))

    @override
    def positive(self) -> str:
        return self.build.node("Gather", self.probabilities(), self.build.constant([1], np.int64), axis=1)

    @override
    def label(self) -> str:
        if len(self.members) == 1:
            return _above(self, self.members[0].score(), self.members[0].threshold)
        return self.label_by_largest(self.build.node("Concat", *[m.score() for m in self.members], axis=1))


def _above(graph: ClassifierGraph, score: str, threshold: float) -> str:
    above = graph.build.node("Greater", graph.flat(score), graph.build.constant(threshold))
    return graph.build.node("Cast", above, to=7)


class _OneLabel(ClassifierGraph):
    """One of several labels of one-against-the-rest."""

    def __init__(self, estimator: Any, scope: ColumnScope, member: BinaryMember, threshold: float) -> None:
        super().__init__(estimator, scope, lower_classifier)
        self.member, self.threshold, self.n_classes = member, threshold, 2
        self.exact_probabilities = member.exact_positive

    @property
    @override
    def exact_label(self) -> bool:
        return self.member.exact_score

    @override
    def positive(self) -> str:
        return self.member.positive()

    @override
    def label(self) -> str:
        return _above(self, self.member.score(), self.threshold)


def several_labels(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """OneVsRestClassifier with several labels a row."""
    members = _members(estimator, scope)
    threshold = members[0].threshold
    graphs = [_OneLabel(estimator, scope, member, threshold) for member in members]
    return SeveralOutputs(tuple(graphs), tuple(np.array([0, 1]) for _ in graphs), joined=True)


class OneAgainstOne(ClassifierGraph):
    """OneVsOneClassifier: votes, ties broken by confidences."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        if estimator.pairwise_indices_ is not None:
            raise refuse(estimator, "its members take a precomputed kernel", supported="members that take rows")
        self.members = _members(estimator, scope)
        if any(member.graph is None for member in self.members):
            raise refuse(estimator, "a member is no classifier", supported="classifiers")
        self.exact_decision = all(m.exact_score and m.graph is not None and m.graph.exact_label for m in self.members)

    @property
    @override
    def exact_label(self) -> bool:
        return self.exact_decision

    @override
    def decision(self) -> str:
        table = self._table()
        if self.n_classes > 2:
            return table
        return self.build.node("Gather", table, self.build.constant([1], np.int64), axis=1)

    def _table(self) -> str:
        build, zero = self.build, constant_column(self.scope, 0.0)
        confidence, count = [zero] * self.n_classes, [zero] * self.n_classes
        pairs = [(i, j) for i in range(self.n_classes) for j in range(i + 1, self.n_classes)]
        for (i, j), member in zip(pairs, self.members, strict=True):
            score, graph = member.score(), member.graph
            assert graph is not None
            confidence[i] = build.node("Sub", confidence[i], score)
            confidence[j] = build.node("Add", confidence[j], score)
            vote = votes(graph, 2, np.asarray(member.estimator.classes_).astype(np.int64))
            for place, side in ((i, 0), (j, 1)):
                one = build.node("Gather", vote, build.constant([side], np.int64), axis=1)
                count[place] = build.node("Add", count[place], one)
        total, won = (build.node("Concat", *columns, axis=1) for columns in (confidence, count))
        scale = build.node("Mul", build.constant(3.0), build.node("Add", build.node("Abs", total), build.constant(1.0)))
        return build.node("Add", won, build.node("Div", total, scale))

    @override
    def positive(self) -> str:
        raise refuse(self.estimator, "it has no predict_proba", supported="OneVsRestClassifier")

    @override
    def label(self) -> str:
        if self.n_classes == 2:
            return _above(self, self.decision(), self.members[0].threshold)
        return self.label_by_largest(self._table())
