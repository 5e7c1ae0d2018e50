"""Gaussian process and kernel ridge regression: kernel values times dual weights."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.gaussian_process import kernels as gp

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.smooth.accounted import dense, finite, require_accounted
from export.sklearn.smooth.kernels import pairwise_kernel, power, spread_of_expansion
from export.sklearn.smooth.sums import squared_distance

Floats = npt.NDArray[np.float64]
SUMS, PRODUCTS, EXPANSIONS = 2e-12, 1e-14, 1e-10
"""The largest bounds on scikit-learn's own rounding with which 1e-12 was kept on every row that was tried.

Of sums of bounded kernel values (they use a tenth of the bound), of sums of products with columns, which grow with the
row, and of distances squared by expansion (a hundredth: the bound adds every weight up).
"""


def ridge_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of KernelRidge, float64 [batch, output]."""
    require_accounted(estimator)
    build = scope.builder
    kernel = pairwise_kernel(estimator, build, scope.matrix())
    dual = finite(estimator, "dual_coef_", estimator.dual_coef_)
    limit = SUMS if estimator.kernel in ("rbf", "laplacian", "sigmoid") else PRODUCTS
    require_summable(estimator, estimator._get_kernel(estimator.X_fit_), dual, limit=limit)
    if estimator.kernel == "rbf":
        points = np.asarray(dense(estimator.X_fit_), dtype=np.float64)
        gamma = 1.0 / points.shape[1] if estimator.gamma is None else float(estimator.gamma)
        error = gamma * spread_of_expansion(points) * float(np.abs(dual).sum(axis=0).max())
        require_certain(estimator, error, EXPANSIONS, "it squares distances by expansion, where large columns cancel")
    return build.node("MatMul", kernel, build.constant(dual.reshape(len(dual), -1)))


def ridge_width(estimator: Any) -> int:
    """Outputs of a KernelRidge."""
    return 1 if np.ndim(estimator.dual_coef_) == 1 else int(np.shape(estimator.dual_coef_)[1])


def require_certain(estimator: Any, error: float, limit: float, why: str) -> None:
    """Refuse where the original's own rounding is larger than what we answer for."""
    if not error <= limit:
        raise refuse(
            estimator,
            f"{why}: its own answers are known to {error:.1e} only",
            supported="columns scaled before it (StandardScaler), or a larger alpha: smaller dual weights",
        )


def require_summable(
    estimator: Any, kernel: Floats, dual: Floats, *, scale: Any = 1.0, offset: Any = 0.0, limit: float = SUMS
) -> None:
    """Refuse sums of kernel values and dual weights that cancel among the rows of the fit themselves."""
    weights = dual.reshape(len(dual), -1)
    sizes = np.abs(kernel) @ np.abs(weights) * scale
    answers = np.abs(kernel @ weights * scale + offset)
    error = float(np.finfo(np.float64).eps) * float(np.max(sizes / (1.0 + answers), initial=0.0))
    require_certain(estimator, error, limit, "its dual weights are so large that their sum cancels")


def process_value(estimator: Any, scope: ColumnScope) -> str:
    """The mean of GaussianProcessRegressor, float64 [batch, output]."""
    require_accounted(estimator)
    build = scope.builder
    dual = finite(estimator, "alpha_", estimator.alpha_)
    dual = dual.reshape(len(dual), -1)
    points = np.asarray(estimator.X_train_, dtype=np.float64)
    spread, mean = (
        np.ravel(np.asarray(v, dtype=np.float64)) for v in (estimator._y_train_std, estimator._y_train_mean)
    )
    kernel = estimator.kernel_
    limit = SUMS if not _has_products(kernel) else PRODUCTS
    require_summable(estimator, kernel(points, points), dual, scale=spread, offset=mean, limit=limit)
    values = process_kernel(estimator, kernel, build, scope.matrix(), points)
    product = build.node("MatMul", values, build.constant(dual))
    return build.node("Add", build.node("Mul", product, build.constant(spread)), build.constant(mean))


def _has_products(kernel: Any) -> bool:
    parts = [getattr(kernel, name) for name in ("k1", "k2", "kernel") if hasattr(kernel, name)]
    return isinstance(kernel, gp.DotProduct) or any(_has_products(part) for part in parts)


def process_width(estimator: Any) -> int:
    """Outputs of a GaussianProcessRegressor."""
    return 1 if np.ndim(estimator.alpha_) == 1 else int(np.shape(estimator.alpha_)[1])


def process_kernel(estimator: Any, kernel: Any, build: GraphBuilder, seen: str, points: Floats) -> str:
    """A fitted kernel between `seen` [batch, column] and stored points, float64 [batch, point] or a constant."""
    kind = type(kernel)
    if kind in (gp.Sum, gp.Product):
        parts = [process_kernel(estimator, k, build, seen, points) for k in (kernel.k1, kernel.k2)]
        return build.node("Add" if kind is gp.Sum else "Mul", *parts)
    if kind is gp.Exponentiation:
        return power(build, process_kernel(estimator, kernel.kernel, build, seen, points), float(kernel.exponent))
    if kind is gp.ConstantKernel:
        return build.constant(np.full((1, len(points)), kernel.constant_value))
    if kind is gp.WhiteKernel:  # between rows and others it is zero, even where they are equal
        return build.constant(np.zeros((1, len(points))))
    if kind is gp.DotProduct:
        product = build.node("MatMul", seen, build.constant(points.T))
        return build.node("Add", product, build.constant(float(kernel.sigma_0) ** 2))
    if kind in (gp.RBF, gp.Matern):
        scale = np.asarray(kernel.length_scale, dtype=np.float64)
        scaled = build.node("Div", seen, build.constant(scale))
        squared = squared_distance(build, scaled, points / scale)
        return _matern(estimator, kernel.nu, build, squared) if kind is gp.Matern else _gaussian(build, squared)
    if kind is gp.RationalQuadratic:
        squared = squared_distance(build, seen, points)
        inner = build.node("Div", squared, build.constant(2.0 * kernel.alpha * kernel.length_scale**2))
        base = build.node("Add", inner, build.constant(1.0))
        return build.node("Pow", base, build.constant(-float(kernel.alpha)))
    raise refuse(
        estimator,
        f"its kernel holds a {kind.__name__}",
        supported="RBF, Matern, RationalQuadratic, DotProduct, WhiteKernel, ConstantKernel, sums, products, powers",
    )


def _gaussian(build: GraphBuilder, squared: str) -> str:
    return build.node("Exp", build.node("Mul", squared, build.constant(-0.5)))


def _matern(estimator: Any, nu: float, build: GraphBuilder, squared: str) -> str:
    if nu == np.inf:
        return _gaussian(build, squared)
    if nu not in (0.5, 1.5, 2.5):
        raise refuse(
            estimator, f"a Matern kernel with nu={nu} needs Bessel functions", supported="nu=0.5, 1.5, 2.5, inf"
        )
    distance = build.node("Sqrt", squared)
    if nu == 0.5:
        return build.node("Exp", build.node("Neg", distance))
    scaled = build.node("Mul", distance, build.constant(math.sqrt(2.0 * nu)))
    front = build.node("Add", scaled, build.constant(1.0))
    if nu == 2.5:
        front = build.node("Add", front, build.node("Div", build.node("Mul", scaled, scaled), build.constant(3.0)))
    return build.node("Mul", front, build.node("Exp", build.node("Neg", scaled)))
