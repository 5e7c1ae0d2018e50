"""One model for each output, side by side or in a chain, and models stacked on others' answers."""

from functools import partial
from typing import Any

import numpy as np

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.ensembles.parts import label_value
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import (
    SeveralOutputs,
    innermost,
    lower_classifier,
    lower_value,
    value_is_exact,
    value_width,
)
from train.core.columns.column_expressions import column


def widened(scope: ColumnScope, tensors: list[tuple[str, int, bool]], *, in_front: bool = False) -> ColumnScope:
    """The same columns and those of other tensors, given as name, width and whether their bits are the original's."""
    source = scope.builder.node("Concat", scope.source, *[name for name, _, _ in tensors], axis=1)
    exact = [flag for _, width, flag in tensors for flag in [flag] * width]
    new = tuple(column(scope.n_inputs + index) for index in range(len(exact)))
    columns = (*new, *scope.columns) if in_front else (*scope.columns, *new)
    inexact = {scope.n_inputs + index for index, flag in enumerate(exact) if not flag}
    return ColumnScope(scope.builder, source, scope.n_inputs + len(exact), columns, inexact=scope.inexact | inexact)


def side_by_side(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """MultiOutputClassifier."""
    graphs = [
        inside(estimator, f"output {number}", partial(lower_classifier, member, scope))
        for number, member in enumerate(estimator.estimators_)
    ]
    return SeveralOutputs(tuple(graphs), tuple(np.asarray(each) for each in estimator.classes_))


def values_side_by_side(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a MultiOutputRegressor, float64 [batch, output]."""
    parts = [
        inside(estimator, f"output {number}", partial(lower_value, member, scope))
        for number, member in enumerate(estimator.estimators_)
    ]
    return scope.builder.node("Concat", *parts, axis=1)


def all_members_exact(estimator: Any) -> bool:
    """Whether every member is."""
    return all(value_is_exact(member) for member in estimator.estimators_)


def one_each(estimator: Any) -> int:
    """As many outputs as members."""
    return len(estimator.estimators_)


def chained_values(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a RegressorChain, float64 [batch, output]."""
    values: list[str] = []
    for number, member in enumerate(estimator.estimators_):
        values.append(inside(estimator, f"link {number}", partial(lower_value, member, scope)))
        scope = widened(scope, [(values[-1], 1, value_is_exact(member))])
    return scope.builder.node("Concat", *(values[k] for k in np.argsort(estimator.order_)), axis=1)


def chained(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """ClassifierChain."""
    method = estimator.chain_method_
    graphs: list[ClassifierGraph] = []
    for number, member in enumerate(estimator.estimators_):
        graph = inside(estimator, f"link {number}", partial(lower_classifier, member, scope))
        graphs.append(graph)
        scope = widened(scope, [_answer(estimator, member, graph, method)])
    order = np.argsort(estimator.order_)
    classes = [np.asarray(estimator.estimators_[k].classes_) for k in order]
    return SeveralOutputs(tuple(graphs[k] for k in order), tuple(classes), joined=True)


def _answer(owner: Any, member: Any, graph: ClassifierGraph, method: str) -> tuple[str, int, bool]:
    """One column for the links behind: the label, or the score of a binary member."""
    if method == "predict":
        return label_value(graph), 1, True
    if method == "predict_proba" and len(member.classes_) == 2:
        return graph.positive(), 1, graph.exact_probabilities
    decision = graph.decision() if method == "decision_function" and len(member.classes_) == 2 else None
    if decision is None:
        raise refuse(owner, f"its links hand on {method}", supported="predict, predict_proba, decision_function")
    return decision, 1, graph.exact_decision


def stacked(estimator: Any, scope: ColumnScope) -> ColumnScope:
    """What the final estimator sees: the members' answers, then the columns if they are passed through."""
    tensors: list[tuple[str, int, bool]] = []
    classes = getattr(estimator, "classes_", None)
    for number, (member, method) in enumerate(zip(estimator.estimators_, estimator.stack_method_, strict=True)):
        what = f"member {number}"
        if classes is None:
            value = inside(estimator, what, partial(lower_value, member, scope))
            tensors.append((value, value_width(member), value_is_exact(member)))
            continue
        graph = inside(estimator, what, partial(lower_classifier, member, scope))
        if method == "predict_proba":
            both = len(classes) == 2
            table = graph.positive() if both else graph.probabilities()
            tensors.append((table, 1 if both else graph.n_classes, graph.exact_probabilities))
        elif method == "predict":
            tensors.append((label_value(graph), 1, True))
        else:
            score = graph.decision()
            if score is None:
                raise refuse(estimator, f"the {method} of {what} has no exact form", supported="stack_method='predict'")
            tensors.append((score, 1 if graph.n_classes == 2 else graph.n_classes, graph.exact_decision))
    wide = widened(scope, tensors, in_front=True)
    return wide if estimator.passthrough else wide.replaced(wide.columns[: len(wide.columns) - len(scope.columns)])


class Stack(ClassifierGraph):
    """StackingClassifier: what its final estimator makes of the members' answers."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        if isinstance(estimator._label_encoder, list):
            raise refuse(estimator, "it has several labels a row", supported="one label")
        final = estimator.final_estimator_
        if not hasattr(innermost(final), "classes_") or len(final.classes_) != self.n_classes:
            raise refuse(estimator, "its final estimator has not seen every class", supported="a classifier that has")
        self.final = inside(estimator, "its final estimator", partial(lower, final, stacked(estimator, scope)))
        self.exact_probabilities, self.exact_decision = self.final.exact_probabilities, self.final.exact_decision

    @property
    def exact_label(self) -> bool:
        """As the final estimator's."""
        return self.final.exact_label

    def decision(self) -> str | None:
        """As the final estimator's."""
        return self.final.decision()

    def positive(self) -> str:
        """As the final estimator's."""
        return self.final.positive()

    def probabilities(self) -> str:
        """As the final estimator's."""
        return self.final.probabilities()

    def label(self) -> str:
        """As the final estimator's."""
        return self.final.label()


def stacked_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a StackingRegressor, float64 [batch, output]."""
    seen = stacked(estimator, scope)
    return inside(estimator, "its final estimator", partial(lower_value, estimator.final_estimator_, seen))


def stack_is_exact(estimator: Any) -> bool:
    """Whether the final estimator is; a tree there is refused behind members that are not."""
    return value_is_exact(estimator.final_estimator_)
