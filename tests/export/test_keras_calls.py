"""Every argument of a layer's call, and every mask that a tensor carries: lowered rightly, or refused by name."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from export.keras.agreement import check_agreement
from export.keras.compile import compile_keras
from export.keras.rules import LAYERS
from export.keras.seeded_batch import seeded_batch
from train.core.errors import PipelineError
from verify.figures.specimens.layers import PAIRS, SELF, WORDS, made, place, with_random_weights

pytestmark = pytest.mark.slow

FIRST = {"inputs", "sequences", "data", "query", "value", "x"}
"""What every call is given."""
OTHER: dict[str, Callable[[dict[str, Any]], Any]] = {
    "training": lambda _: True,
    "mask": lambda given: given["mask"],
    "initial_state": lambda given: given["states"],
    "key": lambda given: given["x"] * 0.5,
    "query_mask": lambda given: given["mask"],
    "value_mask": lambda given: given["mask"],
    "key_mask": lambda given: given["mask"],
    "attention_mask": lambda given: given["square"],
    "use_causal_mask": lambda _: True,
    "return_attention_scores": lambda _: True,
    "reverse": lambda _: True,
    "count_weights": lambda given: given["weights"],
}
"""Argument of a call -> another value than the default."""


def arguments_of(name: str) -> list[str]:
    parameters = inspect.signature(made(name).call).parameters.values()
    return [one.name for one in parameters if one.name not in FIRST and one.kind is not one.VAR_KEYWORD]


def called(name: str, argument: str) -> tuple[Any, Any]:
    """A network with the layer called with one more argument, and the layer."""
    import keras

    layer = made(name)
    words = name in WORDS and argument != "reverse"
    shape = (6, 3) if argument == "reverse" else place(name)
    entry = keras.Input(shape, dtype="int32" if words else None, name="x")
    given: dict[str, Any] = {
        "x": entry,
        "mask": keras.Input(shape if name == "Softmax" else shape[:1], dtype="bool", name="mask"),
        "square": keras.Input((6, 6), dtype="bool", name="square"),
        "weights": keras.Input(shape, name="weights"),
    }
    units = [keras.Input((3,), name=f"state{i}") for i in range(4)]
    count = {"LSTM": 2, "RNN": 2, "Bidirectional": 4}.get(name, 1)
    given["states"] = units[:count]
    value = OTHER[argument](given)
    if name in PAIRS:
        value = [value, value] if argument == "mask" else value
        answer = layer([entry, keras.layers.Rescaling(0.5)(entry)], **{argument: value})
    else:
        answer = layer(entry, entry, **{argument: value}) if name in SELF else layer(entry, **{argument: value})
    flat = keras.tree.flatten(value)
    own = {id(tensor): tensor for tensor in (entry, *flat) if any(tensor is one for one in [*units, *given.values()])}
    return with_random_weights(keras.Model(list(own.values()), answer)), layer


def test_every_argument_of_a_call_is_lowered_rightly_or_refused_by_name() -> None:
    lowered, refused = set(), set()
    for name in sorted(LAYERS):
        for argument in arguments_of(name):
            assert argument in OTHER, f"{name}: {argument} has no other value in this test"
            try:
                model, layer = called(name, argument)
            except (ValueError, TypeError, AttributeError, IndexError):
                continue  # Keras itself refuses it
            try:
                graph = compile_keras(model, name="m")
            except PipelineError as error:
                if f"'{layer.name}'" not in str(error) and "does not answer" not in str(error):
                    pytest.fail(f"{name}, {argument}: {error}")
                refused.add((name, argument))
                continue
            check_agreement(model, graph, seeded_batch(model, seed=99))
            lowered.add((name, argument))
    assert {("LSTM", "mask"), ("LSTM", "initial_state"), ("GRU", "initial_state"), ("Softmax", "mask")} <= lowered
    assert {("MultiHeadAttention", one) for one in arguments_of("MultiHeadAttention")} - {
        ("MultiHeadAttention", "training")
    } <= lowered
    assert {("Dropout", "training"), ("BatchNormalization", "training"), ("LSTM", "training")} <= refused


def words() -> tuple[Any, Any]:
    import keras

    entry = keras.Input((6,), dtype="int32", name="words")
    return entry, keras.layers.Embedding(7, 4, mask_zero=True)(entry)


def _layers() -> Any:
    import keras

    return keras.layers


def _inner(*layers: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input((6, 4)), *layers])


CARRIED: dict[str, Callable[[Any, Any], Any]] = {
    "attention": lambda k, e: k.MultiHeadAttention(2, 3)(e, e),
    "attention with scores": lambda k, e: k.MultiHeadAttention(2, 3)(e, e, return_attention_scores=True),
    "causal attention": lambda k, e: k.MultiHeadAttention(2, 3)(e, e, use_causal_mask=True),
    "grouped attention": lambda k, e: k.GroupQueryAttention(3, 4, 2)(e, e),
    "dot attention": lambda k, e: k.Attention()([e, e]),
    "additive attention": lambda k, e: k.AdditiveAttention()([e, e], use_causal_mask=True),
    "through attention": lambda k, e: k.LSTM(3)(k.MultiHeadAttention(2, 3)(e, e)),
    "attention takes it away": lambda k, e: k.GlobalAveragePooling1D()(k.Add()([k.MultiHeadAttention(2, 3)(e, e), e])),
    "a mean of steps": lambda k, e: k.GlobalAveragePooling1D()(e),
    "through dense": lambda k, e: k.GRU(3)(k.Dense(5)(e)),
    "through dropout and scaling": lambda k, e: k.GlobalAveragePooling1D()(k.LayerNormalization()(k.Dropout(0.1)(e))),
    "through both ways": lambda k, e: k.GlobalAveragePooling1D()(k.Bidirectional(k.LSTM(3, return_sequences=True))(e)),
    "beside another": lambda k, e: k.LSTM(3)(k.Concatenate()([e, e])),
    "added": lambda k, e: k.LSTM(3)(k.Add()([e, k.Dense(4)(e)])),
    "multiplied": lambda k, e: k.Multiply()([e, k.Rescaling(0.5, offset=1.0)(e)]),
    "multiplied by one without": lambda k, e: k.Multiply()([e, k.Conv1D(4, 1)(e)]),
    "the smaller": lambda k, e: k.Minimum()([k.Conv1D(4, 1)(e), e]),
    "the larger of three": lambda k, e: k.Maximum()([e, k.Dense(4)(e), k.Conv1D(4, 1)(e)]),
    "into a model": lambda k, e: _inner(k.LSTM(3))(e),
    "into a model's mean": lambda k, e: _inner(k.GlobalAveragePooling1D())(e),
    "through a model": lambda k, e: k.GlobalAveragePooling1D()(_inner(k.Dense(3))(e)),
    "masked again": lambda k, e: k.GlobalAveragePooling1D()(k.Masking(0.5)(e)),
    "cells": lambda k, e: k.RNN([k.LSTMCell(3), k.GRUCell(2)])(e),
    "each step": lambda k, e: k.GlobalAveragePooling1D()(k.TimeDistributed(k.Dense(3))(e)),
}


@pytest.mark.parametrize("case", CARRIED)
def test_a_mask_that_a_tensor_carries_is_not_lost(case: str) -> None:
    import keras

    entry, embedded = words()
    model = with_random_weights(keras.Model(entry, CARRIED[case](_layers(), embedded)))
    graph = compile_keras(model, name="m")
    rows = np.array([[1, 2, 3, 0, 0, 0], [0, 1, 0, 2, 0, 3], [1, 1, 1, 1, 1, 1], [4, 0, 0, 0, 0, 0]], dtype=np.int32)
    check_agreement(model, graph, {"words": rows})
