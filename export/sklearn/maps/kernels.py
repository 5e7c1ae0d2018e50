"""Maps by kernels between the row and stored points: Nystroem, KernelPCA; random features; chi squared maps."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import only_measured
from export.sklearn.columns.preprocess import refuse
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.kernels import pairwise_kernel

DEFAULTS = {"poly": (3, 1.0), "polynomial": (3, 1.0), "sigmoid": (3, 1.0)}
"""Degree and offset of scikit-learn's kernels where nothing is given."""


def nystroem_width(mapper: Any) -> int:
    """Columns that it makes."""
    require_accounted(mapper)
    if callable(mapper.kernel) or mapper.kernel == "precomputed":
        raise refuse(mapper, "its kernel is a function or given from outside", supported="kernels by name")
    _by_rounding(mapper)
    return len(mapper.normalization_)


def _by_rounding(mapper: Any) -> None:
    if mapper.kernel != "linear":
        only_measured(
            mapper,
            "its projection magnifies the rounding of its kernel, which squares distances by expansion",
            supported="PCA, or the grade measured",
        )


def nystroem(mapper: Any, scope: ColumnScope) -> str:
    """Kernel values times the normalization, float64 [batch, component]."""
    given = dict(mapper.kernel_params or {})
    degree, offset = DEFAULTS.get(mapper.kernel, (3, 1.0))
    read = {name: getattr(mapper, name) if getattr(mapper, name) is not None else given.get(name) for name in _READ}
    kernel = SimpleNamespace(
        X_fit_=finite(mapper, "components_", mapper.components_),
        kernel=mapper.kernel,
        gamma=read["gamma"],
        coef0=offset if read["coef0"] is None else read["coef0"],
        degree=degree if read["degree"] is None else read["degree"],
    )
    values = pairwise_kernel(kernel, scope.builder, scope.matrix())
    return scope.builder.node("MatMul", values, scope.builder.constant(np.asarray(mapper.normalization_).T))


_READ = ("gamma", "coef0", "degree")


def kernel_pca_width(pca: Any) -> int:
    """Columns that it makes."""
    require_accounted(pca)
    if callable(pca.kernel) or pca.kernel == "precomputed":
        raise refuse(pca, "its kernel is a function or given from outside", supported="kernels by name")
    _by_rounding(pca)
    return int(np.shape(pca.eigenvectors_)[1])


def kernel_pca(pca: Any, scope: ColumnScope) -> str:
    """The centred kernel times the scaled eigenvectors, float64 [batch, component]."""
    build, centerer = scope.builder, pca._centerer
    kernel = SimpleNamespace(
        X_fit_=finite(pca, "X_fit_", pca.X_fit_),
        kernel=pca.kernel,
        gamma=pca.gamma_,
        coef0=pca.coef0,
        degree=pca.degree,
    )
    values = pairwise_kernel(kernel, build, scope.matrix())
    own = build.node("ReduceSum", values, build.constant([1], np.int64), keepdims=1)
    own = build.node("Div", own, build.constant(float(len(centerer.K_fit_rows_))))
    values = build.node("Sub", build.node("Sub", values, build.constant(centerer.K_fit_rows_)), own)
    values = build.node("Add", values, build.constant(float(centerer.K_fit_all_)))
    some = np.flatnonzero(pca.eigenvalues_)
    vectors = np.zeros_like(pca.eigenvectors_)
    vectors[:, some] = pca.eigenvectors_[:, some] / np.sqrt(pca.eigenvalues_[some])
    return build.node("MatMul", values, build.constant(vectors))


def waves_width(sampler: Any) -> int:
    """Columns that a sampler of random features makes."""
    require_accounted(sampler)
    only_measured(
        sampler,
        "it takes the cosine of a sum of products, whose rounding grows with the row",
        supported="Nystroem, or the grade measured",
    )
    return int(sampler.n_components)


def waves(sampler: Any, scope: ColumnScope) -> str:
    """RBFSampler and SkewedChi2Sampler: cosines of random projections, float64 [batch, component]."""
    build, seen = scope.builder, scope.matrix()
    scale = np.sqrt(2.0) / np.sqrt(sampler.n_components)
    if hasattr(sampler, "skewedness"):
        seen = build.node("Log", build.node("Add", seen, build.constant(float(sampler.skewedness))))
    else:
        scale = (2.0 / sampler.n_components) ** 0.5
    sums = build.node("MatMul", seen, build.constant(finite(sampler, "random_weights_", sampler.random_weights_)))
    sums = build.node("Add", sums, build.constant(finite(sampler, "random_offset_", sampler.random_offset_)))
    return build.node("Mul", build.node("Cos", sums), build.constant(float(scale)))
