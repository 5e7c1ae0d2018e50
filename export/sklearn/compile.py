"""A fitted scikit-learn model as an ONNX graph that decides as the model does."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import onnx
import sklearn
from onnx import helper

from export.graph import GraphBuilder, finish, tensor
from export.sklearn.boosters import table as _boosters
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import input_columns, input_width
from export.sklearn.ensembles import table as _ensembles
from export.sklearn.estimators import table as _estimators
from export.sklearn.estimators.registry import (
    CLASSIFIERS,
    REGRESSORS,
    innermost,
    lower_classifier,
    lower_value,
    unwrapped,
)
from export.sklearn.graph_inputs import TABLE, Layout, NumberType, graph_inputs
from export.sklearn.maps import table as _maps
from export.sklearn.outputs import all_exact, confidence_of, outputs_of
from export.sklearn.smooth import table as _smooth
from train.core.columns.model_table import table_of
from train.core.errors import PipelineError

__all__ = ["CLASSIFIERS", "REGRESSORS", "compile_sklearn", "is_bit_exact", "lower_classifier", "lower_value"]
__all__ += ["INPUT", "unwrapped"]

INPUT = TABLE
"""Name of the one input, float64 [batch, n_features_in_], where it is one."""

MOST_COLUMNS = 10_000
"""Of an input: the rows that a graph is compared on would not fit into memory beyond."""

for _room in (_estimators, _ensembles, _smooth, _maps):
    _room.fill()


def compile_sklearn(
    estimator: Any,
    *,
    name: str,
    output: Literal["natural", "confidence"] = "natural",
    labels: bool = False,
    inputs: Layout | None = None,
    numbers: NumberType = "float64",
    doc_metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """Compile a fitted classifier, regressor, outlier detector or Pipeline that ends in one.

    Args:
        estimator: fitted with the scikit-learn release that is installed; of a search its best estimator is compiled.
        name: the graph's name.
        output: "natural" gives a classifier's `probabilities`, float64 [batch, class] in the order of `classes_`, or
            a regressor's `variable`, float64 [batch, output]. A classifier without `predict_proba` (hard voting, a bare
            SVC) gives a one there for the label of `predict` and zeros elsewhere. Of a classifier with several outputs
            they are `probabilities_0`, `probabilities_1`, ..., where scikit-learn gives a list of tables, and one
            `probabilities` [batch, output], the chance of each output's second class, where it gives one table (a
            chain, one against the rest with several labels a row). An outlier detector gives `scores` (of
            `score_samples`) and `decision` (of `decision_function`), each float64 [batch, 1]. "confidence" gives
            `confidence`, float64 [batch], which is `predict_proba(X)[:, 1]` of a classifier of the classes 0 and 1.
            The first of the largest probabilities is mostly the label of `predict`; models that decide by a raw score
            (boosting, logistic regression) may answer otherwise where two probabilities are equal to the last bit but
            the scores are not, or are exactly 0.
        labels: also gives `label`, what `predict` answers by scikit-learn's own rule, ties included: int64 or string
            [batch], of several outputs [batch, output]. A regressor has none.
        inputs: "table" gives one input `features` [batch, column]; "columns" one input [batch, 1] for each column, by
            its name in `fit` (x0, x1, ... without one), text as strings. None: a table unless a column holds text.
        numbers: the type of the inputs that are no text. A float32 row is answered as scikit-learn answers the same
            numbers as float64.
        doc_metadata: custom metadata to add to the model.

    Returns:
        A checked model; its bytes depend on the fitted model, `name`, `labels` and `doc_metadata` alone. NaN goes where
        scikit-learn sends it; for what scikit-learn refuses (infinities, NaN before a model that takes none) the
        answer is defined but has nothing to be compared with.

    Raises:
        PipelineError: a part that has no exact form, named, with the reason and what is supported.
    """
    n_features = _require_fitted(estimator)
    table = table_of(estimator, n_features)
    builder = GraphBuilder(prefix=_prefix(column.name for column in table))
    given = graph_inputs(builder, table, layout=inputs, numbers=numbers)
    scope = ColumnScope(builder, given.source, n_features, input_columns(n_features, estimator))
    soft = output == "confidence"
    outputs = confidence_of(estimator, scope) if soft else outputs_of(estimator, scope, labels=labels)
    taken = {value.name for value in given.declared} & {found.name for found in outputs}
    if taken:
        raise PipelineError(f"column {taken.pop()!r} has the name of an output; rename it, or take a table of numbers")
    for found in outputs:
        builder.output(found.tensor, found.name)
    body = helper.make_graph(
        builder.nodes,
        name,
        given.declared,
        [tensor(o.name, o.dtype, ["batch"] if o.width is None else ["batch", o.width]) for o in outputs],
        builder.initializers,
    )
    return finish(body, name=name, metadata=doc_metadata)


def is_bit_exact(estimator: Any) -> bool:
    """Whether the compiled output equals scikit-learn's to the last bit (else within 1e-12).

    Raises:
        PipelineError: the estimator cannot be compiled.
    """
    n_features = _require_fitted(estimator)
    if not _boosters.keeps_bits(estimator):
        return False
    return all_exact(estimator, ColumnScope(GraphBuilder(), INPUT, n_features, input_columns(n_features, estimator)))


def _prefix(names: Iterable[str]) -> str:
    """What the names of tensors inside begin with, so that no column is called like one of them."""
    taken = [name for name in names if re.fullmatch(r"_*[a-z]+\d+(_second)?", name)]
    prefix = ""
    while any(re.match(rf"{prefix}[a-z]", name) for name in taken):
        prefix += "_"
    return prefix


def _require_fitted(estimator: Any) -> int:
    """Number of input columns; the estimator must be fitted, by the release that is installed."""
    _boosters.fill()  # of libraries imported since
    innermost(estimator)  # a search without its best estimator is refused as such
    n_features = input_width(estimator)
    if n_features > MOST_COLUMNS:
        raise PipelineError(
            f"{type(estimator).__name__}: it takes {n_features:,} columns, expected at most {MOST_COLUMNS:,}; choose "
            "columns before the fit (SelectKBest, VarianceThreshold) and give the model those alone"
        )
    fitted_with = getattr(estimator, "_sklearn_version", None) or sklearn.__version__
    if fitted_with != sklearn.__version__:
        raise PipelineError(
            f"{type(estimator).__name__}: fitted with scikit-learn {fitted_with}, {sklearn.__version__} is installed"
        )
    return n_features
