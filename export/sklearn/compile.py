"""A fitted scikit-learn model as an ONNX graph that decides as the model does."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import onnx
import sklearn
from onnx import TensorProto, helper
from sklearn.base import is_clusterer, is_outlier_detector
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
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from export.graph import GraphBuilder, finish, tensor
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import input_columns, input_width, inside, refuse, transform_columns
from export.sklearn.estimators.boosting import BoostedClassifier, boosted_value, has_identity_link
from export.sklearn.estimators.calibration import CalibratedClassifier
from export.sklearn.estimators.classifier import ClassifierGraph, has_probabilities
from export.sklearn.estimators.forest import TreesClassifier, mean_of_trees
from export.sklearn.estimators.linear import LinearClassifier, SupportVectorClassifier, linear_value
from export.sklearn.estimators.voting import Vote, voting_value
from train.core.errors import PipelineError

INPUT = "features"
"""Name of the one input, float64 [batch, n_features_in_]."""

CLASSIFIERS: dict[type, type[ClassifierGraph]] = {
    RandomForestClassifier: TreesClassifier,
    ExtraTreesClassifier: TreesClassifier,
    DecisionTreeClassifier: TreesClassifier,
    ExtraTreeClassifier: TreesClassifier,
    GradientBoostingClassifier: BoostedClassifier,
    HistGradientBoostingClassifier: BoostedClassifier,
    LogisticRegression: LinearClassifier,
    SVC: SupportVectorClassifier,
    CalibratedClassifierCV: CalibratedClassifier,
    VotingClassifier: Vote,
}


def _tree_value(estimator: Any, scope: ColumnScope) -> str:
    return mean_of_trees(estimator, scope, outputs=[0])


def _voting_value(estimator: Any, scope: ColumnScope) -> str:
    named = [(name, member) for name, member in estimator.named_estimators_.items() if member != "drop"]
    members = [inside(estimator, f"member {name!r}", partial(lower_value, member, scope)) for name, member in named]
    return voting_value(estimator, members, scope)


_TREE_REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor, DecisionTreeRegressor, ExtraTreeRegressor)
_BOOSTED_REGRESSORS = (GradientBoostingRegressor, HistGradientBoostingRegressor)
REGRESSORS: dict[type, Callable[[Any, ColumnScope], str]] = {
    **dict.fromkeys(_TREE_REGRESSORS, _tree_value),
    **dict.fromkeys(_BOOSTED_REGRESSORS, boosted_value),
    **dict.fromkeys((LinearRegression, Ridge, Lasso, ElasticNet), linear_value),
    VotingRegressor: _voting_value,
}


def compile_sklearn(
    estimator: Any,
    *,
    name: str,
    output: Literal["natural", "confidence"] = "natural",
    doc_metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """Compile a fitted classifier, regressor or Pipeline that ends in one.

    Args:
        estimator: fitted with the scikit-learn release that is installed.
        name: the graph's name.
        output: "natural" gives a classifier's `probabilities`, float64 [batch, class] in the order of `classes_`, or
            a regressor's `variable`, float64 [batch, 1]. A classifier without `predict_proba` (hard voting, a bare
            SVC) gives a one there for the label of `predict` and zeros elsewhere. "confidence" gives `confidence`,
            float64 [batch], which is `predict_proba(X)[:, 1]` of a classifier of the classes 0 and 1. The label of
            `predict` is the first of the largest probabilities. Models that decide by a raw score (boosting, logistic
            regression) may answer otherwise where two probabilities are equal to the last bit but the scores are not,
            or are exactly 0; the label output of `export.from_sklearn.register` follows them there.
        doc_metadata: custom metadata to add to the model.

    Returns:
        A checked model; its bytes depend on the fitted model, `name` and `doc_metadata` alone. NaN goes where
        scikit-learn sends it; for what scikit-learn refuses (infinities, NaN before a model that takes none) the
        answer is defined but has nothing to be compared with.

    Raises:
        PipelineError: a part that has no exact form, named, with the reason and what is supported.
    """
    n_features = _require_fitted(estimator)
    builder = GraphBuilder()
    scope = ColumnScope(builder, INPUT, n_features, input_columns(n_features))
    shape: list[str | int] = ["batch"]
    if output == "confidence":
        result, public = _confidence(estimator, scope), "confidence"
    elif hasattr(estimator, "classes_"):
        graph = lower_classifier(estimator, scope)
        result = graph.probabilities() if has_probabilities(estimator) else graph.one_hot(graph.label())
        public = "probabilities"
        shape.append(graph.n_classes)
    else:
        result, public = lower_value(estimator, scope), "variable"
        shape.append(1)
    builder.output(result, public)
    body = helper.make_graph(
        builder.nodes,
        name,
        [tensor(INPUT, TensorProto.DOUBLE, ["batch", n_features])],
        [tensor(public, TensorProto.DOUBLE, shape)],
        builder.initializers,
    )
    return finish(body, name=name, metadata=doc_metadata)


def is_bit_exact(estimator: Any) -> bool:
    """Whether the compiled output equals scikit-learn's to the last bit (else within 1e-12).

    Raises:
        PipelineError: the estimator cannot be compiled.
    """
    n_features = _require_fitted(estimator)
    scope = ColumnScope(GraphBuilder(), INPUT, n_features, input_columns(n_features))
    if hasattr(estimator, "classes_"):
        graph = lower_classifier(estimator, scope)
        return graph.exact_probabilities if has_probabilities(estimator) else graph.exact_label
    final, _ = unwrapped(estimator, scope)
    return type(final) in _TREE_REGRESSORS or (type(final) in _BOOSTED_REGRESSORS and has_identity_link(final))


def lower_classifier(estimator: Any, scope: ColumnScope) -> ClassifierGraph:
    """The graph of a classifier (or Pipeline that ends in one) on the columns of `scope`.

    Raises:
        PipelineError: no exact form; the class is named.
    """
    final, scope = unwrapped(estimator, scope)
    kind = CLASSIFIERS.get(type(final))
    if kind is None:
        _refuse_wrappers(final)
        names = ", ".join(supported.__name__ for supported in CLASSIFIERS)
        raise refuse(final, "no exact form is known for this classifier", supported=names)
    if getattr(final, "n_outputs_", 1) != 1 or np.ndim(final.classes_[0]) != 0:
        raise refuse(final, "it has several outputs", supported="one output")
    return kind(final, scope, lower_classifier)


def lower_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a regressor (or Pipeline that ends in one), float64 [batch, 1]."""
    final, scope = unwrapped(estimator, scope)
    lower = REGRESSORS.get(type(final))
    if lower is None:
        _refuse_wrappers(final)
        names = ", ".join(supported.__name__ for supported in REGRESSORS)
        raise refuse(final, "no exact form is known for this regressor", supported=names)
    if getattr(final, "n_outputs_", 1) != 1 or np.size(getattr(final, "intercept_", 0.0)) > 1:
        raise refuse(final, "it has several outputs", supported="one output (fit it on a target of one axis)")
    return lower(final, scope)


