"""Which lowering goes with which estimator. Rooms hand in their tables; members of ensembles are lowered through it.

A room has a `table.py` whose `fill()` calls `register(...)`, and `export.sklearn.compile` calls it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_clusterer, is_outlier_detector
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from export.errors import NoExactForm
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import JOINTS, Joint
from export.sklearn.columns.preprocess import refuse, transform_columns
from export.sklearn.columns.stock import measuring
from export.sklearn.estimators.classifier import ClassifierGraph
from export.sklearn.estimators.detector import DetectorGraph
from export.sklearn.estimators.stock import StockClassifier, allowed, stock_value, stock_width

LowerValue = Callable[[Any, ColumnScope], str]
"""A fitted regressor and the columns it sees -> its values, float64 [batch, output]."""


def _never(estimator: Any) -> bool:
    del estimator
    return False


def attributed_width(estimator: Any) -> int:
    """Number of outputs of a regressor, from the attributes that scikit-learn's own have."""
    if getattr(estimator, "n_outputs_", None) is not None:
        return int(estimator.n_outputs_)
    coefficients = getattr(estimator, "coef_", None)
    if isinstance(coefficients, np.ndarray) and coefficients.ndim == 2:
        return len(coefficients)
    return 1


@dataclass(frozen=True)
class Regressor:
    """How one class of regressor is lowered.

    Attributes:
        lower: makes the values, float64 [batch, output].
        exact: whether the values of a fitted one equal scikit-learn's to the last bit (else to 1e-12).
        width: its number of outputs.
    """

    lower: LowerValue
    exact: Callable[[Any], bool] = _never
    width: Callable[[Any], int] = attributed_width


@dataclass(frozen=True)
class SeveralOutputs:
    """A classifier with several outputs, one graph each.

    Attributes:
        graphs: of the outputs, in order.
        classes: the labels of each output.
        joined: `predict_proba` is one table [batch, output] with each output's probability of its second class; else it
            is a list of tables.
    """

    graphs: tuple[ClassifierGraph, ...]
    classes: tuple[Any, ...]
    joined: bool = False


CLASSIFIERS: dict[type, type[ClassifierGraph]] = {}
REGRESSORS: dict[type, Regressor] = {}
SEVERAL: dict[type, Callable[[Any, ColumnScope], SeveralOutputs]] = {}
"""Classifiers that can have several outputs."""
DETECTORS: dict[type, type[DetectorGraph]] = {}


def register(
    *,
    classifiers: Mapping[type, type[ClassifierGraph]] | None = None,
    regressors: Mapping[type, Regressor | LowerValue] | None = None,
    several: Mapping[type, Callable[[Any, ColumnScope], SeveralOutputs]] | None = None,
    detectors: Mapping[type, type[DetectorGraph]] | None = None,
    transformers: Mapping[type, Joint] | None = None,
) -> None:
    """Add a room's tables; a bare function among the regressors is never bit exact."""
    CLASSIFIERS.update(classifiers or {})
    for kind, how in (regressors or {}).items():
        REGRESSORS[kind] = how if isinstance(how, Regressor) else Regressor(how)
    SEVERAL.update(several or {})
    DETECTORS.update(detectors or {})
    JOINTS.update(transformers or {})


def lower_classifier(estimator: Any, scope: ColumnScope) -> ClassifierGraph:
    """The graph of a classifier (or Pipeline that ends in one) of one output on the columns of `scope`.

    Raises:
        PipelineError: no exact form; the class is named.
    """
    final, scope = unwrapped(estimator, scope)
    try:
        kind = CLASSIFIERS.get(type(final))
        _leave_to_converter(final)
        if kind is None:
            raise _unknown(final, "classifier")
        if has_several_outputs(final):
            raise refuse(final, "it has several outputs", supported="one output at this place")
        return kind(final, scope, lower_classifier)
    except NoExactForm as reason:
        allowed(final, measuring(), reason)
    return StockClassifier(final, scope, lower_classifier)


