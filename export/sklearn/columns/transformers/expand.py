"""Products of columns, norms of rows."""

from itertools import chain, combinations, combinations_with_replacement
from typing import Any

import numpy as np
from sklearn.preprocessing import Normalizer, PolynomialFeatures

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


TRANSFORMERS: dict[type, Lower] = {PolynomialFeatures: _polynomial, Normalizer: _normalizer}