def _refuse_wrappers(final: Any) -> None:
    """Reasons that say more than "no exact form": for what is no classifier or regressor, or holds one."""
    classes, values = (", ".join(kind.__name__ for kind in kinds) for kinds in (CLASSIFIERS, REGRESSORS))
    answering = f"{classes}, {values}"
    if final is None or isinstance(final, str):
        raise refuse("a Pipeline", f"it ends in {final!r}, which answers nothing", supported=answering)
    if hasattr(final, "best_estimator_"):
        raise refuse(final, "it is a search, not a model", supported="its best_estimator_; pass that")
    if isinstance(final, (MultiOutputClassifier, MultiOutputRegressor)):
        raise refuse(final, "it has several outputs", supported="one output; pass its estimators_ one by one")
    if is_clusterer(final) or is_outlier_detector(final):
        what = "a clustering" if is_clusterer(final) else "an outlier detector"
        raise refuse(final, f"it is {what}, neither classifier nor regressor", supported=answering)
    if not hasattr(final, "predict"):
        reason = "it is a transformer alone and answers nothing" if hasattr(final, "transform") else "it has no predict"
        raise refuse(final, reason, supported=f"a Pipeline that ends in one of {answering}")


def unwrapped(estimator: Any, scope: ColumnScope) -> tuple[Any, ColumnScope]:
    """The estimator at the end of (nested, frozen) pipelines, and the columns it sees."""
    while type(estimator) in (Pipeline, FrozenEstimator):
        if type(estimator) is FrozenEstimator:
            estimator = estimator.estimator
            continue
        columns = scope.columns
        for _, step in estimator.steps[:-1]:
            columns = transform_columns(step, columns)
        scope, estimator = scope.replaced(columns), estimator.steps[-1][1]
    return estimator, scope


def _confidence(estimator: Any, scope: ColumnScope) -> str:
    classes = list(getattr(estimator, "classes_", []))
    if classes != [0, 1]:
        raise refuse(
            estimator,
            f"confidence needs a classifier of the classes 0 and 1, got {[str(name) for name in classes]}",
            supported="0, 1",
        )
    graph = lower_classifier(estimator, scope)
    return graph.flat(graph.positive())


def _require_fitted(estimator: Any) -> int:
    """Number of input columns; the estimator must be fitted, by the release that is installed."""
    n_features = input_width(estimator)
    fitted_with = getattr(estimator, "_sklearn_version", None) or sklearn.__version__
    if fitted_with != sklearn.__version__:
        raise PipelineError(
            f"{type(estimator).__name__}: fitted with scikit-learn {fitted_with}, {sklearn.__version__} is installed"
        )
    return n_features
