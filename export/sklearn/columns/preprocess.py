"""Fitted transformers as column expressions: the same arithmetic, operation by operation, as their `transform`."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import KNNImputer
from sklearn.pipeline import FeatureUnion, Pipeline

from export.errors import NoExactForm
from export.sklearn.columns.joint import JOINTS, joint_columns
from export.sklearn.columns.refusal import inside, refuse
from export.sklearn.columns.stock import measuring
from export.sklearn.columns.transformers import bins, encode, expand, function, impute, project, scale, select
from train.core.columns.column_expressions import (
    DescribesColumns,
    Expression,
    column,
    const,
    evaluate_all,
    operations_of,
    substitute_all,
)
from train.core.columns.column_operations import INEXACT
from train.core.columns.model_table import table_of
from train.core.errors import PipelineError
from train.core.sklearn_answers import original_input

__all__ = ["Columns", "input_columns", "input_width", "inside", "refuse", "supported_transformers", "transform_columns"]

Columns = tuple[Expression, ...]
_ROOMS = (bins, encode, expand, function, impute, project, scale, select)


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
        One expression per output column; evaluated by NumPy it has the bits that `transform` gives for float64 rows
        (where it adds products, within rounding errors).

    Raises:
        NoExactForm: the transformer is of a class that has no exact form; its name is in the message.
        PipelineError: it was fitted on another number of columns.
    """
    if transformer is None or isinstance(transformer, str):
        return () if transformer == "drop" else columns
    n_expected = getattr(transformer, "n_features_in_", len(columns))
    if n_expected != len(columns):
        name = type(transformer).__name__
        raise PipelineError(f"{name}: fitted on {n_expected} columns, but it would be given {len(columns)}")
    around = _AROUND.get(type(transformer))
    if around is not None:
        return around(transformer, columns)
    lower = _TRANSFORMERS.get(type(transformer))
    given = tuple(replace(one, words=x.words) for one, x in zip(_plain(len(columns)), columns, strict=True))
    try:
        own = _own(transformer, lower, given)
    except NoExactForm as reason:
        converter = measuring()
        if converter is None:
            raise
        return converter.stand_in(transformer, columns, reason)
    return substitute_all(own, columns)


def _own(transformer: Any, lower: Callable[[Any, Columns], Columns] | None, given: Columns) -> Columns:
    """The transformer's columns as expressions of the columns that it is given."""
    if lower is not None:
        takes_text = lower in _TAKE_TEXT or getattr(transformer, "func", transformer) is None
        if not takes_text and any(x.words is not None for x in given):
            raise refuse(transformer, "it is given text", supported="numbers; an encoder in front of it")
        own = lower(transformer, given)
    elif type(transformer) in JOINTS:
        if any(x.words is not None for x in given):
            raise refuse(transformer, "it is given text", supported="numbers; an encoder in front of it")
        return joint_columns(transformer, given)
    elif type(transformer) in _NEVER:
        raise PipelineError(f"cannot compile {type(transformer).__name__}: {_NEVER[type(transformer)]}")
    elif isinstance(transformer, DescribesColumns):
        own = tuple(transformer.column_expressions())
    else:
        raise refuse(transformer, "no exact form is known for this transformer", supported=supported_transformers())
    if not any(x.words is not None for x in own):
        _require_equal_bits(transformer, own, given)
    return own


def supported_transformers() -> str:
    """Names of the transformers that can stand in front of an estimator."""
    names = sorted(kind.__name__ for kind in [*_TRANSFORMERS, *_AROUND, *JOINTS])
    return ", ".join(names) + ", and transformers with column_expressions()"


def maker_of(op: str, transformers: Sequence[Any]) -> str | None:
    """The class of the transformer, also inside others, whose columns hold the operation; None when none does."""
    for one in transformers:
        if type(one) in _AROUND:
            parts = next(getattr(one, name) for name in _PARTS if hasattr(one, name))
            name = maker_of(op, [part[1] for part in parts])
        else:
            n_columns = getattr(one, "n_features_in_", 0)
            made = transform_columns(one, input_columns(n_columns, one)) if n_columns else ()
            name = type(one).__name__ if any(op in operations_of(expression) for expression in made) else None
        if name is not None:
            return name
    return None


def _column_transformer(transformer: Any, columns: Columns) -> Columns:
    outputs: Columns = ()
    weights = transformer.transformer_weights or {}
    for name, fitted, _ in transformer.transformers_:
        chosen = tuple(columns[i] for i in transformer._transformer_to_input_indices[name])
        if not chosen:
            continue  # nothing is fitted on no column
        outputs += _weighted(transform_columns(fitted, chosen), weights.get(name))
    return outputs


