"""The estimators of this room, for the registry."""

from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

from export.sklearn.estimators.registry import Regressor, register
from export.sklearn.nearest.neighbours import Neighbours, neighbours_value, neighbours_width


def fill() -> None:
    """Hand the tables to the registry."""
    register(
        classifiers=dict.fromkeys((KNeighborsClassifier, RadiusNeighborsClassifier), Neighbours),
        regressors=dict.fromkeys(
            (KNeighborsRegressor, RadiusNeighborsRegressor), Regressor(neighbours_value, width=neighbours_width)
        ),
    )
