"""What a classifier has to beat: from the base rate to gradient boosting and the recipe this project replaces.

Each baseline is fitted on raw rows and gives P(profit), so that every metric applies to all of them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.history.labelled_signals import Floats, Index

Predictor = Callable[[Floats], Floats]
"""Raw rows float64 [row, feature] -> P(profit) float64 [row]."""

BASE_RATE = "base rate"
EDGE_SIGN = "edge sign"
LOGISTIC = "logistic regression"
HIST_BOOSTING = "HistGradientBoosting"
OLD_RECIPE = "old recipe"
BASELINES = (BASE_RATE, EDGE_SIGN, LOGISTIC, HIST_BOOSTING, OLD_RECIPE)
SIMPLE = (BASE_RATE, EDGE_SIGN, LOGISTIC)
"""Those that a model must beat to be put into use."""

MUST_BEAT = (BASE_RATE, EDGE_SIGN, LOGISTIC, OLD_RECIPE)
"""A model that does not beat these is of no use."""

_EDGE = SIGNAL_NAMES.index("edge_percent")


def fit_baseline(name: str, rows: Floats, outcome: Index, *, random_state: int) -> Predictor:
    """Fit the baseline called `name` (of `BASELINES`) on raw rows [row, feature] and outcomes 0/1.

    The old recipe is StandardScaler and a balanced RandomForest of 100 trees of depth 10.
    """
    if name == BASE_RATE:
        share = float(outcome.mean())
        return lambda new: np.full(len(new), share)
    if name == EDGE_SIGN:
        return _edge_sign(rows, outcome)
    # Boosting spins on its OpenMP threads when the machine is busy; one thread is as fast at these sizes.
    with threadpool_limits(1, user_api="openmp"):
        return _predictor(_estimator(name, random_state).fit(rows, outcome))


def _edge_sign(rows: Floats, outcome: Index) -> Predictor:
    """The share of profitable trades among those with an edge of the same sign."""
    positive = rows[:, _EDGE] > 0.0
    overall = float(outcome.mean())
    up = float(outcome[positive].mean()) if positive.any() else overall
    down = float(outcome[~positive].mean()) if (~positive).any() else overall
    return lambda new: np.where(new[:, _EDGE] > 0.0, up, down)


def _estimator(name: str, random_state: int) -> Any:
    if name == LOGISTIC:
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    if name == HIST_BOOSTING:
        return HistGradientBoostingClassifier(random_state=random_state)
    forest = RandomForestClassifier(100, max_depth=10, class_weight="balanced", n_jobs=-1, random_state=random_state)
    return make_pipeline(StandardScaler(), forest)


def _predictor(fitted: Any) -> Predictor:
    if isinstance(fitted, Pipeline) and isinstance(fitted[-1], RandomForestClassifier):
        fitted[-1].set_params(n_jobs=None)  # threads would add up the trees in any order
    return lambda new: np.asarray(fitted.predict_proba(new)[:, 1], dtype=np.float64)
