"""Projections: each output a weighted sum of the columns. Within rounding errors, never in front of a tree."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from export.sklearn.columns.transformers.common import Columns, Lower, weighted
from train.core.columns.column_expressions import Expression, const


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


TRANSFORMERS: dict[type, Lower] = {
    PCA: _pca,
    IncrementalPCA: _pca,
    TruncatedSVD: _svd,
    FastICA: _ica,
    FactorAnalysis: _factors,
    GaussianRandomProjection: _svd,
    SparseRandomProjection: _svd,
}
