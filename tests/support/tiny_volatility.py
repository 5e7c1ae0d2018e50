"""A volatility predictor trained for seconds, once for all tests that need one."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from train.core.records.record import TrainingRecord
from train.volatility_predictor.fitting import Budget
from train.volatility_predictor.original import load_original
from train.volatility_predictor.surfaces.simulator import simulate_surfaces
from train.volatility_predictor.training import train

TINY = Budget(
    symbols=6,
    days=420,
    windows=600,
    validation_windows=300,
    epochs=2,
    batch=128,
    test_symbols=2,
    samples=8,
    interval_rows=200,
)


@functools.cache
def tiny_model() -> tuple[Path, TrainingRecord, list[str]]:
    """Its folder, its record and the lines of progress."""
    folder = Path(tempfile.mkdtemp(prefix="volatility."))
    lines: list[str] = []
    record = train(out=folder, data=[], random_state=3, show=lines.append, budget=TINY)
    return folder, record, lines


@functools.cache
def tiny_keras() -> Any:
    """The loaded Keras model."""
    return load_original(tiny_model()[0])


@functools.cache
def loud_keras() -> Any:
    """The same with random weights where training may have left the LSTM silent, so that its errors would show."""
    model = load_original(tiny_model()[0])
    rng = np.random.default_rng(0)
    for name in ("lstm", "mix", "out"):
        layer = model.get_layer(name)
        layer.set_weights([rng.normal(0.0, 0.4, weight.shape) for weight in layer.get_weights()])
    return model


def simulated_windows(count: int, *, days: int = 252, seed: int = 5) -> np.ndarray:
    """Windows float64 [window, 252, 7] of simulated symbols, `days` of them known."""
    features = simulate_surfaces(count, 252, seed=seed).features.copy()
    features[:, : 252 - days] = np.nan
    return features
