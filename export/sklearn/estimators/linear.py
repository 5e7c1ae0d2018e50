"""Linear models and support vector machines in double: scores within 1e-12 of scikit-learn's."""

from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def linear_value(estimator: Any, scope: ColumnScope) -> str:
    """X coef + intercept, float64 [batch, 1] (or [batch, class])."""
    build = scope.builder
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64)).T
    product = build.node("MatMul", scope.matrix(), build.constant(weights))
    return build.node("Add", product, build.constant(np.ravel(estimator.intercept_)))


class LinearClassifier(ClassifierGraph):
    """Logistic regression, two classes or several."""

    @override
    def decision(self) -> str:
        return linear_value(self.estimator, self.scope)

    @override
    def positive(self) -> str:
        return self.build.node("Sigmoid", self.decision()) if self.n_classes == 2 else super().positive()

    @override
    def probabilities(self) -> str:
        return super().probabilities() if self.n_classes == 2 else self.softmax(self.decision())

    @override
    def label(self) -> str:
        score = self.decision()
        return self.label_by_sign(score, "Greater") if self.n_classes == 2 else self.label_by_largest(score)


class SupportVectorClassifier(ClassifierGraph):
    """SVC with an RBF or linear kernel. Probabilities come from a calibration around it, never from libsvm's own."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Any) -> None:
        super().__init__(estimator, scope, lower)
        if estimator.kernel not in ("rbf", "linear"):
            raise refuse(estimator, f"kernel={estimator.kernel!r}", supported="kernel='rbf' or 'linear'")
        if estimator.probability is True:
            raise refuse(
                estimator,
                "probability=True is deprecated and cross-validated inside libsvm",
                supported="CalibratedClassifierCV(SVC(), ensemble=False)",
            )
        if self.n_classes > 2 and (estimator.decision_function_shape != "ovr" or estimator.break_ties):
            raise refuse(estimator, "decision_function_shape or break_ties is set", supported="the defaults")

    @override
    def decision(self) -> str:
        pairs = self._pairs()
        return pairs if self.n_classes == 2 else self._one_against_rest(pairs)

    @override
    def positive(self) -> str:
        raise refuse(self.estimator, "it has no predict_proba", supported="CalibratedClassifierCV(SVC())")

    @override
    def label(self) -> str:
        pairs = self._pairs()
        if self.n_classes == 2:
            # libsvm votes for the first class only above 0, and scikit-learn has turned the sign: 0 is class 1.
            return self.label_by_sign(pairs, "GreaterOrEqual")
        return self.label_by_largest(self._votes(self.build.node("Greater", pairs, self.build.constant(0.0)), win=True))

    @property
    def decision_error(self) -> float:
        """Twice the largest distance that was measured, in proportion to the sum of the weights."""
        return float(np.finfo(np.float64).eps * max(np.abs(weights).sum() for _, weights in self._pair_weights()))

    def _pairs(self) -> str:
        """Scores of class i against class j, i < j, float64 [batch, pair]; above 0 is a vote for i.

        With two classes scikit-learn turns the sign: above 0 is class 1.
        """
        kernel, columns = self._kernel(), []
        for members, weights in self._pair_weights():
            columns.append(self._ordered_sum(kernel, members, weights))
        scores = columns[0] if len(columns) == 1 else self.build.node("Concat", *columns, axis=1)
        return self.build.node("Add", scores, self.build.constant(np.ravel(self.estimator.intercept_)))

    def _pair_weights(self) -> list[tuple[Ints, Floats]]:
        """For each pair of classes its support vectors, in libsvm's order, and their weights."""
        dual = np.asarray(self.estimator.dual_coef_, dtype=np.float64)
        if self.n_classes == 2:
            return [(np.arange(dual.shape[1]), dual[0])]
        # Row r of dual_coef_ holds each vector's weight against the r-th of the other classes.
        ends = np.cumsum(self.estimator.n_support_)
        own = [np.arange(end - n, end) for n, end in zip(self.estimator.n_support_, ends, strict=True)]
        return [
            (np.concatenate([own[i], own[j]]), np.concatenate([dual[j - 1, own[i]], dual[i, own[j]]]))
            for i, j in _class_pairs(self.n_classes)
        ]

    def _ordered_sum(self, kernel: str, members: Ints, weights: Floats) -> str:
        """Weighted kernel values added one after the other, [batch, 1].

        libsvm's own rounding errors are most of the distance to another order of summation when vectors are many.
        """
        build = self.build
        if len(members) < int(np.sum(self.estimator.n_support_)):
            kernel = build.node("Gather", kernel, build.constant(members, np.int64), axis=1)
        terms = build.node("Mul", kernel, build.constant(weights))
        running = build.node("CumSum", terms, build.constant(1, np.int64))
        return build.node("Gather", running, build.constant([len(members) - 1], np.int64), axis=1)

    def _kernel(self) -> str:
        """Kernel values, float64 [batch, support vector].

        Squared distances are summed column by column from differences: the expanded form |x|^2 - 2xv + |v|^2 would
        cancel, and a [batch, vector, column] tensor would not fit for long batches.
        """
        vectors, build = np.asarray(self.estimator.support_vectors_, dtype=np.float64), self.build
        seen = self.scope.matrix()
        if self.estimator.kernel == "linear":
            return build.node("MatMul", seen, build.constant(vectors.T))
        total = ""
        for index in range(vectors.shape[1]):
            column = build.node("Gather", seen, build.constant([index], np.int64), axis=1)
            difference = build.node("Sub", column, build.constant(vectors[:, index]))
            square = build.node("Mul", difference, difference)
            total = build.node("Add", total, square) if total else square
        return build.node("Exp", build.node("Mul", total, build.constant(-float(self.estimator._gamma))))

    def _votes(self, wins: str, *, win: bool) -> str:
        """Number of pairs each class wins, float64 [batch, class]; `wins` says i (`win`) or j (not `win`) won."""
        build = self.build
        first, second = _incidence(self.n_classes)
        yes, no = (first, second) if win else (second, first)
        won = build.node("Cast", wins, to=11)
        lost = build.node("Sub", build.constant(1.0), won)
        return build.node(
            "Add",
            build.node("MatMul", won, build.constant(yes)),
            build.node("MatMul", lost, build.constant(no)),
        )

    def _one_against_rest(self, pairs: str) -> str:
        """Votes plus the squashed sum of scores, as scikit-learn makes one score per class from the pairs."""
        build = self.build
        first, second = _incidence(self.n_classes)
        votes = self._votes(build.node("Less", pairs, build.constant(0.0)), win=False)
        total = build.node("MatMul", pairs, build.constant(first - second))
        scale = build.node("Add", build.node("Abs", total), build.constant(1.0))
        squashed = build.node("Div", total, build.node("Mul", scale, build.constant(3.0)))
        return build.node("Add", votes, squashed)


def _class_pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _incidence(n: int) -> tuple[Floats, Floats]:
    """[pair, class]: a one where the class is the first, and where it is the second of the pair."""
    pairs = _class_pairs(n)
    return np.eye(n)[[i for i, _ in pairs]], np.eye(n)[[j for _, j in pairs]]