def lower_several(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """The graphs of a classifier (or Pipeline that ends in one) with several outputs.

    Raises:
        PipelineError: no exact form; the class is named.
    """
    final, scope = unwrapped(estimator, scope)
    lower = SEVERAL.get(type(final))
    if lower is None:
        names = ", ".join(kind.__name__ for kind in SEVERAL)
        raise refuse(final, "it has several outputs", supported=f"several outputs of {names}")
    return lower(final, scope)


def lower_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a regressor (or Pipeline that ends in one), float64 [batch, output]."""
    final, scope = unwrapped(estimator, scope)
    try:
        return _regressor(final).lower(final, scope)
    except NoExactForm as reason:
        allowed(final, measuring(), reason)
    return stock_value(final, scope)


def value_is_exact(estimator: Any) -> bool:
    """Whether a regressor's values equal scikit-learn's to the last bit."""
    final = innermost(estimator)
    return _regressor(final).exact(final)


def value_width(estimator: Any) -> int:
    """A regressor's number of outputs."""
    final = innermost(estimator)
    converter = measuring()
    if converter is not None and (type(final) not in REGRESSORS or id(final) in converter.by_converter):
        return stock_width(final)
    return _regressor(final).width(final)


def lower_detector(estimator: Any, scope: ColumnScope) -> DetectorGraph:
    """The graph of an outlier detector (or Pipeline that ends in one)."""
    final, scope = unwrapped(estimator, scope)
    kind = DETECTORS.get(type(final))
    if kind is None:
        raise _unknown(final, "outlier detector")
    return kind(final, scope)


def has_several_outputs(estimator: Any) -> bool:
    """Whether a fitted classifier answers several questions at once."""
    if getattr(estimator, "multilabel_", False):
        return True
    binarizer = getattr(estimator, "_label_binarizer", None)  # ridge and perceptrons with several labels a row
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        return True
    classes = estimator.classes_
    return isinstance(classes, list) and bool(classes) and np.ndim(classes[0]) != 0


def is_detector(estimator: Any) -> bool:
    """Whether it says which rows are outliers."""
    return hasattr(estimator, "get_params") and is_outlier_detector(estimator)


def innermost(estimator: Any) -> Any:
    """The estimator that answers: at the end of (nested, frozen) pipelines, the best one of a search."""
    while True:
        if type(estimator) is FrozenEstimator:
            estimator = estimator.estimator
        elif type(estimator) is SelfTrainingClassifier:
            estimator = estimator.estimator_
        elif type(estimator) is Pipeline:
            estimator = estimator.steps[-1][1]
        elif is_search(estimator):
            estimator = _best_of(estimator)
        else:
            return estimator


def unwrapped(estimator: Any, scope: ColumnScope) -> tuple[Any, ColumnScope]:
    """The estimator that answers, see `innermost`, and the columns it sees."""
    while type(estimator) in (Pipeline, FrozenEstimator, SelfTrainingClassifier) or is_search(estimator):
        if type(estimator) in (FrozenEstimator, SelfTrainingClassifier):
            estimator = estimator.estimator if type(estimator) is FrozenEstimator else estimator.estimator_
            continue
        if is_search(estimator):
            estimator = _best_of(estimator)
            continue
        columns, steps = scope.columns, [step for _, step in estimator.steps]
        for step in steps[:-1]:
            columns = transform_columns(step, columns)
        converter, behind = measuring(), steps[:-1]
        scope = scope.replaced(columns, by=behind) if converter is None else converter.settled(scope, columns, behind)
        estimator = steps[-1]
    return estimator, scope


def is_search(estimator: Any) -> bool:
    """Whether it is one of scikit-learn's searches over parameters, which answers through its best estimator."""
    kind = type(estimator)
    return kind.__module__.startswith("sklearn.model_selection") and hasattr(kind, "_run_search")


def _best_of(search: Any) -> Any:
    if not hasattr(search, "best_estimator_"):
        raise refuse(search, "it has no best_estimator_", supported="a search fitted with refit=True")
    return search.best_estimator_


def _regressor(final: Any) -> Regressor:
    found = REGRESSORS.get(type(final))
    _leave_to_converter(final)
    if found is None:
        raise _unknown(final, "regressor")
    return found


def _leave_to_converter(final: Any) -> None:
    """Raise why this very estimator is skl2onnx's to take, where it is."""
    converter = measuring()
    if converter is not None and id(final) in converter.by_converter:
        raise converter.by_converter[id(final)]


def _unknown(final: Any, what: str) -> Exception:
    """Reasons that say more than "no exact form": for what is no classifier or regressor, or holds one."""
    classes, values = (", ".join(kind.__name__ for kind in kinds) for kinds in (CLASSIFIERS, REGRESSORS))
    answering = f"{classes}, {values}"
    if final is None or isinstance(final, str):
        return refuse("a Pipeline", f"it ends in {final!r}, which answers nothing", supported=answering)
    if is_clusterer(final):
        return refuse(final, "it is a clustering, neither classifier nor regressor", supported=answering)
    if not hasattr(final, "predict") and not hasattr(final, "fit_predict"):
        reason = "it is a transformer alone and answers nothing" if hasattr(final, "transform") else "it has no predict"
        return refuse(final, reason, supported=f"a Pipeline that ends in one of {answering}")
    names = {"classifier": classes, "regressor": values}.get(what) or ", ".join(kind.__name__ for kind in DETECTORS)
    return refuse(final, f"no exact form is known for this {what}", supported=names)
