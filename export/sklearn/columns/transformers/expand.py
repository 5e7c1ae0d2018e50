"""Products of columns, norms of rows, weights of counts, waves of one column."""

from itertools import chain, combinations, combinations_with_replacement
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.kernel_approximation import AdditiveChi2Sampler
from sklearn.preprocessing import Normalizer, PolynomialFeatures

from export.sklearn.columns.refusal import refuse
from export.sklearn.columns.transformers.common import Columns, Lower, weighted
from train.core.columns.column_expressions import Expression, absolute, const, maximum, operation, sqrt


def _polynomial(expander: Any, columns: Columns) -> Columns:
    choose = combinations if expander.interaction_only else combinations_with_replacement
    degrees = range(max(1, expander._min_degree), expander._max_degree + 1)
    known: dict[tuple[int, ...], Expression] = {(i,): x for i, x in enumerate(columns)}
    terms = chain.from_iterable(choose(range(len(columns)), degree) for degree in degrees)
    bias = (const(1.0),) if expander.include_bias else ()
    return (*bias, *(_product(term, known) for term in terms))


def _product(term: tuple[int, ...], known: dict[tuple[int, ...], Expression]) -> Expression:
    """The product of a term without its first column, times that column: scikit-learn's order."""
    if term not in known:
        known[term] = _product(term[1:], known) * known[term[:1]]
    return known[term]


def _normalizer(normalizer: Any, columns: Columns) -> Columns:
    """Columns over the norm of the row; the sums run from first to last column."""
    if normalizer.norm == "max":
        norm = _reduced(maximum, tuple(absolute(x) for x in columns))
    elif normalizer.norm == "l1":
        norm = _reduced(Expression.__add__, tuple(absolute(x) for x in columns))
    else:
        # NumPy's sum of squares runs in lanes: within rounding errors.
        norm = sqrt(weighted(tuple(x * x for x in columns), [1.0] * len(columns)))
    # Scikit-learn takes a norm for 0 that is next to it.
    tiny = float(10.0 * np.finfo(np.float64).eps)
    small = const(1.0) - operation("step", norm, table=[[tiny]])
    safe = operation("where", small, const(1.0), norm)
    return tuple(x / safe for x in columns)


def _reduced(join: Any, columns: Columns) -> Expression:
    total = columns[0]
    for x in columns[1:]:
        total = join(total, x)
    return total


def _counts(weigher: Any, columns: Columns) -> Columns:
    """Term frequencies: a zero stays one, a row of zeros too."""
    if weigher.sublinear_tf:
        grown = (operation("log", x) + const(1.0) for x in columns)
        columns = tuple(operation("where", x, y, const(0.0)) for x, y in zip(columns, grown, strict=True))
    if hasattr(weigher, "idf_"):
        columns = tuple(x * const(float(weight)) for x, weight in zip(columns, np.ravel(weigher.idf_), strict=True))
    if weigher.norm is None:
        return columns
    if weigher.norm not in ("l1", "l2"):
        raise refuse(weigher, f"norm={weigher.norm!r}", supported="norm='l1', 'l2' or None")
    if weigher.norm == "l1":
        total = weighted(tuple(absolute(x) for x in columns), [1.0] * len(columns))
    else:
        total = sqrt(weighted(tuple(x * x for x in columns), [1.0] * len(columns)))
    size = operation("where", total, total, const(1.0))
    return tuple(x / size for x in columns)


def _chi_squared(sampler: Any, columns: Columns) -> Columns:
    """Vedaldi and Zisserman, "Efficient additive kernels via explicit feature maps" (2011), section 5."""
    usual = {1: 0.8, 2: 0.5, 3: 0.4}
    gap = sampler.sample_interval
    gap = usual.get(sampler.sample_steps) if gap is None else float(gap)
    if gap is None:
        raise refuse(sampler, "it has no sample_interval", supported="sample_steps of 1, 2 or 3")
    made = [_nonzero(x, sqrt(x * const(gap))) for x in columns]
    for step in range(1, sampler.sample_steps):
        spread = const(float(np.cosh(np.pi * step * gap)))
        for wave in ("cos", "sin"):
            for x in columns:
                angle = const(float(step)) * (const(gap) * operation("log", x))
                size = sqrt(const(2.0) * x * const(gap) / spread)
                made.append(_nonzero(x, size * operation(wave, angle)))
    return tuple(made)


def _nonzero(x: Expression, value: Expression) -> Expression:
    return operation("where", x, value, const(0.0))


TRANSFORMERS: dict[type, Lower] = {
    PolynomialFeatures: _polynomial,
    Normalizer: _normalizer,
    TfidfTransformer: _counts,
    AdditiveChi2Sampler: _chi_squared,
}
