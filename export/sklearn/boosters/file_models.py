"""A model from a booster's own file, behind the face of a scikit-learn estimator; the library answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from export.sklearn.boosters.trees import BoostedTrees

Floats = npt.NDArray[np.float64]
Answer = Callable[[Floats], npt.NDArray[Any]]
"""Rows float64 [row, column] -> what the library's own predict gives."""


class FileModel(BaseEstimator):  # type: ignore[misc]
    """What both kinds share.

    Args:
        trees: as the library dumped them.
        answer: the library's own predict.
        kept: the library's object.
    """

    def __init__(self, trees: BoostedTrees, answer: Answer, kept: Any = None) -> None:
        self.trees = trees
        self.answer = answer
        self.kept = kept
        self.n_features_in_ = trees.n_features
        if trees.names:
            self.feature_names_in_ = np.array(trees.names, dtype=object)

    @property
    def says(self) -> str:
        """What the file holds, in words."""
        trees = self.trees
        said = f"{len(trees.trees):,} trees, {trees.n_scores} raw score{'s' * (trees.n_scores > 1)}, {trees.link.kind}"
        return f"{said}; {trees.note}" if trees.note else said

    def _asked(self, X: Any) -> npt.NDArray[Any]:
        rows = np.ascontiguousarray(np.asarray(X, dtype=np.float64))
        try:
            return np.asarray(self.answer(rows))
        except Exception as error:  # each library has exceptions of its own
            raise ValueError(f"{self.trees.library}: {error}") from error


class FileRegressor(RegressorMixin, FileModel):  # type: ignore[misc]
    """`predict` is what the library's own gives: values, raw scores of a ranker, or labels as numbers."""

    def predict(self, X: Any) -> Any:
        """Values [row] or [row, output]."""
        return self._asked(X)


class FileClassifier(ClassifierMixin, FileModel):  # type: ignore[misc]
    """Classes are numbered from 0 unless the file names them."""

    def __init__(self, trees: BoostedTrees, answer: Answer, kept: Any = None, classes: Any = None) -> None:
        super().__init__(trees, answer, kept)
        self.classes = classes
        self.classes_ = np.arange(max(trees.n_scores, 2)) if classes is None else np.asarray(classes)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities [row, class]; of two classes the first is one minus the second, in the library's own type."""
        found = self._asked(X)
        return found if found.ndim == 2 else np.column_stack([1.0 - found, found])

    def predict(self, X: Any) -> Any:
        """The label of the largest probability, the first on a tie."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]
