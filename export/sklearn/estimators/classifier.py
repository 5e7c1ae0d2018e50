"""What every lowered classifier offers: scores, probabilities and the label, each a tensor made on demand."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from train.core.sklearn_answers import gives_probabilities

Lower = Callable[[Any, ColumnScope], "ClassifierGraph"]


class ClassifierGraph:
    """A fitted classifier and the columns it sees; a subclass for each kind of estimator adds the nodes.

    A binary kind defines `positive`, any other `probabilities`; kinds with a score define `decision`, and `label`
    where scikit-learn does not take it from the probabilities.

    Attributes:
        exact_probabilities: they equal scikit-learn's to the last bit (else to 1e-12).
        exact_decision: the same for `decision`.
        exact_label: the label rests on numbers that are equal to the last bit.
    """

    exact_probabilities = False
    exact_decision = False

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        self.estimator = estimator
        self.scope = scope
        self.build = scope.builder
        self.lower = lower
        self.n_classes = len(estimator.classes_)

    @property
    def exact_label(self) -> bool:
        """Labels come from the probabilities unless a subclass says otherwise."""
        return self.exact_probabilities

    @property
    def probability_error(self) -> float:
        """How far a probability may be from scikit-learn's; 0 when the bits are equal."""
        return 0.0 if self.exact_probabilities else 1e-15

    @property
    def decision_error(self) -> float:
        """The same for the score that a calibration works on: `decision`, or else the probability."""
        if type(self).decision is ClassifierGraph.decision:
            return self.probability_error
        return 0.0 if self.exact_decision else 1e-15

    def decision(self) -> str | None:
        """`decision_function`, float64 [batch, 1] or [batch, class]; None when the estimator has none."""
        return None

    def positive(self) -> str:
        """`predict_proba[:, 1]` of a binary classifier, float64 [batch, 1]."""
        return self.build.node("Gather", self.probabilities(), self.build.constant([1], np.int64), axis=1)

    def probabilities(self) -> str:
        """`predict_proba`, float64 [batch, class]; here from `positive`, as scikit-learn does: 1 - p and p."""
        if self.n_classes != 2:
            raise refuse(self.estimator, f"it has {self.n_classes} classes", supported="two classes")
        positive = self.positive()
        return self.build.node("Concat", self.build.node("Sub", self.build.constant(1.0), positive), positive, axis=1)

    def label(self) -> str:
        """Index into `classes_` of what `predict` answers, int64 [batch]; the first class wins a tie."""
        return self.build.node("ArgMax", self.probabilities(), axis=1, keepdims=0)

    def label_by_sign(self, score: str, operator: str) -> str:
        """Class 1 where a binary score [batch, 1] is `operator` 0."""
        above = self.build.node(operator, self.flat(score), self.build.constant(0.0))
        return self.build.node("Cast", above, to=TensorProto.INT64)

    def label_by_largest(self, scores: str) -> str:
        """The class of the largest score, the first on a tie."""
        return self.build.node("ArgMax", scores, axis=1, keepdims=0)

    def one_hot(self, label: str) -> str:
        """float64 [batch, class] with a one at the label."""
        column = self.build.node("Unsqueeze", label, self.build.constant([1], np.int64))
        equal = self.build.node("Equal", column, self.build.constant(np.arange(self.n_classes), np.int64))
        return self.build.node("Cast", equal, to=TensorProto.DOUBLE)

    def flat(self, column: str) -> str:
        """[batch, 1] as [batch]."""
        return self.build.node("Reshape", column, self.build.constant([-1], np.int64))

    def softmax(self, scores: str) -> str:
        """Probabilities of several classes from scores, float64 [batch, class]."""
        return self.build.node("Softmax", scores, axis=1)


def has_probabilities(estimator: Any) -> bool:
    """Whether scikit-learn offers `predict_proba` for this fitted estimator."""
    return gives_probabilities(estimator)
