"""Every layer of Keras and every field of its config: lowered rightly, or refused by name."""

import inspect
from typing import Any

import numpy as np
import pytest

from export.graph import to_bytes
from export.keras.agreement import graph_answers
from export.keras.answers import double_answers, keras_answers
from export.keras.compile import compile_keras
from export.keras.rules import LAYERS, NOT_LOOKED_AT, ONLY_IN_TRAINING
from export.keras.seeded_batch import has_softmax
from train.core.errors import PipelineError
from verify.figures.specimens.layers import CODE, NO_LAYER, layers, made, network

pytestmark = pytest.mark.slow

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
    "padding": ["same", "causal", (2, 1), ((1, 0), (0, 2)), ((1, 0), (0, 2), (1, 1))],
    "data_format": ["channels_first"],
    "dilation_rate": [2],
    "groups": [2],
    "pool_size": [3],
    "keepdims": [True],
    "target_shape": [(24,), (-1, 3)],
    "dims": [(1, 2)],
    "n": [1],
    "cropping": [(0, 2), (1, 0), ((1, 0), (0, 2)), ((1, 0), (0, 2), (1, 1))],
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
    "addition_factor": [0.3],
    "all_ops": [False],
    "antialias": [True],
    "bias_axes": [None],
    "bin_boundaries": [[0.25]],
    "brightness_factor": [0.3],
    "cell": [],
    "chain_depth": [1],
    "contrast_factor": [0.3],
    "crop_to_aspect_ratio": [True],
    "depth_multiplier": [2],
    "equation": ["...c,cd->...d", "abc,bd->adc"],
    "factor": [0.3, 2],
    "fill_mode": ["constant", "wrap"],
    "fill_value": [1.0],
    "head_dim": [2],
    "height": [7, 14],
    "height_factor": [0.5],
    "hue_factor": [0.3],
    "idf_weights": [],
    "interpolation": ["bilinear", "nearest", "bicubic"],
    "logit_soft_cap": [2.0],
    "mask_token": [0, 3],
    "max_tokens": [4],
    "mode": ["horizontal"],
    "num_bins": [],
    "num_chains": [1],
    "num_key_value_heads": [1, 4],
    "num_oov_indices": [0, 2],
    "num_ops": [1],
    "num_query_heads": [2],
    "num_tokens": [10],
    "oov_method": ["farmhash"],
    "oov_token": [-5],
    "output_mode": ["one_hot", "count", "multi_hot", "int", "tf_idf"],
    "output_padding": [0, 1],
    "output_size": [1, 2],
    "pad_to_aspect_ratio": [True],
    "pad_to_max_tokens": [True],
    "power_iterations": [2],
    "reverse_dtype": ["float16"],
    "salt": [7],
    "saturation_factor": [0.3],
    "sigma": [0.3],
    "sparse": [True],
    "threshold_factor": [0.4],
    "tie_weights": [False],
    "value_range": [(0, 1)],
    "vocabulary": [[1, 9]],
    "vocabulary_dtype": ["int32"],
    "vocabulary_size": [],
    "width": [8, 16],
    "width_factor": [0.5],
    "x_factor": [0.5],
    "y_factor": [0.5],
    "quantization_config": [],  # its own classes; the types of a quantised layer are refused as a dtype policy
    "query_shape": [],
    "key_shape": [],
    "value_shape": [],
    "layer": [],
    "backward_layer": [],
    "activity_regularizer": [],
}
"""Field -> other values than the default."""


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
    if has_softmax(model):
        rows_kept = ~np.isnan(rows).reshape(len(rows), -1).any(axis=1)  # TensorFlow's own answer is erratic there
        assert all(np.isnan(value[~rows_kept]).any() for value in found)
        rows, found = rows[rows_kept], [value[rows_kept] for value in found]
    wanted = [np.asarray(value) for value in keras.tree.flatten(model(rows, training=False))]
    return sum(
        int((~np.isclose(a, b, rtol=2e-5, atol=1e-5 * max(1.0, float(np.nanmax(np.abs(b)))), equal_nan=True)).sum())
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
        said = str(error)
        named = f"{layer.name}'" in said or "Keras itself does not answer" in said
        if not named or "answers otherwise" in said:
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
            except (ValueError, TypeError, AttributeError, NotImplementedError):
                continue  # Keras itself refuses the value
            outcome(name, layer)


@pytest.mark.parametrize("fields", [{}, {"reset_after": False}, {"recurrent_activation": "tanh"}])
@pytest.mark.parametrize("units", [3, 16])
def test_a_gru_is_no_farther_from_a_float64_evaluation_than_keras_is_in_saturated_rows(units, fields):
    import keras

    entry = keras.Input((8, 5), name="x")
    model = keras.Model(entry, {"y": keras.layers.GRU(units, **fields)(entry)})
    for number, variable in enumerate(model.variables):
        variable.assign(np.random.default_rng(number).standard_normal(variable.shape) * 0.5)
    rows = {"x": (np.random.default_rng(7).standard_normal((200, 8, 5)) * 60.0).astype(np.float32)}

    ours = graph_answers(compile_keras(model, name="m"), rows)["y"]

    theirs, sure = keras_answers(model, rows)["y"], double_answers(model, rows)["y"]
    assert np.abs(ours - sure).mean() <= 1.5 * np.abs(theirs - sure).mean()
    assert "recurrent_activation" in fields or np.abs(ours).max() <= 1.0


def test_a_wide_simple_rnn_of_small_answers_is_lowered():
    import keras

    keras.utils.set_random_seed(3)
    entry = keras.Input((20, 5), name="x")

    compile_keras(keras.Model(entry, {"y": keras.layers.SimpleRNN(32)(entry)}), name="m")


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
    for name in sorted(set(layers()) - set(LAYERS) - set(NO_LAYER) - set(CODE)):
        layer = made(name)
        try:
            model = network(name, layer)
        except (ValueError, TypeError):
            continue  # Keras refuses to put it into a model
        with pytest.raises(PipelineError, match=f"'{layer.name}'|of type string") as caught:
            compile_keras(model, name="m")
        assert "\n" not in str(caught.value)


def test_what_is_no_layer_of_a_network_is_not_lowered() -> None:
    assert not (set(NO_LAYER) | set(CODE)) & set(LAYERS)
    assert set(NO_LAYER) | set(CODE) <= set(layers())


def test_the_table_of_layers_and_activations_in_the_documents_is_what_is_lowered() -> None:
    import re

    from export.keras.layers.activations import WRITERS
    from tests.support.places import ROOT

    text = (ROOT / "docs/own_model.md").read_text().split("<!-- keras layers -->")[1].split("\n## ")[0]
    table, activations = text.split("Activations:")
    assert set(re.findall(r"`(\w+)`", table)) == set(LAYERS)
    assert set(re.findall(r"`(\w+)`", activations.split("refused")[0])) == {*WRITERS, "linear"}
