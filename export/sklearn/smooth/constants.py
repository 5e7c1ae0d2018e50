"""Dummy estimators: the same answer for every row."""

from typing import Any

import numpy as np
from onnx import TensorProto
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import SeveralOutputs, lower_classifier
from export.sklearn.smooth.accounted import require_accounted


def repeated(scope: ColumnScope, values: Any) -> str:
    """`values` [output] in every row, float64 [batch, output]; whatever stands in the columns."""
    build = scope.builder
    rows = build.node("Shape", scope.source, end=1)
    shape = build.node("Concat", rows, build.constant([len(values)], np.int64), axis=0)
    return build.node("Expand", build.constant(np.asarray(values)[None, :]), shape)


def constant_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a DummyRegressor."""
    require_accounted(estimator)
    return repeated(scope, np.asarray(estimator.constant_, dtype=np.float64).ravel())


class ConstantClassifier(ClassifierGraph):
    """DummyClassifier that draws no random numbers."""

    exact_probabilities = True

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower, *, output: int = 0) -> None:
        super().__init__(estimator, scope, lower)
        require_accounted(estimator)
        if estimator._strategy not in ("prior", "most_frequent", "constant"):
            raise refuse(
                estimator,
                f"strategy={estimator._strategy!r} draws random numbers",
                supported="strategy='prior', 'most_frequent' or 'constant'",
            )
        several = estimator.n_outputs_ > 1
        self.classes = np.asarray(estimator.classes_[output] if several else estimator.classes_)
        self.prior = np.asarray(estimator.class_prior_[output] if several else estimator.class_prior_)
        self.n_classes = len(self.classes)
        if estimator._strategy == "constant":
            given = np.ravel(estimator._constant if hasattr(estimator, "_constant") else estimator.constant)[output]
            self.best = int(np.flatnonzero(self.classes == given)[0])
        else:
            self.best = int(self.prior.argmax())

    @override
    def probabilities(self) -> str:
        certain = np.eye(self.n_classes)[self.best]
        return repeated(self.scope, self.prior if self.estimator._strategy == "prior" else certain)

    @override
    def label(self) -> str:
        build = self.build
        rows = build.node("Shape", self.scope.source, end=1)
        number = build.node("Expand", build.constant([self.best], np.int64), rows)
        return build.node("Cast", number, to=TensorProto.INT64)


def several_constants(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """A graph for each output of a DummyClassifier."""
    numbers = range(estimator.n_outputs_)
    graphs = tuple(ConstantClassifier(estimator, scope, lower_classifier, output=k) for k in numbers)
    return SeveralOutputs(graphs, tuple(np.asarray(classes) for classes in estimator.classes_))
