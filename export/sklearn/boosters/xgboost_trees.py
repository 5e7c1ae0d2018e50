"""XGBoost: `float32(x) < threshold` goes left, leaves are added as float32 from the base score on, tree by tree."""

import json
from typing import Any

import numpy as np

from export.sklearn.boosters.trees import BoostedTrees, CategorySets, Floats, Link, TreeArrays, seen_by_trees, walk
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.forest import Tree
from train.core.errors import PipelineError

LINKS = {
    "reg:squarederror": "identity",
    "reg:squaredlogerror": "identity",
    "reg:logistic": "logistic",
    "reg:pseudohubererror": "identity",
    "reg:absoluteerror": "identity",
    "reg:quantileerror": "identity",
    "reg:expectileerror": "identity",
    "binary:logistic": "logistic",
    "binary:logitraw": "identity",
    "binary:hinge": "sign",
    "count:poisson": "exp",
    "survival:cox": "exp",
    "survival:aft": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
    "multi:softmax": "largest",
    "multi:softprob": "softmax",
    "rank:pairwise": "identity",
    "rank:ndcg": "identity",
    "rank:map": "identity",
}
"""Objective -> what its PredTransform does."""
MARGIN_BY_LOGIT = ("reg:logistic", "binary:logistic", "binary:logitraw")
MARGIN_BY_LOG = ("count:poisson", "survival:cox", "survival:aft", "reg:gamma", "reg:tweedie")
PROBE_ROWS = 256


