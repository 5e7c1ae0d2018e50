"""CatBoost: `float32(x) > border` sets a bit, the bits name a leaf; leaves are added as doubles."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from export.sklearn.boosters.trees import BoostedTrees, Link, TreeArrays
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.forest import Tree

RAW = (
    *("RMSE", "MAE", "Quantile", "MultiQuantile", "Expectile", "MAPE", "SMAPE", "Huber", "Lq"),
    *("MultiRMSE", "MSLE", "MedianAbsoluteError", "QueryRMSE", "PairLogit", "PairLogitPairwise", "YetiRank"),
    *("YetiRankPairwise", "QuerySoftMax", "LambdaMart", "StochasticRank", "QueryCrossEntropy", "StochasticFilter"),
)
"""Losses whose answers are the raw scores."""
LINKS = {
    "Logloss": "logistic",
    "CrossEntropy": "logistic",
    "MultiClass": "softmax",
    "MultiClassOneVsAll": "logistic",
    "MultiLogloss": "logistic",
    "MultiCrossEntropy": "logistic",
    **dict.fromkeys(RAW, "identity"),
    "Poisson": "exp",
    "Tweedie": "exp",
}
"""Loss -> what its answers are made of by default."""
MISSING = {"AsIs": False, "AsFalse": False, "AsTrue": True}
"""Treatment of NaN -> whether it counts as larger than every border."""
DEEPEST = 16


def describe_catboost(model: Any) -> BoostedTrees:
    """The trees of a CatBoost model.

    Raises:
        PipelineError: categorical, text and embedding features, and losses of own making, have no exact form.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        content = json.loads(path.read_text(encoding="utf-8"))
    features = content["features_info"]
    for kind in ("categorical_features", "text_features", "embedding_features", "ctrs"):
        if features.get(kind):
            names = [str(one.get("feature_id") or one.get("flat_feature_index")) for one in features[kind]][:5]
            raise refuse(
                f"CatBoost {kind.replace('_', ' ')}",
                f"columns {', '.join(names)} are hashed by CatBoost itself",
                supported="float features (encode the categories before the fit)",
            )
    loss = loss_of(model, content)
    if loss not in LINKS:
        raise refuse(f"CatBoost loss {loss!r}", "its link is not known", supported=", ".join(LINKS))
    floats = {int(one["feature_index"]): one for one in features["float_features"]}
    scale, bias = content["scale_and_bias"]
    biases = np.atleast_1d(np.array(bias, dtype=np.float64))
    # One tree of several outputs has them side by side in every leaf.
    trees: list[Tree] = []
    for tree in content.get("oblivious_trees", []):
        trees += _oblivious(tree, floats, len(biases))
    for tree in content.get("trees", []):
        trees += _free(tree, floats, len(biases))
    width = 1 + max((int(one["flat_feature_index"]) for one in floats.values()), default=-1)
    names = [""] * width
    for one in floats.values():
        names[int(one["flat_feature_index"])] = str(one.get("feature_id") or "")
    return BoostedTrees(
        library="catboost",
        n_features=width,
        trees=tuple(trees),
        scores=np.arange(len(trees), dtype=np.int64) % len(biases),
        start=np.zeros(len(biases)),
        link=Link(LINKS[loss]),
        single_input=True,
        scale=float(scale),
        bias=biases,
        names=tuple(names) if all(names) else (),
    )


def loss_of(model: Any, content: Any = None) -> str:
    """The name of the loss without its parameters; from the model, or from its JSON form."""
    if content is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            model.save_model(str(path), format="json")
            content = json.loads(path.read_text(encoding="utf-8"))
    parameters = content["model_info"].get("params", {})
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    loss = parameters.get("loss_function", parameters)
    return str(loss.get("type", "") if isinstance(loss, dict) else loss).partition(":")[0]


def _split(found: TreeArrays, split: Any, floats: dict[int, Any]) -> int:
    """A split whose `true` side is that of the values up to the border."""
    if split["split_type"] != "FloatFeature":
        raise refuse(f"CatBoost {split['split_type']} splits", "they are on categories", supported="float features")
    feature = floats[int(split["float_feature_index"])]
    larger = MISSING[feature["nan_value_treatment"]]
    border = float(np.float32(split["border"]))
    return found.split(int(feature["flat_feature_index"]), border, missing_true=not larger)


_Box = dict[int, tuple[float, float, bool]]
"""Column -> numbers above the first and up to the second get there, and whether NaN does."""


def _sides(split: Any, floats: dict[int, Any], box: _Box) -> tuple[bool, dict[bool, _Box]]:
    """Whether both sides of a split can be reached from a box, and the boxes of those that can."""
    feature = floats[int(split["float_feature_index"])]
    column, border = int(feature["flat_feature_index"]), float(np.float32(split["border"]))
    larger = MISSING[feature["nan_value_treatment"]]
    low, high, missing = box.get(column, (-np.inf, np.inf, True))
    sides = {}
    if low < border or (missing and not larger):
        sides[True] = box | {column: (low, min(high, border), missing and not larger)}
    if high > border or (missing and larger):
        sides[False] = box | {column: (max(low, border), high, missing and larger)}
    return len(sides) == 2, sides


def _oblivious(tree: Any, floats: dict[int, Any], outputs: int) -> list[Tree]:
    splits = tree.get("splits") or []
    if len(splits) > DEEPEST:
        raise refuse("CatBoost", f"a tree of depth {len(splits)}", supported=f"depth up to {DEEPEST}")
    values = np.array(tree["leaf_values"], dtype=np.float64).reshape(-1, outputs)
    depth = len(splits)
    grown = []
    for output in range(outputs):
        found = TreeArrays()
        # Bits so far, parent, whether it is the parent's true side, and the numbers that get there by column.
        level: list[tuple[int, int, bool, _Box]] = [(0, -1, False, {})]
        for bit in range(depth):
            below = []
            for bits, parent, is_true, box in level:
                stays, sides = _sides(splits[bit], floats, box)
                if not stays:  # every row there goes the same way
                    below.append((bits | (0 if True in sides else 1 << bit), parent, is_true, box))
                    continue
                place = _split(found, splits[bit], floats)
                _hang(found, parent, place, is_true=is_true)
                below += [(bits, place, True, sides[True]), (bits | (1 << bit), place, False, sides[False])]
            level = below
        for bits, parent, is_true, _ in level:
            _hang(found, parent, found.leaf(float(values[bits, output])), is_true=is_true)
        grown.append(found.tree())
    return grown


def _free(root: Any, floats: dict[int, Any], outputs: int) -> list[Tree]:
    """A tree that is not symmetric, in each output."""
    grown = []
    for output in range(outputs):
        found = TreeArrays()
        waiting: list[tuple[Any, int, bool]] = [(root, -1, False)]
        while waiting:
            node, parent, is_true = waiting.pop()
            if "split" in node:
                place = _split(found, node["split"], floats)
                waiting += [(node["right"], place, False), (node["left"], place, True)]
            else:
                value = np.atleast_1d(np.array(node["value"], dtype=np.float64))
                place = found.leaf(float(value[output]))
            _hang(found, parent, place, is_true=is_true)
        grown.append(found.tree())
    return grown


def _hang(found: TreeArrays, parent: int, child: int, *, is_true: bool) -> None:
    if parent >= 0:
        (found.true if is_true else found.false)[parent] = child
