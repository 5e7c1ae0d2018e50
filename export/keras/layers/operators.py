"""keras.ops in a functional model."""

from typing import Any

import numpy as np

from export.keras.layers import activations
from export.keras.layers.activations import Writer
from export.keras.lowering import Lowering
from export.keras.rules import is_tensor, operator, refuse, title
from train.core.errors import PipelineError

ARITHMETIC = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "TrueDivide": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Power": "Pow",
}
PLAIN = {
    "Matmul": "MatMul",
    "GreaterEqual": "GreaterOrEqual",
    "Greater": "Greater",
    "LessEqual": "LessOrEqual",
    "Less": "Less",
    "Equal": "Equal",
    "LogicalNot": "Not",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "LogicalXor": "Xor",
    "Isnan": "IsNaN",
    "Isinf": "IsInf",
    "Log": "Log",
    "Exp": "Exp",
    "Sqrt": "Sqrt",
    "Tanh": "Tanh",
    "Where": "Where",
    "Abs": "Abs",
    "Absolute": "Abs",
    "Negative": "Neg",
    "Sign": "Sign",
    "Floor": "Floor",
    "Ceil": "Ceil",
    "Round": "Round",
    "Reciprocal": "Reciprocal",
    "Softplus": "Softplus",
    "Erf": "Erf",
    "Sin": "Sin",
    "Cos": "Cos",
    "Tan": "Tan",
    "Arcsin": "Asin",
    "Arccos": "Acos",
    "Arctan": "Atan",
    "Sinh": "Sinh",
    "Cosh": "Cosh",
    "Arcsinh": "Asinh",
    "Arccosh": "Acosh",
    "Arctanh": "Atanh",
}
"""Keras operators that are one ONNX operator with the same inputs."""
TWO_SIDED = "x x1 x2 x3 condition"


@operator(*ARITHMETIC, *PLAIN, arguments=TWO_SIDED)
def plain(to: Lowering, op: Any, result: Any, **operands: Any) -> str:
    """One ONNX operator."""
    kind = type(op).__name__
    dtype = _common_dtype(list(operands.values()))
    names = [_operand(to, kind, value, result, dtype) for value in operands.values()]
    return to.node(ARITHMETIC.get(kind) or PLAIN[kind], *names)


def _operand(to: Lowering, kind: str, value: Any, result: Any, dtype: str) -> str:
    if is_tensor(value):
        name = to.raw_name(value)
        return name if to.type_of(name) in (dtype, "bool") else to.cast(name, dtype)
    if kind in ARITHMETIC:
        return to.builder.beside(value, tuple(result.shape), dtype)
    return to.name_of(value, dtype)


def _common_dtype(values: list[Any]) -> str:
    """The type that Keras brings the operands to, apart from the truth values among them."""
    import keras

    types = [value.dtype for value in values if is_tensor(value)]
    numbers = sorted({kind for kind in types if kind != "bool"})
    if not numbers:
        return "bool"
    plain_numbers = [type(value) for value in values if not is_tensor(value) and type(value) in (int, float)]
    common: str = keras.backend.result_type(*numbers, *plain_numbers)
    if len({kind for kind in numbers if kind.startswith("float")}) > 1:
        raise PipelineError(f"operands of types {numbers}: cast one of them in the Keras model")
    return common


@operator("NotEqual", arguments="x1 x2")
def not_equal(to: Lowering, op: Any, result: Any, x1: Any, x2: Any) -> str:
    """Not of Equal."""
    dtype = _common_dtype([x1, x2])
    return to.node("Not", to.node("Equal", *[_operand(to, "Equal", value, result, dtype) for value in (x1, x2)]))


