"""Activations: found by the function itself, never by its name, and written with operators that the runtime serves."""

from collections.abc import Callable
from typing import Any

import numpy as np

from export.keras.lowering import Lowering
from export.keras.rules import CUSTOM_FUNCTIONS, refuse

Write = Callable[..., str]
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class Writer:
    """Elementwise arithmetic on tensors of one type, constants among them."""

    def __init__(self, to: Lowering, dtype: str) -> None:
        self.to = to
        self.dtype = dtype

    def __call__(self, op_type: str, *operands: str | float, **attributes: Any) -> str:
        """A node; numbers become constants of the type."""
        names = [x if isinstance(x, str) else self.to.builder.constant(x, self.dtype) for x in operands]
        return self.to.node(op_type, *names, **attributes)


def activate(to: Lowering, operation: Any, function: Any, name: str, dtype: str) -> str:
    """Apply what stands in a layer's `activation` to a tensor.

    Raises:
        PipelineError: it has no lowering; it is named.
    """
    import keras

    if function is None or function is keras.activations.linear:
        return name
    if isinstance(function, keras.layers.Layer):
        from export.keras.rules import checked_arguments, rule_of

        if not function.built:
            raise refuse(
                operation,
                f"the layer {type(function).__name__} as an activation has weights that Keras does not load from a "
                "file: put it behind this layer, as a layer of its own",
            )
        rule = rule_of(function)
        taken = checked_arguments(function, rule, (None,), {})
        return str(rule.lower(to, function, None, **{**dict.fromkeys(taken), **{next(iter(taken)): name}}))
    write = known().get(function)
    if write is None:
        called = getattr(function, "__name__", type(function).__name__)
        raise refuse(operation, f"activation {called!r} of {getattr(function, '__module__', '?')} has no lowering")
    return write(Writer(to, dtype), name)


def known() -> dict[Any, Write]:
    """The functions of keras.activations, each with its lowering."""
    import keras

    return {getattr(keras.activations, name): write for name, write in WRITERS.items()} | CUSTOM_FUNCTIONS


def _relu(w: Writer, x: str) -> str:
    return w("Relu", x)


def leaky(w: Writer, x: str, slope: float = 0.2) -> str:
    """x, below zero times the slope."""
    return w("Where", w("Less", x, 0.0), w("Mul", x, slope), x)


def relu_of(w: Writer, x: str, slope: float, top: float | None, threshold: float) -> str:
    """What `keras.activations.relu` does with all of its arguments, in its order of steps."""
    if slope != 0.0:
        if top is None and threshold == 0.0:
            return leaky(w, x, slope)
        below = w("Relu", w("Sub", threshold, x)) if threshold != 0.0 else w("Relu", w("Neg", x))
    if threshold != 0.0:
        kept = w("Where", w("Greater", x, threshold), x, 0.0)
    elif top == 6.0:
        kept, top = relu6(w, x), None
    else:
        kept = w("Relu", x)
    if top is not None:
        kept = w("Min", w("Max", kept, 0.0), top)
    return kept if slope == 0.0 else w("Sub", kept, w("Mul", slope, below))


def relu6(w: Writer, x: str) -> str:
    """Between 0 and 6; Max and Min keep NaN."""
    return w("Min", w("Relu", x), 6.0)


def expm1(w: Writer, x: str) -> str:
    """exp(x) - 1 for x up to 0 without the digits that the difference would lose: 2 t / (1 - t), t = tanh(x / 2)."""
    t = w("Tanh", w("Mul", x, 0.5))
    return w("Div", w("Mul", t, 2.0), w("Sub", 1.0, t))


def elu(w: Writer, x: str, alpha: float = 1.0) -> str:
    """x, below zero alpha (exp(x) - 1)."""
    below = expm1(w, w("Min", x, 0.0))
    return w("Where", w("Greater", x, 0.0), x, below if alpha == 1.0 else w("Mul", below, alpha))


def _selu(w: Writer, x: str) -> str:
    below = w("Mul", expm1(w, w("Min", x, 0.0)), SELU_SCALE * SELU_ALPHA)
    return w("Where", w("Greater", x, 0.0), w("Mul", x, SELU_SCALE), below)


