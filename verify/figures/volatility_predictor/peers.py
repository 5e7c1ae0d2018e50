"""Who else answers a forecast: Keras, TensorFlow with and without XLA, LiteRT."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact.version_folder import CURRENT, version_folder
from train.volatility_predictor.contract import VOLATILITY_PREDICTOR
from train.volatility_predictor.original import load_original
from verify.check.golden import golden_rows
from verify.figures.bench.serve import Subject
from verify.runtimes.not_run import NotRunError

MODEL = Path("build/models") / VOLATILITY_PREDICTOR


def _windows() -> Any:
    """Golden windows without their gaps, float64 [window, 1, day, feature]."""
    from export.artifact.manifest import read_manifest

    folder = version_folder(Path("artifacts") / VOLATILITY_PREDICTOR, CURRENT)
    if folder is None:
        raise NotRunError("no version is in use")
    manifest = read_manifest(folder)
    rows, _ = golden_rows(folder, manifest)
    shape = [int(axis) for axis in manifest.inputs[0].shape[1:]]
    return np.nan_to_num(np.asarray(rows, np.float64), nan=0.2).reshape(-1, 1, *shape)


def _turns(things: int, call: Callable[[Any], object], given: list[Any]) -> Subject:
    turn = iter(range(1 << 60))
    return Subject(things, lambda: [call(given[next(turn) % len(given)]) for _ in range(things)])


def _keras() -> Subject:
    model = load_original(MODEL)
    return _turns(1, lambda window: model.predict(window, verbose=0), list(_windows()))


def _function(*, xla: bool) -> Subject:
    model = load_original(MODEL)
    import tensorflow as tf

    windows = [tf.constant(window) for window in _windows()]
    call = tf.function(lambda window: model(window, training=False), jit_compile=xla)
    return _turns(4, call, windows)


def _litert() -> Subject:
    model = load_original(MODEL)
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    windows = [np.asarray(window, np.float64) for window in _windows()]
    spec = tf.TensorSpec(windows[0].shape, tf.float64)
    function = tf.function(lambda history: model(history, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]

    def call(window: Any) -> None:
        interpreter.set_tensor(place, window)
        interpreter.invoke()

    return _turns(4, call, windows)


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "forecast.Keras predict": _keras,
    "forecast.tf.function": lambda: _function(xla=False),
    "forecast.tf.function with XLA": lambda: _function(xla=True),
    "forecast.LiteRT": _litert,
}


def programs(_root: Path) -> dict[str, Any]:
    """No peer is a program of its own."""
    return {}
