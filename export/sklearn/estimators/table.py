"""The estimators of this room, for the registry."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from export.sklearn.estimators.boosting import BoostedClassifier, boosted_value, has_identity_link
from export.sklearn.estimators.calibration import CalibratedClassifier
from export.sklearn.estimators.forest import TreesClassifier, several_forests, tree_value
from export.sklearn.estimators.registry import Regressor, register
from export.sklearn.estimators.voting import Vote, voting_is_exact, voting_value

_FORESTS = (RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier, ExtraTreeClassifier)
_TREE_REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor, DecisionTreeRegressor, ExtraTreeRegressor)
_BOOSTED_REGRESSORS = (GradientBoostingRegressor, HistGradientBoostingRegressor)


def fill() -> None:
    """Hand the tables to the registry."""
    register(
        classifiers={
            **dict.fromkeys(_FORESTS, TreesClassifier),
            **dict.fromkeys((GradientBoostingClassifier, HistGradientBoostingClassifier), BoostedClassifier),
            CalibratedClassifierCV: CalibratedClassifier,
            VotingClassifier: Vote,
        },
        regressors={
            **dict.fromkeys(_TREE_REGRESSORS, Regressor(tree_value, exact=lambda _: True)),
            **dict.fromkeys(_BOOSTED_REGRESSORS, Regressor(boosted_value, exact=has_identity_link)),
            VotingRegressor: Regressor(voting_value, exact=voting_is_exact),
        },
        several=dict.fromkeys(_FORESTS, several_forests),
    )
