"""The volatility predictor once more, in NumPy and float64 throughout: the yardstick for Keras and for the graph alike.

Written from the description in `network.network`, not from its code; of Keras it takes the weights alone.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MEANS, VARIANCES, REGIMES = (5, 22, 63, 252), (5, 22, 252), (0, 18, 50, 200)
FLOOR = 1e-6
RATIO_FEATURES = slice(1, 5)


@dataclass(frozen=True)
class Weights:
    """The fitted numbers, each the float32 or float64 that Keras holds, as float64.

    `linear` [regressor, horizon], `scale` [variance, horizon]; `kernel`, `recurrent` and `bias` of the LSTM, gates in
    the order input, forget, cell, output; `mix` and `out` are (weights, bias); `low`, `high` [horizon] are in scales.
    """

    sequence_length: int
    linear: Floats
    scale: Floats
    kernel: Floats
    recurrent: Floats
    bias: Floats
    mix: tuple[Floats, Floats]
    out: tuple[Floats, Floats]
    low: Floats
    high: Floats


def weights_of(model: Any) -> Weights:
    """Read the weights out of a Keras model of `train.volatility_predictor.network.network`."""

    def layer(name: str) -> list[Floats]:
        return [np.asarray(weight, dtype=np.float64) for weight in model.get_layer(name).get_weights()]

    kernel, recurrent, bias = layer("lstm")
    mix, out = layer("mix"), layer("out")
    # The lower bound's factor is the smaller one.
    factors = [np.asarray(one.scale, dtype=np.float64) for one in model.layers if type(one).__name__ == "Rescaling"]
    low, high = sorted(factors, key=lambda factor: float(factor[0]))
    return Weights(
        sequence_length=int(model.get_layer("lstm").input.shape[1]),
        linear=layer("linear_path")[0],
        scale=layer("scale_path")[0],
        kernel=kernel,
        recurrent=recurrent,
        bias=bias,
        mix=(mix[0], mix[1]),
        out=(out[0], out[1]),
        low=low,
        high=high,
    )


def forecast64(history: Floats, weights: Weights) -> dict[str, Floats]:
    """Forecast and interval, float64 [window, horizon] each, of windows float64 [window, day, feature], NaN missing."""
    rows = [_one(window, weights) for window in history]
    return {name: np.stack([row[name] for row in rows]) for name in ("predicted", "lower", "upper")}


def _one(window: Floats, weights: Weights) -> dict[str, Floats]:
    iv = window[:, 0]
    known = ~np.isnan(iv)
    x = np.where(known, np.log(np.where(known, iv, 1.0)), 0.0)
    both = known[1:] & known[:-1]
    changes = np.where(both, np.diff(x), 0.0)
    means = [_mean(x[-days:], known[-days:]) for days in MEANS]
    variances = np.array([_mean(changes[-days:] ** 2, both[-days:]) + FLOOR for days in VARIANCES])
    regime = np.array([float(known[-MEANS[-1] :].sum() >= days) for days in REGIMES])
    levels = [x[-1], *means]
    gaps = np.array([changes[-1], *(a - b for a, b in pairwise(levels))])
    regressors = np.concatenate([regime, np.outer(regime, gaps).ravel()])
    unit = np.sqrt(variances[1])
    sequence = _sequence(window, x, changes, weights.sequence_length, mean=means[1], unit=unit)
    memory = _lstm(sequence, weights)
    context = np.concatenate([gaps / unit * 0.2, regime])
    mixed = np.tanh(np.concatenate([memory, context]) @ weights.mix[0] + weights.mix[1])
    head = np.tanh(mixed @ weights.out[0] + weights.out[1])
    spread = np.sqrt(variances @ weights.scale)
    change = regressors @ weights.linear + head * spread
    factors = {"predicted": 0.0, "lower": weights.low, "upper": weights.high}
    return {name: iv[-1] * np.exp(change + factor * spread) for name, factor in factors.items()}


def _mean(values: Floats, counted: npt.NDArray[np.bool_]) -> float:
    return float(values[counted].sum() / max(int(counted.sum()), 1))


def _sequence(window: Floats, x: Floats, changes: Floats, length: int, *, mean: float, unit: float) -> Floats:
    """What the LSTM sees, float64 [day, input]."""
    days = window[-length:]
    seen = ~np.isnan(days[:, 0])
    level = np.where(seen, x[-length:] - mean, 0.0)
    ratios = days[:, RATIO_FEATURES] / days[:, :1]
    there = ~np.isnan(ratios)
    usual = np.array([_mean(ratios[:, i], there[:, i]) for i in range(ratios.shape[1])])
    moved = np.where(there, ratios - usual, 0.0)
    return np.column_stack([level / unit * 0.2, changes[-length:] / unit, moved * 5.0, seen, there])


def _lstm(sequence: Floats, weights: Weights) -> Floats:
    """The hidden state after the last day (Hochreiter and Schmidhuber 1997, with forget gate), from zeros."""
    size = weights.recurrent.shape[0]
    hidden, cell = np.zeros(size), np.zeros(size)
    for day in sequence:
        gates = day @ weights.kernel + hidden @ weights.recurrent + weights.bias
        entry, forget, new, output = np.split(gates, 4)
        cell = _sigmoid(forget) * cell + _sigmoid(entry) * np.tanh(new)
        hidden = _sigmoid(output) * np.tanh(cell)
    return hidden


def _sigmoid(value: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * value)))
