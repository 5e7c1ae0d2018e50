"""Support vector machines: weighted kernel values, added one after the other as libsvm adds them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.detector import DetectorGraph
from export.sklearn.smooth.accounted import dense, require_accounted
from export.sklearn.smooth.kernels import svm_kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def ordered_sum(build: GraphBuilder, kernel: str, weights: Floats) -> str:
    """Weighted kernel values added one after the other, [batch, 1].

    libsvm's own rounding errors are most of the distance to another order of summation when vectors are many.
    """
    if not len(weights):
        return build.node("ReduceSum", kernel, build.constant([1], np.int64), keepdims=1)
    terms = build.node("Mul", kernel, build.constant(weights))
    running = build.node("CumSum", terms, build.constant(1, np.int64))
    return build.node("Gather", running, build.constant([len(weights) - 1], np.int64), axis=1)


def support_vector_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of SVR and NuSVR, `decision_function` of OneClassSVM: float64 [batch, 1]."""
    require_accounted(estimator)
    build = scope.builder
    kernel = svm_kernel(estimator, build, scope.matrix())
    total = ordered_sum(build, kernel, np.asarray(dense(estimator.dual_coef_), dtype=np.float64)[0])
    return build.node("Add", total, build.constant(np.ravel(estimator.intercept_)))


class OneClass(DetectorGraph):
    """OneClassSVM: the decision is libsvm's, the score stands above it by the offset."""

    @override
    def decision(self) -> str:
        return support_vector_value(self.estimator, self.scope)

    @override
    def scores(self) -> str:
        return self.build.node("Add", self.decision(), self.build.constant(np.ravel(self.estimator.offset_)))

    @override
    def label(self) -> str:
        flat = self.build.node("Reshape", self.decision(), self.build.constant([-1], np.int64))
        inlier = self.build.node("Greater", flat, self.build.constant(0.0))
        return self.build.node("Where", inlier, self.build.constant(1, np.int64), self.build.constant(-1, np.int64))


class SupportVectorClassifier(ClassifierGraph):
    """SVC and NuSVC. Probabilities come from a calibration around it, never from libsvm's own."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        require_accounted(estimator)
        if estimator.probability is True:
            raise refuse(
                estimator,
                "probability=True is deprecated and cross-validated inside libsvm",
                supported="CalibratedClassifierCV(SVC(), ensemble=False)",
            )

    @override
    def decision(self) -> str:
        pairs = self._pairs()
        if self.n_classes == 2 or self.estimator.decision_function_shape == "ovo":
            return pairs
        return self._one_against_rest(pairs)

    @override
    def positive(self) -> str:
        raise refuse(self.estimator, "it has no predict_proba", supported="CalibratedClassifierCV(SVC())")

    @override
    def label(self) -> str:
        pairs = self._pairs()
        if self.n_classes == 2:
            # libsvm votes for the first class only above 0, and scikit-learn has turned the sign: 0 is class 1.
            return self.label_by_sign(pairs, "GreaterOrEqual")
        if self.estimator.break_ties and self.estimator.decision_function_shape == "ovr":
            return self.label_by_largest(self._one_against_rest(pairs))
        return self.label_by_largest(self._votes(self.build.node("Greater", pairs, self.build.constant(0.0)), win=True))

    @property
    def decision_error(self) -> float:
        """Twice the largest distance that was measured, in proportion to the sum of the weights."""
        return float(np.finfo(np.float64).eps * max(np.abs(weights).sum() for _, weights in self._pair_weights()))

    def _pairs(self) -> str:
        """Scores of class i against class j, i < j, float64 [batch, pair]; above 0 is a vote for i.

        With two classes scikit-learn turns the sign: above 0 is class 1.
        """
        build, columns = self.build, []
        kernel = svm_kernel(self.estimator, build, self.scope.matrix())
        for members, weights in self._pair_weights():
            some = kernel
            if len(members) < int(np.sum(self.estimator.n_support_)):
                some = build.node("Gather", kernel, build.constant(members, np.int64), axis=1)
            columns.append(ordered_sum(build, some, weights))
        scores = columns[0] if len(columns) == 1 else build.node("Concat", *columns, axis=1)
        return build.node("Add", scores, build.constant(np.ravel(self.estimator.intercept_)))

    def _pair_weights(self) -> list[tuple[Ints, Floats]]:
        """For each pair of classes its support vectors, in libsvm's order, and their weights."""
        dual = np.asarray(dense(self.estimator.dual_coef_), dtype=np.float64)
        if self.n_classes == 2:
            return [(np.arange(dual.shape[1]), dual[0])]
        # Row r of dual_coef_ holds each vector's weight against the r-th of the other classes.
        ends = np.cumsum(self.estimator.n_support_)
        own = [np.arange(end - n, end) for n, end in zip(self.estimator.n_support_, ends, strict=True)]
        return [
            (np.concatenate([own[i], own[j]]), np.concatenate([dual[j - 1, own[i]], dual[i, own[j]]]))
            for i, j in _class_pairs(self.n_classes)
        ]

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
