"""XGBoost, LightGBM and CatBoost models for the survey: plain ones, and one for each thing that such models do."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

TREES = 30


def boosters() -> tuple[dict[str, Callable[[], Any]], dict[str, Callable[[], Any]]]:
    """Classifiers and regressors by name, of the libraries that are installed."""
    classifiers: dict[str, Callable[[], Any]] = {}
    regressors: dict[str, Callable[[], Any]] = {}
    for library, classes, values in (
        ("xgboost", _xgboost_classes, _xgboost_values),
        ("lightgbm", _lightgbm_classes, _lightgbm_values),
        ("catboost", _catboost_classes, _catboost_values),
    ):
        if find_spec(library) is not None:
            classifiers[library] = classes
            regressors[library] = values
    if "xgboost" in classifiers:
        classifiers["xgboost, DART"] = lambda: _xgboost_classes(booster="dart", rate_drop=0.3)
        regressors["xgboost, Tweedie"] = lambda: _xgboost_values(objective="reg:tweedie")
        regressors["xgboost, monotone"] = lambda: _xgboost_values(monotone_constraints=(1, -1))
    if "lightgbm" in classifiers:
        classifiers["lightgbm, one against the rest"] = lambda: _lightgbm_classes(objective="multiclassova")
        regressors["lightgbm, random forest"] = lambda: _lightgbm_values(
            boosting_type="rf", bagging_freq=1, bagging_fraction=0.6
        )
        regressors["lightgbm, quantile"] = lambda: _lightgbm_values(objective="quantile", alpha=0.9)
    if "catboost" in classifiers:
        classifiers["catboost, leaf by leaf"] = lambda: _catboost_classes(grow_policy="Lossguide")
        regressors["catboost, Poisson"] = lambda: _catboost_values(loss_function="Poisson")
    return classifiers, regressors


def _xgboost_classes(**options: Any) -> Any:
    import xgboost

    return xgboost.XGBClassifier(n_estimators=TREES, n_jobs=1, random_state=0, **options)


def _xgboost_values(**options: Any) -> Any:
    import xgboost

    return xgboost.XGBRegressor(n_estimators=TREES, n_jobs=1, random_state=0, **options)


def _lightgbm_classes(**options: Any) -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=TREES, n_jobs=1, random_state=0, verbose=-1, **options)


def _lightgbm_values(**options: Any) -> Any:
    import lightgbm

    return lightgbm.LGBMRegressor(n_estimators=TREES, n_jobs=1, random_state=0, verbose=-1, **options)


def _catboost_classes(**options: Any) -> Any:
    import catboost

    return catboost.CatBoostClassifier(iterations=TREES, **_quiet(), **options)


def _catboost_values(**options: Any) -> Any:
    import catboost

    return catboost.CatBoostRegressor(iterations=TREES, **_quiet(), **options)


def _quiet() -> dict[str, Any]:
    return {"verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_seed": 0}
