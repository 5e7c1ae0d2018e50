"""Every layer of Keras and every field of its config: lowered rightly, or refused by name."""

import inspect
from typing import Any

import numpy as np
import pytest

from export.graph import to_bytes
from export.keras.compile import compile_keras
from export.keras.rules import LAYERS, NOT_LOOKED_AT, ONLY_IN_TRAINING
from train.core.errors import PipelineError

pytestmark = pytest.mark.slow

STEPS, ROW, WORDS = (6, 4), (5,), "int32"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Dense": {"units": 3},
    "Activation": {"activation": "relu"},
    "LSTM": {"units": 3},
    "GRU": {"units": 3},
    "SimpleRNN": {"units": 3},
    "Conv1D": {"filters": 4, "kernel_size": 3},
    "Embedding": {"input_dim": 7, "output_dim": 3},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 3},
    "Rescaling": {"scale": 0.5},
    "RepeatVector": {"n": 3},
    "Reshape": {"target_shape": (4, 6)},
    "Permute": {"dims": (2, 1)},
    "Dot": {"axes": 1},
    "AveragePooling1D": {"pool_size": 2},
    "Dropout": {"rate": 0.2},
    "SpatialDropout1D": {"rate": 0.2},
    "GaussianDropout": {"rate": 0.2},
    "AlphaDropout": {"rate": 0.2},
    "GaussianNoise": {"stddev": 0.2},
    "Normalization": {"mean": [0.5, 1.0, -2.0, 3.0], "variance": [1.0, 4.0, 0.25, 2.0]},
}
PAIRS = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "Attention"}
PLACES = {"RepeatVector": ROW, "Embedding": (6,)}
FUNCTIONS = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "swish",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "mish",
    "softplus",
    "softsign",
    "sigmoid",
    "log_sigmoid",
    "tanh",
    "exponential",
    "softmax",
    "log_softmax",
    "squareplus",
    "sparse_plus",
    "sparse_sigmoid",
    "linear",
    "sparsemax",
    "glu",
]
OTHER: dict[str, list[Any]] = {
    "units": [1, 5],
    "activation": ["tanh", "relu", "linear", "softsign", "hard_sigmoid", "elu", "gelu", "softmax"],
    "recurrent_activation": ["tanh", "hard_sigmoid", "relu"],
    "use_bias": [False],
    "unit_forget_bias": [False],
    "return_sequences": [True],
    "return_state": [True],
    "go_backwards": [True],
    "stateful": [True],
    "unroll": [True],
    "zero_output_for_mask": [True],
    "dropout": [0.3],
    "recurrent_dropout": [0.3],
    "reset_after": [False],
    "rate": [0.5],
    "stddev": [0.7],
    "noise_shape": [(None, 1, 4)],
    "l1": [0.1],
    "l2": [0.1],
    "negative_slope": [0.05],
    "max_value": [1.5, 6.0],
    "threshold": [0.4],
    "alpha": [0.6],
    "shared_axes": [[1]],
    "axis": [1, -2],
    "axes": [2, (1, 2)],
    "normalize": [True],
    "epsilon": [0.1],
    "center": [False],
    "scale": [False, 2.0, [1.0, 2.0, 3.0, 4.0]],
    "offset": [0.25],
    "momentum": [0.5],
    "synchronized": [True],
    "renorm": [True],
    "renorm_clipping": [{"rmax": 2.0}],
    "renorm_momentum": [0.5],
    "rms_scaling": [True],
    "input_dim": [9],
    "output_dim": [2],
    "mask_zero": [True],
    "filters": [2, 6],
    "kernel_size": [1, 2, 5],
    "strides": [2, 3],
    "padding": ["same", "causal", (2, 1)],
    "data_format": ["channels_first"],
    "dilation_rate": [2],
    "groups": [2],
    "pool_size": [3],
    "keepdims": [True],
    "target_shape": [(24,), (-1, 3)],
    "dims": [(1, 2)],
    "n": [1],
    "cropping": [(0, 2), (1, 0)],
    "size": [3],
    "mask_value": [1.5],
    "mean": [None],
    "variance": [[1.0, 2.0, 3.0, 4.0]],
    "invert": [True],
    "num_heads": [1],
    "key_dim": [2],
    "value_dim": [5],
    "output_shape": [6, (2, 3)],
    "attention_axes": [(1,)],
    "sliding_window": [2],
    "use_gate": [True],
    "flash_attention": [True],
    "use_scale": [True],
    "score_mode": ["concat"],
    "merge_mode": ["sum", "mul", "ave", None],
    "quantization_config": [],  # its own classes; the types of a quantised layer are refused as a dtype policy
    "query_shape": [],
    "key_shape": [],
    "value_shape": [],
    "layer": [],
    "backward_layer": [],
    "activity_regularizer": [],
}
"""Field -> other values than the default."""


