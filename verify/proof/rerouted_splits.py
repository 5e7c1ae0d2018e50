"""What a model would answer if one split sent a row to its other side: scikit-learn's own answer, one leaf changed."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from verify.proof.boosters import TurnedBooster, boosted_trees
from verify.proof.trees import Floats, Indices, tree_groups


@dataclass(frozen=True)
class Turn:
    """For each row of a batch: one tree of group number `group`, one of its outputs, and two values of it.

    Attributes:
        group: position among `tree_groups`.
        tree, output: int64 [row].
        own: what the row gets from this output of this tree, float64 [row].
        other: what it would get, float64 [row].
    """

    group: int
    tree: Indices
    output: Indices
    own: Floats
    other: Floats

    def only(self, which: Indices) -> "Turn":
        """Of the rows `which`."""
        return Turn(self.group, self.tree[which], self.output[which], self.own[which], self.other[which])


def turned_model(estimator: Any, turn: Turn) -> Any:
    """A copy that answers, for the one batch of rows that `turn` belongs to, as if each row got `other` for `own`."""
    return _copy(estimator, iter(range(turn.group + 1)), turn)


def _copy(estimator: Any, numbers: Iterator[int], turn: Turn) -> Any:
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    twin = copy.copy(estimator)
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        twin.steps = [*estimator.steps[:-1], (name, _copy(last, numbers, turn))]
    elif hasattr(estimator, "calibrated_classifiers_"):
        twin.calibrated_classifiers_ = [copy.copy(fold) for fold in estimator.calibrated_classifiers_]
        for fold in twin.calibrated_classifiers_:
            fold.estimator = _copy(fold.estimator, numbers, turn)
    elif hasattr(estimator, "named_estimators_"):
        twin.estimators_ = [_copy(member, numbers, turn) for member in estimator.estimators_]
    elif tree_groups(estimator):
        return _turned(twin, estimator, turn) if next(numbers, None) == turn.group else estimator
    return twin


def turned_alone(estimator: Any, turn: Turn) -> Any:
    """The same of the one estimator that the trees are of, asked for what they see."""
    return _turned(copy.copy(estimator), estimator, turn)


def _turned(twin: Any, estimator: Any, turn: Turn) -> Any:
    model = boosted_trees(estimator)
    if model is not None:
        return TurnedBooster(estimator, model, turn.tree, turn.other)
    if hasattr(estimator, "_raw_predict"):

        def raw_predict(X: Any, *more: Any, **options: Any) -> Floats:
            scores: Floats = np.array(estimator._raw_predict(X, *more, **options))
            rate = getattr(estimator, "learning_rate", 1.0) if hasattr(estimator, "init_") else 1.0
            scores[np.arange(len(scores)), turn.tree % scores.shape[1]] += rate * (turn.other - turn.own)
            return scores

        twin._raw_predict = raw_predict
    elif hasattr(estimator, "estimators_"):
        twin.estimators_ = [
            _turned_tree(member, turn, np.flatnonzero(turn.tree == number))
            for number, member in enumerate(estimator.estimators_)
        ]
    else:
        return _turned_tree(estimator, turn, np.arange(len(turn.tree)))
    return twin


def _turned_tree(tree: Any, turn: Turn, mine: Indices) -> Any:
    if not len(mine):
        return tree
    method = "predict_proba" if hasattr(tree, "predict_proba") else "predict"

    def answer(X: Any, *more: Any, **options: Any) -> Floats:
        values: Floats = np.array(getattr(tree, method)(X, *more, **options))
        values.reshape(len(values), -1)[mine, turn.output[mine]] = turn.other[mine]
        return values

    twin = copy.copy(tree)
    setattr(twin, method, answer)
    return twin
