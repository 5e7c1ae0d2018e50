"""Which stage lowers which estimator: scores, probabilities and labels as tensors."""

from typing import Any

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from export import forest
from export.columns import ColumnScope
from export.preprocess import refuse, transform_columns

_TREE_CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier, ExtraTreeClassifier)
_TREE_REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor, DecisionTreeRegressor, ExtraTreeRegressor)
_SUPPORTED = ", ".join(kind.__name__ for kind in (*_TREE_CLASSIFIERS, *_TREE_REGRESSORS))


def unwrapped(estimator: Any, scope: ColumnScope) -> tuple[Any, ColumnScope]:
    """The estimator at the end of a (nested) Pipeline, and the columns it sees."""
    while type(estimator) is Pipeline:
        columns = scope.columns
        for _, step in estimator.steps[:-1]:
            columns = transform_columns(step, columns)
        scope, estimator = scope.replaced(columns), estimator.steps[-1][1]
    return estimator, scope


def lower_probabilities(estimator: Any, scope: ColumnScope) -> str:
    """`predict_proba`, float64 [batch, class]."""
    estimator, scope = unwrapped(estimator, scope)
    if type(estimator) in _TREE_CLASSIFIERS:
        return forest.mean_of_trees(estimator, scope, outputs=range(len(estimator.classes_)))
    raise refuse(estimator, "no exact form is known for this classifier", supported=_SUPPORTED)


def lower_confidence(estimator: Any, scope: ColumnScope) -> str:
    """`predict_proba[:, 1]`, float64 [batch]."""
    if list(estimator.classes_) != [0, 1]:
        raise refuse(estimator, f"confidence needs the classes [0, 1], got {list(estimator.classes_)}", supported="0/1")
    estimator, scope = unwrapped(estimator, scope)
    if type(estimator) in _TREE_CLASSIFIERS:
        column = forest.mean_of_trees(estimator, scope, outputs=[1])
        return scope.builder.node("Reshape", column, scope.builder.constant([-1], "int64"))
    raise refuse(estimator, "no exact form is known for this classifier", supported=_SUPPORTED)


def lower_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a regressor, float64 [batch, 1]."""
    estimator, scope = unwrapped(estimator, scope)
    if type(estimator) in _TREE_REGRESSORS:
        return forest.mean_of_trees(estimator, scope, outputs=[0])
    raise refuse(estimator, "no exact form is known for this regressor", supported=_SUPPORTED)
