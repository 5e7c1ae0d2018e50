"""How near is near enough: bits are asked where answers are means of trees, however models are nested."""

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from verify.compare.pair_probes import tolerance_of
from verify.runtimes.original import sklearn_original

ROWS = np.random.default_rng(0).normal(size=(80, 3))
CLASSES = (ROWS.sum(axis=1) > 0).astype(int)

FOREST = RandomForestClassifier(3, random_state=0)
BOOSTING = GradientBoostingClassifier(n_estimators=3, random_state=0)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(random_state=0),
        FOREST,
        make_pipeline(StandardScaler(), FOREST),
        ExtraTreesRegressor(3, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(), 3, random_state=0),
        BaggingRegressor(n_estimators=3, random_state=0),
        BaggingClassifier(FOREST, 2, random_state=0),
        BaggingRegressor(GradientBoostingRegressor(n_estimators=2, random_state=0), 2, random_state=0),
        BaggingClassifier(BaggingClassifier(DecisionTreeClassifier(), 2, random_state=0), 2, random_state=0),
        VotingClassifier([("a", FOREST), ("b", DecisionTreeClassifier(random_state=0))], voting="soft", weights=[1, 3]),
        OneVsRestClassifier(FOREST),
        MultiOutputRegressor(ExtraTreesRegressor(2, random_state=0)),
    ],
    ids=repr,
)
def test_bits_are_asked_of_averaged_trees(model: Any) -> None:
    answers = np.column_stack([CLASSES, 1 - CLASSES]) if isinstance(model, MultiOutputRegressor) else CLASSES
    assert tolerance_of(sklearn_original(model.fit(ROWS, answers), name="m")).absolute == 0.0


@pytest.mark.parametrize(
    "model",
    [
        BOOSTING,
        HistGradientBoostingClassifier(max_iter=3),
        AdaBoostClassifier(n_estimators=3, random_state=0),
        IsolationForest(n_estimators=3, random_state=0),
        BaggingClassifier(BOOSTING, 3, random_state=0),  # its members can be indexed: they look like rows of trees
        BaggingClassifier(BOOSTING, 3, max_features=0.7, random_state=0),
        BaggingClassifier(AdaBoostClassifier(n_estimators=2, random_state=0), 2, random_state=0),
        BaggingClassifier(BaggingClassifier(BOOSTING, 2, random_state=0), 2, random_state=0),
        BaggingClassifier(LogisticRegression(), 3, random_state=0),
        OneVsRestClassifier(BOOSTING),
        VotingClassifier([("a", BOOSTING), ("b", BOOSTING)], voting="soft"),
        StackingClassifier([("a", BOOSTING)], cv=2),
        CalibratedClassifierCV(FOREST, cv=2),
        make_pipeline(StandardScaler(), BaggingClassifier(BOOSTING, 3, random_state=0)),
    ],
    ids=repr,
)
def test_rounding_is_allowed_where_something_else_is_inside(model: Any) -> None:
    assert 0.0 < tolerance_of(sklearn_original(model.fit(ROWS, CLASSES), name="m")).absolute <= 1e-12