CELLS = ("LSTM", "GRU", "SimpleRNN")


def layers() -> dict[str, type]:
    """The classes of keras.layers that are layers, each under its own name."""
    import keras

    found = {name: kind for name, kind in vars(keras.layers).items() if inspect.isclass(kind)}
    return {kind.__name__: kind for kind in found.values() if issubclass(kind, keras.layers.Layer)}


def made(name: str, **changes: Any) -> Any:
    import keras

    kinds = keras.layers
    if name == "Bidirectional":
        inner = {key: changes.pop(key) for key in list(changes) if key in ("return_sequences", "return_state")}
        return kinds.Bidirectional(kinds.LSTM(3, **inner), **changes)
    if name == "TimeDistributed":
        return kinds.TimeDistributed(kinds.Dense(3, activation="relu"), **changes)
    return layers()[name](**{**ARGUMENTS.get(name, {}), **changes})


def network(name: str, layer: Any) -> Any:
    """The layer on the input that it takes, with random weights: a bias of zeros would hide a lost bias."""
    import keras

    entry = keras.Input(PLACES.get(name, STEPS), dtype=WORDS if name == "Embedding" else None, name="x")
    if name in PAIRS:
        answer = layer([entry, keras.layers.Rescaling(-0.5, offset=0.3, name="other")(entry)])
    else:
        answer = layer(entry, entry) if name == "MultiHeadAttention" else layer(entry)
    model = keras.Model(entry, answer)
    random = np.random.default_rng(7)
    for variable in model.variables:
        if "float" in variable.dtype:
            # Feedback of more than 1 would grow the rounding of any float32 program from step to step.
            values = random.normal(size=variable.shape) * (0.3 if "recurrent" in variable.path else 0.7)
            variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return model


def compared(model: Any) -> int:
    """The share of cells that differ between Keras and the compiled graph, on rows that compile_keras has not seen."""
    import keras
    import onnxruntime as ort

    graph = compile_keras(model, name="m")
    random = np.random.default_rng(99)
    shape = (40, *model.inputs[0].shape[1:])
    if "int" in model.inputs[0].dtype:
        rows = random.integers(0, 7, size=shape).astype(model.inputs[0].dtype)
    else:
        rows = random.normal(size=shape).astype(np.float32)
        rows[:10][random.random((10, *shape[1:])) < 0.1] = np.nan
        rows[10:20] *= 20
        rows[20:25] = np.round(rows[20:25])
    session = ort.InferenceSession(to_bytes(graph))
    found = session.run(None, {"x": rows})
    if any(node.op_type == "Softmax" for node in graph.graph.node):
        rows_kept = ~np.isnan(rows).reshape(len(rows), -1).any(axis=1)  # TensorFlow's own answer is erratic there
        assert all(np.isnan(value[~rows_kept]).any() for value in found)
        rows, found = rows[rows_kept], [value[rows_kept] for value in found]
    wanted = [np.asarray(value) for value in keras.tree.flatten(model(rows, training=False))]
    return sum(
        int((~np.isclose(a, b, rtol=2e-5, atol=3e-6 * max(1.0, float(np.nanmax(np.abs(b)))), equal_nan=True)).sum())
        for a, b in zip(found, wanted, strict=True)
    )


