"""Column operations as ONNX nodes on doubles: each takes tensors [batch, column] and gives one of that shape."""

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from export.graph import GraphBuilder
from export.sklearn.columns.quantiles import quantile

Table = tuple[tuple[float, ...], ...]

ELEMENTWISE = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "sign": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "rint": "Round",
    "minimum": "Min",
    "maximum": "Max",
    "log": "Log",
    "exp": "Exp",
    "sin": "Sin",
    "cos": "Cos",
    "tanh": "Tanh",
}
"""Operation -> ONNX operator, element by element."""


def is_nan(build: GraphBuilder, x: str) -> str:
    """1.0 where NaN."""
    return as_double(build, build.node("IsNaN", x))


def as_double(build: GraphBuilder, x: str) -> str:
    """Truth values and whole numbers as float64."""
    return build.node("Cast", x, to=TensorProto.DOUBLE)


def fill(build: GraphBuilder, x: str, value: str) -> str:
    """`value` where NaN."""
    return build.node("Where", build.node("IsNaN", x), value, x)


def equal(build: GraphBuilder, x: str, y: str) -> str:
    """1.0 where equal."""
    return as_double(build, build.node("Equal", x, y))


def where(build: GraphBuilder, condition: str, x: str, y: str) -> str:
    """`y` where the condition is 0."""
    return build.node("Where", build.node("Equal", condition, build.constant(0.0)), y, x)


def single(build: GraphBuilder, x: str) -> str:
    """Through float32."""
    return as_double(build, build.node("Cast", x, to=TensorProto.FLOAT))


def log1p(build: GraphBuilder, x: str) -> str:
    """ln(1 + x) without cancellation: with u = 1 + x rounded, ln(u) x / (u - 1), and x itself where u is 1.

    Goldberg, "What every computer scientist should know about floating-point arithmetic" (1991), theorem 4.
    """
    one = build.constant(1.0)
    u = build.node("Add", x, one)
    ratio = build.node("Div", build.node("Mul", build.node("Log", u), x), build.node("Sub", u, one))
    tiny, infinite = build.node("Equal", u, one), build.node("IsInf", u)
    return build.node("Where", build.node("Or", tiny, infinite), x, ratio)


def expm1(build: GraphBuilder, x: str) -> str:
    """e^x - 1 without cancellation: with u = e^x rounded, (u - 1) x / ln(u); x where u is 1 (Kahan's form)."""
    one = build.constant(1.0)
    u = build.node("Exp", x)
    less = build.node("Sub", u, one)
    ratio = build.node("Div", build.node("Mul", less, x), build.node("Log", u))
    ends = build.node("Or", build.node("IsInf", u), build.node("Equal", less, build.constant(-1.0)))
    return build.node("Where", build.node("Equal", u, one), x, build.node("Where", ends, less, ratio))


def signed_log1p(build: GraphBuilder, x: str) -> str:
    """sign(x) ln(1 + |x|)."""
    return build.node("Mul", build.node("Sign", x), log1p(build, build.node("Abs", x)))


def _log_of_base(base: float) -> Callable[[GraphBuilder, str], str]:
    return lambda build, x: build.node("Div", build.node("Log", x), build.constant(float(np.log(base))))


def _exp2(build: GraphBuilder, x: str) -> str:
    return build.node("Pow", build.constant(2.0), x)


def _arcsinh(build: GraphBuilder, x: str) -> str:
    """sign(x) ln(1 + |x| + x^2 / (1 + sqrt(1 + x^2))); ln(2 |x|) where the square would overflow."""
    one, size = build.constant(1.0), build.node("Abs", x)
    square = build.node("Mul", size, size)
    root = build.node("Add", one, build.node("Sqrt", build.node("Add", one, square)))
    near = log1p(build, build.node("Add", size, build.node("Div", square, root)))
    far = build.node("Add", build.node("Log", size), build.constant(float(np.log(2.0))))
    huge = build.node("Greater", size, build.constant(1e100))
    return build.node("Mul", build.node("Sign", x), build.node("Where", huge, far, near))


