"""Projections: each output a weighted sum of the columns. Within rounding errors, never in front of a tree."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.cluster import FeatureAgglomeration
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.neural_network import BernoulliRBM
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from export.sklearn.columns.refusal import refuse
from export.sklearn.columns.transformers.common import Columns, Lower, weighted
from train.core.columns.column_expressions import Expression, const, operation


def _centred(columns: Columns, middle: Any) -> Columns:
    """Less the mean of the training data: before the product, where nothing cancels afterwards."""
    return columns if middle is None else tuple(x - const(float(m)) for x, m in zip(columns, middle, strict=True))


def _products(columns: Columns, matrix: Any) -> tuple[Expression, ...]:
    rows = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)
    return tuple(weighted(columns, row.tolist()) for row in np.asarray(rows, dtype=np.float64))


def _pca(pca: Any, columns: Columns) -> Columns:
    matrix = np.asarray(pca.components_, dtype=np.float64)
    if pca.whiten:
        size = np.sqrt(pca.explained_variance_)
        tiny = np.finfo(size.dtype).eps
        matrix = matrix / np.where(size < tiny, tiny, size)[:, None]
    return _products(_centred(columns, pca.mean_), matrix)


def _svd(svd: Any, columns: Columns) -> Columns:
    return _products(columns, svd.components_)


def _ica(ica: Any, columns: Columns) -> Columns:
    return _products(_centred(columns, getattr(ica, "mean_", None)), ica.components_)


def _factors(factors: Any, columns: Columns) -> Columns:
    # E(z | x) of the Gaussian model: Barber, "Bayesian Reasoning and Machine Learning", 21.2.33.
    scaled = factors.components_ / factors.noise_variance_
    inner = np.linalg.inv(np.eye(len(factors.components_)) + scaled @ factors.components_.T)
    return _products(_centred(columns, factors.mean_), inner @ scaled)


def _sparse_pca(pca: Any, columns: Columns) -> Columns:
    # Ridge regression of the row on the components, by its normal equations.
    components = np.asarray(pca.components_, dtype=np.float64)
    inner = components @ components.T + pca.ridge_alpha * np.eye(len(components))
    return _products(_centred(columns, pca.mean_), np.linalg.solve(inner, components))


def _discriminant(model: Any, columns: Columns) -> Columns:
    if model.solver == "lsqr":
        raise refuse(model, "solver='lsqr' has no transform", supported="solver='svd' or 'eigen'")
    columns = _centred(columns, model.xbar_ if model.solver == "svd" else None)
    return _products(columns, np.asarray(model.scalings_).T)[: model._max_components]


def _latent(model: Any, columns: Columns) -> Columns:
    weights = model.x_weights_ if type(model) is PLSSVD else model.x_rotations_
    spread = np.ravel(model._x_std)
    scaled = tuple(x / const(float(s)) for x, s in zip(_centred(columns, model._x_mean), spread, strict=True))
    return _products(scaled, np.asarray(weights).T)


def _merged(merger: Any, columns: Columns) -> Columns:
    if merger.pooling_func is not np.mean:
        name = getattr(merger.pooling_func, "__name__", "a function")
        raise refuse(merger, f"pooling_func={name}", supported="pooling_func=numpy.mean")
    groups = np.asarray(merger.labels_)
    sizes = np.bincount(groups)
    members = (groups == np.arange(len(sizes))[:, None]).astype(np.float64)
    return tuple(total / const(float(size)) for total, size in zip(_products(columns, members), sizes, strict=True))


def _hidden(machine: Any, columns: Columns) -> Columns:
    sums = _products(columns, machine.components_)
    offsets = np.ravel(machine.intercept_hidden_)
    return tuple(operation("expit", x + const(float(b))) for x, b in zip(sums, offsets, strict=True))


TRANSFORMERS: dict[type, Lower] = {
    PCA: _pca,
    IncrementalPCA: _pca,
    TruncatedSVD: _svd,
    FastICA: _ica,
    FactorAnalysis: _factors,
    GaussianRandomProjection: _svd,
    SparseRandomProjection: _svd,
    NeighborhoodComponentsAnalysis: _svd,
    **dict.fromkeys((SparsePCA, MiniBatchSparsePCA), _sparse_pca),
    LinearDiscriminantAnalysis: _discriminant,
    **dict.fromkeys((CCA, PLSCanonical, PLSRegression, PLSSVD), _latent),
    FeatureAgglomeration: _merged,
    BernoulliRBM: _hidden,
}
