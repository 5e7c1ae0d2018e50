"""FunctionTransformer with a NumPy function that has an operator: known by identity, never by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from sklearn.preprocessing import FunctionTransformer

from export.sklearn.columns.refusal import refuse
from export.sklearn.columns.transformers.common import Columns, Lower
from train.core.columns.column_expressions import Expression, const, fill, maximum, minimum, operation

_ONE = const(1.0)


def _from(bound: float, op: str) -> Callable[[Expression], Expression]:
    return lambda x: operation(op, operation("nan_below", x, table=[[bound]]))


def _of(op: str) -> Callable[[Expression], Expression]:
    return lambda x: operation(op, x)


def _trunc(x: Expression) -> Expression:
    return operation("sign", x) * operation("floor", operation("abs", x))


FUNCTIONS: dict[Any, Callable[[Expression], Expression]] = {
    np.log: _from(0.0, "log"),
    np.log2: _from(0.0, "log2"),
    np.log10: _from(0.0, "log10"),
    np.log1p: _from(-1.0, "log1p"),
    np.sqrt: _of("sqrt"),
    np.absolute: _of("abs"),
    np.fabs: _of("abs"),
    np.square: lambda x: x * x,
    np.sign: _of("sign"),
    np.floor: _of("floor"),
    np.ceil: _of("ceil"),
    np.rint: _of("rint"),
    np.trunc: _trunc,
    np.negative: lambda x: const(-1.0) * x,
    np.positive: lambda x: x,
    np.reciprocal: lambda x: _ONE / x,
    np.isnan: _of("is_nan"),
    **{getattr(np, op): _of(op) for op in ("exp", "exp2", "expm1", "arctan", "arcsinh", "tanh", "sin", "cos")},
    np.deg2rad: lambda x: x * const(np.pi / 180.0),
    np.radians: lambda x: x * const(np.pi / 180.0),
    special.expit: _of("expit"),
}
"""Function -> what it does to one column."""

_CLIP = {"a_min": 0, "min": 0, "a_max": 1, "max": 1}


def _function(transformer: Any, columns: Columns) -> Columns:
    function, extra = transformer.func, dict(transformer.kw_args or {})
    if function is None:
        return columns
    one: Callable[[Expression], Expression] | None = None
    if function is np.clip:
        one = _clip(transformer, extra)
    elif function is np.nan_to_num and not set(extra) - {"nan", "copy"} and np.isfinite(extra.get("nan", 0.0)):
        value = const(float(extra.get("nan", 0.0)))
        largest = float(np.finfo(np.float64).max)
        one = lambda x: minimum(maximum(fill(x, value), const(-largest)), const(largest))  # noqa: E731
    elif callable(function) and getattr(function, "__hash__", None) is not None and not extra:
        one = FUNCTIONS.get(function)
    if one is None:
        called = getattr(function, "__name__", "a function")
        raise refuse(
            transformer,
            f"it calls {called}({', '.join(['x', *extra])}), of which nothing is known but its code",
            supported=f"NumPy's own {', '.join(sorted({known.__name__ for known in FUNCTIONS}))}, clip, nan_to_num",
        )
    if any(x.words is not None for x in columns):
        raise refuse(transformer, "it is given text", supported="numbers")
    return tuple(one(x) for x in columns)


def _clip(transformer: Any, extra: dict[str, Any]) -> Callable[[Expression], Expression]:
    limits: list[float | None] = [None, None]
    for name, value in extra.items():
        if name not in _CLIP or (value is not None and (np.ndim(value) or not np.isfinite(value))):
            raise refuse(transformer, f"clip is given {name}={value!r}", supported="a_min and a_max, one number each")
        limits[_CLIP[name]] = value

    def one(x: Expression) -> Expression:
        if limits[0] is not None:
            x = maximum(x, const(float(limits[0])))
        return x if limits[1] is None else minimum(x, const(float(limits[1])))

    return one


TRANSFORMERS: dict[type, Lower] = {FunctionTransformer: _function}
