"""TransformedTargetRegressor: the inverse of its transformer behind the regressor inside."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from export.graph import GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.estimators.registry import lower_value, value_is_exact, value_width

EXACT: dict[Any, str] = {np.sqrt: "Sqrt"}
CLOSE: dict[Any, str] = {np.exp: "Exp", np.log: "Log"}
"""NumPy functions that have an operator: to the last bit, and to 1e-12."""


def target_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict`, float64 [batch, output]."""
    value = inside(estimator, "its regressor", partial(lower_value, estimator.regressor_, scope))
    return _inverse(estimator)(value, scope.builder)


def target_is_exact(estimator: Any) -> bool:
    """Whether the regressor is, and the inverse rounds as NumPy does."""
    transformer = estimator.transformer_
    close = type(transformer) is FunctionTransformer and transformer.inverse_func in CLOSE
    return value_is_exact(estimator.regressor_) and not close


def target_width(estimator: Any) -> int:
    """Outputs of its regressor."""
    return value_width(estimator.regressor_)


def _inverse(estimator: Any) -> Callable[[str, GraphBuilder], str]:
    transformer = estimator.transformer_
    kind = type(transformer)
    if kind is FunctionTransformer:
        function = transformer.inverse_func
        if function is None:
            return lambda value, _: value
        if transformer.inv_kw_args or (function not in EXACT and function not in CLOSE):
            name = getattr(function, "__name__", "a function")
            raise refuse(estimator, f"its inverse calls {name}()", supported="numpy.exp, numpy.log, numpy.sqrt")
        return lambda value, build: build.node(EXACT.get(function) or CLOSE[function], value)
    steps: list[tuple[str, Any]]
    if kind is StandardScaler:
        steps = [("Mul", transformer.scale_), ("Add", transformer.mean_)]
    elif kind is RobustScaler:
        steps = [("Mul", transformer.scale_), ("Add", transformer.center_)]
    elif kind is MinMaxScaler:
        steps = [("Sub", transformer.min_), ("Div", transformer.scale_)]
    elif kind is MaxAbsScaler:
        steps = [("Mul", transformer.scale_)]
    else:
        raise refuse(estimator, f"its target goes through a {kind.__name__}", supported="scalers and NumPy functions")

    def apply(value: str, build: GraphBuilder) -> str:
        for operator, numbers in steps:
            if numbers is not None:
                value = build.node(operator, value, build.constant(numbers))
        return value

    return apply
