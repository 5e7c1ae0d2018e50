"""A column through its quantiles, as `QuantileTransformer` does it, operation by operation."""

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from scipy import stats

from export.graph import GraphBuilder
from export.sklearn.columns.refusal import refuse

Floats = npt.NDArray[np.float64]
Table = tuple[tuple[float, ...], ...]
NEAR = 1e-7
"""Of the normal distribution: values so near to the ends count as the ends (scikit-learn's BOUNDS_THRESHOLD)."""

_MIDDLE = (
    "3.3871328727963666080e0 1.3314166789178437745e2 1.9715909503065514427e3 1.3731693765509461125e4"
    " 4.5921953931549871457e4 6.7265770927008700853e4 3.3430575583588128105e4 2.5090809287301226727e3",
    "1 4.2313330701600911252e1 6.8718700749205790830e2 5.3941960214247511077e3"
    " 2.1213794301586595867e4 3.9307895800092710610e4 2.8729085735721942674e4 5.2264952788528545610e3",
)
_TAIL = (
    "1.42343711074968357734e0 4.63033784615654529590e0 5.76949722146069140550e0 3.64784832476320460504e0"
    " 1.27045825245236838258e0 2.41780725177450611770e-1 2.27238449892691845833e-2 7.74545014278341407640e-4",
    "1 2.05319162663775882187e0 1.67638483018380384940e0 6.89767334985100004550e-1"
    " 1.48103976427480074590e-1 1.51986665636164571966e-2 5.47593808499534494600e-4 1.05075007164441684324e-9",
)
"""Numerators and denominators of M. J. Wichura, algorithm AS 241 (Applied Statistics 37, 1988), good to 1e-16."""


def quantile(build: GraphBuilder, x: str, table: Table) -> str:
    """The mean of two interpolations between quantiles and references: upwards, and downwards where quantiles repeat.

    Of the uniform distribution the bits are scikit-learn's; of the normal one the result is within 1e-15.

    Args:
        build: where nodes go.
        x: one column, float64 [batch, 1]; NaN stays NaN.
        table: quantiles, their references, and 1 for the normal distribution.

    Raises:
        NoExactForm: two quantiles are so near that the slope between them is infinite.
    """
    edges, heights, normal = np.array(table[0]), np.array(table[1]), bool(table[2][0])
    with np.errstate(all="ignore"):
        slopes = np.diff(heights) / np.diff(edges)
    slopes[np.diff(edges) == 0.0] = 0.0  # never looked at: no value lies between equal quantiles
    if not np.isfinite(slopes).all():
        raise refuse("QuantileTransformer", "two of its quantiles are too near for a slope", supported="n_quantiles=10")
    last = len(edges) - 1
    inside = build.node("Min", build.node("Max", x, build.constant(edges[0])), build.constant(edges[-1]))
    # The last edge that is <= x, and the first that is >= x.
    below = _place(build, build.node("GreaterOrEqual", inside, build.constant(edges)), -1)
    above = _place(build, build.node("Greater", inside, build.constant(edges)), 0)
    steps = build.constant(np.append(slopes, 0.0)), build.constant(np.insert(slopes, 0, 0.0))
    known, levels = build.constant(edges), build.constant(heights)
    edge, level, slope = (build.node("Gather", part, below, axis=0) for part in (known, levels, steps[0]))
    up = build.node("Add", build.node("Mul", slope, build.node("Sub", inside, edge)), level)
    edge, level, slope = (build.node("Gather", part, above, axis=0) for part in (known, levels, steps[1]))
    down = build.node("Sub", build.node("Mul", slope, build.node("Sub", edge, inside)), level)
    share = build.node("Mul", build.constant(0.5), build.node("Sub", up, down))
    first, end = build.constant(edges[0]), build.constant(edges[last])
    if normal:
        low = build.node("Less", build.node("Sub", x, build.constant(NEAR)), first)
        high = build.node("Greater", build.node("Add", x, build.constant(NEAR)), end)
    else:
        low, high = build.node("LessOrEqual", x, first), build.node("GreaterOrEqual", x, end)
    share = build.node("Where", high, build.constant(1.0), share)
    share = build.node("Where", low, build.constant(0.0), share)
    result = _limited_normal(build, share) if normal else share
    return build.node("Where", build.node("IsNaN", x), x, result)


def _place(build: GraphBuilder, passed: str, offset: int) -> str:
    """How many edges are passed, plus an offset; int64 [batch, 1]."""
    whole = build.node("Cast", passed, to=TensorProto.INT64)
    count = build.node("ReduceSum", whole, build.constant([1], np.int64), keepdims=1)
    return build.node("Add", count, build.constant(offset, np.int64)) if offset else count


def _limited_normal(build: GraphBuilder, share: str) -> str:
    """The normal quantile of a share, within the limits that scikit-learn sets."""
    lowest = float(stats.norm.ppf(NEAR - np.spacing(1)))
    highest = float(stats.norm.ppf(1 - (NEAR - np.spacing(1))))
    # What lies beyond 1e-9 is cut off below: the tail's formula need not hold there.
    kept = build.node("Max", build.node("Min", share, build.constant(1.0 - 1e-9)), build.constant(1e-9))
    return build.node(
        "Max", build.node("Min", normal_quantile(build, kept), build.constant(highest)), build.constant(lowest)
    )


def normal_quantile(build: GraphBuilder, share: str) -> str:
    """The inverse of the normal distribution function, float64, for shares from 1e-10 to 1 - 1e-10."""
    away = build.node("Sub", share, build.constant(0.5))
    near = build.node("Sub", build.constant(0.180625), build.node("Mul", away, away))
    middle = build.node("Mul", away, ratio(build, near, _MIDDLE))
    less = build.node("Min", share, build.node("Sub", build.constant(1.0), share))
    root = build.node("Sqrt", build.node("Neg", build.node("Log", less)))
    tail = ratio(build, build.node("Sub", root, build.constant(1.6)), _TAIL)
    tail = build.node("Mul", build.node("Sign", away), tail)
    inner = build.node("LessOrEqual", build.node("Abs", away), build.constant(0.425))
    return build.node("Where", inner, middle, tail)


def ratio(build: GraphBuilder, x: str, parts: tuple[str, str]) -> str:
    """One polynomial over another, coefficients from the constant upwards."""
    values = []
    for part in parts:
        coefficients = [float(number) for number in part.split()]
        total = build.constant(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            total = build.node("Add", build.node("Mul", total, x), build.constant(coefficient))
        values.append(total)
    return build.node("Div", *values)
