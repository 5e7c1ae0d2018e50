"""Layers that multiply, look up, scale and normalise."""

from typing import Any

import numpy as np

from export.keras.layers import activations
from export.keras.layers.activations import Writer, activate
from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse

OFF = (
    "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise AlphaDropout Identity "
    "ActivityRegularization"
)


@layer(*OFF.split(), inert="rate noise_shape stddev l1 l2 data_format")
def passed_on(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """What does something in training alone."""
    return inputs


@layer("Dense", fields="units activation use_bias")
def dense(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """On the last axis of a tensor of any rank."""
    name = to.node("MatMul", _floats(to, op, inputs), to.weight(op.kernel))
    if op.use_bias:
        name = to.node("Add", name, to.weight(op.bias))
    return activate(to, op, op.activation, name, op.compute_dtype)


def _floats(to: Lowering, op: Any, name: str) -> str:
    return to.cast(name, op.compute_dtype)


@layer("Activation", fields="activation")
def activation(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """A function as a layer."""
    return activate(to, op, op.activation, inputs, to_type(to, op, inputs))


def to_type(to: Lowering, op: Any, name: str) -> str:
    """The type that an elementwise layer computes in; whole numbers have no lowering there."""
    try:
        kind = to.type_of(name)
    except KeyError:
        kind = op.compute_dtype
    if not kind.startswith("float"):
        raise refuse(op, f"of {kind} has no lowering: cast to a float first")
    return kind


@layer("ReLU", fields="max_value negative_slope threshold")
def relu(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """With a slope, a top and a threshold."""
    w = Writer(to, to_type(to, op, inputs))
    return activations.relu_of(w, inputs, float(op.negative_slope), op.max_value, float(op.threshold))


@layer("LeakyReLU", fields="negative_slope")
def leaky_relu(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """With a slope below zero."""
    return activations.leaky(Writer(to, to_type(to, op, inputs)), inputs, float(op.negative_slope))


@layer("ELU", fields="alpha")
def elu(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """With an alpha."""
    return activations.elu(Writer(to, to_type(to, op, inputs)), inputs, float(op.alpha))


@layer("PReLU", fields="shared_axes")
def prelu(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """relu(x) - alpha relu(-x), as Keras writes it; the shape of alpha knows of shared axes."""
    below = to.node("Relu", to.node("Neg", inputs))
    return to.node("Add", to.node("Relu", inputs), to.node("Mul", to.node("Neg", to.weight(op.alpha)), below))


@layer("Softmax", fields="axis", arguments="inputs mask")
def softmax(to: Lowering, op: Any, result: Any, inputs: str, mask: Any = None) -> str:
    """Along axes beside the batch; what a mask takes away is zero."""
    axes = [op.axis] if isinstance(op.axis, int) else list(op.axis)
    _not_the_batch(op, axes, len(to.builder.shapes[inputs]))
    w = Writer(to, to_type(to, op, inputs))
    if mask is not None:
        sizes = zip(reversed(to.builder.shapes[mask]), reversed(to.builder.shapes[inputs]), strict=False)
        if any(one not in (1, other) for one, other in sizes):
            raise refuse(op, "with a mask of another shape has no lowering, nor has Keras an answer: take the mask off")
        kept = mask if to.type_of(mask) == "bool" else w("Greater", to.cast(mask, w.dtype), 0.5)
        inputs = w("Where", kept, inputs, -1e9)
    if len(axes) == 1:
        shares = activations.softmax(w, inputs, axes[0])
    else:
        along = to.ints(*axes)
        away = w("Exp", w("Sub", inputs, w("ReduceMax", inputs, along, keepdims=1)))
        shares = w("Div", away, w("ReduceSum", away, along, keepdims=1))
    return shares if mask is None else w("Where", kept, shares, 0.0)


@layer("Embedding", fields="input_dim output_dim mask_zero weights")
def embedding(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Rows of a table by whole numbers."""
    if not to.type_of(inputs).startswith("int"):
        inputs = to.cast(inputs, "int32")
    return to.node("Gather", to.weight(op.embeddings), inputs, axis=0)


@layer(
    "ReversibleEmbedding",
    fields="input_dim output_dim tie_weights logit_soft_cap",
    arguments="inputs reverse",
)
def reversible_embedding(to: Lowering, op: Any, result: Any, inputs: str, *, reverse: bool = False) -> str:
    """Rows of a table, or products with all of them."""
    if not reverse:
        return str(embedding(to, op, result, inputs))
    table = np.asarray(op.embeddings).T if op.tie_weights else np.asarray(op.reverse_embeddings)
    w = Writer(to, op.compute_dtype)
    found = to.node("MatMul", inputs, to.builder.constant(table, w.dtype))
    if op.logit_soft_cap is None:
        return found
    return w("Mul", w("Tanh", w("Div", found, float(op.logit_soft_cap))), float(op.logit_soft_cap))


@layer("EinsumDense", fields="equation output_shape activation bias_axes")
def einsum_dense(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """A sum of products by its equation."""
    equation, shape = op.equation.replace(" ", ""), to.builder.shapes[inputs]
    left, _, right = equation.partition("->")
    if left.split(",")[0][:1] not in (right[:1], ".") or (left[:3] == "..." and right[:3] != "..."):
        raise refuse(op, f"equation={op.equation!r} over the batch has no lowering")
    if "..." in equation:
        given, own = left.split(",")
        letters = [letter for letter in "ABCDEFGHIJ" if letter not in equation]
        named = "".join(letters[: len(shape) - len(given.replace("...", ""))])
        equation = f"{given.replace('...', named)},{own}->{right.replace('...', named)}"
    name = to.node("Einsum", inputs, to.weight(op.kernel), equation=equation)
    if op.bias is not None:
        name = to.node("Add", name, to.weight(op.bias))
    return activate(to, op, op.activation, name, op.compute_dtype)


@layer("Rescaling", fields="scale offset")
def rescaling(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """x scale + offset."""
    inputs = to.cast(inputs, op.compute_dtype)
    if not all(isinstance(value, int | float | list | tuple | np.ndarray) for value in (op.scale, op.offset)):
        raise refuse(op, "a scale that is no number has no lowering")
    name = to.node("Mul", inputs, to.builder.constant(op.scale, op.compute_dtype))
    return to.node("Add", name, to.builder.constant(op.offset, op.compute_dtype)) if np.any(op.offset) else name


@layer("Normalization", fields="axis mean variance invert")
def normalization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """(x - mean) / max(sqrt(variance), epsilon), or back."""
    import keras

    kind, inputs = op.compute_dtype, to.cast(inputs, op.compute_dtype)
    if op.mean is None:
        raise refuse(op, "not adapted: call adapt() first")
    mean = np.asarray(op.mean, dtype=kind)
    spread = np.maximum(np.sqrt(np.asarray(op.variance, dtype=kind)), np.asarray(keras.config.epsilon(), dtype=kind))
    centre, width = to.builder.constant(mean, kind), to.builder.constant(spread, kind)
    if op.invert:
        return to.node("Add", centre, to.node("Mul", inputs, width))
    return to.node("Div", to.node("Sub", inputs, centre), width)


@layer("BatchNormalization", fields="axis epsilon center scale", inert="momentum synchronized mask renorm_momentum")
def batch_normalization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """By the statistics of training, with Keras's own order of steps: x inv + (beta - mean inv)."""
    kind, rank = op.compute_dtype, len(to.builder.shapes[inputs])
    axis = op.axis % rank
    if axis == 0:
        raise refuse(op, "over the batch has no lowering")
    scale = np.asarray(op.gamma, dtype=kind) if op.scale else np.asarray(1.0, dtype=kind)
    inverse = scale / np.sqrt(np.asarray(op.moving_variance, dtype=kind) + np.asarray(op.epsilon, dtype=kind))
    shift = -np.asarray(op.moving_mean, dtype=kind) * inverse
    if op.center:
        shift = shift + np.asarray(op.beta, dtype=kind)
    shape = [-1] + [1] * (rank - 1 - axis)
    name = to.node("Mul", inputs, to.builder.constant(np.broadcast_to(inverse, shift.shape).reshape(shape), kind))
    return to.node("Add", name, to.builder.constant(shift.reshape(shape), kind))


@layer("GroupNormalization", fields="groups axis epsilon center scale")
def group_normalization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Mean and variance of groups of channels over all places, in Keras's order of steps."""
    kind, shape = op.compute_dtype, to.builder.shapes[inputs]
    axis = op.axis % len(shape)
    if axis == 0 or any(size is None for size in shape[1:]):
        raise refuse(op, "over the batch or of a free axis has no lowering")
    sizes = [size or 0 for size in shape[1:]]
    sizes[axis - 1 : axis] = [op.groups, sizes[axis - 1] // op.groups]
    w = Writer(to, kind)
    apart = to.builder.as_it_is("Reshape", inputs, to.ints(-1, *sizes))
    along = to.ints(*(i for i in range(1, len(sizes) + 1) if i != axis))
    mean = w("ReduceMean", apart, along, keepdims=1)
    away = w("Sub", apart, mean)
    spread = w("ReduceMean", w("Mul", away, away), along, keepdims=1)
    inverse = w("Reciprocal", w("Sqrt", w("Add", spread, float(op.epsilon))))
    stretched = [1] * len(sizes)
    stretched[axis - 1 : axis + 1] = sizes[axis - 1 : axis + 1]
    if op.scale:
        inverse = w("Mul", inverse, to.builder.constant(np.asarray(op.gamma).reshape(stretched), kind))
    shift = w("Neg", w("Mul", mean, inverse))
    if op.center:
        shift = w("Add", shift, to.builder.constant(np.asarray(op.beta).reshape(stretched), kind))
    return to.builder.reshape(w("Add", w("Mul", apart, inverse), shift), tuple(size or 0 for size in shape[1:]))


@layer("LayerNormalization", fields="axis epsilon center scale")
def layer_normalization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Mean and variance over axes of the row itself."""
    axes = [op.axis] if isinstance(op.axis, int) else list(op.axis)
    kind, shape = op.compute_dtype, to.builder.shapes[inputs]
    _not_the_batch(op, axes, len(shape))
    along = to.ints(*axes)
    away = to.node("Sub", inputs, to.node("ReduceMean", inputs, along, keepdims=1))
    variance = to.node("ReduceMean", to.node("Mul", away, away), along, keepdims=1)
    spread = to.node("Sqrt", to.node("Add", variance, to.builder.constant(op.epsilon, kind)))
    name = to.node("Div", away, spread)
    name = to.node("Mul", name, _along(to, op.gamma, axes, shape)) if op.scale else name
    return to.node("Add", name, _along(to, op.beta, axes, shape)) if op.center else name


@layer("RMSNormalization", fields="axis epsilon", arguments="x inputs")
def rms_normalization(to: Lowering, op: Any, result: Any, x: str = "", inputs: str = "") -> str:
    """x / sqrt(mean of squares + epsilon), times a scale."""
    name = x or inputs
    axes = [op.axis] if isinstance(op.axis, int) else list(op.axis)
    shape = to.builder.shapes[name]
    _not_the_batch(op, axes, len(shape))
    mean = to.node("ReduceMean", to.node("Mul", name, name), to.ints(*axes), keepdims=1)
    root = to.node("Sqrt", to.node("Add", mean, to.builder.constant(op.epsilon, op.compute_dtype)))
    return to.node("Mul", to.node("Div", name, root), _along(to, op.scale, axes, shape))


@layer("UnitNormalization", fields="axis")
def unit_normalization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """x / max(sqrt(sum of squares), 1e-12)."""
    axes = [op.axis] if isinstance(op.axis, int) else list(op.axis)
    _not_the_batch(op, axes, len(to.builder.shapes[inputs]))
    squares = to.node("ReduceSum", to.node("Mul", inputs, inputs), to.ints(*axes), keepdims=1)
    low = to.builder.constant(1e-12, op.compute_dtype)
    return to.node("Mul", inputs, to.node("Reciprocal", to.node("Max", to.node("Sqrt", squares), low)))


def _not_the_batch(op: Any, axes: list[int], rank: int) -> None:
    if any(axis % rank == 0 for axis in axes):
        raise refuse(op, "over the batch has no lowering")


def _along(to: Lowering, variable: Any, axes: list[int], shape: tuple[int | None, ...]) -> str:
    """A weight whose axes are some of a tensor's, in a shape that stretches over the others."""
    rank, array = len(shape), np.asarray(variable)
    places = sorted(axis % rank for axis in axes)
    lengths = dict(zip(places, array.shape, strict=True))
    return to.builder.constant(array.reshape([lengths.get(axis, 1) for axis in range(rank)]), variable.dtype)
