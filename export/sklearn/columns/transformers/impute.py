"""Missing values: filled, or marked."""

from typing import Any

import numpy as np
from sklearn.impute import MissingIndicator, SimpleImputer

from export.sklearn.columns.refusal import refuse
from export.sklearn.columns.transformers.common import Columns, Lower, equal
from train.core.columns.column_expressions import Expression, const, fill, operation


def _imputer(imputer: Any, columns: Columns) -> Columns:
    filled: list[Expression] = []
    for x, value in zip(columns, np.asarray(imputer.statistics_).tolist(), strict=True):
        nothing = value is None or value != value
        if nothing and not imputer.keep_empty_features:
            continue
        filled.append(_filled(imputer, x, value))
    if not imputer.add_indicator:
        return tuple(filled)
    return (*filled, *_indicator(imputer.indicator_, columns))


def _filled(imputer: Any, x: Expression, value: Any) -> Expression:
    missing = _missing(imputer, x)
    if x.words is not None:
        if value not in x.words:
            raise refuse(imputer, f"it fills text with {value!r}", supported="text")
        code = const(float(x.words.index(value)))
        full = fill(x, code) if np.isnan(missing) else operation("where", equal(x, missing), code, x)
        return Expression(full.op, full.args, words=x.words)
    number = const(float(value))
    return fill(x, number) if np.isnan(missing) else operation("where", equal(x, missing), number, x)


def _missing(imputer: Any, x: Expression) -> float:
    """What counts as missing, as a number: NaN, or a value (of text its code)."""
    value = imputer.missing_values
    if value is None or value is np.nan or (isinstance(value, float) and np.isnan(value)):
        return np.nan
    if isinstance(value, str):
        if x.words is None:
            raise refuse(imputer, f"missing_values is {value!r} in a column of numbers", supported="NaN or a number")
        return float(x.words.index(value)) if value in x.words else -2.0
    if isinstance(value, (int, float, np.number)):
        return float(value)
    raise refuse(imputer, f"missing_values is {value!r}", supported="missing_values=NaN, None, a number or text")


def _indicator(indicator: Any, columns: Columns) -> Columns:
    chosen = range(len(columns)) if indicator.features == "all" else indicator.features_
    return tuple(equal(columns[i], _missing(indicator, columns[i])) for i in chosen)


TRANSFORMERS: dict[type, Lower] = {SimpleImputer: _imputer, MissingIndicator: _indicator}
