"""Which columns moved an answer: Shapley values of trees, by the weights of the training rows on their paths.

For a set S of known columns a tree's expected value follows the row at splits on S, and takes both sides by the
training rows that went there at all others. A column's share is its Shapley value in that game (Lundberg, Erion and
Lee, "Consistent individualized feature attribution for tree ensembles", 2018), so the shares and the value of no known
column sum to the answer. A leaf adds to the game a product over the columns on its path, and the Shapley value of a
product has a closed form: see `_leaf_shares`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.sklearn_answers import one_job, original_input
from verify.proof.trees import Group, Tree

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attribution:
    """What moved one output of one group of trees.

    Attributes:
        name: of the group.
        scale: what the trees sum to: "answer", or "raw score" where a link follows.
        base: the value with no column known.
        shares: column as the trees see it -> what it adds; with `base` they sum to `value`.
        value: what the group's estimator itself gives for the row.
        seen: the row as the trees see it.
    """

    name: str
    scale: str
    base: float
    shares: Floats
    value: float
    seen: Floats

    @property
    def sums(self) -> bool:
        """Whether base and shares do sum to what the estimator gives; not where its trees are weighted (AdaBoost)."""
        total = self.base + float(self.shares.sum())
        return abs(total - self.value) <= 1e-9 * (1.0 + abs(self.value) + float(np.abs(self.shares).sum()))


def attribute(group: Group, row: Floats, *, output: int) -> Attribution:
    """Attribute one output of a group of trees.

    Args:
        group: of the original.
        row: raw, float64 [column].
        output: class, or 0 for a regressor; of a binary boosting both classes have the one raw score.
    """
    matrix = group.transform(row[None, :])
    seen = np.asarray(matrix[0])
    own = len({tree.output for tree in group.trees}) > 1
    trees = [tree for tree in group.trees if not own or tree.output == output]
    column = output if group.trees[0].value.shape[1] > 1 else 0
    factor, raw = _scale(group.estimator, len(trees))
    base, shares = 0.0, np.zeros(len(seen))
    for tree in trees:
        expected, added = tree_shares(tree, seen, column)
        base += expected
        shares += added
    reached = factor * sum(float(tree.value[tree.apply(matrix)[0], column]) for tree in trees)
    value = _own_value(group, row, raw=raw, column=output if own or not raw else 0)
    # Where boosting starts from is no tree's: it belongs to the base.
    start = value - reached if raw else 0.0
    return Attribution(
        group.name, "raw score" if raw else "answer", start + factor * base, factor * shares, value, seen
    )


def _scale(estimator: Any, trees: int) -> tuple[float, bool]:
    """What a leaf's value is multiplied by, and whether the sum is a raw score."""
    if hasattr(estimator, "_predictors"):
        return 1.0, True
    if hasattr(estimator, "init_"):
        return float(estimator.learning_rate), True
    return 1.0 / trees, False


def _own_value(group: Group, row: Floats, *, raw: bool, column: int) -> float:
    """The group's estimator's own answer, by its library."""
    estimator = group.estimator
    with one_job():
        rows = original_input(estimator, group.before(row[None, :]))
        if raw and hasattr(estimator, "decision_function"):
            found = estimator.decision_function(rows)
        elif hasattr(estimator, "predict_proba"):
            found = estimator.predict_proba(rows)
        else:
            found = estimator.predict(rows)
            link = getattr(getattr(estimator, "_loss", None), "link", None)
            found = found if link is None or not raw else link.link(np.asarray(found))
    return float(np.asarray(found, dtype=np.float64).reshape(1, -1)[0, column])


def tree_shares(tree: Tree, seen: Floats, column: int) -> tuple[float, Floats]:
    """(expected value with no column known, share of each column) of one tree."""
    shares = np.zeros(len(seen))
    expected = 0.0
    # A node, and for each column on the way to it: the share of rows that came this way, and whether this row does.
    waiting: list[tuple[int, dict[int, tuple[float, bool]]]] = [(0, {})]
    while waiting:
        node, way = waiting.pop()
        feature = int(tree.feature[node])
        if feature < 0:
            value = float(tree.value[node, column])
            expected += value * math.prod(share for share, _ in way.values())
            for place, share in _leaf_shares(way).items():
                shares[place] += value * share
            continue
        number = seen[feature]
        left = bool(tree.missing_left[node]) if np.isnan(number) else bool(number <= tree.threshold[node])
        before, follows = way.get(feature, (1.0, True))
        for child, taken in ((int(tree.left[node]), left), (int(tree.right[node]), not left)):
            share = float(tree.cover[child] / tree.cover[node])
            waiting.append((child, way | {feature: (before * share, follows and taken)}))
    return expected, shares


def _leaf_shares(way: dict[int, tuple[float, bool]]) -> dict[int, float]:
    """Shapley values of the game that is worth the product over columns: known, 1 or 0; unknown, its share of rows.

    For column i that is (known_i - unknown_i) times the sum over sizes k of weight(k) times the coefficient of t^k in
    the product over the other columns j of (unknown_j + known_j t).
    """
    count = len(way)
    found = {}
    for place, (share, follows) in way.items():
        others = np.ones(1)
        for other, (unknown, known) in way.items():
            if other != place:
                others = np.convolve(others, (unknown, 1.0 if known else 0.0))
        found[place] = (float(follows) - share) * float(others @ _weights(count))
    return found


@lru_cache
def _weights(count: int) -> Floats:
    """Shapley's weight of a coalition of k of the other count - 1 columns."""
    return np.array([1.0 / (count * math.comb(count - 1, k)) for k in range(count)])


def seen_names(group: Group, rows: Floats, names: Sequence[str]) -> list[str]:
    """What each column that the trees see is made of: found by moving every raw column in turn.

    Args:
        group: of the original.
        rows: some raw rows, float64 [row, column].
        names: of the raw columns.
    """
    start = group.before(rows)
    makes: list[list[str]] = [[] for _ in range(start.shape[1])]
    for column, name in enumerate(names):
        moved = rows.copy()
        moved[:, column] = moved[:, column] * 1.5 + 1.0
        changed = ~((start == group.before(moved)) | (np.isnan(start) & np.isnan(group.before(moved)))).all(axis=0)
        for place in np.flatnonzero(changed):
            makes[place].append(name)
    return [
        made[0]
        if len(made) == 1 and sum(made == other for other in makes) == 1
        else f"column {place} (of {', '.join(made) or 'nothing'})"
        for place, made in enumerate(makes)
    ]