def celu(w: Writer, x: str, alpha: float = 1.0) -> str:
    """max(x, 0) + alpha (exp(min(x, 0) / alpha) - 1)."""
    return w("Add", w("Max", x, 0.0), w("Mul", expm1(w, w("Div", w("Min", x, 0.0), alpha)), alpha))


def gelu(w: Writer, x: str, approximate: bool = False) -> str:
    """By the error function, or by the hyperbolic tangent."""
    if approximate:
        inner = w("Mul", w("Add", x, w("Mul", w("Mul", w("Mul", x, x), x), 0.044715)), 0.7978845608028654)
        return w("Mul", w("Mul", x, 0.5), w("Add", w("Tanh", inner), 1.0))
    return w("Mul", w("Mul", x, 0.5), w("Add", w("Erf", w("Mul", x, 0.7071067811865476)), 1.0))


def _softsign(w: Writer, x: str) -> str:
    return w("Div", x, w("Add", w("Abs", x), 1.0))


def silu(w: Writer, x: str) -> str:
    """x sigmoid(x)."""
    return w("Div", x, _one_and_exp(w, x))


def sigmoid(w: Writer, x: str) -> str:
    """1 / (1 + exp(-x)): onnxruntime's own operator stops at 1.5e-8, where a probability has digits left."""
    return w("Reciprocal", _one_and_exp(w, x))


def _one_and_exp(w: Writer, x: str) -> str:
    return w("Add", w("Exp", w("Neg", x)), 1.0)


def hard_sigmoid(w: Writer, x: str) -> str:
    """Between 0 and 1, x / 6 + 1/2 on the way."""
    return w("Div", relu6(w, w("Add", x, 3.0)), 6.0)


def _hard_silu(w: Writer, x: str) -> str:
    return w("Mul", x, hard_sigmoid(w, x))


def _mish(w: Writer, x: str) -> str:
    return w("Mul", x, w("Tanh", w("Softplus", x)))


def _log_sigmoid(w: Writer, x: str) -> str:
    return w("Neg", w("Softplus", w("Neg", x)))


def softmax(w: Writer, x: str, axis: int = -1) -> str:
    """Shares that add up to 1 along an axis."""
    return w("Softmax", x, axis=axis)


def without_nan(w: Writer, x: str) -> str:
    """0 for NaN: which number is the largest beside one depends on the engine. What is computed from `x` stays NaN."""
    return w("Where", w("IsNaN", x), 0.0, x)


def log_softmax(w: Writer, x: str, axis: int = -1) -> str:
    """Logarithms of these shares."""
    along = w.to.ints(axis)
    away = w("Sub", x, w("ReduceMax", without_nan(w, x), along, keepdims=1))
    return w("Sub", away, w("Log", w("ReduceSum", w("Exp", away), along, keepdims=1)))


def sparsemax(w: Writer, x: str, axis: int = -1) -> str:
    """max(x - t, 0) with the t that makes the sum along an axis 1: from the numbers in order, largest first."""
    shape = w("Shape", x)
    length = w("Gather", shape, w.to.ints(axis), axis=0)
    ordered = w.to.builder.several("TopK", [x, length], [True, True], axis=axis)[0]
    along = w.to.builder.constant(axis, "int64")
    sums, number = w("CumSum", ordered, along), w("CumSum", w("Expand", 1.0, shape), along)
    support = w("Greater", w("Sub", ordered, w("Div", w("Sub", sums, 1.0), number)), 0.0)
    along = w.to.ints(axis)
    count = w("ReduceSum", w("Where", support, 1.0, 0.0), along, keepdims=1)
    total = w("ReduceSum", w("Where", support, sums, 0.0), along, keepdims=1)
    missing = w("ReduceSum", w("Where", w("IsNaN", x), 1.0, 0.0), along, keepdims=1)
    answer = w("Max", w("Sub", x, w("Div", w("Sub", total, 1.0), count)), 0.0)
    return w("Where", w("Greater", missing, 0.0), np.nan, answer)


def glu(w: Writer, x: str, axis: int = -1) -> str:
    """The first half along an axis times the sigmoid of the second."""
    first, second = w.to.builder.several("Split", [x], [True, True], axis=axis, num_outputs=2)
    return w("Div", first, _one_and_exp(w, second))


