"""A fitted scikit-learn model as an ONNX graph that decides as the model does."""

from collections.abc import Mapping
from typing import Any, Literal

import onnx
from onnx import TensorProto, helper

from export.classifiers import lower_confidence, lower_probabilities, lower_value
from export.columns import ColumnScope
from export.graph import GraphBuilder, finish, tensor
from export.preprocess import input_columns
from train.errors import PipelineError

INPUT = "features"
"""Name of the one input, float64 [batch, n_features_in_]."""


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
            float64 [batch], which is `predict_proba(X)[:, 1]` of a classifier of the classes 0 and 1.
        doc_metadata: custom metadata to add to the model.

    Returns:
        A checked model; its bytes depend on the fitted model, `name` and `doc_metadata` alone.

    Raises:
        PipelineError: a part that has no exact form, named, with the reason and what is supported.
    """
    n_features = getattr(estimator, "n_features_in_", None)
    if n_features is None:
        raise PipelineError(f"{type(estimator).__name__} is not fitted: it has no n_features_in_; fit it first")
    builder = GraphBuilder()
    shape: list[str | int]
    scope = ColumnScope(builder, INPUT, int(n_features), input_columns(int(n_features)))
    if output == "confidence":
        result, shape = lower_confidence(estimator, scope), ["batch"]
        public = "confidence"
    elif hasattr(estimator, "classes_"):
        result, shape = lower_probabilities(estimator, scope), ["batch", len(estimator.classes_)]
        public = "probabilities"
    else:
        result, shape = lower_value(estimator, scope), ["batch", 1]
        public = "variable"
    builder.output(result, public)
    graph = helper.make_graph(
        builder.nodes,
        name,
        [tensor(INPUT, TensorProto.DOUBLE, ["batch", int(n_features)])],
        [tensor(public, TensorProto.DOUBLE, shape)],
        builder.initializers,
    )
    return finish(graph, name=name, metadata=doc_metadata)
