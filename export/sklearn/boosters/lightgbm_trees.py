"""LightGBM: doubles throughout, `x <= threshold` goes left, a way of its own for missing values at every split."""

from typing import Any

import numpy as np

from export.sklearn.boosters.trees import BoostedTrees, CategorySets, Link, TreeArrays, ZeroAsMissing
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.forest import Tree

LINKS = {
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
    "binary": "logistic",
    "multiclass": "softmax",
    "multiclassova": "logistic",
    "cross_entropy": "logistic",
    "cross_entropy_lambda": "log1p_exp",
    "lambdarank": "identity",
    "rank_xendcg": "identity",
}
"""Objective -> what its ConvertOutput does."""


def describe_lightgbm(booster: Any) -> BoostedTrees:
    """The trees of a Booster that answer: up to the best iteration where it knows one.

    Raises:
        PipelineError: linear trees and own objectives have no exact form.
    """
    # What Booster.predict takes: the best iteration, or all there are.
    used = booster.best_iteration if booster.best_iteration > 0 else -1
    dump, text = booster.dump_model(num_iteration=used), booster.model_to_string(num_iteration=used)
    n_features = int(dump["max_feature_idx"]) + 1
    objective, *options = str(dump.get("objective", "")).split()
    if objective not in LINKS:
        raise refuse(f"LightGBM objective {objective!r}", "its link is not known", supported=", ".join(LINKS))
    if "\nis_linear=1" in text:
        raise refuse("LightGBM linear_tree", "a leaf is a linear model", supported="leaves of one number")
    sets = CategorySets(n_features, inside_goes_right=False, above=-1, keeps_missing=False)
    holes: dict[int, None] = {}
    grown = [
        _tree(tree["tree_structure"], sets, holes, thresholds)
        for tree, thresholds in zip(dump["tree_info"], _thresholds(text), strict=True)
    ]
    derived, places = sets.memberships()
    width = n_features + len(places)
    zeros = {-2 - feature: width + number for number, feature in enumerate(holes)}
    n_scores = int(dump["num_tree_per_iteration"])
    kind, slope = LINKS[objective], 1.0
    for option in options:
        name, _, value = option.partition(":")
        if name == "sigmoid":
            slope = float(value)
        if name == "sqrt":
            kind = "signed_square"
    return BoostedTrees(
        library="lightgbm",
        n_features=n_features,
        trees=tuple(_placed(tree, places, n_features, zeros) for tree in grown),
        scores=np.arange(len(grown), dtype=np.int64) % n_scores,
        start=np.zeros(n_scores),
        link=Link(kind, slope),
        divide=len(grown) // n_scores if dump["average_output"] else 1,
        derived=(*derived, *(ZeroAsMissing(feature) for feature in holes)),
        names=tuple(dump["feature_names"]),
    )


def _thresholds(text: str) -> list[list[float]]:
    """Of each tree, by the number of a split; the dump itself writes 1e300 for an infinite one."""
    blocks = text.partition("\nend of trees")[0].split("\nTree=")[1:]
    lines = [next((line for line in block.splitlines() if line.startswith("threshold=")), "") for block in blocks]
    return [[float(one) for one in line.partition("=")[2].split()] for line in lines]


def _tree(root: Any, sets: CategorySets, holes: dict[int, None], thresholds: list[float]) -> Tree:
    """One tree; a split that takes 0 for missing compares column -2 - feature until all are known."""
    found = TreeArrays()
    waiting: list[tuple[Any, int, bool]] = [(root, -1, False)]
    while waiting:
        node, parent, is_left = waiting.pop()
        place = _node(node, found, sets, holes, thresholds)
        if parent >= 0:
            (found.true if is_left else found.false)[parent] = place
        if "split_index" in node:
            waiting += [(node["right_child"], place, False), (node["left_child"], place, True)]
    return found.tree()


def _node(node: Any, found: TreeArrays, sets: CategorySets, holes: dict[int, None], thresholds: list[float]) -> int:
    if "split_index" not in node:
        return found.leaf(float(node["leaf_value"]))
    feature = int(node["split_feature"])
    if node["decision_type"] == "==":
        codes = [int(code) for code in str(node["threshold"]).split("||")]
        return found.split(sets.column(feature, codes), 0.5, missing_true=False)
    threshold, missing = thresholds[int(node["split_index"])], node["missing_type"]
    if missing == "Zero":
        holes.setdefault(feature)
        return found.split(-2 - feature, threshold, missing_true=bool(node["default_left"]))
    # Without a way of its own NaN is read as 0.
    goes_left = bool(node["default_left"]) if missing == "NaN" else threshold >= 0.0
    return found.split(feature, threshold, missing_true=goes_left)


def _placed(tree: Tree, places: Any, n_features: int, zeros: dict[int, int]) -> Tree:
    feature = tree.feature.copy()
    beyond = feature >= n_features
    feature[beyond] = n_features + places[feature[beyond] - n_features]
    for mark, place in zeros.items():
        feature[tree.feature == mark] = place
    return Tree(feature, tree.threshold, tree.true, tree.false, tree.missing_true, tree.value)
