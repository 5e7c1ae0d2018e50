"""GaussianProcessClassifier: Laplace's approximation, of two classes or one against the rest (or each other)."""

from typing import Any

import numpy as np
from sklearn.gaussian_process import kernels as gp
from sklearn.gaussian_process._gpc import COEFS, LAMBDAS
from typing_extensions import override

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.error_function import error_function
from export.sklearn.smooth.kernels import power
from export.sklearn.smooth.processes import process_kernel

WEIGHTS, SLOPES = np.ravel(COEFS), np.ravel(LAMBDAS)
"""Of five error functions whose sum is nearly the logistic one (Williams and Barber 1998, appendix A)."""


class ProcessClasses(ClassifierGraph):
    """GaussianProcessClassifier: what stands inside it answers."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        require_accounted(estimator)
        self.member = inside(estimator, "its base estimator", lambda: lower(estimator.base_estimator_, scope))

    @property
    @override
    def probability_error(self) -> float:
        return 1e-12

    @override
    def probabilities(self) -> str:
        return self.member.probabilities()

    @override
    def label(self) -> str:
        return self.member.label()


class TwoProcessClasses(ClassifierGraph):
    """One latent function of two classes."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        self.points = finite(estimator, "X_train_", estimator.X_train_)
        seen = scope.matrix()
        self.kernel = process_kernel(estimator, estimator.kernel_, self.build, seen, self.points)
        self.own = process_diagonal(estimator, estimator.kernel_, self.build, seen)

    @property
    @override
    def probability_error(self) -> float:
        return 1e-12

    @override
    def positive(self) -> str:
        build, e, mean = self.build, self.estimator, self._mean()
        # The Cholesky factor is that of a matrix with no eigenvalue below 1: its inverse rounds no worse than a solve.
        solved = np.linalg.solve(np.asarray(e.L_, dtype=np.float64), np.diag(np.asarray(e.W_sr_, dtype=np.float64)))
        parts = build.node("MatMul", self.kernel, build.constant(solved.T))
        known = build.node("ReduceSum", build.node("Mul", parts, parts), build.constant([1], np.int64), keepdims=1)
        variance = build.node("Sub", self.own, known)
        alpha = build.node("Div", build.constant(1.0), build.node("Mul", build.constant(2.0), variance))
        slopes = build.constant(SLOPES)
        spread = build.node("Add", alpha, build.constant(SLOPES**2))
        inner = build.node("Sqrt", build.node("Div", alpha, spread))
        waves = error_function(build, build.node("Mul", build.node("Mul", slopes, mean), inner))
        front = build.node("Sqrt", build.node("Div", build.constant(np.pi), alpha))
        scale = build.node(
            "Sqrt", build.node("Mul", build.node("Mul", variance, build.constant(2.0)), build.constant(np.pi))
        )
        integrals = build.node("Div", build.node("Mul", front, waves), build.node("Mul", build.constant(2.0), scale))
        terms, total = build.node("Mul", build.constant(WEIGHTS), integrals), ""
        for index in range(len(WEIGHTS)):
            term = build.node("Gather", terms, build.constant([index], np.int64), axis=1)
            total = build.node("Add", total, term) if total else term
        return build.node("Add", total, build.constant(0.5 * float(COEFS.sum())))

    @override
    def label(self) -> str:
        return self.label_by_sign(self._mean(), "Greater")

    def _mean(self) -> str:
        dual = np.asarray(self.estimator.y_train_, dtype=np.float64) - self.estimator.pi_
        return self.build.node("MatMul", self.kernel, self.build.constant(dual[:, None]))


def process_diagonal(estimator: Any, kernel: Any, build: GraphBuilder, seen: str) -> str:
    """A fitted kernel between each row and itself, float64 [batch, 1] or a constant."""
    kind = type(kernel)
    if kind in (gp.Sum, gp.Product):
        parts = [process_diagonal(estimator, k, build, seen) for k in (kernel.k1, kernel.k2)]
        return build.node("Add" if kind is gp.Sum else "Mul", *parts)
    if kind is gp.Exponentiation:
        return power(build, process_diagonal(estimator, kernel.kernel, build, seen), float(kernel.exponent))
    if kind is gp.DotProduct:
        square = build.node("ReduceSumSquare", seen, build.constant([1], np.int64), keepdims=1)
        return build.node("Add", square, build.constant(float(kernel.sigma_0) ** 2))
    known = {gp.ConstantKernel: "constant_value", gp.WhiteKernel: "noise_level"}
    if kind in known:
        return build.constant(np.full((1, 1), getattr(kernel, known[kind])))
    if kind in (gp.RBF, gp.Matern, gp.RationalQuadratic):
        return build.constant(np.ones((1, 1)))
    raise refuse(estimator, f"its kernel holds a {kind.__name__}", supported="the kernels of GaussianProcessRegressor")