def _feature_union(union: Any, columns: Columns) -> Columns:
    weights = union.transformer_weights or {}
    outputs: Columns = ()
    for name, fitted in union.transformer_list:
        outputs += _weighted(transform_columns(fitted, columns), weights.get(name))
    return outputs


def _weighted(columns: Columns, weight: float | None) -> Columns:
    return columns if weight is None else tuple(x * const(float(weight)) for x in columns)


def _pipeline(pipeline: Any, columns: Columns) -> Columns:
    for _, step in pipeline.steps:
        columns = transform_columns(step, columns)
    return columns


def _require_equal_bits(transformer: Any, own: Columns, given: Columns) -> None:
    """Expressions are believed only after the fitted transformer itself gave the same bits for some hundred rows."""
    rows = _trial_rows(transformer, given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a scaler inside a frame pipeline misses its column names
        try:
            answers = _dense(transformer.transform(original_input(transformer, rows)))
        except ValueError:  # rows below the bounds of a logarithm, say: positive ones then
            rows = np.abs(rows) + 1e-3
            try:
                answers = _dense(transformer.transform(original_input(transformer, rows)))
            except ValueError as error:
                reason = str(error).strip().splitlines()[0]
                raise refuse(transformer, f"it refuses rows made for it: {reason}", supported="numbers") from error
    with np.errstate(all="ignore"):
        got = evaluate_all(own, rows) if own else np.zeros((len(rows), 0))
    same = got.shape == answers.shape and np.array_equal(got, answers, equal_nan=True)
    if not same and got.shape == answers.shape and any(op in INEXACT for one in own for op in operations_of(one)):
        size = np.nanmax(np.abs(answers), axis=0, initial=1.0)
        same = bool((np.abs(got - answers) <= 1e-12 * size).all())
    if not same:
        raise refuse(transformer, "its transform and its column expressions differ", supported="equal bits in all rows")


def _trial_rows(transformer: Any, given: Columns) -> Any:
    """Numbers of all sizes; of text every code; often the very categories and edges that the transformer knows."""
    generator = np.random.default_rng(0)
    shape = (256, len(given))
    rows = generator.standard_normal(shape) * 10.0 ** generator.integers(-3, 5, shape)
    rows[::7] = np.round(rows[::7])
    rows[::5] = np.abs(rows[::5])
    for index, (x, known) in enumerate(zip(given, table_of(transformer, len(given)), strict=True)):
        values = np.arange(len(x.words), dtype=np.float64) if x.words is not None else np.array(known.values)
        if len(values):
            often = generator.random(len(rows)) < (2.0 if x.words is not None or _is_strict(transformer) else 0.5)
            rows[often, index] = generator.choice(values, int(often.sum()))
    return rows


def _is_strict(transformer: Any) -> bool:
    """Whether it refuses what is no category."""
    return hasattr(transformer, "categories_") and getattr(transformer, "handle_unknown", "ignore") == "error"


def _dense(answers: Any) -> Any:
    return np.asarray(answers.toarray() if hasattr(answers, "toarray") else answers, dtype=np.float64)


def input_columns(n_columns: int, estimator: Any = None) -> Columns:
    """The columns of the model's input themselves; of text, where the estimator is given, with the words it knows."""
    plain = _plain(n_columns)
    if estimator is None:
        return plain
    table = table_of(estimator, n_columns)
    return tuple(
        replace(one, words=known.words) if known.kind == "text" else one
        for one, known in zip(plain, table, strict=True)
    )


def _plain(n_columns: int) -> Columns:
    return tuple(column(i) for i in range(n_columns))


_TRANSFORMERS: dict[type, Callable[[Any, Columns], Columns]] = {
    kind: lower for room in _ROOMS for kind, lower in room.TRANSFORMERS.items()
}
_AROUND: dict[type, Callable[[Any, Columns], Columns]] = {
    ColumnTransformer: _column_transformer,
    FeatureUnion: _feature_union,
    Pipeline: _pipeline,
}
"""Those that hold others, each of which is held to its own answers."""
_NEVER = {
    KNNImputer: "which of equally far rows it averages is an accident of rounding and of numpy.argpartition, and rows "
    "with gaps have many; supported: SimpleImputer, or HistGradientBoosting, which takes missing values as they are"
}
"""Neither exact nor measured: a tolerance found on some rows did not hold on others."""
_PARTS = ("transformers_", "transformer_list", "steps")
_TAKE_TEXT = {*encode.TRANSFORMERS.values(), *impute.TRANSFORMERS.values(), *select.TRANSFORMERS.values()}
