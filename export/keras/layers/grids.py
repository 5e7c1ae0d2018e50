"""Pooling, cropping, padding and repeating over two and three axes, channels first or last."""

from typing import Any

import numpy as np

from export.keras.layers.convolution import LOWEST
from export.keras.layers.operators import reduced
from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse, title
from train.core.errors import PipelineError

END = np.iinfo(np.int64).max


@layer(
    *("MaxPooling2D", "MaxPooling3D", "AveragePooling2D", "AveragePooling3D"),
    fields="pool_size padding strides data_format",
)
def pooling(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """The largest or the mean of neighbours; the mean is of those that there are."""
    if op.compute_dtype != "float32":
        raise refuse(op, f"in {op.compute_dtype} has no lowering: onnxruntime's operator is float32")
    first, last = spatial(op, inputs, to)
    attributes: dict[str, Any] = {
        "kernel_shape": list(op.pool_size),
        "strides": list(op.strides),
        "auto_pad": "SAME_UPPER" if op.padding == "same" else "VALID",
    }
    largest = type(op).__name__.startswith("Max")
    if largest:
        inputs = _without_nan(to, inputs, "float32")
    rank = last - first + 2
    moved = to.node("Transpose", inputs, perm=[0, rank - 1, *range(1, rank - 1)]) if first == 1 else inputs
    name = to.node("MaxPool" if largest else "AveragePool", moved, **attributes)
    return to.node("Transpose", name, perm=[0, *range(2, rank), 1]) if first == 1 else name


@layer(
    *("GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    fields="data_format keepdims",
)
def global_pooling(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """The largest or the mean of all places."""
    axes = tuple(range(*spatial(op, inputs, to)))
    kind = "ReduceMax" if "Max" in type(op).__name__ else "ReduceMean"
    return reduced(to, kind, to.typed(inputs, op.compute_dtype), axes, keepdims=bool(op.keepdims))


@layer(
    *(f"Adaptive{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)),
    fields="output_size data_format",
)
def adaptive(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Windows from floor(i n / m) to ceil((i + 1) n / m), axis after axis."""
    kind = "ReduceMax" if "Max" in type(op).__name__ else "ReduceMean"
    first, last = spatial(op, inputs, to)
    shape = to.builder.shapes[inputs]
    if kind == "ReduceMax":
        inputs = _without_nan(to, inputs, op.compute_dtype)
    sizes = [op.output_size] * (last - first) if isinstance(op.output_size, int) else list(op.output_size)
    for axis, answers in zip(range(first, last), sizes, strict=True):
        length = shape[axis]
        if length is None:
            raise refuse(op, "of a free axis has no lowering")
        if -(-length // answers) + 1 > length:
            raise PipelineError(
                f"{title(op)}: {answers} answers of {length} places: TensorFlow ends the process over it; use a "
                "GlobalMaxPooling or GlobalAveragePooling layer"
            )
        parts = []
        for i in range(answers):
            begin, end = i * length // answers, -(-(i + 1) * length // answers)
            window = to.builder.as_it_is("Slice", inputs, to.ints(begin), to.ints(end), to.ints(axis))
            parts.append(to.node(kind, window, to.ints(axis), keepdims=1))
        inputs = to.builder.as_it_is("Concat", *parts, axis=axis)
    return inputs


@layer("Cropping2D", "Cropping3D", fields="cropping data_format")
def cropping(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Without the first and last places of each axis."""
    axes = range(*spatial(op, inputs, to))
    starts = to.ints(*(before for before, _ in op.cropping))
    ends = to.ints(*(-after if after else END for _, after in op.cropping))
    return to.builder.as_it_is("Slice", inputs, starts, ends, to.ints(*axes))


@layer("ZeroPadding2D", "ZeroPadding3D", fields="padding data_format")
def zero_padding(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Zeros around."""
    first, _ = spatial(op, inputs, to)
    ends = [(0, 0)] * first + [tuple(pair) for pair in op.padding]
    ends += [(0, 0)] * (len(to.builder.shapes[inputs]) - len(ends))
    return to.node("Pad", inputs, to.ints(*(before for before, _ in ends), *(after for _, after in ends)))


def _without_nan(to: Lowering, name: str, kind: str) -> str:
    """TensorFlow's own kernels pass over NaN."""
    return to.node("Where", to.node("IsNaN", name), to.builder.constant(LOWEST[kind], kind), name)


def spatial(op: Any, name: str, to: Lowering) -> tuple[int, int]:
    """The first axis of places, and the one behind the last."""
    rank = len(to.builder.shapes[name])
    return (2, rank) if op.data_format == "channels_first" else (1, rank - 1)
