"""The boosters' estimators for the registry, once their library is imported; and models from their own files."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from typing_extensions import override

from export.sklearn.boosters.file_models import FileClassifier, FileRegressor
from export.sklearn.boosters.lowering import as_double, linked, raw_scores
from export.sklearn.boosters.trees import BoostedTrees
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import Regressor, innermost, register

FLOAT_STEPS = 2.0**-22
"""Two units of float32: how far XGBoost's exponential and ours, both of float32, may be apart."""
FLOATS_AROUND = 2.0**-20
"""The same for a model made of several of them."""
NAMES = {
    "xgboost": (("XGBClassifier", "XGBRFClassifier"), ("XGBRegressor", "XGBRFRegressor", "XGBRanker")),
    "lightgbm": (("LGBMClassifier",), ("LGBMRegressor", "LGBMRanker")),
    "catboost": (("CatBoostClassifier",), ("CatBoostRegressor", "CatBoostRanker")),
}
_filled: set[str] = set()


def fill() -> None:
    """Register the estimators of every library that is imported; one that is not has no model to compile."""
    if "files" not in _filled:
        register(classifiers={FileClassifier: BoosterGraph}, regressors={FileRegressor: _REGRESSOR})
        _filled.add("files")
    for library, (classifiers, regressors) in NAMES.items():
        module = sys.modules.get(library)
        if module is None or library in _filled or not hasattr(module, classifiers[0]):
            continue
        register(
            classifiers={getattr(module, name): BoosterGraph for name in classifiers},
            regressors={getattr(module, name): _REGRESSOR for name in regressors},
        )
        _filled.add(library)


def is_booster(estimator: Any) -> bool:
    """Whether it is a fitted estimator of one of the libraries, or a model from a file of theirs."""
    if isinstance(estimator, FileClassifier | FileRegressor):
        return True
    names = (name for pair in NAMES.values() for kinds in pair for name in kinds)
    return type(estimator).__module__.partition(".")[0] in NAMES and type(estimator).__name__ in names


def described(estimator: Any) -> BoostedTrees:
    """The trees of a fitted estimator of one of the libraries.

    Raises:
        PipelineError: no exact form; says why.
    """
    if isinstance(estimator, FileClassifier | FileRegressor):
        return estimator.trees
    library = type(estimator).__module__.partition(".")[0]
    return _DESCRIBE[library](estimator)


def closeness(estimator: Any) -> float:
    """How far an answer that is not equal to the last bit may be from the original's, absolute and relative."""
    if _answers_floats(innermost(estimator)):
        return FLOAT_STEPS
    return FLOATS_AROUND if holds_floats(estimator) else 1e-12


def holds_floats(estimator: Any, depth: int = 6) -> bool:
    """Whether a model of XGBoost stands in it, however nested: what is around adds numbers of float32, as floats."""
    if _answers_floats(estimator):
        return True
    if depth == 0 or isinstance(estimator, (str, bytes, int, float, np.generic)) or estimator is None:
        return False
    if isinstance(estimator, np.ndarray):
        parts = list(estimator.ravel()) if estimator.dtype == object else []
    elif isinstance(estimator, (list, tuple)):
        parts = list(estimator)
    else:
        # A calibration's folds have no parameters.
        known = hasattr(estimator, "get_params") or hasattr(estimator, "calibrators")
        parts = list(vars(estimator).values()) if known else []
    return any(holds_floats(part, depth - 1) for part in parts)


def keeps_bits(estimator: Any) -> bool:
    """Whether nothing around a model of XGBoost adds its numbers, which it does as float32."""
    final = innermost(estimator)
    while type(final).__name__ in ("MultiOutputRegressor", "MultiOutputClassifier"):
        final = innermost(final.estimators_[0])
    return is_booster(final) or not holds_floats(final)


def _answers_floats(estimator: Any) -> bool:
    if isinstance(estimator, FileClassifier | FileRegressor):
        return estimator.trees.single_sums
    return (
        type(estimator).__module__.startswith("xgboost.") and is_booster(estimator) and hasattr(estimator, "_Booster")
    )


def _xgboost(estimator: Any) -> BoostedTrees:
    from export.sklearn.boosters.xgboost_trees import describe_xgboost

    if not np.isnan(estimator.missing):
        raise refuse(estimator, f"missing is {estimator.missing!r}", supported="missing=NaN")
    return describe_xgboost(estimator.get_booster(), best_only=True, in_place=True)


def _lightgbm(estimator: Any) -> BoostedTrees:
    from export.sklearn.boosters.lightgbm_trees import describe_lightgbm

    return describe_lightgbm(estimator.booster_)


def _catboost(estimator: Any) -> BoostedTrees:
    from export.sklearn.boosters.catboost_trees import describe_catboost

    return describe_catboost(estimator)


_DESCRIBE: dict[str, Callable[[Any], BoostedTrees]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}


class BoosterGraph(ClassifierGraph):
    """A classifier of any of the libraries: the label is that of the largest probability, the first on a tie."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        self.model = described(estimator)
        fits = ("logistic", 1) if self.n_classes == 2 else ("softmax", self.n_classes)
        one_each = ("logistic", self.n_classes)
        if (self.model.link.kind, self.model.n_scores) not in (fits, one_each, ("softmax", self.n_classes)):
            raise refuse(
                estimator,
                f"{self.model.n_scores} raw scores with the link {self.model.link.kind} are no probabilities of "
                f"{self.n_classes} classes",
                supported="logistic of two classes, softmax of more",
            )

        self.scored = hasattr(estimator, "decision_function")
        self.exact_decision = self.scored

    @property
    @override
    def probability_error(self) -> float:
        return FLOAT_STEPS if self.model.single_sums else 1e-15

    @property
    @override
    def decision_error(self) -> float:
        return 0.0 if self.scored else self.probability_error

    @override
    def decision(self) -> str | None:
        if not self.scored:  # only LightGBM's have one: the raw scores
            return None
        return as_double(self.model, raw_scores(self.model, self.scope), self.build)

    @override
    def probabilities(self) -> str:
        build = self.build
        answer = linked(self.model, raw_scores(self.model, self.scope), build)
        if self.model.n_scores == 1:
            one = build.constant(1.0, np.float32 if self.model.single_sums else np.float64)
            answer = build.node("Concat", build.node("Sub", one, answer), answer, axis=1)
        return as_double(self.model, answer, build)


def _value(estimator: Any, scope: ColumnScope) -> str:
    model = described(estimator)
    raw = raw_scores(model, scope)
    return as_double(model, linked(model, raw, scope.builder), scope.builder)


def _exact(estimator: Any) -> bool:
    return described(estimator).link.kind in ("identity", "sign", "largest")


def _width(estimator: Any) -> int:
    model = described(estimator)
    return 1 if model.link.kind == "largest" else model.n_scores


_REGRESSOR = Regressor(_value, exact=_exact, width=_width)
