"""The estimators of this room, for the registry."""

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    IsolationForest,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain

from export.sklearn.ensembles.adaboost import AdaBoosted, median_is_exact, median_value
from export.sklearn.ensembles.bagging import Bag, bag_is_exact, bag_width, bagged_value
from export.sklearn.ensembles.isolation import Isolation
from export.sklearn.ensembles.multiclass import OneAgainstOne, OneAgainstRest, several_labels
from export.sklearn.ensembles.several import (
    Stack,
    all_members_exact,
    chained,
    chained_values,
    one_each,
    side_by_side,
    stack_is_exact,
    stacked_value,
    values_side_by_side,
)
from export.sklearn.ensembles.target import target_is_exact, target_value, target_width
from export.sklearn.ensembles.threshold import Threshold
from export.sklearn.estimators.registry import Regressor, register, value_width


def fill() -> None:
    """Hand the tables to the registry."""
    register(
        classifiers={
            AdaBoostClassifier: AdaBoosted,
            BaggingClassifier: Bag,
            OneVsRestClassifier: OneAgainstRest,
            OneVsOneClassifier: OneAgainstOne,
            StackingClassifier: Stack,
            FixedThresholdClassifier: Threshold,
            TunedThresholdClassifierCV: Threshold,
        },
        regressors={
            AdaBoostRegressor: Regressor(median_value, exact=median_is_exact),
            BaggingRegressor: Regressor(bagged_value, exact=bag_is_exact, width=bag_width),
            StackingRegressor: Regressor(
                stacked_value, exact=stack_is_exact, width=lambda model: value_width(model.final_estimator_)
            ),
            MultiOutputRegressor: Regressor(values_side_by_side, exact=all_members_exact, width=one_each),
            TransformedTargetRegressor: Regressor(target_value, exact=target_is_exact, width=target_width),
            RegressorChain: Regressor(chained_values, exact=all_members_exact, width=one_each),
        },
        several={
            MultiOutputClassifier: side_by_side,
            ClassifierChain: chained,
            OneVsRestClassifier: several_labels,
        },
        detectors={IsolationForest: Isolation},
    )
