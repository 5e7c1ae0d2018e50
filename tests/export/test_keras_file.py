"""A stranger's .keras file: compiled and proven, or refused before anything in it runs."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from export.__main__ import main
from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, version_folder
from export.graph import to_bytes
from export.keras.agreement import Disagreement, check_agreement
from export.keras.compile import compile_keras
from export.keras.model_file import check_keras_file, is_keras_file
from train.core.errors import PipelineError

pytestmark = pytest.mark.slow


def days() -> Any:
    import keras

    return keras.Input((10, 3), name="days")


def two_inputs() -> Any:
    import keras

    entry, context = days(), keras.Input((2,), name="context")
    both = keras.layers.Concatenate()([keras.layers.GRU(3)(keras.layers.Masking()(entry)), context])
    return keras.Model([entry, context], {"up": keras.layers.Dense(1, activation="sigmoid")(both)})


def state_by_keyword() -> Any:
    import keras

    entry = days()
    _, hidden, cell = keras.layers.LSTM(4, return_state=True)(entry)
    return keras.Model(entry, keras.layers.LSTM(4)(entry, initial_state=[hidden, cell]))


def state_by_position() -> Any:
    import keras

    entry = days()
    _, hidden, cell = keras.layers.LSTM(4, return_state=True)(entry)
    return keras.Model(entry, keras.layers.LSTM(4)(entry, [hidden, cell]))


def mask_by_keyword() -> Any:
    import keras

    entry, mask = days(), keras.Input((10,), dtype="bool", name="mask")
    return keras.Model([entry, mask], keras.layers.LSTM(4)(entry, mask=mask))


def sequential() -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential(
        [days(), layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.GRU(3), layers.Dense(1)]
    )


def layer_as_activation() -> Any:
    import keras

    entry = days()
    dense = keras.layers.Dense(3, activation=keras.layers.LeakyReLU(negative_slope=0.1))(entry)
    return keras.Model(entry, [keras.layers.Flatten()(keras.layers.Add()([entry, dense])), dense])


MODELS = [
    two_inputs,
    state_by_keyword,
    state_by_position,
    mask_by_keyword,
    sequential,
    layer_as_activation,
]


@pytest.mark.parametrize("make", MODELS, ids=[make.__name__ for make in MODELS])
def test_a_network_of_any_form_answers_as_keras_does(make: Any) -> None:
    import keras

    model = make()
    graph = compile_keras(model, name="m")
    random = np.random.default_rng(3)
    rows = {
        value.name: random.random((30, *value.shape[1:])) < 0.6
        if value.dtype == "bool"
        else random.normal(size=(30, *value.shape[1:])).astype(np.float32)
        for value in model.inputs
    }
    found = ort.InferenceSession(to_bytes(graph)).run(None, rows)
    wanted = keras.tree.flatten(model(list(rows.values()) if len(rows) > 1 else rows[model.inputs[0].name]))
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(np.asarray(theirs), rel=1e-5, abs=1e-6)


def test_recurrent_layers_stay_fused_and_no_loop_is_written() -> None:
    kinds = [node.op_type for node in compile_keras(sequential(), name="m").graph.node]
    assert (kinds.count("LSTM"), kinds.count("GRU")) == (2, 1)
    assert not {"Loop", "Scan", "If"} & set(kinds)


def test_a_mean_over_the_batch_is_refused_by_name() -> None:
    import keras

    entry = days()
    with pytest.raises(PipelineError, match=r"Mean 'mean.*over the batch"):
        compile_keras(keras.Model(entry, keras.ops.add(entry, keras.ops.mean(entry))), name="m")


def test_half_precision_is_refused_by_name() -> None:
    import keras

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, dtype="mixed_float16", name="half")])
    with pytest.raises(PipelineError, match="Dense 'half': dtype policy 'mixed_float16'"):
        compile_keras(model, name="m")


def test_a_graph_with_one_wrong_weight_is_not_in_agreement() -> None:
    model = sequential()
    graph = compile_keras(model, name="m")
    changed = next(tensor for tensor in graph.graph.initializer if list(tensor.dims) == [3, 1])
    wrong = onnx.numpy_helper.to_array(changed) * np.float32(1.001)
    changed.CopyFrom(onnx.numpy_helper.from_array(wrong, changed.name))
    with pytest.raises(Disagreement, match=r"answers otherwise than Keras.*Keras \[.*the graph \["):
        check_agreement(model, graph)


def test_a_network_becomes_an_artifact_with_its_own_tensors(tmp_path: Path) -> None:
    path = tmp_path / "net.whatever"
    two_inputs().save(tmp_path / "net.keras")
    (tmp_path / "net.keras").rename(path)
    assert is_keras_file(path)
    assert main(["--original", str(path), "--artifact", str(tmp_path / "arts" / "net")]) == 0
    folder = version_folder(tmp_path / "arts" / "net", CANDIDATE)
    assert folder is not None
    manifest = read_manifest(folder)
    assert [(t.name, t.dtype, t.shape) for t in manifest.inputs] == [
        ("days", "float32", ["batch", 10, 3]),
        ("context", "float32", ["batch", 2]),
    ]
    assert (manifest.task, [t.name for t in manifest.outputs]) == ("classifier", ["up"])
    assert manifest.parity.relative == 1e-6
    assert 0 < manifest.parity.absolute < 1e-5


def test_a_lambda_a_class_and_a_function_of_the_users_are_refused_before_loading(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable(package="theirs")
    class Mine(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs

    @keras.saving.register_keras_serializable(package="theirs")
    def bend(x: Any) -> Any:
        return x

    for layer, said in (
        (keras.layers.Lambda(lambda x: x), "Lambda: code inside a file is not run"),
        (Mine(), "Mine of .* is not of Keras"),
        (keras.layers.Dense(1, activation=bend), "function: code inside"),
        (keras.layers.Dense(1, activation=lambda x: x), "__lambda__: code inside"),
    ):
        path = tmp_path / "theirs.keras"
        keras.Sequential([keras.Input((3,)), layer]).save(path)
        with pytest.raises(PipelineError, match=said):
            check_keras_file(path)


def test_a_file_whose_config_is_huge_or_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    for config in (b" " * (17 << 20), b"{", json.dumps({"class_name": "X", "module": "os"}).encode()):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", config)
            archive.writestr("model.weights.h5", b"")
        with pytest.raises(PipelineError, match=r"bomb\.keras"):
            check_keras_file(path)


def test_an_estimators_graph_that_answers_otherwise_is_not_written() -> None:
    from sklearn.ensemble import RandomForestClassifier

    from export.sklearn.compile import compile_sklearn
    from export.sklearn.graded.agreement import check_sklearn

    random = np.random.default_rng(0)
    rows = random.normal(size=(200, 3))
    forests = [RandomForestClassifier(4, random_state=s).fit(rows, rows[:, 0] + rows[:, 1] > 0) for s in (0, 1)]
    check_sklearn(forests[0], compile_sklearn(forests[0], name="m"))
    with pytest.raises(PipelineError, match="the graph answers otherwise than the original"):
        check_sklearn(forests[0], compile_sklearn(forests[1], name="m"))
