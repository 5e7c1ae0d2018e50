"""The volatility predictor once more, in NumPy and float64 throughout: the yardstick for Keras and for the graph alike.

Written from the description in `network.network`, not from its code; of Keras it takes the weights alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MEANS, DECAYS = (5, 10, 22, 63, 252), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97)
SPANS, LONG = (5, 22, 63, 252), {5: (63, 252), 21: (63, 252)}
SETS, REGIMES = (0, 12, 17, 24, 34, 49, 70, 96, 135, 201), (0, 18, 50, 200)
FLOOR, LEAST_UNIT = 5e-4, 1e-3
MONTH = 22
RATIO_FEATURES = slice(1, 5)


@dataclass(frozen=True)
class Weights:
    """The fitted numbers, each the float32 or float64 that Keras holds, as float64.

    `linear` [set x gap, horizon], `low` and `high` [set x move, horizon]; `kernel`, `recurrent` and `bias` of the LSTM,
    gates in the order input, forget, cell, output; `mix` and `out` are (weights, bias).
    """

    sequence_length: int
    linear: Floats
    low: Floats
    high: Floats
    kernel: Floats
    recurrent: Floats
    bias: Floats
    mix: tuple[Floats, Floats]
    out: tuple[Floats, Floats]


def weights_of(model: Any) -> Weights:
    """Read the weights out of a Keras model of `train.volatility_predictor.network.network`."""

    def layer(name: str) -> list[Floats]:
        return [np.asarray(weight, dtype=np.float64) for weight in model.get_layer(name).get_weights()]

    kernel, recurrent, bias = layer("lstm")
    mix, out = layer("mix"), layer("out")
    return Weights(
        sequence_length=int(model.get_layer("lstm").input.shape[1]),
        linear=layer("linear_path")[0],
        low=layer("low_path")[0],
        high=layer("high_path")[0],
        kernel=kernel,
        recurrent=recurrent,
        bias=bias,
        mix=(mix[0], mix[1]),
        out=(out[0], out[1]),
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
    means = {days: _mean(x[-days:], known[-days:]) for days in MEANS}
    count = known.sum()
    gaps = np.array([changes[-1], *(mean - x[-1] for mean in means.values()), *_faded(x, known)])
    own = np.eye(len(SETS))[max(number for number, least in enumerate(SETS) if count >= least)]
    regime = np.array([float(count >= days) for days in REGIMES])
    unit = np.sqrt(_mean(changes[-MONTH:] ** 2, both[-MONTH:]) + LEAST_UNIT**2)
    sequence = _sequence(window, x, changes, weights.sequence_length, mean=means[MONTH], unit=unit)
    memory = _lstm(sequence, weights)
    context = np.concatenate([gaps[: 1 + len(MEANS)] / unit * 0.2, regime])
    mixed = np.tanh(np.concatenate([memory, context]) @ weights.mix[0] + weights.mix[1])
    head = np.tanh(mixed @ weights.out[0] + weights.out[1])
    moves = np.outer(own, _moves(x, known, changes, both)).ravel()
    low, high = moves @ weights.low, moves @ weights.high
    change = np.outer(own, gaps).ravel() @ weights.linear + head * (low + high) / 2.0
    return {
        "predicted": iv[-1] * np.exp(change),
        "lower": iv[-1] * np.exp(change - low),
        "upper": iv[-1] * np.exp(change + high),
    }


def _faded(x: Floats, known: npt.NDArray[np.bool_]) -> list[float]:
    """Of each decay the weighted mean less the newest day."""
    found = []
    for decay in DECAYS:
        weights = decay ** np.arange(len(x))[::-1] * known
        found.append(float(weights @ x / max(float(weights.sum()), 1e-12) - x[-1]))
    return found


def _moves(x: Floats, known: npt.NDArray[np.bool_], changes: Floats, both: npt.NDArray[np.bool_]) -> Floats:
    """Mean absolute changes over a day, then over five and twenty-one."""
    found = [_mean(np.abs(changes[-days:]), both[-days:]) for days in SPANS]
    for horizon, spans in LONG.items():
        pairs = known[horizon:] & known[:-horizon]
        apart = np.abs(x[horizon:] - x[:-horizon])
        found += [_mean(apart[-days:], pairs[-days:]) for days in spans]
    return np.array(found) + FLOOR


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