@operator("Square")
def square(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """x x."""
    return to.node("Mul", to.name_of(x), to.name_of(x))


@operator("ZerosLike", "OnesLike", fields="dtype")
def like(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Zeros or ones in the shape of a tensor, whatever is in it."""
    if not result.dtype.startswith(("float", "int", "bool")):
        raise refuse(op, f"of {result.dtype} has no lowering")
    value = to.builder.constant(1 if type(op).__name__ == "OnesLike" else 0, result.dtype)
    return to.node("Expand", value, to.node("Shape", to.name_of(x)))


@operator("Rsqrt")
def rsqrt(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """1 / sqrt(x)."""
    return to.node("Reciprocal", to.node("Sqrt", to.name_of(x)))


@operator("Clip", fields="x_min x_max")
def clip(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Between two numbers; NaN stays."""
    if is_tensor(op.x_min) or is_tensor(op.x_max) or op.x_min is None or op.x_max is None:
        raise refuse(op, "bounds that are no numbers have no lowering")
    low, high = (to.builder.constant(bound, result.dtype) for bound in (op.x_min, op.x_max))
    return to.node("Min", to.node("Max", to.cast(to.name_of(x), result.dtype), low), high)


@operator("GetItem", arguments="x key")
def get_item(to: Lowering, op: Any, result: Any, x: Any, key: Any) -> str:
    """Whole numbers, slices with any step, new axes and an ellipsis; all of the batch."""
    name = to.name_of(x)
    parts = _whole_key(op, key, len(x.shape))
    axis, place = 0, 0
    gathered: list[tuple[int, int]] = []
    new: list[int] = []
    bounds: list[tuple[int, int, int, int]] = []  # start, end, axis, step
    for part in parts:
        if part is None:
            new.append(place)
            place += 1
            continue
        if isinstance(part, int | np.integer):
            gathered.append((axis, int(part)))
        elif part != slice(None):
            step, ends = part.step or 1, np.iinfo(np.int64).max
            start = (0 if step > 0 else -1) if part.start is None else int(part.start)
            stop = (ends if step > 0 else -ends) if part.stop is None else int(part.stop)
            bounds.append((start, stop, axis, int(step)))
        place += not isinstance(part, int | np.integer)
        axis += 1
    for gone, index in reversed(gathered):  # first, as the smaller the tensor is that a Slice copies the better
        name = to.node("Gather", name, to.builder.constant(index, np.int64), axis=gone)
    bounds = [(start, end, at - sum(gone < at for gone, _ in gathered), step) for start, end, at, step in bounds]
    if bounds:
        starts, stops, axes, steps = (to.ints(*column) for column in zip(*bounds, strict=True))
        if all(step == 1 for *_, step in bounds):
            name = to.node("Slice", name, starts, stops, axes)
        else:
            name = to.builder.as_it_is("Slice", name, starts, stops, axes, steps)
    return to.node("Unsqueeze", name, to.ints(*new)) if new else name


def _whole_key(op: Any, key: Any, rank: int) -> list[Any]:
    """A part for each axis, and None for each new one."""
    parts = list(key) if isinstance(key, tuple | list) else [key]
    for part in parts:
        slices = [part.start, part.stop, part.step] if isinstance(part, slice) else [part]
        if any(isinstance(bound, bool) or not isinstance(bound, int | np.integer | None) for bound in slices) and (
            part is not Ellipsis
        ):
            raise PipelineError(
                f"{title(op)}: {key!r}: only whole numbers, slices, new axes and an ellipsis are lowered; use "
                "keras.ops.take for a list of places"
            )
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    rest = [slice(None)] * (rank - taken)
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    whole = [*parts[:at], *rest, *parts[at + 1 :]]
    if whole[0] != slice(None):
        raise refuse(op, f"{key!r}: of some rows of the batch has no lowering: an answer would depend on the others")
    return whole


@operator("Cast", fields="dtype")
def cast(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Always a node, even to the type that it has."""
    from export.keras.lowering import ONNX_TYPES

    if op.dtype not in ONNX_TYPES:
        raise refuse(op, f"type {op.dtype!r} has no lowering")
    return to.node("Cast", to.raw_name(x), to=ONNX_TYPES[op.dtype])


@operator("Concatenate", fields="axis", arguments="xs")
def concatenate(to: Lowering, op: Any, result: Any, xs: list[Any]) -> str:
    """Along an axis, in the type of the answer."""
    return to.node("Concat", *[_in_type(to, x, result.dtype) for x in xs], axis=op.axis)


@operator("Stack", fields="axis", arguments="x")
def stack(to: Lowering, op: Any, result: Any, x: list[Any]) -> str:
    """Along a new axis."""
    names = [to.node("Unsqueeze", _in_type(to, part, result.dtype), to.ints(op.axis)) for part in x]
    return to.node("Concat", *names, axis=op.axis)


def _in_type(to: Lowering, value: Any, dtype: str) -> str:
    return to.cast(to.raw_name(value), dtype) if is_tensor(value) else to.name_of(value, dtype)


REDUCED = {"Sum": "ReduceSum", "Max": "ReduceMax", "Min": "ReduceMin", "Mean": "ReduceMean", "Prod": "ReduceProd"}
REDUCED |= {"Amax": "ReduceMax", "Amin": "ReduceMin"}


@operator(*REDUCED, fields="axis keepdims dtype")
def reduce(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Over axes; over all of them only where the batch is kept apart, as answers of rows do not mix."""
    axes = _axes(op, x)
    name = to.name_of(x)
    if to.type_of(name) != result.dtype:
        name = to.cast(name, result.dtype)
    return reduced(to, REDUCED[type(op).__name__], name, axes, keepdims=bool(op.keepdims))


def reduced(to: Lowering, kind: str, name: str, axes: tuple[int, ...], *, keepdims: bool) -> str:
    """One operator; onnxruntime's largest and smallest lose NaN along an inner axis, and are told of it under guard."""
    found = to.node(kind, name, to.ints(*axes), keepdims=int(keepdims))
    if kind not in ("ReduceMax", "ReduceMin") or not to.type_of(name).startswith("float"):
        return found
    to.guards += 1
    if not to.guard:
        return found
    count = to.node("ReduceSum", to.node("Cast", to.node("IsNaN", name), to=7), to.ints(*axes), keepdims=int(keepdims))
    bad = to.node("Greater", count, to.builder.constant(0, np.int64))
    return to.node("Where", bad, to.builder.constant(np.nan, to.type_of(name)), found)


@operator("Any", "All", fields="axis keepdims")
def any_or_all(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Of truth values: the largest or the smallest of 0 and 1."""
    kind = "ReduceMax" if type(op).__name__ == "Any" else "ReduceMin"
    name = to.name_of(x)
    if to.type_of(name) != "bool":
        raise refuse(op, "of numbers has no lowering; compare them first")
    numbers = to.node(kind, to.cast(name, "int32"), to.ints(*_axes(op, x)), keepdims=int(op.keepdims))
    return to.typed(to.node("Cast", numbers, to=9), "bool")


def _axes(op: Any, x: Any) -> tuple[int, ...]:
    axes = op.axis if isinstance(op.axis, tuple | list) else (op.axis,)
    rank = len(x.shape)
    if op.axis is None or 0 in axes or -rank in axes:
        raise refuse(op, "over the batch has no lowering: an answer would depend on the other rows")
    return tuple(axes)


@operator("ExpandDims", fields="axis")
def expand_dims(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """A new axis."""
    return to.node("Unsqueeze", to.name_of(x), to.ints(*(op.axis if isinstance(op.axis, tuple | list) else (op.axis,))))


@operator("Squeeze", fields="axis")
def squeeze(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Without an axis of length 1."""
    if op.axis is None:
        raise refuse(op, "without an axis has no lowering")
    return to.node("Squeeze", to.name_of(x), to.ints(*(op.axis if isinstance(op.axis, tuple | list) else (op.axis,))))


@operator("Transpose", fields="axes")
def transpose(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Axes in another order; the batch stays first."""
    axes = list(op.axes or [])
    if not axes or axes[0] != 0:
        raise refuse(op, "that moves the batch has no lowering")
    return to.node("Transpose", to.name_of(x), perm=[axis % len(axes) for axis in axes])


@operator("Reshape", fields="newshape")
def reshape(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """The batch stays."""
    shape = list(op.newshape)
    if any(size is None for size in result.shape[1:]) or shape[0] not in (-1, None):
        raise refuse(op, "to a shape with a free axis beside the batch has no lowering")
    return to.builder.reshape(to.name_of(x), tuple(result.shape[1:]))


@operator("Identity")
def identity(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Itself."""
    return to.name_of(x)


FUNCTIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Silu": "silu",
    "Sigmoid": "sigmoid",
    "Softsign": "softsign",
    "LogSigmoid": "log_sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "TanhShrink": "tanh_shrink",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "Mish": "mish",
}


@operator(*FUNCTIONS)
def function(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """An activation without settings."""
    return activations.WRITERS[FUNCTIONS[type(op).__name__]](Writer(to, result.dtype), to.name_of(x))


@operator("Softmax", "LogSoftmax", "Sparsemax", "Glu", fields="axis")
def softmax(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Along one axis beside the batch."""
    if not isinstance(op.axis, int) or op.axis in (0, -len(x.shape)):
        raise refuse(op, f"axis={op.axis!r} has no lowering")
    write = {
        "Softmax": activations.softmax,
        "LogSoftmax": activations.log_softmax,
        "Sparsemax": activations.sparsemax,
        "Glu": activations.glu,
    }[type(op).__name__]
    return write(Writer(to, result.dtype), to.name_of(x), op.axis)


@operator("LeakyRelu", fields="negative_slope")
def leaky_relu(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """With a slope below zero."""
    return activations.leaky(Writer(to, result.dtype), to.name_of(x), op.negative_slope)


@operator("Elu", "Celu", fields="alpha")
def elu(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """With an alpha."""
    write = activations.elu if type(op).__name__ == "Elu" else activations.celu
    return write(Writer(to, result.dtype), to.name_of(x), op.alpha)


@operator("Gelu", fields="approximate")
def gelu(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Exact or approximate."""
    return activations.gelu(Writer(to, result.dtype), to.name_of(x), op.approximate)


@operator("ReLU", fields="negative_slope max_value threshold")
def relu(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """`keras.activations.relu` with settings, called on a tensor of the graph."""
    return activations.relu_of(Writer(to, result.dtype), to.name_of(x), op.negative_slope, op.max_value, op.threshold)