def outcome(name: str, layer: Any) -> str:
    """ "exact" or the refusal, which names the layer; None of both fails."""
    try:
        model = network(name, layer)
    except Exception as error:  # noqa: BLE001 - Keras refuses a value in many ways
        return f"Keras refuses it: {error}"
    try:
        assert compared(model) == 0
    except PipelineError as error:
        # onnxruntime's gates stop at sigmoid(-18): a cell that grows without bound shows it, and is refused.
        functions = [getattr(layer, field, None) for field in ("activation", "recurrent_activation")]
        unbounded = name in CELLS and {getattr(f, "__name__", "") for f in functions} & {"relu", "linear"}
        said = str(error)
        named = f"{layer.name}'" in said or "Keras itself does not answer" in said
        if not (named or unbounded) or ("answers otherwise" in said and not unbounded):
            pytest.fail(said)
        return str(error)
    return "exact"


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_with_a_lowering_answers_as_keras_does(name: str) -> None:
    assert outcome(name, made(name)) == "exact"


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_field_changed_is_lowered_rightly_or_refused_by_name(name: str) -> None:
    fields = set(made(name).get_config())
    fields -= NOT_LOOKED_AT
    for field in sorted(field for field in fields if not field.endswith(ONLY_IN_TRAINING)):
        assert field in OTHER, f"{name}: {field} has no other value in this test"
        for value in OTHER[field]:
            try:
                layer = made(name, **{field: value})
            except (ValueError, TypeError, AttributeError):
                continue  # Keras itself refuses the value
            outcome(name, layer)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN", "Bidirectional"])
def test_recurrent_layers_answer_as_keras_does_in_all_their_forms(name: str) -> None:
    for changes in (
        {"return_sequences": True},
        {"return_state": True},
        {"return_sequences": True, "return_state": True},
    ):
        assert outcome(name, made(name, **changes)) == "exact", changes


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_is_lowered_rightly_or_refused_by_name(name: str) -> None:
    import keras

    found = outcome("Activation", made("Activation", activation=getattr(keras.activations, name)))
    assert found == "exact" or f"activation {name!r}" in found


def test_every_activation_of_keras_is_in_this_test() -> None:
    import keras

    theirs = {name for name, value in vars(keras.activations).items() if inspect.isfunction(value)}
    assert theirs - {"get", "serialize", "deserialize", "threshold"} <= set(FUNCTIONS)


def test_an_activation_of_the_users_own_is_refused_whatever_its_name() -> None:
    import keras

    def relu(x: Any) -> Any:
        return 2.0 * keras.ops.relu(x)

    with pytest.raises(PipelineError, match="activation 'relu' of"):
        compile_keras(network("Dense", made("Dense", activation=relu)), name="m")


def test_layers_without_a_lowering_are_refused_by_name() -> None:
    refused = 0
    for name, kind in layers().items():
        if name in LAYERS:
            continue
        for place in (STEPS, ROW, (8, 8, 3), (6, 6, 6, 3)):
            import keras

            try:
                model = keras.Sequential([keras.Input(place, name="x"), kind(name="mine")])
            except Exception:  # noqa: BLE001 - no layer that stands alone on such an input
                continue
            if model._functional is None:
                continue
            with pytest.raises(PipelineError, match="'mine'"):
                compile_keras(model, name="m")
            refused += 1
            break
    assert refused >= 10


def test_the_table_of_layers_and_activations_in_the_documents_is_what_is_lowered() -> None:
    import re

    from export.keras.activations import WRITERS
    from tests.support.places import ROOT

    text = (ROOT / "docs/own_model.md").read_text().split("<!-- keras layers -->")[1].split("\n## ")[0]
    table, activations = text.split("Activations:")
    assert set(re.findall(r"`(\w+)`", table)) == set(LAYERS)
    assert set(re.findall(r"`(\w+)`", activations.split("refused")[0])) == {*WRITERS, "linear"}