def describe_xgboost(booster: Any, *, best_only: bool, in_place: bool = False) -> BoostedTrees:
    """The trees of a Booster.

    Args:
        booster: xgboost.Booster.
        best_only: after early stopping only the trees up to the best iteration answer, as in XGBClassifier.predict;
            Booster.predict takes all of them.
        in_place: of DART, what XGBClassifier.predict gives: it asks each tree with the base score, which is taken off
            again, and so has other last bits than Booster.predict.

    Raises:
        PipelineError: linear boosters, vector leaves, own objectives and categories by name have no exact form.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    boosting, weights = learner["gradient_booster"], None
    if boosting["name"] == "gblinear":
        raise refuse("XGBoost gblinear", "its sums run in an order of their own", supported="gbtree and dart")
    if "weight_drop" in boosting:
        weights, boosting = np.array(boosting["weight_drop"], dtype=np.float32), boosting["gbtree"]
    model, objective = boosting["model"], learner["objective"]["name"]
    if objective not in LINKS:
        raise refuse(f"XGBoost objective {objective!r}", "its link is not known", supported=", ".join(LINKS))
    if any(model.get("cats", {}).get("enc", [])):
        raise refuse(
            "XGBoost on categories of a DataFrame",
            "it maps their names to codes of its own",
            supported="categories as whole numbers: NumPy rows with feature_types 'c'",
        )
    used = len(model["trees"])
    note, best = "", booster.attributes().get("best_iteration")
    if best_only and best is not None:
        used = model["iteration_indptr"][int(best) + 1]
        note = f"the first {used} of {len(model['trees'])} trees answer: early stopping"
    sets = CategorySets(
        int(learner["learner_model_param"]["num_feature"]), inside_goes_right=True, above=0, keeps_missing=True
    )
    scores = np.array(model["tree_info"][:used], dtype=np.int64)
    in_place = in_place and weights is not None
    # What is taken off again must be right to the last bit.
    start = describe_xgboost(booster, best_only=best_only).start.astype(np.float32) if in_place else None
    one = np.float32(1.0)
    trees = [
        _tree(
            tree,
            one if weights is None else weights[number],
            sets,
            around=None if start is None else start[scores[number]],
        )
        for number, tree in enumerate(model["trees"][:used])
    ]
    return _assembled(booster, learner, trees, scores, sets, note, in_place=in_place)


def _assembled(
    booster: Any, learner: Any, trees: list[Tree], scores: Any, sets: CategorySets, note: str, *, in_place: bool
) -> BoostedTrees:
    parameters, objective = learner["learner_model_param"], learner["objective"]["name"]
    n_features = int(parameters["num_feature"])
    derived, places = sets.memberships()
    found = BoostedTrees(
        library="xgboost",
        n_features=n_features,
        trees=tuple(_placed(tree, places, n_features) for tree in trees),
        scores=scores,
        start=_start(learner).astype(np.float64),
        link=Link(LINKS[objective]),
        single_input=True,
        single_sums=True,
        derived=derived,
        names=tuple(learner.get("feature_names", [])),
        note=note,
    )
    return _with_own_margins(booster, found, in_place=in_place)


def _start(learner: Any) -> Any:
    """The base score as raw scores, float32 [score]."""
    parameters = learner["learner_model_param"]
    n_scores = max(int(parameters["num_class"]), 1) * max(int(parameters.get("num_target", 1)), 1)
    base = np.atleast_1d(np.array(json.loads(parameters["base_score"]), dtype=np.float32))
    return _margins(np.broadcast_to(base, (n_scores,)), learner["objective"]["name"])


def _placed(tree: Tree, places: Any, n_features: int) -> Tree:
    """Category columns by their place among the derived ones."""
    beyond = tree.feature >= n_features
    feature = tree.feature.copy()
    feature[beyond] = n_features + places[feature[beyond] - n_features]
    return Tree(feature, tree.threshold, tree.true, tree.false, tree.missing_true, tree.value)


def _tree(tree: Any, weight: np.float32, sets: CategorySets, *, around: Any = None) -> Tree:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise refuse(
            "XGBoost multi_output_tree", "a leaf holds a vector", supported="multi_strategy='one_output_per_tree'"
        )
    left, right = tree["left_children"], tree["right_children"]
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    leaves = conditions if around is None else (around + conditions) - around
    codes = dict(
        zip(
            tree.get("categories_nodes", []),
            (
                tree["categories"][start : start + size]
                for start, size in zip(tree["categories_segments"], tree["categories_sizes"], strict=True)
            ),
            strict=True,
        )
    )
    # x < t is x <= the float32 before t.
    before = np.nextafter(conditions, np.float32(-np.inf))
    found = TreeArrays()
    number, waiting = {}, [0]
    while waiting:
        node = waiting.pop()
        if left[node] < 0:
            number[node] = found.leaf(float(leaves[node] * weight))
            continue
        missing = bool(tree["default_left"][node])
        feature = int(tree["split_indices"][node])
        if tree["split_type"][node]:
            column = sets.column(feature, [int(code) for code in codes[node]])
            number[node] = found.split(column, 0.5, missing_true=missing)
        else:
            number[node] = found.split(feature, float(before[node]), missing_true=missing)
        waiting += [right[node], left[node]]
    for node, place in number.items():
        if left[node] >= 0:
            found.true[place], found.false[place] = number[left[node]], number[right[node]]
    return found.tree()


def _margins(base: Any, objective: str) -> Any:
    """The base score, which a file holds as a prediction, as a raw score; ProbToMargin of the objective."""
    with np.errstate(all="ignore"):
        if objective in MARGIN_BY_LOGIT:
            return -np.log(np.float32(1.0) / base - np.float32(1.0))
        return np.log(base) if objective in MARGIN_BY_LOG else base


def _with_own_margins(booster: Any, model: BoostedTrees, *, in_place: bool) -> BoostedTrees:
    """The start values that give the library's own raw scores to the last bit: NumPy's logarithm may be a bit off.

    Raises:
        PipelineError: none does.
    """
    from dataclasses import replace

    import xgboost

    rows = probe_rows(model)
    data = xgboost.DMatrix(rows, feature_names=list(model.names) or None, feature_types=booster.feature_types)
    iterations = (0, 0)
    if model.note:
        iterations = (0, int(booster.attributes()["best_iteration"]) + 1)
    if in_place:
        found = booster.inplace_predict(
            rows, predict_type="margin", iteration_range=iterations, validate_features=False
        )
    else:
        found = booster.predict(data, output_margin=True, iteration_range=iterations)
    wanted = np.asarray(found).reshape(len(rows), -1)
    if wanted.shape[1] != model.n_scores:
        raise PipelineError(
            f"XGBoost: {wanted.shape[1]} raw scores, its file says {model.n_scores}; please report this"
        )
    seen = seen_by_trees(model, rows)
    leaves = np.array([tree.value[walk(tree, seen), 0] for tree in model.trees], dtype=np.float32)
    start = np.array(model.start, dtype=np.float32)
    for score in range(model.n_scores):
        mine = leaves[model.scores == score]
        candidates = [start[score]]
        for way in (-np.inf, np.inf):
            near = start[score]
            for _ in range(4):
                near = np.nextafter(near, np.float32(way))
                candidates.append(near)
        for candidate in candidates:
            total = np.full(len(rows), candidate, dtype=np.float32)
            for leaf in mine:
                total = total + leaf
            if np.array_equal(total, wanted[:, score]):
                start[score] = candidate
                break
        else:
            raise refuse(
                "XGBoost", f"raw score {score} is not the sum of base score and leaves", supported="sums of float32"
            )
    return replace(model, start=start.astype(np.float64))


def probe_rows(model: BoostedTrees) -> Floats:
    """Rows of float32 at and around the splits, with missing values."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((PROBE_ROWS, model.n_features))
    for column in range(model.n_features):
        at = [tree.threshold[tree.feature == column] for tree in model.trees]
        known = np.concatenate(at) if at else np.zeros(0)
        known = known[np.abs(known) < 1e30]
        if len(known):
            near = random.choice(known, PROBE_ROWS)
            rows[:, column] = near + (1.0 + np.abs(near)) * random.choice([0.0, 1e-3, -1e-3, 1.0, -1.0], PROBE_ROWS)
    for derived in model.derived:
        if not hasattr(derived, "goes_right"):
            continue
        rows[:, derived.column] = random.integers(0, max(len(derived.goes_right), 1), PROBE_ROWS)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows.astype(np.float32).astype(np.float64)
