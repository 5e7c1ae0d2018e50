"""IsolationForest: depths are summed to the last bit, scores within 1e-12, the label by the sum of depths itself."""

from typing import Any

import numpy as np
from sklearn.ensemble._iforest import _average_path_length
from typing_extensions import override

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.thresholds import from_key, to_key
from export.sklearn.estimators.detector import DetectorGraph
from export.sklearn.estimators.forest import Floats, Term, Tree, sklearn_tree, sum_of_trees


class Isolation(DetectorGraph):
    """An isolation forest."""

    def __init__(self, estimator: Any, scope: ColumnScope) -> None:
        super().__init__(estimator, scope)
        self.denominator = len(estimator.estimators_) * float(_average_path_length([estimator._max_samples])[0])

    def _depths(self) -> str:
        estimator, trees = self.estimator, []
        for number, member in enumerate(estimator.estimators_):
            tree = sklearn_tree(member)
            depth = estimator._decision_path_lengths[number] + estimator._average_path_length_per_tree[number] - 1.0
            features = np.append(estimator.estimators_features_[number], -1)[tree.feature]
            value = np.asarray(depth, dtype=np.float64)[:, None]
            trees.append(Tree(features, tree.threshold, tree.true, tree.false, tree.missing_true, value))
        return sum_of_trees(trees, [Term(number, 0, 0) for number in range(len(trees))], self.scope)

    @override
    def scores(self) -> str:
        build = self.build
        if self.denominator == 0.0:
            share = build.node("Add", build.node("Mul", self._depths(), build.constant(0.0)), build.constant(1.0))
        else:
            share = build.node("Div", self._depths(), build.constant(self.denominator))
        return build.node("Neg", build.node("Pow", build.constant(2.0), build.node("Neg", share)))

    @override
    def label(self) -> str:
        """By the largest sum of depths that NumPy still calls an outlier: 2 ** x differs between libraries."""
        build = self.build
        flat = build.node("Reshape", self._depths(), build.constant([-1], np.int64))
        outlier = build.node("LessOrEqual", flat, build.constant(self._last_outlier()))
        return build.node("Where", outlier, build.constant(-1, np.int64), build.constant(1, np.int64))

    def _outlier(self, depth: Floats) -> bool:
        share = depth / self.denominator if self.denominator else np.ones_like(depth)
        return bool((-(2 ** (-share)) - self.estimator.offset_ < 0)[0])

    def _last_outlier(self) -> float:
        low, high = 0.0, 1e6 * max(self.denominator, 1.0)
        if not self._outlier(np.array([low])):
            return -1.0
        if self._outlier(np.array([high])):
            return float(np.finfo(np.float64).max)
        keys = [int(to_key(np.array([end]))[0]) for end in (low, high)]
        while keys[1] - keys[0] > 1:
            middle = (keys[0] + keys[1]) // 2
            keys[0 if self._outlier(from_key(np.array([middle]))) else 1] = middle
        return float(from_key(np.array([keys[0]]))[0])
