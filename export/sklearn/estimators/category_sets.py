"""Splits of histogram boosting by sets of categories: each becomes a column that is 0 or 1, compared with one half.

The estimator encodes its categories itself, by an `OrdinalEncoder` that gives NaN for what is missing or unknown, puts
these columns first, and sends NaN the way that missing values go.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import transform_columns
from export.sklearn.estimators.forest import Tree
from train.core.columns.column_expressions import Expression, column

Bools = npt.NDArray[np.bool_]
CODES = 256
"""Codes of categories are below it."""


def by_category_sets(
    estimator: Any, predictors: Sequence[Any], trees: Sequence[Tree], scope: ColumnScope
) -> tuple[list[Tree], ColumnScope]:
    """The trees with splits by number alone, and a scope with the columns that they compare.

    Args:
        estimator: a HistGradientBoosting model with categorical columns.
        predictors: its trees.
        trees: the same as arrays, splits by category not yet made into comparisons.
        scope: the columns that the estimator sees.
    """
    encoded = _encoded(estimator, scope)
    sets: dict[int, dict[bytes, int]] = {}
    asked: list[list[tuple[int, int, bytes]]] = []
    for predictor in predictors:
        nodes, mine = predictor.nodes, []
        for node in np.flatnonzero((nodes["is_categorical"] != 0) & (nodes["is_leaf"] == 0)):
            feature = int(nodes["feature_idx"][node])
            key = _members(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]).tobytes()
            sets.setdefault(feature, {}).setdefault(key, len(sets[feature]) if feature in sets else 0)
            mine.append((int(node), feature, key))
        asked.append(mine)
    build, place = scope.builder, len(encoded)
    first: dict[int, int] = {}
    parts = [scope.matrix(encoded)]
    for feature, members in sets.items():
        goes_right = ~np.array([np.frombuffer(key, dtype=bool) for key in members]).T
        parts.append(_memberships(build, scope.matrix([encoded[feature]]), goes_right))
        first[feature] = place
        place += len(members)
    changed = []
    for tree, mine in zip(trees, asked, strict=True):
        features, thresholds = tree.feature.copy(), tree.threshold.copy()
        for at, feature, key in mine:
            features[at] = first[feature] + sets[feature][key]
            thresholds[at] = 0.5
        changed.append(replace(tree, feature=features, threshold=thresholds))
    source = parts[0] if len(parts) == 1 else build.node("Concat", *parts, axis=1)
    return changed, ColumnScope(build, source, place, [column(index) for index in range(place)])


def _encoded(estimator: Any, scope: ColumnScope) -> list[Expression]:
    """The columns in the estimator's own order: codes of categories, then numbers."""
    categorical = np.asarray(estimator.is_categorical_, dtype=bool)
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    chosen = tuple(scope.columns[index] for index in np.flatnonzero(categorical))
    return [*transform_columns(encoder, chosen), *(scope.columns[index] for index in np.flatnonzero(~categorical))]


def _members(bitset: npt.NDArray[np.uint32]) -> Bools:
    """Bool [code], whether it goes left."""
    return ((bitset[:, None] >> np.arange(32, dtype=np.uint32)) & 1).astype(bool).ravel()[:CODES]


def _memberships(build: GraphBuilder, codes: str, goes_right: Bools) -> str:
    """Float64 [batch, set] of codes [batch, 1]: 0 in the set, 1 outside, NaN where the code is."""
    missing = build.node("IsNaN", codes)
    known = build.node("Cast", build.node("Where", missing, build.constant(0.0), codes), to=7)
    flat = build.node("Reshape", known, build.constant([-1], np.int64))
    table = build.node("Gather", build.constant(goes_right.astype(np.float64)), flat, axis=0)
    return build.node("Where", missing, build.constant(np.nan), table)
