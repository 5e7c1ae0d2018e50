"""More of keras.ops: sums along an axis, parts, places, statistics, each of a few operators of ONNX."""

from itertools import pairwise
from typing import Any

import numpy as np

from export.keras.layers.activations import Writer, expm1, without_nan
from export.keras.layers.operators import reduced
from export.keras.lowering import Lowering
from export.keras.rules import is_tensor, operator, refuse

END = np.iinfo(np.int64).max


def _axis(op: Any, x: Any, axis: Any) -> int:
    """An axis beside the batch, counted from 0."""
    rank = len(x.shape)
    if not isinstance(axis, int | np.integer) or isinstance(axis, bool) or axis % rank == 0:
        raise refuse(op, f"axis={axis!r} has no lowering: one axis beside the batch has")
    return int(axis) % rank


def _axes(op: Any, x: Any, axes: Any) -> tuple[int, ...]:
    return tuple(_axis(op, x, axis) for axis in (axes if isinstance(axes, tuple | list) else (axes,)))


def _length(op: Any, x: Any, axis: int) -> int:
    if x.shape[axis] is None:
        raise refuse(op, "along a free axis has no lowering")
    return int(x.shape[axis])


def _float(to: Lowering, op: Any, result: Any, x: Any) -> tuple[Writer, str]:
    """What writes in the type of the answer, and the tensor in it."""
    if not result.dtype.startswith("float"):
        raise refuse(op, f"of {result.dtype} has no lowering: cast to a float first")
    return Writer(to, result.dtype), to.cast(to.raw_name(x), result.dtype)


