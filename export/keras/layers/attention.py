"""Attention, without masks."""

from typing import Any

import numpy as np

from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse


@layer(
    "MultiHeadAttention",
    fields="attention_axes num_heads key_dim value_dim use_bias output_shape query_shape key_shape value_shape",
    arguments="query value key",
    inert="dropout flash_attention",
)
def multi_head_attention(to: Lowering, op: Any, result: Any, query: str, value: str, key: str | None = None) -> str:
    """Softmax of scaled products of queries and keys, head by head."""
    heads, kind = op.num_heads, op.compute_dtype
    if tuple(op._attention_axes) != (1,) or any(len(to.builder.shapes[name]) != 3 for name in (query, value)):
        raise refuse(op, "of other axes than [batch, step, feature] has no lowering")
    q = _heads(to, op.query_dense, query, op.use_bias)
    k = _heads(to, op.key_dense, key or value, op.use_bias)
    v = _heads(to, op.value_dense, value, op.use_bias)
    q = to.node("Mul", q, to.builder.constant(1.0 / np.sqrt(float(op.key_dim)), kind))
    scores = to.node("MatMul", to.node("Transpose", q, perm=[0, 2, 1, 3]), to.node("Transpose", k, perm=[0, 2, 3, 1]))
    shares = to.node("Softmax", scores, axis=-1)
    mixed = to.node("MatMul", shares, to.node("Transpose", v, perm=[0, 2, 1, 3]))
    flat = to.node("Reshape", to.node("Transpose", mixed, perm=[0, 2, 1, 3]), to.ints(0, 0, heads * op.value_dim))
    out = op.output_dense
    kernel = np.asarray(out.kernel).reshape(heads * op.value_dim, -1)
    if len(np.asarray(out.kernel).shape) != 3:
        raise refuse(op, "output_shape of more than one axis has no lowering")
    name = to.node("MatMul", flat, to.builder.constant(kernel, kind))
    return to.node("Add", name, to.weight(out.bias)) if op.use_bias else name


def _heads(to: Lowering, dense: Any, name: str, use_bias: bool) -> str:
    """[batch, step, head, part]."""
    kernel = np.asarray(dense.kernel)
    made = to.node("MatMul", name, to.builder.constant(kernel.reshape(len(kernel), -1), kernel.dtype))
    made = to.node("Reshape", made, to.ints(0, 0, *kernel.shape[1:]))
    return to.node("Add", made, to.weight(dense.bias)) if use_bias else made


@layer("Attention", fields="use_scale score_mode", inert="dropout")
def attention(to: Lowering, op: Any, result: Any, inputs: list[str]) -> str:
    """Products of queries and keys, scaled by a weight of the layer if it has one."""
    if op.score_mode != "dot":
        raise refuse(op, f"score_mode={op.score_mode!r} has no lowering")
    query, value, key = inputs[0], inputs[1], inputs[-1]
    scores = to.node("MatMul", query, to.node("Transpose", key, perm=[0, 2, 1]))
    if op.use_scale:
        scores = to.node("Mul", scores, to.weight(op.scale))
    return to.node("MatMul", to.node("Softmax", scores, axis=-1), value)
