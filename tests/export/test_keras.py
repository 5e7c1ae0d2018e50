"""The compiled network answers as Keras does, on every kind of window."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from export.graph import to_bytes
from export.keras.compile import compile_keras
from tests.support.tiny_volatility import loud_keras, simulated_windows
from train.core.errors import PipelineError
from train.volatility_predictor.contract import VOLATILITY_OUTPUTS
from train.volatility_predictor.original import predict_original

pytestmark = pytest.mark.slow

NAMES = [output.name for output in VOLATILITY_OUTPUTS]
RELATIVE = 1e-6


@pytest.fixture(scope="module")
def compiled() -> onnx.ModelProto:
    return compile_keras(loud_keras(), name="volatility_predictor")


@pytest.fixture(scope="module")
def session(compiled: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(to_bytes(compiled), options)


def run(session: ort.InferenceSession, history: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, session.run(NAMES, {"history": history}), strict=True))


def worst(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> float:
    """Largest relative difference; missing answers must be missing in both."""
    for name in NAMES:
        assert np.array_equal(np.isnan(found[name]), np.isnan(wanted[name])), name
    return max(float(np.nanmax(np.abs(found[name] / wanted[name] - 1))) for name in NAMES)


def spikes(history: np.ndarray) -> None:
    history[:, 200, 0] = 4.9
    history[:, -2, 0] = 0.0101


def holes(history: np.ndarray) -> None:
    history[np.random.default_rng(1).random(history.shape) < 0.3] = np.nan
    history[:, -1, 0] = 0.3


def no_newest_day(history: np.ndarray) -> None:
    history[::2, -1] = np.nan


def constant(history: np.ndarray) -> None:
    history[:] = 0.25


def tiny(history: np.ndarray) -> None:
    history[:, :, :5] *= 0.02


def huge(history: np.ndarray) -> None:
    history[:, :, :5] *= 6


def short(history: np.ndarray) -> None:
    history[:, :-10] = np.nan


def index_only(history: np.ndarray) -> None:
    history[:, :, 1:] = np.nan


PROBES = [spikes, holes, no_newest_day, constant, tiny, huge, short, index_only]


@pytest.mark.parametrize("change", PROBES, ids=[probe.__name__ for probe in PROBES])
def test_answers_are_keras_own(session: ort.InferenceSession, change: Callable[[np.ndarray], None]) -> None:
    history = simulated_windows(64)
    change(history)
    assert worst(run(session, history), predict_original(loud_keras(), history)) <= RELATIVE


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_any_batch_size_is_answered_as_keras_does(session: ort.InferenceSession, batch: int) -> None:
    history = simulated_windows(batch)
    assert worst(run(session, history), predict_original(loud_keras(), history)) <= RELATIVE


def test_a_batch_of_different_rows_equals_its_rows_one_by_one(session: ort.InferenceSession) -> None:
    history = np.concatenate([simulated_windows(20), simulated_windows(20, days=15), simulated_windows(20, days=60)])
    together = run(session, history)
    single = [run(session, history[i : i + 1]) for i in range(len(history))]
    for name in NAMES:
        alone = np.concatenate([answer[name] for answer in single])
        assert together[name] == pytest.approx(alone, rel=1e-12), name


def test_the_lstm_is_one_operator_and_no_shape_is_computed(compiled: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in compiled.graph.node]
    assert kinds.count("LSTM") == 1
    assert not {"Loop", "Scan", "Shape", "Expand", "ConstantOfShape"} & set(kinds)
    assert len(kinds) <= 255


def test_inputs_and_outputs_are_doubles_with_a_free_batch_axis(compiled: onnx.ModelProto) -> None:
    values = [*compiled.graph.input, *compiled.graph.output]
    assert [value.name for value in values] == ["history", *NAMES]
    for value in values:
        assert value.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_compiling_twice_gives_the_same_bytes(compiled: onnx.ModelProto) -> None:
    assert to_bytes(compile_keras(loud_keras(), name="volatility_predictor")) == to_bytes(compiled)


def test_one_wrong_weight_is_seen(session: ort.InferenceSession, compiled: onnx.ModelProto) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(compiled)
    weight = next(i for i in changed.graph.initializer if list(i.dims) == [16, 3])
    values = onnx.numpy_helper.to_array(weight).copy()
    values[4, 0] += 1e-3
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    history = simulated_windows(8)
    wrong = run(ort.InferenceSession(to_bytes(changed)), history)
    assert worst(wrong, run(session, history)) > RELATIVE


def test_one_wrong_cell_of_the_surface_is_seen(session: ort.InferenceSession) -> None:
    history = simulated_windows(8)
    found = run(session, history)
    found["surface"] = found["surface"].copy()
    found["surface"][3, 1, 4, 0] *= 1 + 2 * RELATIVE
    assert worst(found, predict_original(loud_keras(), history)) > RELATIVE


def test_one_wrong_weight_of_the_surface_is_seen(session: ort.InferenceSession, compiled: onnx.ModelProto) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(compiled)
    weight = next(i for i in changed.graph.initializer if i.dims and i.dims[-1] == 75 and len(i.dims) == 2)
    values = onnx.numpy_helper.to_array(weight).copy()
    values[:, 30] *= 1 + 1e-3
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    history = simulated_windows(8)
    wrong, right = run(ort.InferenceSession(to_bytes(changed)), history), run(session, history)
    assert np.array_equal(wrong["predicted"], right["predicted"])
    assert worst(wrong, right) > RELATIVE


def test_a_layer_without_a_lowering_is_refused_by_name() -> None:
    import keras

    entry = keras.Input((4, 3, 2), name="x")
    model = keras.Model(entry, {"y": keras.layers.ConvLSTM1D(2, 2, name="both")(entry)})
    with pytest.raises(PipelineError, match="ConvLSTM1D 'both': no lowering"):
        compile_keras(model, name="m")


def test_an_lstm_with_another_cell_is_refused_over_a_free_axis() -> None:
    import keras

    entry = keras.Input((None, 2), name="x")
    model = keras.Model(entry, {"y": keras.layers.LSTM(3, activation="gelu")(entry)})
    with pytest.raises(PipelineError, match="over a free axis: activation 'gelu' cannot stand inside"):
        compile_keras(model, name="m")


def test_ours_is_smaller_than_tf2onnx_and_answers_where_days_are_missing(compiled: onnx.ModelProto) -> None:
    import tensorflow as tf
    import tf2onnx

    model = loud_keras()
    days, features = model.inputs[0].shape[1:]
    signature = [tf.TensorSpec((None, days, features), tf.float64, name="history")]
    stock, _ = tf2onnx.convert.from_function(
        tf.function(lambda history: model(history, training=False), input_signature=signature), signature, opset=18
    )
    history = simulated_windows(16)
    history[:, : days // 2] = np.nan
    stock_session = ort.InferenceSession(stock.SerializeToString())
    answers = stock_session.run(None, {"history": history})
    assert len(compiled.graph.node) < len(stock.graph.node)
    assert any(np.isnan(answer).any() for answer in answers), "tf2onnx has learned to keep NaN apart: use it again"