def _expit(build: GraphBuilder, x: str) -> str:
    one = build.constant(1.0)
    return build.node("Div", one, build.node("Add", one, build.node("Exp", build.node("Neg", x))))


UNARY: dict[str, Callable[[GraphBuilder, str], str]] = {
    "is_nan": is_nan,
    "single": single,
    "log1p": log1p,
    "signed_log1p": signed_log1p,
    "expm1": expm1,
    "log2": _log_of_base(2.0),
    "log10": _log_of_base(10.0),
    "exp2": _exp2,
    "arcsinh": _arcsinh,
    "expit": _expit,
}
"""Operation of one argument -> its nodes."""


def nan_below(build: GraphBuilder, x: str, table: Table) -> str:
    """NaN below the bound."""
    below = build.node("Less", x, build.constant(table[0][0]))
    return build.node("Where", below, build.constant(float("nan")), x)


def step(build: GraphBuilder, x: str, table: Table) -> str:
    """How many of the edges are <= x, for one column [batch, 1]."""
    if not table[0]:
        return build.node("Mul", is_nan(build, x), build.constant(0.0))
    above = build.node("GreaterOrEqual", x, build.constant(list(table[0])))
    return build.node("ReduceSum", as_double(build, above), build.constant([1], np.int64), keepdims=1)


def lookup(build: GraphBuilder, x: str, table: Table) -> str:
    """The value of the key that x equals, for one column [batch, 1]: which key it is, counted, then gathered."""
    keys, values, default = np.array(table[0]), np.array(table[1]), table[2][0]
    numbers = ~np.isnan(keys)
    place = is_nan(build, x)
    place = build.node("Mul", place, build.constant(float(len(keys)) if not numbers.all() else 0.0))
    if numbers.any():
        hit = as_double(build, build.node("Equal", x, build.constant(keys[numbers].tolist())))
        counted = build.node("Mul", hit, build.constant(np.arange(1.0, numbers.sum() + 1.0).tolist()))
        found = build.node("ReduceSum", counted, build.constant([1], np.int64), keepdims=1)
        place = build.node("Add", place, found)
    ordered = [default, *values[numbers].tolist(), *values[~numbers].tolist()]
    return build.node("Gather", build.constant(ordered), build.node("Cast", place, to=TensorProto.INT64), axis=0)


def yeo_johnson(build: GraphBuilder, x: str, table: Table) -> str:
    """Yeo and Johnson (2000): ((1 + x)^l - 1) / l from 0 up, -((1 - x)^(2 - l) - 1) / (2 - l) below."""
    exponent = table[0][0]
    zero = build.constant(0.0)
    up = _bent(build, log1p(build, build.node("Max", x, zero)), exponent)
    down = build.node("Neg", _bent(build, log1p(build, build.node("Neg", build.node("Min", x, zero))), 2.0 - exponent))
    bent = build.node("Where", build.node("Less", x, zero), down, up)
    return build.node("Where", build.node("IsNaN", x), x, bent)


def box_cox(build: GraphBuilder, x: str, table: Table) -> str:
    """(x^l - 1) / l, and ln(x) for l = 0."""
    return _bent(build, build.node("Log", x), table[0][0])


def _bent(build: GraphBuilder, logarithm: str, exponent: float) -> str:
    if abs(exponent) < 1e-19:
        return logarithm
    power = build.node("Mul", logarithm, build.constant(exponent))
    return build.node("Div", expm1(build, power), build.constant(exponent))


WITH_TABLE: dict[str, Callable[[GraphBuilder, str, Table], str]] = {
    "nan_below": nan_below,
    "step": step,
    "lookup": lookup,
    "yeo_johnson": yeo_johnson,
    "box_cox": box_cox,
    "quantile": quantile,
}
"""Operation of one argument with numbers of its own -> its nodes, for one column [batch, 1]."""
