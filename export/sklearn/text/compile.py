"""A pipeline of TF-IDF and logistic regression as one graph that takes the text itself."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from export.graph import GraphBuilder, finish, tensor
from export.sklearn.columns.refusal import refuse
from export.sklearn.estimators.logistic import sigmoid
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.text.words import counts, require_exact, weighted, words

INPUT, PROBABILITIES, SCORE, TERMS = "text", "probabilities", "score", "terms"
"""Names of the tensors: string [batch, 1] in; float64 [batch, class], [batch, 1] and [batch, 1] out."""


def reads_text(estimator: Any) -> bool:
    """Whether it takes free text: a pipeline that begins with a vectorizer of words."""
    return isinstance(estimator, Pipeline) and hasattr(estimator[0], "vocabulary_")


def compile_text(estimator: Any, *, name: str) -> onnx.ModelProto:
    """Compile a fitted `TfidfVectorizer` with a `LogisticRegression` of numeric classes behind it.

    Args:
        estimator: the pipeline; its words are found by `train.core.columns.ascii_text`.
        name: the graph's name.

    Returns:
        A checked model of text, string [batch, 1]. It gives `probabilities`, float64 [batch, class] in the order of
        `classes_`; `score`, float64 [batch, 1], the mean of the classes under them; and `terms`, float64 [batch, 1],
        how many n-grams of the text it knows: with none the answer is the same for every text.

    Raises:
        NoExactForm: a part or a parameter that a graph cannot follow; named.
    """
    if len(estimator) != 2 or type(estimator[1]) is not LogisticRegression:
        raise refuse(estimator[-1], "behind a vectorizer", supported="LogisticRegression right behind it")
    vectorizer, model = estimator[0], estimator[1]
    require_exact(vectorizer)
    require_accounted(model)
    classes = np.asarray(model.classes_)
    if classes.dtype.kind not in "iuf":
        raise refuse(model, "its classes are no numbers", supported="classes such as -1, 0 and 1, of which a mean is")
    build = GraphBuilder()
    counted = counts(build, vectorizer, words(build, INPUT))
    weights = build.constant(finite(model, "coef_", model.coef_).T)
    intercept = build.constant(finite(model, "intercept_", model.intercept_))
    raw = build.node("Add", build.node("MatMul", weighted(build, vectorizer, counted), weights), intercept)
    if len(classes) == 2:
        second = sigmoid(build, raw)
        chances = build.node("Concat", build.node("Sub", build.constant(1.0), second), second, axis=1)
    else:
        chances = build.node("Softmax", raw, axis=1)
    score = build.node("MatMul", chances, build.constant(classes.astype(np.float64)[:, None]))
    terms = build.node("ReduceSum", counted, build.constant([1], np.int64), keepdims=1)
    for found, public in ((chances, PROBABILITIES), (score, SCORE), (terms, TERMS)):
        build.output(found, public)
    body = helper.make_graph(
        build.nodes,
        name,
        [tensor(INPUT, TensorProto.STRING, ["batch", 1])],
        [
            tensor(PROBABILITIES, TensorProto.DOUBLE, ["batch", len(classes)]),
            tensor(SCORE, TensorProto.DOUBLE, ["batch", 1]),
            tensor(TERMS, TensorProto.DOUBLE, ["batch", 1]),
        ],
        build.initializers,
    )
    return finish(body, name=name)
