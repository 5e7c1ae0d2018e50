"""Recurrent layers, fused where onnxruntime's operator is near enough, else written out step by step."""

from typing import Any

import numpy as np
import pytest

from export.keras.agreement import Disagreement, check_agreement
from export.keras.compile import STRICT, compile_keras, lowered
from export.keras.lowering import GUARDED, PLAIN, UNROLLED
from export.keras.measured import compile_network
from export.keras.seeded_batch import EXTREME, families
from train.core.errors import PipelineError
from verify.figures.specimens.layers import with_random_weights

pytestmark = pytest.mark.slow

FRESH, ROWS = 77, 400
"""Seed and rows of each kind that the compiler has not seen: 4,000 and more in all."""
LAYERS = ("LSTM", "GRU", "SimpleRNN")


def with_first_state(kind: str, **fields: Any) -> Any:
    import keras

    steps, units = keras.Input((6, 3), name="x"), 8
    states = [keras.Input((units,), name=f"state{i}") for i in range(2 if kind == "LSTM" else 1)]
    layer = getattr(keras.layers, kind)(units, **fields)
    return keras.Model([steps, *states], keras.layers.Dense(2)(layer(steps, initial_state=states)))


def sequence(kind: str, **fields: Any) -> Any:
    import keras

    layer = getattr(keras.layers, kind)(8, **fields)
    return keras.Sequential([keras.Input((6, 3), name="x"), layer, keras.layers.Dense(2)])


def agree_on_fresh_rows(model: Any, graph: Any) -> None:
    for batch in families(model, seed=FRESH, rows=ROWS, extreme=EXTREME).values():
        check_agreement(model, graph, batch)


def operators_of(graph: Any) -> set[str]:
    return {node.op_type for node in graph.graph.node}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("make", [with_first_state, sequence])
@pytest.mark.parametrize("fields", [{}, {"activation": "relu"}])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_written_as_exact_agrees_on_rows_that_the_compiler_has_not_seen(kind, make, fields, seed) -> None:
    model = with_random_weights(make(kind, **fields), seed=seed)

    graph, grade = compile_network(model, name="m")

    assert grade.kind == "exact"
    agree_on_fresh_rows(model, graph)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("seed", [0, 1])
def test_usual_layers_stay_one_operator(kind: str, seed: int) -> None:
    assert kind in operators_of(compile_keras(with_random_weights(sequence(kind), seed=seed), name="m"))


def test_the_operator_alone_is_not_near_enough_for_a_state_without_bound() -> None:
    model = with_random_weights(with_first_state("GRU"), seed=2)
    _, fused = lowered(model, GUARDED, name="m", metadata=None, wide=False)
    with pytest.raises(Disagreement):
        agree_on_fresh_rows(model, fused)
    assert "GRU" not in operators_of(compile_keras(model, name="m"))


FIELDS = [
    {"return_sequences": True},
    {"return_state": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"zero_output_for_mask": True, "return_sequences": True},
    {"zero_output_for_mask": True},
    {"use_bias": False},
    {"recurrent_dropout": 0.2},
]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("kind", [*LAYERS, "GRU before"])
def test_steps_written_out_answer_as_keras_does_with_every_field(kind: str, fields: Any, masked: bool) -> None:
    import keras

    more = {"reset_after": False} if kind == "GRU before" else {}
    layer = getattr(keras.layers, kind.split()[0])(4, **fields, **more)
    entry = keras.Input((5, 3), name="x")
    answer = layer(keras.layers.Masking(0.0)(entry) if masked else entry)
    model = with_random_weights(keras.Model(entry, answer))

    lowering, graph = lowered(model, UNROLLED, name="m", metadata=None, wide=False)

    assert not operators_of(graph) & {"LSTM", "GRU", "RNN", "Loop", "Scan"}
    assert lowering.recurrent == 1
    batches = families(model, seed=FRESH, rows=40, extreme=EXTREME)
    check_agreement(model, graph, {"x": np.concatenate([batch["x"] for batch in batches.values()])}, share=STRICT)


@pytest.mark.parametrize("activation", ["elu", "gelu", "silu", "exponential"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_an_activation_that_no_operator_has_is_written_out(kind: str, activation: str) -> None:
    model = with_random_weights(sequence(kind, activation=activation))
    if activation == "exponential" and kind == "GRU":
        pytest.skip("overflows in Keras, too")
    agree_on_fresh_rows(model, compile_keras(model, name="m"))


def test_a_recurrent_layer_in_float64_is_written_out() -> None:
    import keras

    entry = keras.Input((6, 3), dtype="float64", name="x")
    model = with_random_weights(keras.Model(entry, keras.layers.LSTM(4, dtype="float64")(entry)))
    _, graph = lowered(model, PLAIN, name="m", metadata=None, wide=False)
    agree_on_fresh_rows(model, graph)


def test_a_free_axis_has_the_operator_or_a_measured_tolerance() -> None:
    import keras

    def free(**fields: Any) -> Any:
        return keras.Sequential([keras.Input((None, 3), name="x"), keras.layers.LSTM(8, **fields)])

    graph, grade = compile_network(free(), name="m")
    assert grade.kind == "exact"
    assert "LSTM" in operators_of(graph)
    model = with_random_weights(free(activation="relu"))
    graph, grade = compile_network(model, name="m")
    assert grade.kind == "measured"
    assert "approximate" in grade.says
    assert "free axis" in grade.says
    with pytest.raises(PipelineError, match="over a free axis"):
        compile_network(model, name="m", exact=True)


def test_layers_inside_others_are_written_out() -> None:
    import keras

    k = keras.layers
    entry = keras.Input((4, 5, 3), name="x")
    each = k.TimeDistributed(k.GRU(4, activation="elu"))(entry)
    both = k.Bidirectional(k.LSTM(3, activation="elu", return_sequences=True), merge_mode="ave")(each)
    last = k.RNN([k.LSTMCell(3, activation="elu"), k.GRUCell(2, activation="elu")])(both)
    model = with_random_weights(keras.Model(entry, last))
    agree_on_fresh_rows(model, compile_keras(model, name="m"))
