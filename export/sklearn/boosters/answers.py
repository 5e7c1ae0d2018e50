"""What a booster answers, from its trees alone, in NumPy: leaf by leaf, summed as its library sums, linked."""

import numpy as np

from export.sklearn.boosters.trees import BoostedTrees, Floats, seen_by_trees, walk


def leaf_values(model: BoostedTrees, rows: Floats) -> Floats:
    """What each tree gives each row, float64 [row, tree]; `rows` float64 [row, column] as the library takes them."""
    seen = seen_by_trees(model, rows)
    columns = [tree.value[walk(tree, seen), 0] for tree in model.trees]
    return np.column_stack(columns) if columns else np.zeros((len(rows), 0))


def summed(model: BoostedTrees, leaves: Floats) -> Floats:
    """Raw scores float64 [row, score], added in the order and the type of the library."""
    kind = np.float32 if model.single_sums else np.float64
    total = np.tile(model.start.astype(kind), (len(leaves), 1))
    for number, score in enumerate(model.scores):
        total[:, score] += leaves[:, number].astype(kind)
    result: Floats = total.astype(np.float64)
    if model.divide > 1:
        result = result / model.divide
    result = result * model.scale
    return result if model.bias is None else result + model.bias


def answers_of(model: BoostedTrees, raw: Floats, *, classifier: bool) -> Floats:
    """What `predict`, of a classifier `predict_proba`, makes of raw scores, to a few last bits; [row, answer]."""
    kind = model.link.kind
    with np.errstate(over="ignore"):
        if kind == "logistic":
            found: Floats = 1.0 / (1.0 + np.exp(-model.link.slope * raw))
        elif kind == "softmax":
            powers = np.exp(raw - raw.max(axis=1, keepdims=True))
            found = powers / powers.sum(axis=1, keepdims=True)
        elif kind == "exp":
            found = np.exp(raw)
        elif kind == "log1p_exp":
            found = np.log1p(np.exp(raw))
        elif kind == "signed_square":
            found = np.sign(raw) * raw * raw
        elif kind == "sign":
            found = (raw > 0.0).astype(np.float64)
        elif kind == "largest":
            found = raw.argmax(axis=1)[:, None].astype(np.float64)
        else:
            found = raw
    if classifier and found.shape[1] == 1:
        return np.column_stack([1.0 - found, found])
    return found
