"""Attention, with the masks that are given and those that the tensors carry."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse

MASKS = "query_mask value_mask key_mask attention_mask"
CALLED = f"query value key {MASKS} use_causal_mask return_attention_scores"


@dataclass(frozen=True)
class Heads:
    """What differs between the two layers of many heads."""

    query: Any
    key: Any
    value: Any
    gate: Any
    out: Any
    number: int
    repeats: int
    scale: float
    window: int | None
    dropout: float


@layer(
    "MultiHeadAttention",
    fields="attention_axes num_heads key_dim value_dim use_bias output_shape query_shape key_shape value_shape "
    "sliding_window use_gate dropout",
    arguments=CALLED,
    inert="flash_attention",
)
def multi_head_attention(to: Lowering, op: Any, result: Any, query: str, value: str, **more: Any) -> Any:
    """Softmax of scaled products of queries and keys, head by head."""
    if tuple(op._attention_axes) != (1,) or any(len(to.builder.shapes[name]) != 3 for name in (query, value)):
        raise refuse(op, "of other axes than [batch, step, feature] has no lowering")
    gate = op._gate_dense if getattr(op, "_use_gate", False) else None
    return _attend(
        to,
        op,
        Heads(
            op.query_dense,
            op.key_dense,
            op.value_dense,
            gate,
            op.output_dense,
            op.num_heads,
            1,
            1.0 / np.sqrt(float(op.key_dim)),
            op._sliding_window,
            op._dropout,
        ),
        query,
        value,
        **more,
    )


@layer(
    "GroupedQueryAttention",
    fields="head_dim num_query_heads num_key_value_heads use_bias sliding_window use_gate dropout",
    arguments=CALLED,
    inert="flash_attention",
)
def grouped_query_attention(to: Lowering, op: Any, result: Any, query: str, value: str, **more: Any) -> Any:
    """The same, with keys and values that several heads of queries share."""
    return _attend(
        to,
        op,
        Heads(
            op._query_dense,
            op._key_dense,
            op._value_dense,
            op._gate_dense if op.use_gate else None,
            op._output_dense,
            op.num_query_heads,
            op.num_repeats,
            1.0 / np.sqrt(float(op.head_dim)),
            op.sliding_window,
            op.dropout,
        ),
        query,
        value,
        **more,
    )


def _attend(
    to: Lowering,
    op: Any,
    heads: Heads,
    query: str,
    value: str,
    key: str | None = None,
    *,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
    **masks: Any,
) -> Any:
    kind = op.compute_dtype
    kept = _kept(to, op, heads, query, value, causal=bool(use_causal_mask), **masks)
    q = _heads(to, heads.query, query)
    k, v = (_repeated(to, _heads(to, *given), heads) for given in ((heads.key, key or value), (heads.value, value)))
    # Keras has two ways: where scores are asked for (or there is dropout) it scales first, and shares are zero where
    # masked; the fast one scales afterwards, and a row that is masked throughout has equal shares.
    slow = bool(return_attention_scores) or heads.dropout > 0.0
    scale = to.builder.constant(heads.scale, kind)
    q = to.node("Mul", q, scale) if slow else q
    scores = to.node("MatMul", to.node("Transpose", q, perm=[0, 2, 1, 3]), to.node("Transpose", k, perm=[0, 2, 3, 1]))
    scores = scores if slow else to.node("Mul", scores, scale)
    if kept is not None:
        low = -1e9 if slow else -0.7 * 3.38953e38
        scores = to.node("Where", kept, scores, to.builder.constant(low, kind))
    shares = to.node("Softmax", scores, axis=-1)
    if kept is not None and slow:
        shares = to.node("Where", kept, shares, to.builder.constant(0.0, kind))
    mixed = to.node("MatMul", shares, to.node("Transpose", v, perm=[0, 2, 1, 3]))
    mixed = to.node("Transpose", mixed, perm=[0, 2, 1, 3])
    if heads.gate is not None:
        mixed = to.node("Mul", mixed, to.node("Sigmoid", _heads(to, heads.gate, query)))
    width = int(np.prod(np.asarray(heads.out.kernel).shape[:2]))
    flat = to.node("Reshape", mixed, to.ints(0, 0, width))
    kernel = np.asarray(heads.out.kernel)
    if kernel.ndim != 3:
        raise refuse(op, "output_shape of more than one axis has no lowering")
    name = to.node("MatMul", flat, to.builder.constant(kernel.reshape(width, -1), kind))
    name = to.node("Add", name, to.weight(heads.out.bias)) if op_bias(heads.out) else name
    return [name, shares] if return_attention_scores else name


def op_bias(dense: Any) -> bool:
    """Whether a product has a bias."""
    return dense.bias is not None


def _heads(to: Lowering, dense: Any, name: str) -> str:
    """[batch, step, head, part]."""
    kernel = np.asarray(dense.kernel)
    made = to.node("MatMul", name, to.builder.constant(kernel.reshape(len(kernel), -1), kernel.dtype))
    made = to.node("Reshape", made, to.ints(0, 0, *kernel.shape[1:]))
    return to.node("Add", made, to.weight(dense.bias)) if op_bias(dense) else made


def _repeated(to: Lowering, name: str, heads: Heads) -> str:
    if heads.repeats == 1:
        return name
    index = np.repeat(np.arange(heads.number // heads.repeats), heads.repeats)
    return to.node("Gather", name, to.builder.constant(index, np.int64), axis=2)


def _kept(
    to: Lowering,
    op: Any,
    heads: Heads,
    query: str,
    value: str,
    *,
    causal: bool,
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
) -> str | None:
    """Which step looks at which: [batch, 1, step, step]."""
    parts = []
    if query_mask is not None:
        parts.append(to.node("Unsqueeze", to.cast(query_mask, "bool"), to.ints(1, 3)))
    parts += [to.node("Unsqueeze", to.cast(m, "bool"), to.ints(1, 2)) for m in (value_mask, key_mask) if m is not None]
    if attention_mask is not None:
        mask, rank = to.cast(attention_mask, "bool"), len(to.builder.shapes[attention_mask])
        parts.append(mask if rank == 4 else to.node("Unsqueeze", mask, to.ints(*range(1, 5 - rank))))
    if causal or heads.window is not None:
        steps, others = (_length(op, to, name) for name in (query, value))
        apart = np.arange(steps)[:, None] - np.arange(others)
        fixed = np.ones_like(apart, dtype=bool)
        if causal:
            fixed &= apart >= 0
        if heads.window is not None:
            fixed &= np.abs(apart) < heads.window
        parts.append(to.builder.constant(fixed[None, None], np.bool_))
    if not parts:
        return None
    whole = parts[0]
    for part in parts[1:]:
        whole = to.node("And", whole, part)
    return whole


def _length(op: Any, to: Lowering, name: str) -> int:
    length = to.builder.shapes[name][1]
    if length is None:
        raise refuse(op, "a causal mask or a window over a free axis has no lowering")
    return length


@layer(
    *("Attention", "AdditiveAttention"),
    fields="use_scale score_mode",
    arguments="inputs mask use_causal_mask return_attention_scores",
    inert="dropout",
)
def attention(
    to: Lowering,
    op: Any,
    result: Any,
    inputs: list[str],
    mask: Any = None,
    *,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Any:
    """Products of queries and keys, or sums of hyperbolic tangents, with a scale of the layer's if it has one."""
    query, value = inputs[0], inputs[1]
    key = inputs[2] if len(inputs) > 2 else value
    scores, kind = _scores(to, op, query, key), op.compute_dtype
    kept = None if not mask or mask[1] is None else to.node("Unsqueeze", to.cast(mask[1], "bool"), to.ints(1))
    if use_causal_mask:
        triangle = np.tri(_length(op, to, query), _length(op, to, value), dtype=bool)[None]
        name = to.builder.constant(triangle, np.bool_)
        kept = name if kept is None else to.node("And", kept, name)
    if kept is not None:
        far = to.node("Sub", scores, to.builder.constant(1e9, kind))
        scores = to.node("Where", kept, scores, far)
    shares = to.node("Softmax", scores, axis=-1)
    answer = to.node("MatMul", shares, value)
    if mask and mask[0] is not None:
        there = to.node("Unsqueeze", to.cast(mask[0], "bool"), to.ints(2))
        answer = to.node("Where", there, answer, to.builder.constant(0.0, kind))
    return [answer, shares] if return_attention_scores else answer


def _scores(to: Lowering, op: Any, query: str, key: str) -> str:
    additive = type(op).__name__ == "AdditiveAttention"
    if not additive and op.score_mode == "dot":
        scores = to.node("MatMul", query, to.node("Transpose", key, perm=[0, 2, 1]))
        return to.node("Mul", scores, to.weight(op.scale)) if op.use_scale else scores
    both = to.node("Add", to.node("Unsqueeze", query, to.ints(2)), to.node("Unsqueeze", key, to.ints(1)))
    if op.use_scale and not additive:
        both = to.node("Mul", to.weight(op.scale), both)
    bent = to.node("Tanh", both)
    if op.use_scale and additive:
        bent = to.node("Mul", to.weight(op.scale), bent)
    total = to.node("ReduceSum", bent, to.ints(-1), keepdims=0)
    return total if additive else to.node("Mul", to.weight(op.concat_score_weight), total)
