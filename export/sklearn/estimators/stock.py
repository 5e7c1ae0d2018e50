"""Estimators without an exact form as skl2onnx converts them, while a model of the grade measured is compiled."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from typing_extensions import override

from export.errors import NoExactForm
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.stock import Measuring, holds_trees, short, spliced
from export.sklearn.estimators.classifier import ClassifierGraph, Lower, has_probabilities
from train.core.errors import PipelineError
from train.core.sklearn_answers import one_job, original_input


class StockClassifier(ClassifierGraph):
    """Probabilities as the converter computes them, on doubles; the label is that of the largest one."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        found = spliced(estimator, scope.matrix(), len(scope.columns), scope.builder)
        self._label, self._table = found[0], found[-1]

    @property
    @override
    def probability_error(self) -> float:
        return 1e-6  # nobody knows: what rests on it alone is refused

    @override
    def probabilities(self) -> str:
        return self._table

    @override
    def label(self) -> str:
        if has_probabilities(self.estimator):
            return super().label()
        build, classes = self.build, np.asarray(self.estimator.classes_)
        known = build.texts([str(name) for name in classes]) if classes.dtype.kind in "OUS" else ""
        column = build.node("Unsqueeze", self._label, build.constant([1], np.int64))
        same = build.node("Equal", column, known or build.constant(classes, np.int64))
        return build.node("ArgMax", build.node("Cast", same, to=6), axis=1, keepdims=0)


def stock_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a regressor, float64 [batch, output]."""
    found = spliced(estimator, scope.matrix(), len(scope.columns), scope.builder)[0]
    return scope.builder.node("Reshape", found, scope.builder.constant([-1, stock_width(estimator)], np.int64))


def stock_width(estimator: Any) -> int:
    """A regressor's number of outputs, seen from an answer."""
    with one_job():
        answer = np.asarray(estimator.predict(original_input(estimator, np.ones((1, estimator.n_features_in_)))))
    return int(answer.reshape(1, -1).shape[1])


def answers_rows(estimator: Any) -> bool:
    """Whether it is a classifier or a regressor: nothing else is a model to a converter here."""
    return hasattr(estimator, "get_params") and (is_classifier(estimator) or is_regressor(estimator))


def allowed(estimator: Any, found: Measuring | None, reason: NoExactForm) -> None:
    """Note that the converter takes `estimator`.

    Raises:
        NoExactForm: `reason`, where no converter is asked.
        PipelineError: it is made of trees, which a converter splits at float32 numbers.
    """
    if found is None or not answers_rows(estimator):
        raise reason
    if holds_trees(estimator) and not found.before_trees:
        raise PipelineError(
            f"{short(reason)}, and a converter's trees split at float32 numbers: a "
            "rounding becomes another leaf, so no tolerance holds; use a form that is exact, or ask for it: "
            "--measured-before-trees"
        ) from reason
    found.note(reason)
    found.converted = True