def _squareplus(w: Writer, x: str) -> str:
    return w("Div", w("Add", x, w("Sqrt", w("Add", w("Mul", x, x), 4.0))), 2.0)


def _hard_tanh(w: Writer, x: str) -> str:
    return w("Max", w("Min", x, 1.0), -1.0)


def _tanh_shrink(w: Writer, x: str) -> str:
    return w("Sub", x, w("Tanh", x))


def _soft_shrink(w: Writer, x: str) -> str:
    low = w("Where", w("Less", x, -0.5), w("Add", x, 0.5), 0.0)
    return w("Where", w("Greater", x, 0.5), w("Sub", x, 0.5), low)


def _hard_shrink(w: Writer, x: str) -> str:
    return w("Where", w("Greater", w("Abs", x), 0.5), x, 0.0)


def _sparse_plus(w: Writer, x: str) -> str:
    one_more = w("Add", x, 1.0)
    curve = w("Mul", w("Mul", one_more, one_more), 0.25)
    return w("Where", w("LessOrEqual", x, -1.0), 0.0, w("Where", w("Less", x, 1.0), curve, x))


def _sparse_sigmoid(w: Writer, x: str) -> str:
    upper = w("Where", w("GreaterOrEqual", x, 1.0), 1.0, w("Mul", w("Add", x, 1.0), 0.5))
    return w("Where", w("LessOrEqual", x, -1.0), 0.0, upper)


def _single(op_type: str) -> Write:
    def write(w: Writer, x: str) -> str:
        return w(op_type, x)

    return write


WRITERS: dict[str, Write] = {
    "relu": _relu,
    "relu6": relu6,
    "leaky_relu": leaky,
    "elu": elu,
    "selu": _selu,
    "celu": celu,
    "gelu": gelu,
    "silu": silu,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": _hard_silu,
    "hard_tanh": _hard_tanh,
    "hard_shrink": _hard_shrink,
    "soft_shrink": _soft_shrink,
    "tanh_shrink": _tanh_shrink,
    "mish": _mish,
    "softplus": _single("Softplus"),
    "softsign": _softsign,
    "sigmoid": sigmoid,
    "log_sigmoid": _log_sigmoid,
    "tanh": _single("Tanh"),
    "exponential": _single("Exp"),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sparsemax": sparsemax,
    "squareplus": _squareplus,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
}
"""Name in keras.activations -> lowering with the function's defaults."""

FUSED: dict[str, tuple[str, float | None, float | None]] = {
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "linear": ("Affine", 1.0, 0.0),
    "softsign": ("Softsign", None, None),
    "hard_sigmoid": ("HardSigmoid", 1.0 / 6.0, 0.5),
    "leaky_relu": ("LeakyRelu", 0.2, None),
}
"""Name in keras.activations -> activation inside a recurrent operator, its alpha and beta."""


def can_be_fused(function: Any) -> bool:
    """Whether a function can stand inside a recurrent operator."""
    return function in _fused()


def _fused() -> dict[Any, tuple[str, float | None, float | None]]:
    import keras

    return {getattr(keras.activations, name): entry for name, entry in FUSED.items()}


def fused(functions: list[Any], *, exact_tanh: bool = False) -> dict[str, Any]:
    """The attributes of a recurrent operator with these activations.

    Args:
        functions: Keras's, gate by gate, each of which can be fused.
        exact_tanh: say tanh as `ScaledTanh` of 1 and 1. The `Tanh` of onnxruntime's GRU is a quotient of polynomials
            that ends at 1 + 2^-21 where tanh ends at 1: off by eight steps of float32 in every saturated row.
    """
    known_here = _fused()
    found = [known_here[function] for function in functions]
    if exact_tanh:
        found = [("ScaledTanh", 1.0, 1.0) if name == "Tanh" else (name, alpha, beta) for name, alpha, beta in found]
    inside: dict[str, Any] = {"activations": [name for name, _, _ in found]}
    alphas = [alpha for _, alpha, _ in found if alpha is not None]
    betas = [beta for _, _, beta in found if beta is not None]
    if alphas:
        inside["activation_alpha"] = alphas
    if betas:
        inside["activation_beta"] = betas
    return inside
