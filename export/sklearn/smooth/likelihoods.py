"""Classifiers by the largest log likelihood: naive Bayes, quadratic discriminants, nearest centroid, constants."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.sums import city_block, row_sum

Floats = npt.NDArray[np.float64]


class Likelihoods(ClassifierGraph):
    """Subclasses give `joint`, the log likelihoods float64 [batch, class]; the first largest wins.

    Where likelihoods are large, exp(l - log sum exp l) rounds as scikit-learn's does: its very operations are used.
    """

    softmax_first = False
    """Whether the largest is taken off before the sum of exponentials, and again before the result (discriminants)."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        require_accounted(estimator)

    def joint(self) -> str:
        """Log likelihoods up to a constant, float64 [batch, class]."""
        raise NotImplementedError

    @override
    def probabilities(self) -> str:
        build, joint, axis = self.build, self.joint(), self.build.constant([1], np.int64)
        largest = build.node("ReduceMax", joint, axis, keepdims=1)
        less = build.node("Sub", joint, largest)
        total = build.node("Log", build.node("ReduceSum", build.node("Exp", less), axis, keepdims=1))
        if self.softmax_first:
            return build.node("Exp", build.node("Sub", less, total))
        return build.node("Exp", build.node("Sub", joint, build.node("Add", total, largest)))

    @override
    def label(self) -> str:
        return self.label_by_largest(self.joint())


class GaussianLikelihoods(Likelihoods):
    """GaussianNB."""

    @override
    def joint(self) -> str:
        e, build, columns = self.estimator, self.build, []
        seen = self.scope.matrix()
        means, variances = finite(e, "theta_", e.theta_), finite(e, "var_", e.var_)
        for k in range(self.n_classes):
            away = build.node("Sub", seen, build.constant(means[k]))
            terms = build.node("Div", build.node("Mul", away, away), build.constant(variances[k]))
            half = build.node("Mul", row_sum(build, terms, means.shape[1]), build.constant(0.5))
            start = -0.5 * np.sum(np.log(2.0 * np.pi * variances[k]))
            with np.errstate(divide="ignore"):
                prior = np.log(e.class_prior_[k])
            columns.append(build.node("Add", build.constant(prior), build.node("Sub", build.constant(start), half)))
        return build.node("Concat", *columns, axis=1)


class CountLikelihoods(Likelihoods):
    """MultinomialNB, ComplementNB and BernoulliNB: a product with log probabilities."""

    @override
    def joint(self) -> str:
        e, build, seen = self.estimator, self.build, self.scope.matrix()
        weights = finite(e, "feature_log_prob_", e.feature_log_prob_)
        name = type(e).__name__
        start = np.asarray(e.class_log_prior_, dtype=np.float64)
        if name == "ComplementNB" and self.n_classes > 1:
            start = np.zeros(self.n_classes)
        if name == "BernoulliNB":
            with np.errstate(divide="ignore"):
                absent = finite(e, "feature_log_prob_", np.log(1.0 - np.exp(weights)))
            start, weights = start + absent.sum(axis=1), weights - absent
            if e.binarize is not None:
                above = build.node("Greater", seen, build.constant(float(e.binarize)))
                seen = build.node("Cast", above, to=TensorProto.DOUBLE)
        return build.node("Add", build.node("MatMul", seen, build.constant(weights.T)), build.constant(start))


class CategoryLikelihoods(Likelihoods):
    """CategoricalNB: one table of log probabilities for each column. It refuses numbers that it has not seen."""

    @override
    def joint(self) -> str:
        e, build, seen = self.estimator, self.build, self.scope.matrix()
        total = build.constant(np.zeros((1, self.n_classes)))
        for index, table in enumerate(e.feature_log_prob_):
            column = build.node("Gather", seen, build.constant(index, np.int64), axis=1)
            whole = build.node("Cast", column, to=TensorProto.INT64)
            low, high = build.constant(0, np.int64), build.constant(table.shape[1] - 1, np.int64)
            inside = build.node("Min", build.node("Max", whole, low), high)
            found = build.node("Gather", build.constant(np.asarray(table, dtype=np.float64).T), inside, axis=0)
            total = build.node("Add", total, found)
        return build.node("Add", total, build.constant(e.class_log_prior_))


class QuadraticDiscriminant(Likelihoods):
    """QuadraticDiscriminantAnalysis."""

    softmax_first = True

    @override
    def joint(self) -> str:
        e, build, columns = self.estimator, self.build, []
        seen = self.scope.matrix()
        for rotation, scaling, mean in zip(e.rotations_, e.scalings_, e.means_, strict=True):
            weights = finite(e, "rotations_", rotation * scaling ** (-0.5))
            away = build.node("Sub", seen, build.constant(finite(e, "means_", mean)))
            turned = build.node("MatMul", away, build.constant(weights))
            columns.append(row_sum(build, build.node("Mul", turned, turned), weights.shape[1]))
        norms = build.node("Concat", *columns, axis=1)
        spread = np.asarray([np.sum(np.log(s)) for s in e.scalings_])
        scores = build.node("Mul", build.constant(-0.5), build.node("Add", norms, build.constant(spread)))
        return build.node("Add", scores, build.constant(np.log(e.priors_)))

    @override
    def decision(self) -> str:
        return difference_of_two(self, self.joint())


class NearestCentroids(ClassifierGraph):
    """NearestCentroid by city blocks, which are added column by column; it has no probabilities."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        require_accounted(estimator)
        if estimator.metric != "manhattan":
            raise refuse(
                estimator,
                f"metric={estimator.metric!r}: scikit-learn squares distances by expansion, and in rows that are far "
                "from all centroids its label is what the rounding leaves",
                supported="metric='manhattan', or LinearDiscriminantAnalysis",
            )

    @override
    def label(self) -> str:
        e, build = self.estimator, self.build
        seen, centroids = self.scope.matrix(), finite(e, "centroids_", e.centroids_)
        if np.isclose(e.class_prior_, 1 / self.n_classes).all():
            # With equal priors scikit-learn measures without the spread of the columns.
            return build.node("ArgMin", city_block(build, seen, centroids), axis=1, keepdims=0)
        spread = finite(e, "within_class_std_dev_", e.within_class_std_dev_)
        spread = np.where(spread == 0.0, 1.0, spread)
        distance = city_block(build, build.node("Div", seen, build.constant(spread)), centroids / spread)
        priors = build.constant(2.0 * np.log(np.asarray(e.class_prior_)))
        return self.label_by_largest(build.node("Sub", priors, build.node("Mul", distance, distance)))


def difference_of_two(graph: ClassifierGraph, scores: str) -> str:
    """`decision_function` of a discriminant: the second score less the first of two, else all of them."""
    if graph.n_classes != 2:
        return scores
    build = graph.build
    first, second = (build.node("Gather", scores, build.constant([k], np.int64), axis=1) for k in (0, 1))
    return build.node("Sub", second, first)