@operator("Log1p")
def log1p(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """log(1 + x) without the digits that the sum loses: log(u) x / (u - 1), u = 1 + x (Kahan)."""
    w, name = _float(to, op, result, x)
    u = w("Add", name, 1.0)
    ratio = w("Div", name, w("Sub", u, 1.0))
    near = w("Where", w("Equal", u, 1.0), name, w("Mul", w("Log", u), ratio))
    return w("Where", w("IsInf", u), w("Log", u), near)


@operator("Expm1")
def exp_minus_one(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """exp(x) - 1; above zero -expm1(-x) exp(x)."""
    w, name = _float(to, op, result, x)
    below = expm1(w, w("Neg", w("Abs", name)))
    return w("Where", w("Greater", name, 0.0), w("Neg", w("Mul", below, w("Exp", name))), below)


@operator("Log2", "Log10")
def other_logarithm(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """log(x) / log(base), as TensorFlow has it."""
    w, name = _float(to, op, result, x)
    return w("Div", w("Log", name), float(np.log(2.0 if type(op).__name__ == "Log2" else 10.0)))


@operator("Isfinite")
def is_finite(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Neither NaN nor infinite."""
    name = to.name_of(x)
    if not to.type_of(name).startswith("float"):
        raise refuse(op, "of whole numbers has no lowering")
    return to.node("Not", to.node("Or", to.node("IsNaN", name), to.node("IsInf", name)))


@operator("NanToNum", fields="nan posinf neginf")
def nan_to_num(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Numbers for NaN and infinity; without others the largest and the lowest of the type."""
    w, name = _float(to, op, result, x)
    limits = np.finfo(result.dtype)
    high, low = (float(limits.max) if op.posinf is None else op.posinf), op.neginf
    name = w("Where", w("IsNaN", name), float(op.nan), name)
    name = w("Where", w("IsInf", name, detect_negative=0), high, name)
    return w("Where", w("IsInf", name, detect_positive=0), float(limits.min) if low is None else low, name)


@operator("DivideNoNan", arguments="x1 x2")
def divide_no_nan(to: Lowering, op: Any, result: Any, x1: Any, x2: Any) -> str:
    """Zero where the divisor is."""
    w = Writer(to, result.dtype)
    one, other = (
        to.cast(to.raw_name(x), result.dtype) if is_tensor(x) else to.name_of(x, result.dtype) for x in (x1, x2)
    )
    return w("Where", w("Equal", other, 0.0), 0.0, w("Div", one, other))


@operator("StopGradient", arguments="variable")
def stop_gradient(to: Lowering, op: Any, result: Any, variable: Any) -> str:
    """Itself."""
    return to.name_of(variable)


@operator("HardShrink", "SoftShrink", fields="threshold")
def shrink(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Zero around zero, further out as it is or nearer."""
    w, name = _float(to, op, result, x)
    t = float(op.threshold)
    if type(op).__name__ == "HardShrink":
        return w("Where", w("Greater", w("Abs", name), t), name, 0.0)
    low = w("Where", w("Less", name, -t), w("Add", name, t), 0.0)
    return w("Where", w("Greater", name, t), w("Sub", name, t), low)


@operator("Squareplus", fields="b")
def squareplus(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """(x + sqrt(x^2 + b)) / 2."""
    w, name = _float(to, op, result, x)
    return w("Div", w("Add", name, w("Sqrt", w("Add", w("Mul", name, name), float(op.b)))), 2.0)


@operator("Cumsum", fields="axis dtype")
def cumsum(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Sums up to each place."""
    axis = to.builder.constant(_axis(op, x, op.axis), np.int64)
    return to.node("CumSum", to.cast(to.raw_name(x), result.dtype), axis)


@operator("Var", "Std", fields="axis keepdims")
def variance(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """The mean of squares of what is away from the mean, or its root."""
    w, name = _float(to, op, result, x)
    axes = to.ints(*_axes(op, x, op.axis))
    apart = w("Sub", name, w("ReduceMean", name, axes, keepdims=1))
    found = w("ReduceMean", w("Mul", apart, apart), axes, keepdims=int(op.keepdims))
    return found if type(op).__name__ == "Var" else w("Sqrt", found)


@operator("Logsumexp", fields="axis keepdims")
def logsumexp(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """log(sum(exp(x))), the largest taken out first."""
    w, name = _float(to, op, result, x)
    axes = _axes(op, x, op.axis)
    top = w("ReduceMax", without_nan(w, name), to.ints(*axes), keepdims=1)
    total = w("Log", w("ReduceSum", w("Exp", w("Sub", name, top)), to.ints(*axes), keepdims=1))
    found = w("Add", total, top)
    return found if op.keepdims else w("Squeeze", found, to.ints(*axes))


@operator("Norm", fields="ord axis keepdims")
def norm(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Of vectors: the root of the sum of squares, the sum or the largest of the absolute values."""
    w, name = _float(to, op, result, x)
    axes, keep = _axes(op, x, op.axis), bool(op.keepdims)
    if len(axes) > 1:
        raise refuse(op, "of matrices has no lowering")
    if op.ord in (None, 2):
        return w("Sqrt", w("ReduceSum", w("Mul", name, name), to.ints(*axes), keepdims=int(keep)))
    if op.ord == 1:
        return w("ReduceSum", w("Abs", name), to.ints(*axes), keepdims=int(keep))
    if op.ord in (np.inf, -np.inf):
        kind = "ReduceMax" if op.ord > 0 else "ReduceMin"
        return reduced(to, kind, to.typed(w("Abs", name), result.dtype), axes, keepdims=keep)
    raise refuse(op, f"ord={op.ord!r} has no lowering")


@operator("Normalize", fields="axis order epsilon")
def normalize(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """x times 1 / length, which is 1 / epsilon at most."""
    if op.order != 2:
        raise refuse(op, f"order={op.order!r} has no lowering")
    w, name = _float(to, op, result, x)
    total = w("ReduceSum", w("Mul", name, name), to.ints(*_axes(op, x, op.axis)), keepdims=1)
    epsilon = 1e-7 if op.epsilon is None else float(op.epsilon)
    return w("Mul", name, w("Min", w("Reciprocal", w("Sqrt", total)), 1.0 / epsilon))


@operator("Argmax", "Argmin", fields="axis keepdims")
def argmax(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """The first place of the largest or smallest number; TensorFlow passes over NaN."""
    largest, name = type(op).__name__ == "Argmax", to.name_of(x)
    kind = to.type_of(name)
    if kind.startswith("float"):
        last = to.builder.constant(-np.inf if largest else np.inf, kind)
        name = to.node("Where", to.node("IsNaN", name), last, name)
    place = to.node("ArgMax" if largest else "ArgMin", name, axis=_axis(op, x, op.axis), keepdims=int(op.keepdims))
    return to.node("Cast", place, to=6)


@operator("Sort", fields="axis")
def sort(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Smallest first."""
    axis = _axis(op, x, op.axis)
    inputs = [to.name_of(x), to.ints(_length(op, x, axis))]
    return to.builder.several("TopK", inputs, [True, True], axis=axis, largest=0)[0]


@operator("TopK", fields="k sorted")
def top_k(to: Lowering, op: Any, result: Any, x: Any) -> list[str]:
    """The largest along the last axis, and where they are."""
    axis = _axis(op, x, -1)
    values, places = to.builder.several("TopK", [to.name_of(x), to.ints(op.k)], [True, True], axis=axis)
    return [values, to.node("Cast", places, to=6)]


@operator("OneHot", fields="num_classes axis dtype")
def one_hot(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """A one at each number's place; zeros for a number that is none."""
    if op.axis not in (-1, len(x.shape)):
        raise refuse(op, f"axis={op.axis!r} has no lowering")
    number = to.node("Unsqueeze", to.cast(to.raw_name(x), "int64"), to.ints(-1))
    same = to.node("Equal", number, to.builder.constant(np.arange(op.num_classes), np.int64))
    return to.cast(to.typed(same, "bool"), result.dtype)


@operator("Split", fields="indices_or_sections axis")
def split(to: Lowering, op: Any, result: Any, x: Any) -> list[str]:
    """Equal parts, or parts that end at given places."""
    axis = _axis(op, x, op.axis)
    length, given = _length(op, x, axis), op.indices_or_sections
    if isinstance(given, int):
        sizes = [length // given] * given
    else:
        bounds = [0, *(int(bound) for bound in given), length]
        sizes = [end - begin for begin, end in pairwise(bounds)]
    if min(sizes) < 1 or sum(sizes) != length:
        raise refuse(op, f"indices_or_sections={given!r} has no lowering")
    return _parts(to, to.name_of(x), axis, sizes)


def _parts(to: Lowering, name: str, axis: int, sizes: list[int]) -> list[str]:
    if len(sizes) == 1:
        return [name]
    return to.builder.several("Split", [name, to.ints(*sizes)], [True] * len(sizes), axis=axis)


@operator("Unstack", fields="num axis")
def unstack(to: Lowering, op: Any, result: Any, x: Any) -> list[str]:
    """Each place of an axis by itself."""
    axis = _axis(op, x, op.axis)
    parts = _parts(to, to.name_of(x), axis, [1] * _length(op, x, axis))
    return [to.node("Squeeze", part, to.ints(axis)) for part in parts]


@operator("Flip", fields="axis")
def flip(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """The last first."""
    axes = _axes(op, x, op.axis)
    ends = [to.ints(*[bound] * len(axes)) for bound in (-1, -END)]
    return to.builder.as_it_is("Slice", to.name_of(x), *ends, to.ints(*axes), to.ints(*[-1] * len(axes)))


@operator("Pad", fields="pad_width mode", arguments="x constant_values")
def pad(to: Lowering, op: Any, result: Any, x: Any, constant_values: Any = None) -> str:
    """A number around."""
    widths = list(op.pad_width) * (len(x.shape) if len(op.pad_width) == 1 else 1)
    if op.mode != "constant" or is_tensor(constant_values) or any(widths[0]):
        raise refuse(op, f"mode={op.mode!r}, pad_width={op.pad_width!r} has no lowering: numbers beside the batch have")
    value = to.builder.constant(0 if constant_values is None else constant_values, result.dtype)
    pads = to.ints(*(before for before, _ in widths), *(after for _, after in widths))
    return to.node("Pad", to.cast(to.raw_name(x), result.dtype), pads, value)


@operator("Repeat", fields="repeats axis")
def repeat(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Each place of an axis as often as is said."""
    axis = _axis(op, x, op.axis)
    index = np.repeat(np.arange(_length(op, x, axis)), np.asarray(op.repeats))
    return to.node("Gather", to.name_of(x), to.builder.constant(index, np.int64), axis=axis)


@operator("Tile", fields="repeats")
def tile(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """The whole again along each axis but the batch's."""
    times = [op.repeats] if isinstance(op.repeats, int) else [int(n) for n in op.repeats]
    times = [1] * (len(x.shape) - len(times)) + times
    if len(times) != len(x.shape) or times[0] != 1:
        raise refuse(op, f"repeats={op.repeats!r} has no lowering: of rows of a batch, or along a new axis")
    return to.node("Tile", to.name_of(x), to.ints(*times))


@operator("Swapaxes", fields="axis1 axis2")
def swapaxes(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Two axes in each other's place."""
    order = list(range(len(x.shape)))
    one, other = (_axis(op, x, axis) for axis in (op.axis1, op.axis2))
    order[one], order[other] = other, one
    return to.node("Transpose", to.name_of(x), perm=order)


@operator("Moveaxis", fields="source destination")
def moveaxis(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Axes in another order; the batch stays first."""
    moved = dict(zip(_axes(op, x, list(op.destination)), _axes(op, x, list(op.source)), strict=True))
    rest = iter(axis for axis in range(len(x.shape)) if axis not in moved.values())
    order = [moved[axis] if axis in moved else next(rest) for axis in range(len(x.shape))]
    return to.node("Transpose", to.name_of(x), perm=order)


@operator("Take", fields="axis", arguments="x indices")
def take(to: Lowering, op: Any, result: Any, x: Any, indices: Any) -> str:
    """Given places of an axis."""
    axis = _axis(op, x, op.axis)
    if is_tensor(indices):
        raise refuse(op, "of places that are not given in advance has no lowering")
    length, places = _length(op, x, axis), np.asarray(indices)
    if places.size and not (-length <= places.min() and places.max() < length):
        raise refuse(op, f"indices beyond {length} have no lowering")
    return to.node("Gather", to.name_of(x), to.builder.constant(places % length, np.int64), axis=axis)


@operator("Einsum", fields="subscripts", arguments="operands")
def einsum(to: Lowering, op: Any, result: Any, operands: tuple[Any, ...]) -> str:
    """Sums of products as the letters say."""
    if not result.dtype.startswith("float"):
        raise refuse(op, f"of {result.dtype} has no lowering: cast to a float first")
    names = [to.cast(to.raw_name(x), result.dtype) if is_tensor(x) else to.name_of(x, result.dtype) for x in operands]
    return to.node("Einsum", *names, equation=op.subscripts)


@operator("Threshold", fields="threshold default_value")
def threshold(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """Another number up to a threshold."""
    w, name = _float(to, op, result, x)
    return w("Where", w("Greater", name, float(op.threshold)), name, float(op.default_value))


@operator("Exp2")
def exp2(to: Lowering, op: Any, result: Any, x: Any) -> str:
    """2 to the power of x."""
    w, name = _float(to, op, result, x)
    return w("Pow", 2.0, name)
