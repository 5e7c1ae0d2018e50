"""XGBoost, LightGBM and CatBoost models as trees that can be probed, and what they would answer with one leaf changed.

Which leaf a row reaches is found from the library's own dump of its trees, and so is the answer with a leaf changed;
what is compared with a graph is always the library's own answer.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from export.errors import NoExactForm
from export.sklearn.boosters.answers import answers_of, leaf_values, summed
from export.sklearn.boosters.table import described, is_booster
from export.sklearn.boosters.trees import BoostedTrees
from train.core.sklearn_answers import has_classes

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
_KEPT = 4
_known: dict[int, tuple[Any, BoostedTrees | None]] = {}


def boosted_trees(estimator: Any) -> BoostedTrees | None:
    """The trees of a fitted booster; None for anything else, and where the trees cannot be read."""
    if not is_booster(estimator):
        return None
    if id(estimator) not in _known:
        while len(_known) >= _KEPT:
            _known.pop(next(iter(_known)))
        try:
            _known[id(estimator)] = (estimator, described(estimator))
        except NoExactForm:
            _known[id(estimator)] = (estimator, None)
    return _known[id(estimator)][1]


class TurnedBooster(BaseEstimator):  # type: ignore[misc]
    """Answers, for one batch of rows, as a booster would if each row got another leaf of one of its trees.

    Args:
        booster: the fitted one.
        model: its trees.
        tree: int64 [row].
        other: what the row gets from that tree instead, float64 [row].
    """

    def __init__(self, booster: Any, model: BoostedTrees, tree: Indices, other: Floats) -> None:
        self.booster = booster
        self.model = model
        self.tree = tree
        self.other = other
        if has_classes(booster):
            self.classes_ = booster.classes_
            self.predict_proba = self._answer

    def fit(self, X: Any, y: Any = None) -> "TurnedBooster":
        """It is fitted; a pipeline asks for this method."""
        del X, y
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Any:
        """Values, or labels of a classifier."""
        found = self._answer(X)
        return np.asarray(self.classes_)[found.argmax(axis=1)] if has_classes(self) else found

    def _answer(self, X: Any) -> Floats:
        rows = np.asarray(X, dtype=np.float64)
        asked = self.booster.predict_proba(X) if has_classes(self) else self.booster.predict(X)
        own = np.array(asked, dtype=np.float64).reshape(len(rows), -1)
        leaves = leaf_values(self.model, rows)
        now = summed(self.model, leaves)
        leaves[np.arange(len(rows)), self.tree] = self.other
        then = summed(self.model, leaves)
        turned = answers_of(self.model, then, classifier=has_classes(self))
        # Its own bits wherever the leaf changes no sum.
        same = (now == then).all(axis=1)
        result: Floats = np.where(same[:, None], own, turned)
        return result
