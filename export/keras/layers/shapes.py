"""Layers that move numbers and change none, masks and the layers inside others."""

from typing import Any

import numpy as np

from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse


@layer("Flatten", fields="data_format")
def flatten(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Into one axis beside the batch."""
    shape = to.builder.shapes[inputs]
    if op.data_format != "channels_last" and len(shape) > 2:
        last = [0, *range(2, len(shape)), 1]
        inputs = to.node("Transpose", inputs, perm=last)
        to.builder.shapes[inputs] = tuple(shape[axis] for axis in last)
    if any(size is None for size in shape[1:]):
        raise refuse(op, "of a free axis beside the batch has no lowering")
    return to.builder.reshape(inputs, (int(np.prod([size or 0 for size in shape[1:]])),))


@layer("Reshape", fields="target_shape", casts=False)
def reshape(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """The batch stays."""
    if any(size is None for size in result.shape[1:]):
        raise refuse(op, "to a free axis beside the batch has no lowering")
    return to.typed(to.builder.reshape(inputs, tuple(result.shape[1:])), to.type_of(inputs))


@layer("Permute", fields="dims")
def permute(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Axes in another order."""
    return to.node("Transpose", inputs, perm=[0, *op.dims])


@layer("RepeatVector", fields="n")
def repeat_vector(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """A row at every step."""
    return to.node("Tile", to.node("Unsqueeze", inputs, to.ints(1)), to.ints(1, op.n, 1))


@layer("ZeroPadding1D", fields="padding data_format")
def zero_padding(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Zeros before the first and after the last step."""
    before, after = op.padding
    last = op.data_format == "channels_last"
    return to.node("Pad", inputs, to.ints(0, before, 0, 0, after, 0) if last else to.ints(0, 0, before, 0, 0, after))


@layer("Cropping1D", fields="cropping")
def cropping(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Without the first and last steps."""
    before, after = op.cropping
    end = -after if after else np.iinfo(np.int64).max
    return to.node("Slice", inputs, to.ints(before), to.ints(end), to.ints(1))


@layer("UpSampling1D", fields="size")
def up_sampling(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Every step several times."""
    steps, width = to.builder.shapes[inputs][1:]
    if steps is None or width is None:
        raise refuse(op, "of a free axis has no lowering")
    index = to.builder.constant(np.repeat(np.arange(steps), op.size), np.int64)
    return to.node("Gather", inputs, index, axis=1)


@layer("Masking", fields="mask_value")
def masking(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Zeros where every feature has the value; the mask itself is another operator of Keras's graph."""
    value = to.builder.constant(op.mask_value, op.compute_dtype)
    other = to.node("Not", to.node("Equal", inputs, value))
    kept = to.node("ReduceMax", to.cast(to.typed(other, "bool"), op.compute_dtype), to.ints(-1), keepdims=1)
    return to.node("Mul", inputs, kept)
