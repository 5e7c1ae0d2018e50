"""Multi-layer perceptrons: products, activations, and what the last layer says."""

from typing import Any

import numpy as np
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.logistic import sigmoid
from export.sklearn.estimators.registry import SeveralOutputs, lower_classifier
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.linear import affine

_ACTIVATIONS = {"identity": "", "logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp"}
"""scikit-learn's name -> ONNX operator on doubles."""


def last_layer(estimator: Any, scope: ColumnScope) -> str:
    """What the last layer gives before its own activation, float64 [batch, output]."""
    require_accounted(estimator)
    values = scope.matrix()
    for number, (weights, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        if number:
            values = activated(estimator, estimator.activation, scope, values)
        values = affine(scope, values, finite(estimator, "coefs_", weights), finite(estimator, "intercepts_", bias))
    return values


def activated(estimator: Any, name: str, scope: ColumnScope, values: str) -> str:
    """An activation of scikit-learn's by name."""
    if name not in _ACTIVATIONS:
        raise refuse(estimator, f"its activation is {name!r}", supported=", ".join(_ACTIVATIONS))
    if name == "logistic":
        return sigmoid(scope.builder, values)
    return scope.builder.node(_ACTIVATIONS[name], values) if _ACTIVATIONS[name] else values


def perceptron_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of MLPRegressor, float64 [batch, output]."""
    return activated(estimator, estimator.out_activation_, scope, last_layer(estimator, scope))


class Perceptrons(ClassifierGraph):
    """MLPClassifier; with several labels a row, one of them."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower, *, output: int | None = None) -> None:
        super().__init__(estimator, scope, lower)
        self.output = output
        self.n_classes = self.n_classes if output is None else 2
        if estimator.out_activation_ != ("logistic" if self.n_classes == 2 else "softmax"):
            raise refuse(estimator, f"its last activation is {estimator.out_activation_!r}", supported="the usual one")

    @override
    def positive(self) -> str:
        build = self.build
        if self.n_classes != 2:
            return super().positive()
        table = sigmoid(build, last_layer(self.estimator, self.scope))
        if self.output is None:
            return table
        return build.node("Gather", table, build.constant([self.output], np.int64), axis=1)

    @override
    def probabilities(self) -> str:
        if self.n_classes == 2:
            return super().probabilities()
        return self.softmax(last_layer(self.estimator, self.scope))

    @override
    def label(self) -> str:
        if self.n_classes == 2:  # the label binarizer: above one half, of the rounded probability
            above = self.build.node("Greater", self.flat(self.positive()), self.build.constant(0.5))
            return self.build.node("Cast", above, to=7)
        return super().label()


def several_perceptrons(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """A graph for each label of an MLPClassifier fitted on several labels a row."""
    graphs = tuple(Perceptrons(estimator, scope, lower_classifier, output=k) for k in range(estimator.n_outputs_))
    return SeveralOutputs(graphs, tuple(np.array([0, 1]) for _ in graphs), joined=True)
