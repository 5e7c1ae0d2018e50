"""Kernels between rows and stored points, float64 [batch, point]: those of libsvm and of scikit-learn's pairwise."""

from typing import Any

import numpy as np
import numpy.typing as npt

from export.graph import GraphBuilder
from export.sklearn.columns.preprocess import refuse
from export.sklearn.smooth.accounted import dense
from export.sklearn.smooth.sums import city_block, expanded_distance, squared_distance

Floats = npt.NDArray[np.float64]


def svm_kernel(estimator: Any, build: GraphBuilder, seen: str) -> str:
    """The kernel of libsvm between `seen` [batch, column] and the support vectors."""
    vectors = np.asarray(dense(estimator.support_vectors_), dtype=np.float64)
    gamma, kind = float(estimator._gamma), estimator.kernel
    if kind == "rbf":
        return build.node("Exp", build.node("Mul", squared_distance(build, seen, vectors), build.constant(-gamma)))
    if kind not in ("linear", "poly", "sigmoid"):
        name = kind if isinstance(kind, str) else "a function"
        raise refuse(estimator, f"kernel={name!r}", supported="kernel='rbf', 'linear', 'poly' or 'sigmoid'")
    product = build.node("MatMul", seen, build.constant(vectors.T))
    return product if kind == "linear" else _bent(build, product, kind, gamma, estimator.coef0, estimator.degree)


def _bent(build: GraphBuilder, product: str, kind: str, gamma: float, coef0: float, degree: float) -> str:
    inner = build.node("Add", build.node("Mul", product, build.constant(gamma)), build.constant(float(coef0)))
    return build.node("Tanh", inner) if kind == "sigmoid" else power(build, inner, degree)


def power(build: GraphBuilder, base: str, degree: float) -> str:
    """A power; of a whole degree by squaring, as libsvm does."""
    if degree != int(degree) or not 0 <= degree <= 64:
        return build.node("Pow", base, build.constant(float(degree)))
    result, square, left = "", base, int(degree)
    while left:
        if left % 2:
            result = build.node("Mul", result, square) if result else square
        left //= 2
        square = build.node("Mul", square, square) if left else square
    return result or build.node("Pow", base, build.constant(0.0))


def pairwise_kernel(estimator: Any, build: GraphBuilder, seen: str) -> str:
    """`sklearn.metrics.pairwise.pairwise_kernels` between `seen` and the rows of KernelRidge's fit."""
    points, kind = np.asarray(dense(estimator.X_fit_), dtype=np.float64), estimator.kernel
    gamma = 1.0 / points.shape[1] if estimator.gamma is None else float(estimator.gamma)
    if kind in ("linear", "poly", "polynomial", "sigmoid"):
        product = build.node("MatMul", seen, build.constant(points.T))
        if kind == "linear":
            return product
        return _bent(
            build, product, "sigmoid" if kind == "sigmoid" else "poly", gamma, estimator.coef0, estimator.degree
        )
    if kind == "cosine":
        return _cosine(build, seen, points)
    if kind == "rbf":
        distance = expanded_distance(build, seen, points)
    elif kind == "laplacian":
        distance = city_block(build, seen, points)
    else:
        name = kind if isinstance(kind, str) else "a function"
        raise refuse(
            estimator,
            f"kernel={name!r}",
            supported="kernel='linear', 'poly', 'polynomial', 'sigmoid', 'cosine', 'rbf' or 'laplacian'",
        )
    return build.node("Exp", build.node("Mul", distance, build.constant(-gamma)))


def _cosine(build: GraphBuilder, seen: str, points: Floats) -> str:
    """Products of rows of length 1; a row of zeros stays one."""
    length = build.node("Sqrt", build.node("ReduceSumSquare", seen, build.constant([1], np.int64), keepdims=1))
    empty = build.node("Equal", length, build.constant(0.0))
    unit = build.node("Div", seen, build.node("Where", empty, build.constant(1.0), length))
    sizes = np.sqrt((points**2).sum(axis=1, keepdims=True))
    return build.node("MatMul", unit, build.constant((points / np.where(sizes == 0.0, 1.0, sizes)).T))


def spread_of_expansion(points: Floats) -> float:
    """How far a squared distance in scikit-learn's expanded form may be off among points like these."""
    eps = float(np.finfo(np.float64).eps)
    return 4.0 * eps * float((points**2).sum(axis=1).max(initial=0.0))
