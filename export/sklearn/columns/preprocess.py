"""Fitted transformers as column expressions: the same arithmetic, operation by operation, as their `transform`."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from export.errors import NoExactForm
from train.core.column_expressions import (
    DescribesColumns,
    Expression,
    column,
    const,
    evaluate_all,
    fill,
    is_nan,
    maximum,
    minimum,
    substitute,
)
from train.core.errors import PipelineError
from train.core.sklearn_answers import original_input

T = TypeVar("T")
Columns = tuple[Expression, ...]


def refuse(what: object, reason: str, *, supported: str) -> NoExactForm:
    """The one form in which the compiler says no: class name, reason, what it can do instead."""
    name = what if isinstance(what, str) else type(what).__name__
    return NoExactForm(f"cannot compile {name} exactly: {reason}; supported: {supported}")


def inside(owner: object, part: str, lower: Callable[[], T]) -> T:
    """What `lower` gives; an error in it also names the estimator around it.

    Raises:
        PipelineError: of the same class, with the owner's class and the part in front.
    """
    try:
        return lower()
    except PipelineError as error:
        raise type(error)(f"{type(owner).__name__}, {part}: {error}") from error


def input_width(estimator: Any) -> int:
    """Number of columns that a fitted estimator takes; a Pipeline's steps that change nothing are looked past.

    Raises:
        PipelineError: not an estimator, or not fitted.
    """
    name = type(estimator).__name__
    if not hasattr(estimator, "get_params"):
        raise PipelineError(f"expected a fitted scikit-learn estimator, got a {name}; give one estimator or Pipeline")
    steps = [step for _, step in estimator.steps] if type(estimator) is Pipeline else []
    for one in (estimator, *steps):
        width = getattr(one, "n_features_in_", 1 if hasattr(one, "X_thresholds_") else None)  # isotonic: one column
        if width is not None:
            return int(width)
        if one is not estimator and one is not None and one != "passthrough":
            break
    raise PipelineError(f"{name} is not fitted: it has no n_features_in_; fit it first")


def transform_columns(transformer: Any, columns: Columns) -> Columns:
    """What `transformer.transform` makes of `columns`, as expressions of the same inputs.

    Args:
        transformer: a fitted transformer, a (nested) Pipeline of them, "passthrough", "drop" or None.
        columns: the expressions it receives, in order.

    Returns:
        One expression per output column; evaluated by NumPy it has the bits that `transform` gives for float64 rows.

    Raises:
        PipelineError: the transformer is of a class that has no exact form; its name is in the message.
    """
    if transformer is None or isinstance(transformer, str):
        return () if transformer == "drop" else columns
    n_expected = getattr(transformer, "n_features_in_", len(columns))
    if n_expected != len(columns):
        name = type(transformer).__name__
        raise PipelineError(f"{name}: fitted on {n_expected} columns, but it would be given {len(columns)}")
    lower = _TRANSFORMERS.get(type(transformer))
    if type(transformer) is FunctionTransformer and transformer.func is not None:
        called = getattr(transformer.func, "__name__", "a function")
        raise refuse(
            transformer,
            f"it calls {called}(), of which nothing is known but its code",
            supported=supported_transformers(),
        )
    if lower is not None:
        own = lower(transformer, input_columns(len(columns)))
    elif isinstance(transformer, DescribesColumns):
        own = tuple(transformer.column_expressions())
    else:
        raise refuse(transformer, "no exact form is known for this transformer", supported=supported_transformers())
    _require_equal_bits(transformer, own, len(columns))
    return tuple(substitute(expression, columns) for expression in own)


def supported_transformers() -> str:
    """Names of the transformers that can stand in front of an estimator."""
    names = (kind.__name__ for kind in _TRANSFORMERS if kind is not FunctionTransformer)
    return ", ".join(names) + ", and transformers with column_expressions()"


def _standard(scaler: Any, columns: Columns) -> Columns:
    if scaler.with_mean:
        columns = _each("sub", columns, scaler.mean_, scaler)
    return _each("div", columns, scaler.scale_, scaler) if scaler.with_std else columns


def _min_max(scaler: Any, columns: Columns) -> Columns:
    columns = _each("add", _each("mul", columns, scaler.scale_, scaler), scaler.min_, scaler)
    return _clip(columns, *scaler.feature_range) if scaler.clip else columns


def _max_abs(scaler: Any, columns: Columns) -> Columns:
    columns = _each("div", columns, scaler.scale_, scaler)
    return _clip(columns, -1.0, 1.0) if scaler.clip else columns


def _robust(scaler: Any, columns: Columns) -> Columns:
    if scaler.with_centering:
        columns = _each("sub", columns, scaler.center_, scaler)
    return _each("div", columns, scaler.scale_, scaler) if scaler.with_scaling else columns


def _imputer(imputer: Any, columns: Columns) -> Columns:
    if not (isinstance(imputer.missing_values, float) and np.isnan(imputer.missing_values)):
        raise refuse(imputer, f"missing_values is {imputer.missing_values!r}", supported="missing_values=NaN")
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    filled = tuple(fill(x, const(value)) for x, value in zip(columns, statistics, strict=True) if not np.isnan(value))
    if not imputer.add_indicator:
        return filled
    return (*filled, *(is_nan(columns[i]) for i in imputer.indicator_.features_))


def _column_transformer(transformer: Any, columns: Columns) -> Columns:
    if transformer.transformer_weights:
        raise refuse(transformer, "transformer_weights are set", supported="ColumnTransformer without weights")
    outputs: Columns = ()
    for name, fitted, _ in transformer.transformers_:
        chosen = tuple(columns[i] for i in transformer._transformer_to_input_indices[name])
        outputs += transform_columns(fitted, chosen)
    return outputs


def _identity(transformer: Any, columns: Columns) -> Columns:
    """A function transformer without a function, which is also what a fitted "passthrough" is stored as."""
    del transformer
    return columns


def _selection(selector: Any, columns: Columns) -> Columns:
    return tuple(columns[i] for i in selector.get_support(indices=True))


def _feature_union(union: Any, columns: Columns) -> Columns:
    if union.transformer_weights:
        raise refuse(union, "transformer_weights are set", supported="FeatureUnion without weights")
    return sum((transform_columns(fitted, columns) for _, fitted in union.transformer_list), start=())


def _pipeline(pipeline: Any, columns: Columns) -> Columns:
    for _, step in pipeline.steps:
        columns = transform_columns(step, columns)
    return columns


def _require_equal_bits(transformer: Any, own: Columns, n_columns: int) -> None:
    """Expressions are believed only after the fitted transformer itself gave the same bits for some hundred rows."""
    generator = np.random.default_rng(0)
    shape = (256, n_columns)
    rows = generator.standard_normal(shape) * 10.0 ** generator.integers(-3, 5, shape)
    rows[::7] = np.round(rows[::7])
    rows[::5] = np.abs(rows[::5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a scaler inside a frame pipeline misses its column names
        answers = np.asarray(transformer.transform(original_input(transformer, rows)), dtype=np.float64)
    got = evaluate_all(own, rows)
    if got.shape != answers.shape or not np.array_equal(got, answers, equal_nan=True):
        raise refuse(transformer, "its transform and its column expressions differ", supported="equal bits in all rows")


def _each(op: str, columns: Columns, values: Sequence[float], owner: object) -> Columns:
    """`op` of every column with its own constant."""
    if not np.all(np.isfinite(values)):
        where = int(np.flatnonzero(~np.isfinite(values))[0])
        raise refuse(owner, f"column {where} has no finite scale or centre (it was all NaN)", supported="finite ones")
    return tuple(Expression(op, (x, const(float(v)))) for x, v in zip(columns, values, strict=True))


def _clip(columns: Columns, low: float, high: float) -> Columns:
    return tuple(minimum(maximum(x, const(low)), const(high)) for x in columns)


def input_columns(n_columns: int) -> Columns:
    """The columns of the model's input themselves."""
    return tuple(column(i) for i in range(n_columns))


_TRANSFORMERS: dict[type, Callable[[Any, Columns], Columns]] = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    SimpleImputer: _imputer,
    ColumnTransformer: _column_transformer,
    FeatureUnion: _feature_union,
    Pipeline: _pipeline,
    FunctionTransformer: _identity,
    **dict.fromkeys((SelectKBest, SelectPercentile, VarianceThreshold, SelectFromModel, RFE), _selection),
}
