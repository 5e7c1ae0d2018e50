"""The named outputs of a compiled estimator, in the order in which `train.core.sklearn_answers` asks the original."""

from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, has_probabilities
from export.sklearn.estimators.registry import (
    has_several_outputs,
    innermost,
    is_detector,
    lower_classifier,
    lower_detector,
    lower_several,
    lower_value,
    value_is_exact,
    value_width,
)
from train.core.sklearn_answers import has_classes

PROBABILITIES, VALUE, CONFIDENCE, LABEL = "probabilities", "variable", "confidence", "label"
SCORES, DECISION = "scores", "decision"
"""Names of tensors; with several classifier outputs "probabilities_0", "probabilities_1", ..."""


class Output(NamedTuple):
    """One output: its public name, the tensor that holds it, its `onnx.TensorProto` type, columns (None: one axis)."""

    name: str
    tensor: str
    dtype: int
    width: int | None


def outputs_of(estimator: Any, scope: ColumnScope, *, labels: bool) -> list[Output]:
    """What a fitted estimator answers, on the columns of `scope`.

    Raises:
        PipelineError: no exact form; the class is named.
    """
    final = innermost(estimator)
    if has_classes(final) and has_several_outputs(final):
        return _several(estimator, scope, labels=labels)
    if has_classes(final):
        return _one(estimator, scope, labels=labels)
    if is_detector(final):
        return _detector(estimator, scope, labels=labels)
    return [Output(VALUE, lower_value(estimator, scope), TensorProto.DOUBLE, value_width(estimator))]


def confidence_of(estimator: Any, scope: ColumnScope) -> list[Output]:
    """`predict_proba(X)[:, 1]` of a classifier of the classes 0 and 1, float64 [batch]."""
    classes = list(getattr(estimator, "classes_", []))
    if classes != [0, 1]:
        raise refuse(
            estimator,
            f"confidence needs a classifier of the classes 0 and 1, got {[str(name) for name in classes]}",
            supported="0, 1",
        )
    graph = lower_classifier(estimator, scope)
    return [Output(CONFIDENCE, graph.flat(graph.positive()), TensorProto.DOUBLE, None)]


def all_exact(estimator: Any, scope: ColumnScope) -> bool:
    """Whether every number that a fitted estimator answers is equal to the last bit."""
    final = innermost(estimator)
    if has_classes(final) and has_several_outputs(final):
        several = lower_several(estimator, scope)
        return all(_is_exact(graph, has_probabilities(estimator)) for graph in several.graphs)
    if has_classes(final):
        return _is_exact(lower_classifier(estimator, scope), has_probabilities(estimator))
    if is_detector(final):
        return lower_detector(estimator, scope).exact
    return value_is_exact(estimator)


def _is_exact(graph: ClassifierGraph, soft: bool) -> bool:
    return graph.exact_probabilities if soft else graph.exact_label


def _one(estimator: Any, scope: ColumnScope, *, labels: bool) -> list[Output]:
    graph = lower_classifier(estimator, scope)
    outputs = [Output(PROBABILITIES, _table(estimator, graph), TensorProto.DOUBLE, graph.n_classes)]
    if labels or getattr(graph, "own_rule", False):  # a threshold of its own is seen in the label alone
        dtype, names = label_values(estimator, np.asarray(estimator.classes_), scope.builder)
        outputs.append(Output(LABEL, scope.builder.node("Gather", names, graph.label(), axis=0), dtype, None))
    return outputs


def _several(estimator: Any, scope: ColumnScope, *, labels: bool) -> list[Output]:
    build, several = scope.builder, lower_several(estimator, scope)
    if several.joined:
        soft = has_probabilities(estimator)
        pairs = zip(several.graphs, several.classes, strict=True)
        columns = [graph.positive() if soft else _label_column(graph, classes) for graph, classes in pairs]
        outputs = [Output(PROBABILITIES, build.node("Concat", *columns, axis=1), TensorProto.DOUBLE, len(columns))]
    else:
        outputs = [
            Output(f"{PROBABILITIES}_{number}", _table(estimator, graph), TensorProto.DOUBLE, graph.n_classes)
            for number, graph in enumerate(several.graphs)
        ]
    if labels:
        tables = [label_values(estimator, each, build) for each in several.classes]
        if len({dtype for dtype, _ in tables}) > 1:
            raise refuse(estimator, "its outputs have labels of several kinds", supported="numbers or text everywhere")
        parts = [
            build.node("Unsqueeze", build.node("Gather", names, graph.label(), axis=0), build.constant([1], np.int64))
            for (_, names), graph in zip(tables, several.graphs, strict=True)
        ]
        outputs.append(Output(LABEL, build.node("Concat", *parts, axis=1), tables[0][0], len(parts)))
    return outputs


def _label_column(graph: ClassifierGraph, classes: Any) -> str:
    build = graph.build
    label = build.node("Gather", build.constant(classes), graph.label(), axis=0)
    return build.node("Unsqueeze", label, build.constant([1], np.int64))


def _detector(estimator: Any, scope: ColumnScope, *, labels: bool) -> list[Output]:
    graph = lower_detector(estimator, scope)
    outputs = [
        Output(SCORES, graph.scores(), TensorProto.DOUBLE, 1),
        Output(DECISION, graph.decision(), TensorProto.DOUBLE, 1),
    ]
    if labels:
        outputs.append(Output(LABEL, graph.label(), TensorProto.INT64, None))
    return outputs


def _table(estimator: Any, graph: ClassifierGraph) -> str:
    """Probabilities, or a one for the label of a classifier that has none."""
    return graph.probabilities() if has_probabilities(estimator) else graph.one_hot(graph.label())


def label_values(estimator: Any, classes: Any, build: GraphBuilder) -> tuple[int, str]:
    """The type of labels and a constant that holds those of the classes, in order.

    Raises:
        PipelineError: labels that are neither whole numbers nor text.
    """
    if classes.dtype.kind in "biu":
        return TensorProto.INT64, build.constant(classes, np.int64)
    if classes.dtype.kind == "f" and np.array_equal(classes, np.round(classes)) and np.abs(classes).max() < 2.0**53:
        return TensorProto.INT64, build.constant(classes, np.int64)
    if classes.dtype.kind in "US" or all(isinstance(name, str) for name in classes.tolist()):
        return TensorProto.STRING, build.texts([str(name) for name in classes.tolist()])
    raise refuse(estimator, f"its labels are of type {classes.dtype}", supported="labels of whole numbers or text")
