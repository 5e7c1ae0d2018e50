"""Whole numbers and bins as numbers or as marks of their own."""

from typing import Any

import numpy as np

from export.graph import ML_DOMAIN
from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse


@layer("Discretization", fields="bin_boundaries num_bins output_mode", inert="epsilon")
def discretization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """How many boundaries a number is not below; a missing number is in the last bin."""
    if op.bin_boundaries is None:
        raise refuse(op, "not adapted: call adapt() first")
    kind = to.type_of(inputs)
    bounds = np.asarray(op.bin_boundaries, dtype=np.float32)
    wide = to.cast(inputs, "float32") if not kind.startswith("float") else inputs
    each = to.node("Unsqueeze", wide, to.ints(len(to.builder.shapes[inputs])))
    reached = to.node("Not", to.node("Less", each, to.builder.constant(bounds, to.type_of(wide))))
    bins = to.node("ReduceSum", to.node("Cast", reached, to=7), to.ints(-1), keepdims=0)
    to.builder.shapes[bins] = to.builder.shapes[inputs]
    return encoded(to, op, to.typed(bins, "int64"), len(bounds) + 1, result.dtype)


@layer("CategoryEncoding", fields="num_tokens output_mode", arguments="inputs count_weights")
def category_encoding(to: Lowering, op: Any, result: Any, inputs: str, count_weights: Any = None) -> str:
    """A one for each number there is; those outside are not there."""
    return encoded(to, op, to.cast(inputs, "int64"), op.num_tokens, result.dtype, count_weights)


LOOKUP = (
    "max_tokens num_oov_indices mask_token oov_token vocabulary vocabulary_dtype invert output_mode vocabulary_size"
)


@layer("IntegerLookup", fields=LOOKUP, inert="pad_to_max_tokens oov_method")
def integer_lookup(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """Places in a vocabulary, or back; the place of the unknown for all others."""
    words = [int(word) for word in op.get_vocabulary(include_special_tokens=True)]
    if op.num_oov_indices != 1 or op.output_mode != "int":
        raise refuse(
            op, "has a lowering with num_oov_indices=1 and output_mode='int' alone: put CategoryEncoding behind"
        )
    unknown = words.index(int(op.oov_token))
    places = list(range(len(words)))
    keys, values, default = (places, words, words[unknown]) if op.invert else (words, places, unknown)
    known = [(key, value) for key, value in zip(keys, values, strict=True) if op.invert or value != unknown]
    found = to.builder.node(
        "LabelEncoder",
        to.cast(inputs, "int64"),
        domain=ML_DOMAIN,
        keys_int64s=[key for key, _ in known],
        values_int64s=[value for _, value in known],
        default_int64=default,
    )
    return to.cast(to.typed(found, "int64"), result.dtype)


def encoded(to: Lowering, op: Any, whole: str, depth: int, dtype: str, weights: Any = None) -> str:
    """Whole numbers as they are, each as a row of marks, or all of a row together."""
    if op.output_mode == "int":
        return to.cast(whole, dtype)
    shape = to.builder.shapes[whole]
    if op.output_mode != "one_hot" and len(shape) != 2:
        raise refuse(op, f"output_mode={op.output_mode!r} of rank {len(shape)} has no lowering")
    if op.output_mode == "one_hot" and len(shape) > 1 and shape[-1] == 1:
        whole, shape = to.node("Squeeze", whole, to.ints(len(shape) - 1)), shape[:-1]
    each = to.node("Unsqueeze", whole, to.ints(len(shape)))
    same = to.node("Equal", each, to.builder.constant(np.arange(depth), np.int64))
    marks = to.cast(to.typed(same, "bool"), dtype if dtype.startswith("float") else "int64")
    if op.output_mode == "one_hot":
        return to.cast(marks, dtype)
    if weights is not None:
        each_weight = to.node("Unsqueeze", to.cast(weights, dtype), to.ints(2))
        marks = to.node("Where", same, each_weight, to.builder.constant(0.0, dtype))
    kind = "ReduceSum" if op.output_mode == "count" else "ReduceMax"
    return to.cast(
        to.typed(to.node(kind, marks, to.ints(1), keepdims=0), dtype if dtype.startswith("float") else "int64"), dtype
    )
