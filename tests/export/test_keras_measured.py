"""Networks without an exact form: a measured grade that all commands name, or a refusal; layers of a program's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export.__main__ import main
from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, version_folder
from export.errors import NoExactForm
from export.grade import Grade, grade_of, stamped
from export.keras.agreement import graph_answers
from export.keras.compile import compile_keras
from export.keras.layers.custom import register_activation, register_layer, unregister
from export.keras.measured import compile_network
from export.keras.model_file import load_keras_file
from train.core.errors import PipelineError
from verify.__main__ import main as verify
from verify.figures.specimens.layers import with_random_weights

pytestmark = pytest.mark.slow


def half(policy: str) -> Any:
    import keras

    k = keras.layers
    entry = keras.Input((6, 4), name="days")
    deep = k.LSTM(5, dtype=policy)(
        k.LayerNormalization(dtype=policy)(k.Dense(8, activation="relu", dtype=policy)(entry))
    )
    return with_random_weights(keras.Model(entry, k.Dense(2, name="up", dtype="float32")(deep)))


def larger_picture() -> Any:
    import keras

    k = keras.layers
    entry = keras.Input((4, 5, 2), name="picture")
    large = k.UpSampling2D(2, interpolation="bicubic")(entry)
    return with_random_weights(keras.Model(entry, k.LSTM(3)(k.Reshape((8, 20))(large))))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_a_network_of_half_precision_is_measured_and_stays_fused(policy: str) -> None:
    graph, grade = compile_network(half(policy), name="m")
    assert grade.kind == "measured"
    assert 0.0 < grade.absolute == 4.0 * grade.largest
    assert f"dtype policy '{policy}'" in grade.parts[0]
    assert grade_of(graph) == grade
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count("LSTM") == 1
    assert "Loop" not in kinds
    days = np.full((2, 6, 4), np.nan, dtype=np.float32)
    assert all(np.isnan(values).all() for values in graph_answers(graph, {"days": days}).values())
    with pytest.raises(NoExactForm, match="dtype policy"):
        compile_network(half(policy), name="m", exact=True)


def test_a_layer_through_tf2onnx_stands_between_exact_ones() -> None:
    graph, grade = compile_network(larger_picture(), name="m")
    assert grade.kind == "measured"
    assert grade.converter.startswith("tf2onnx ")
    assert "interpolation='bicubic'" in grade.parts[0]
    kinds = [node.op_type for node in graph.graph.node]
    assert (kinds.count("Resize"), kinds.count("LSTM")) == (1, 1)


def test_an_exact_network_says_how_near_it_is() -> None:
    import keras

    entry = keras.Input((3,), name="x")
    graph, grade = compile_network(keras.Model(entry, keras.layers.Dense(2)(entry)), name="m")
    assert (grade.kind, grade.relative) == ("exact", 1e-6)
    assert grade_of(graph) == grade


def test_what_takes_a_loop_is_refused() -> None:
    import keras

    entry = keras.Input((4, 5, 2), name="x")
    with pytest.raises(PipelineError, match=r"ConvLSTM1D 'both'.*writes a Loop"):
        compile_network(keras.Model(entry, keras.layers.ConvLSTM1D(2, 2, name="both")(entry)), name="m")


def test_the_commands_name_the_grade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, graph = tmp_path / "half.keras", tmp_path / "half.onnx"
    half("mixed_float16").save(network)
    assert main(["--original", str(network), "-o", str(graph)]) == 0
    assert "grade measured: within" in capsys.readouterr().err
    with pytest.raises(PipelineError, match="dtype policy 'mixed_float16'"):
        main(["--original", str(network), "-o", str(graph), "--exact"])
    compare = ["compare", "--original", str(network), "--onnx", str(graph), "--rows", "300"]
    assert verify(compare) == 0
    assert "grade measured" in capsys.readouterr().out

    assert main(["--original", str(network), "--artifact", str(tmp_path / "arts" / "half")]) == 0
    folder = version_folder(tmp_path / "arts" / "half", CANDIDATE)
    assert folder is not None
    manifest = read_manifest(folder)
    fields = manifest.settings["grade"]
    assert fields["kind"] == "measured"
    assert manifest.parity.absolute == fields["absolute"] > 0.0
    assert "measured: within" in (folder / "model_card.md").read_text()


def worse(graph: onnx.ModelProto) -> onnx.ModelProto:
    weight = next(tensor for tensor in graph.graph.initializer if list(tensor.dims) == [5, 2])
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * np.float32(2), weight.name))
    return graph


def boasting(graph: onnx.ModelProto) -> onnx.ModelProto:
    return stamped(worse(graph), Grade("measured", 1e9, 0.0, "anyone", ("all",), "at will", 1, 0, 1.0))


@pytest.mark.parametrize("change", [worse, boasting])
def test_a_graph_that_is_farther_than_it_may_be_is_not_in_parity(
    tmp_path: Path, change: Callable[[onnx.ModelProto], onnx.ModelProto]
) -> None:
    network, path = tmp_path / "half.keras", tmp_path / "half.onnx"
    half("mixed_float16").save(network)
    graph, _ = compile_network(load_keras_file(network), name="m")
    path.write_bytes(change(graph).SerializeToString())
    assert verify(["compare", "--original", str(network), "--onnx", str(path), "--rows", "300"]) == 1


@pytest.fixture
def scaled() -> Iterator[type]:
    import keras

    @keras.saving.register_keras_serializable("theirs")
    class Scaled(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, factor: float = 1.0, shift: float = 0.0, **more: Any) -> None:
            super().__init__(**more)
            self.factor, self.shift = factor, shift

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor + self.shift

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor, "shift": self.shift}

    @register_layer(Scaled, fields="factor")
    def lower(to: Any, layer: Any, _: Any, inputs: str) -> str:
        return str(to.node("Mul", inputs, to.builder.constant(layer.factor, layer.compute_dtype)))

    yield Scaled
    unregister(Scaled)


def with_layer(layer: Any) -> Any:
    import keras

    entry = keras.Input((4,), name="x")
    return with_random_weights(keras.Model(entry, keras.layers.Dense(2)(layer(entry))))


def test_a_registered_layer_compiles_and_its_file_loads(scaled: type, tmp_path: Path) -> None:
    compile_keras(with_layer(scaled(3.0)), name="m")
    with_layer(scaled(3.0)).save(tmp_path / "own.keras")
    load_keras_file(tmp_path / "own.keras")
    unregister(scaled)
    with pytest.raises(PipelineError, match=r"Scaled of .* is not of Keras"):
        load_keras_file(tmp_path / "own.keras")
    with pytest.raises(PipelineError, match="register_layer"):
        compile_keras(with_layer(scaled(3.0)), name="m")


def test_a_registered_layer_is_accounted_for_and_compared_like_any_other(scaled: type) -> None:
    with pytest.raises(PipelineError, match=r"Scaled 'mine': shift=1\.0 has no lowering"):
        compile_keras(with_layer(scaled(3.0, shift=1.0, name="mine")), name="m")

    @register_layer(scaled, fields="factor shift")
    def wrong(_to: Any, _layer: Any, _result: Any, inputs: str) -> str:
        return inputs

    with pytest.raises(PipelineError, match="the graph answers otherwise than Keras"):
        compile_keras(with_layer(scaled(3.0)), name="m")


def test_a_registered_activation_goes_by_the_function_itself() -> None:
    import keras

    def bent(x: Any) -> Any:
        return keras.ops.tanh(x) * 2.0

    @register_activation(bent)
    def write(w: Any, x: str) -> str:
        return str(w("Mul", w("Tanh", x), 2.0))

    compile_keras(with_layer(keras.layers.Dense(3, activation=bent)), name="m")
    unregister(bent)
    with pytest.raises(PipelineError, match="activation 'bent'"):
        compile_keras(with_layer(keras.layers.Dense(3, activation=bent)), name="m")


def test_layers_of_keras_are_not_replaced() -> None:
    import keras

    for thing in (keras.layers.Dense, str, 3):
        with pytest.raises(PipelineError, match="not a layer class of your own"):
            register_layer(thing)
