"""Convolutions over two and three axes, those channel by channel, and those that go back: onnxruntime's own operators.

ONNX has the channels before the places, Keras mostly behind them: a Transpose on each side.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from export.keras.layers.activations import activate
from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse

SPATIAL = "kernel_size strides padding data_format dilation_rate activation use_bias"


@layer("Conv2D", "Conv3D", fields=f"filters groups {SPATIAL}")
def convolution(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Kernel [*place, channel, filter]."""
    kernel = np.moveaxis(np.asarray(op.kernel), (-1, -2), (0, 1))
    return _finished(to, op, _conv(to, op, _channels_first(to, op, inputs), kernel, op.groups))


@layer("DepthwiseConv1D", "DepthwiseConv2D", fields=f"depth_multiplier {SPATIAL}")
def depthwise(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Kernel [*place, channel, multiple]: every channel by itself."""
    return _finished(to, op, _by_channel(to, op, _channels_first(to, op, inputs), np.asarray(op.kernel)))


@layer("SeparableConv1D", "SeparableConv2D", fields=f"filters depth_multiplier {SPATIAL}")
def separable(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Channel by channel, then a product of the channels at each place."""
    if op.data_format != "channels_last":
        raise refuse(op, f"data_format={op.data_format!r} has no lowering")
    name = _by_channel(to, op, _channels_first(to, op, inputs), np.asarray(op.depthwise_kernel))
    mixed = np.moveaxis(np.asarray(op.pointwise_kernel), (-1, -2), (0, 1))
    return _finished(to, op, to.node("Conv", name, to.builder.constant(mixed, np.float32)))


@layer("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", fields=f"filters output_padding {SPATIAL}")
def transposed(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Kernel [*place, filter, channel]; the padding that makes the lengths those of Keras."""
    if op.data_format != "channels_last":
        raise refuse(op, f"data_format={op.data_format!r} has no lowering")
    name = _channels_first(to, op, inputs)
    shape = to.builder.shapes[inputs]
    kernel = np.asarray(op.kernel)
    lengths = tuple(size or 16 for size in shape[1:])
    answers = op.compute_output_shape((1, *lengths))
    before, after, more = [], [], []
    for i, size in enumerate(kernel.shape[:-2]):
        reach = (size - 1) * op.dilation_rate[i] + 1
        over = (lengths[i] - 1) * op.strides[i] + reach - answers[1 + i]
        before.append(max(over, 0) // 2 if op.padding == "same" else 0)
        after.append(max(over, 0) - before[-1])
        more.append(max(-over, 0))
    attributes = {"strides": list(op.strides), "dilations": list(op.dilation_rate), "pads": before + after}
    weight = to.builder.constant(np.moveaxis(kernel, (-1, -2), (0, 1)), np.float32)
    return _finished(to, op, to.node("ConvTranspose", name, weight, output_padding=more, **attributes))


def _by_channel(to: Lowering, op: Any, name: str, kernel: npt.NDArray[Any]) -> str:
    places, (channels, multiple) = kernel.shape[:-2], kernel.shape[-2:]
    own = np.moveaxis(kernel.reshape(*places, 1, channels * multiple), (-1, -2), (0, 1))
    return _conv(to, op, name, own, channels)


def _conv(to: Lowering, op: Any, name: str, kernel: npt.NDArray[Any], groups: int) -> str:
    return to.node(
        "Conv",
        name,
        to.builder.constant(np.ascontiguousarray(kernel), np.float32),
        auto_pad="SAME_UPPER" if op.padding == "same" else "VALID",
        strides=list(op.strides),
        dilations=list(op.dilation_rate),
        group=groups,
    )


def _channels_first(to: Lowering, op: Any, name: str) -> str:
    if op.compute_dtype != "float32":
        raise refuse(op, f"in {op.compute_dtype} has no lowering: onnxruntime's operator is float32")
    if op.padding not in ("same", "valid"):
        # Nothing but steps can be causal: before the first one.
        reach = (op.kernel_size[0] - 1) * op.dilation_rate[0]
        last = op.data_format == "channels_last"
        pads = to.ints(0, reach, 0, 0, 0, 0) if last else to.ints(0, 0, reach, 0, 0, 0)
        name, shape = to.node("Pad", name, pads), to.builder.shapes[name]
        to.builder.shapes[name] = shape
    if op.data_format == "channels_first":
        return name
    rank = len(op.strides) + 2
    return to.node("Transpose", name, perm=[0, rank - 1, *range(1, rank - 1)])


def _finished(to: Lowering, op: Any, name: str) -> str:
    """The bias, the channels where they were, the activation."""
    rank = len(op.strides)
    if op.use_bias:
        bias = np.asarray(op.bias).reshape(-1, *[1] * rank)
        name = to.node("Add", name, to.builder.constant(bias, np.float32))
    if op.data_format == "channels_last":
        name = to.node("Transpose", name, perm=[0, *range(2, rank + 2), 1])
    return activate(to, op, op.activation, to.typed(name, "float32"), "float32")
