"""The fitted network as Keras answers it. TensorFlow is imported when it is asked for."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.tensorflow_start import start_tensorflow
from train.volatility_predictor.contract import VOLATILITY_PREDICTOR

MODEL_FILE = "model.keras"
BATCH = 1024
Floats = NDArray[np.float64]


def load_original(folder: Path) -> Any:
    """The Keras model in `folder`.

    Raises:
        PipelineError: there is none, or it does not load.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise PipelineError(f"{path}: no trained model here; run `python -m train {VOLATILITY_PREDICTOR}` first")
    start_tensorflow()
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, KeyError, TypeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PipelineError(f"{path}: not a Keras model of ours: {first}; train again") from error


def predict_original(model: Any, history: Floats) -> dict[str, Floats]:
    """What Keras answers: output name -> float64 [window, horizon] or [window, horizon, tenor, moneyness].

    Args:
        model: from `load_original`.
        history: float64 [window, day, feature], NaN = missing.
    """
    parts = [model(history[i : i + BATCH], training=False) for i in range(0, len(history), BATCH)]
    return {name: np.concatenate([np.asarray(part[name], dtype=np.float64) for part in parts]) for name in parts[0]}
