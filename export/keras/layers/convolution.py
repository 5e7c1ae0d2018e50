"""Convolution and pooling along one axis, as slices of the steps beside each other and one product with the kernel."""

from typing import Any

import numpy as np

from export.keras.layers.activations import activate
from export.keras.layers.operators import reduced
from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse

LOWEST: dict[str, float] = {"float32": float(np.finfo(np.float32).min), "float64": float(np.finfo(np.float64).min)}


@layer(
    "Conv1D",
    fields="filters kernel_size strides padding data_format dilation_rate groups activation use_bias",
)
def conv1d(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Kernel [step, channel, filter] on the steps side by side."""
    inputs = steps_first(to, op, inputs)
    size, stride, wide = op.kernel_size[0], op.strides[0], op.dilation_rate[0]
    steps, channels = to.builder.shapes[inputs][1:]
    before, after = _padding(op, steps, (size - 1) * wide + 1, stride)
    padded = _padded(to, inputs, before, after, 0.0, op.compute_dtype)
    kernel, parts = np.asarray(op.kernel), []
    per_group, filters = (channels or 0) // op.groups, op.filters // op.groups
    for group in range(op.groups):
        source = padded
        if op.groups > 1:
            first = group * per_group
            source = to.node("Slice", padded, to.ints(first), to.ints(first + per_group), to.ints(2))
        beside = to.node("Concat", *_shifted(to, source, size, stride, wide), axis=2)
        own = kernel[:, :, group * filters : (group + 1) * filters].reshape(size * per_group, filters)
        parts.append(to.node("MatMul", beside, to.builder.constant(own, op.compute_dtype)))
    name = to.node("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    if op.use_bias:
        name = to.node("Add", name, to.weight(op.bias))
    return activate(to, op, op.activation, _as_it_was(to, op, name), op.compute_dtype)


@layer("MaxPooling1D", "AveragePooling1D", fields="pool_size padding strides data_format")
def pooling(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """The largest or the mean of neighbouring steps; the mean is of those that there are."""
    inputs = steps_first(to, op, inputs)
    size, stride, kind = op.pool_size[0], op.strides[0], op.compute_dtype
    steps = to.builder.shapes[inputs][1]
    before, after = _padding(op, steps, size, stride)
    if type(op).__name__ == "MaxPooling1D":
        # TensorFlow's own kernel passes over NaN.
        lowest = to.builder.constant(LOWEST[kind], kind)
        inputs = to.node("Where", to.node("IsNaN", inputs), lowest, inputs)
        padded = _padded(to, inputs, before, after, LOWEST[kind], kind)
        parts = _shifted(to, padded, size, stride, 1)
        return _as_it_was(to, op, to.node("Max", *parts) if size > 1 else parts[0])
    parts = _shifted(to, _padded(to, inputs, before, after, 0.0, kind), size, stride, 1)
    total = to.node("Sum", *parts) if size > 1 else parts[0]
    count: Any = float(size)
    if before or after:
        there = np.concatenate([np.zeros(before), np.ones(steps or 0), np.zeros(after)])
        windows = np.lib.stride_tricks.sliding_window_view(there, size)[::stride]
        count = windows.sum(axis=1)[:, None]
    return _as_it_was(to, op, to.node("Div", total, to.builder.constant(count, kind)))


@layer("GlobalMaxPooling1D", "GlobalAveragePooling1D", fields="data_format keepdims", arguments="inputs mask")
def global_pooling(to: Lowering, op: Any, result: Any, inputs: str, mask: str | None = None) -> str:
    """The largest or the mean of all steps; of those that a mask keeps."""
    axis = 1 if op.data_format == "channels_last" else 2
    along, keep = to.ints(axis), int(op.keepdims)
    if type(op).__name__ == "GlobalMaxPooling1D":
        return reduced(to, "ReduceMax", to.typed(inputs, op.compute_dtype), (axis,), keepdims=bool(op.keepdims))
    if mask is None:
        return to.node("ReduceMean", inputs, along, keepdims=keep)
    kept = to.node("Unsqueeze", to.cast(mask, "bool"), to.ints(3 - axis))
    there = to.node("Where", kept, inputs, to.builder.constant(0.0, op.compute_dtype))
    count = to.node("ReduceSum", to.cast(to.typed(kept, "bool"), op.compute_dtype), along, keepdims=keep)
    return to.node("Div", to.node("ReduceSum", there, along, keepdims=keep), count)


def _padding(op: Any, steps: int | None, reach: int, stride: int) -> tuple[int, int]:
    """Steps to add before and after."""
    if op.padding == "valid":
        return 0, 0
    if op.padding == "causal":
        return reach - 1, 0
    if steps is None and (stride > 1 or op.padding != "same"):
        raise refuse(op, "padding='same' with strides over a free axis has no lowering")
    answers = -(-(steps or 0) // stride)
    missing = reach - 1 if steps is None else max((answers - 1) * stride + reach - steps, 0)
    return missing // 2, missing - missing // 2


def _padded(to: Lowering, name: str, before: int, after: int, value: float, kind: str) -> str:
    if not before and not after:
        return name
    return to.node("Pad", name, to.ints(0, before, 0, 0, after, 0), to.builder.constant(value, kind))


def _shifted(to: Lowering, name: str, size: int, stride: int, wide: int) -> list[str]:
    """For each place of a kernel, the steps that it meets."""
    found = []
    for place in range(size):
        left = (size - 1 - place) * wide
        bounds = [to.ints(place * wide), to.ints(-left if left else np.iinfo(np.int64).max), to.ints(1)]
        found.append(to.builder.as_it_is("Slice", name, *bounds, to.ints(stride)))
    return found


def steps_first(to: Lowering, op: Any, name: str) -> str:
    """[batch, step, channel], whichever way round the layer has them."""
    if op.data_format == "channels_last":
        return name
    batch, channels, steps = to.builder.shapes[name]
    turned = to.node("Transpose", name, perm=[0, 2, 1])
    to.builder.shapes[turned] = (batch, steps, channels)
    return turned


def _as_it_was(to: Lowering, op: Any, name: str) -> str:
    if op.data_format == "channels_last":
        return name
    return to.typed(to.node("Transpose", name, perm=[0, 2, 1]), op.compute_dtype)
