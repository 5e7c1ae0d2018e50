"""The network of the volatility predictor, raw daily features in, forecast and interval out. Imports Keras.

- linear path: a combination of AR, HAR, EWMA and more, one set of coefficients for each amount of history; what it sees
  and how it is fitted: `network.gaps`, `network.combination`;
- interval: two positive combinations of mean absolute changes, alike (`network.interval`); the scale is half its width;
- LSTM over the last `sequence_length` days, on the distance of x, the log of avg_iv, from its mean of a month and on
  its changes, in units of a month's usual change, and on the other features as ratios to avg_iv less their mean over
  those days, zero and marked where missing. It sees no level and no unit. Its answer is in scales, at most one.

predicted = avg_iv exp(linear + scale x LSTM), lower = predicted exp(-low), upper = predicted exp(high), surface: see
`network.surface_layers`, with that mean. Everything but the LSTM and its two dense layers is float64.
"""

from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from train.volatility_predictor.contract import DAILY_FEATURES, HORIZONS, VOLATILITY_INPUT, VOLATILITY_OUTPUTS
from train.volatility_predictor.network.gaps import (
    DECAYS,
    FLOOR,
    LONG_HORIZONS,
    LONG_SPANS,
    MEANS,
    REGIME_FROM,
    SPANS,
    WINDOW_DAYS,
)
from train.volatility_predictor.network.surface_layers import SHAPE, surface

Floats = NDArray[np.float64]

REGIMES = (18, 50, 200)
"""Known days from which the LSTM and the surface are told that there are more."""
MONTH, MONTH_MEAN = SPANS.index(22), MEANS.index(22)
UNITS = 16
LEAST_UNIT = 1e-3
"""Of a month's changes: in a series that stands still none is large."""
RATIOS = 4
"""atm_iv, skew, curvature, term_slope. What volume and quotes say about tomorrow, no data here could teach."""
_STEPS = np.eye(len(REGIME_FROM)) - np.eye(len(REGIME_FROM), k=-1)
"""[at least so many days, regime]: a product with it leaves the one regime that holds."""
# Usual size of the ratios and of the log of avg_iv, and how far they stray from it.
_RATIO_USUAL, _RATIO_SPREAD = np.array([0.93, 0.25, 0.02, 0.04]), np.array([0.08, 0.15, 0.02, 0.06])
_LEVEL_USUAL = -1.4
LINEAR, LOW, HIGH, HEAD = "linear_path", "low_path", "high_path", "residual"


@dataclass(frozen=True)
class Parts:
    """What `preprocess` makes of the windows: [batch, ...] inputs of the four paths."""

    regressors: Any
    moves: Any
    sequence: Any
    context: Any
    shape: Any


def preprocess_model(sequence_length: int) -> Any:
    """Windows -> (regressors float64, moves float64, sequence float32, context float32, shape float64)."""
    history = _history()
    parts = _preprocess(history, sequence_length)
    return keras.Model(history, [getattr(parts, field.name) for field in fields(parts)])


def residual_model(sequence_shape: tuple[int, ...], context_size: int) -> Any:
    """The LSTM part alone, for training on preprocessed windows: (sequence, context) -> residual in scales."""
    sequence = keras.Input(sequence_shape, dtype="float32")
    context = keras.Input((context_size,), dtype="float32")
    return keras.Model([sequence, context], _residual(sequence, context), name=HEAD)


def full_model(
    sequence_length: int,
    *,
    linear: Floats,
    interval: tuple[Floats, Floats],
    residual: list[Any],
    shape: tuple[Floats, Floats],
) -> Any:
    """The whole network with fitted parts.

    Args:
        sequence_length: days that the LSTM sees.
        linear: float64 [regime x gap, horizon].
        interval: of the lower and of the upper side, float64 [regime x move, horizon], not negative.
        residual: weights of `residual_model`.
        shape: float64 [input, number of the surface] and their intercepts.
    """
    history = _history()
    parts = _preprocess(history, sequence_length)
    size = len(HORIZONS)
    # Named layers, so that a reader of the file finds the coefficients.
    path = layers.Dense(size, use_bias=False, dtype="float64", name=LINEAR)(parts.regressors)
    low = layers.Dense(size, use_bias=False, dtype="float64", name=LOW)(parts.moves)
    high = layers.Dense(size, use_bias=False, dtype="float64", name=HIGH)(parts.moves)
    head = _residual(parts.sequence, parts.context)
    change = path + ops.cast(head, "float64") * (low + high) * 0.5
    today = history[:, -1, 0:1]
    predicted = today * ops.exp(change)
    bounds = (today * ops.exp(change - low), today * ops.exp(change + high))
    outputs = (predicted, *bounds, surface(parts.shape, predicted))
    names = [output.name for output in VOLATILITY_OUTPUTS]
    model = keras.Model(history, dict(zip(names, outputs, strict=True)))
    model.get_layer(LINEAR).set_weights([linear])
    model.get_layer(LOW).set_weights([interval[0]])
    model.get_layer(HIGH).set_weights([interval[1]])
    model.get_layer(SHAPE).set_weights(list(shape))
    trained = [layer for layer in model.layers if layer.name in {"lstm", "mix", "out"}]
    weights = iter(residual)
    for layer in sorted(trained, key=lambda layer: ("lstm", "mix", "out").index(layer.name)):
        layer.set_weights([next(weights) for _ in layer.weights])
    return model


def _history() -> Any:
    return keras.Input((WINDOW_DAYS, len(DAILY_FEATURES)), dtype="float64", name=VOLATILITY_INPUT.name)


def _preprocess(history: Any, length: int) -> Parts:
    iv = history[:, :, 0]
    is_known = ops.logical_not(ops.isnan(iv))
    known = ops.cast(is_known, "float64")
    x = ops.log(ops.where(is_known, iv, 1.0))
    pairs = known[:, 1:] * known[:, :-1]
    changes = (x[:, 1:] - x[:, :-1]) * pairs

    counts = ops.matmul(known, _last(WINDOW_DAYS, MEANS))
    means = ops.matmul(x, _last(WINDOW_DAYS, MEANS)) / ops.maximum(counts, 1.0)
    faded = ops.matmul(x, _fading()) / ops.maximum(ops.matmul(known, _fading()), 1e-12)
    gaps = ops.concatenate([changes[:, -1:], means - x[:, -1:], faded - x[:, -1:]], axis=1)
    moves = _moves(x, known, changes, pairs)

    days = ops.sum(known, axis=1, keepdims=True)
    regime = ops.matmul(ops.cast(days >= np.array([REGIME_FROM], dtype=float), "float64"), _STEPS)
    regressors, moved = _outer(regime, gaps), _outer(regime, moves)

    squares = ops.matmul(changes * changes, _last(WINDOW_DAYS - 1, SPANS)[:, MONTH : MONTH + 1])
    pair_count = ops.matmul(pairs, _last(WINDOW_DAYS - 1, SPANS)[:, MONTH : MONTH + 1])
    unit = ops.sqrt(squares / ops.maximum(pair_count, 1.0) + LEAST_UNIT**2)
    least = ops.cast(days >= np.array([[0.0, *REGIMES]]), "float64")
    seen = known[:, -length:]
    level = (x[:, -length:] - means[:, MONTH_MEAN : MONTH_MEAN + 1]) * seen
    moves = ops.stack([level, changes[:, -length:]], axis=2) / ops.expand_dims(unit, 2) * np.array([0.2, 1.0])
    ratios, smile = _ratios(history[:, -length:, 0 : 1 + RATIOS], seen)
    sequence = ops.concatenate([moves, ratios], axis=2)
    units = gaps[:, : 1 + len(MEANS)] / unit * 0.2
    context = ops.concatenate([units, least], axis=1)
    shape = ops.concatenate([*_products(smile, x[:, -1:] - _LEVEL_USUAL), ops.tanh(units), least], axis=1)
    return Parts(regressors, moved, ops.cast(sequence, "float32"), ops.cast(context, "float32"), shape)


def _moves(x: Any, known: Any, changes: Any, pairs: Any) -> Any:
    """Mean absolute changes over a day and over the longer horizons, [batch, move]."""
    found: list[tuple[Any, Any, tuple[int, ...]]] = [(ops.absolute(changes), pairs, SPANS)]
    for horizon in LONG_HORIZONS:
        both = known[:, horizon:] * known[:, :-horizon]
        found.append((ops.absolute(x[:, horizon:] - x[:, :-horizon]) * both, both, LONG_SPANS))
    means = []
    for size, counted, spans in found:
        last = _last(size.shape[1], spans)
        means.append(ops.matmul(size, last) / ops.maximum(ops.matmul(counted, last), 1.0))
    return ops.concatenate(means, axis=1) + FLOOR


def _ratios(days: Any, seen: Any) -> tuple[Any, Any]:
    """The features beside avg_iv as ratios to it, for the LSTM and for the surface.

    For the LSTM less their mean, and a mark per feature, avg_iv's own first: how steep a smile usually is differs from
    symbol to symbol and says nothing of where volatility goes; that it has become steeper may. For the surface those
    of the newest day and the mean, and marks.
    """
    ratios = days[:, :, 1:] / days[:, :, :1]
    is_seen = ops.logical_not(ops.isnan(ratios))
    marks = ops.cast(is_seen, "float64")
    ratios = ops.where(is_seen, ratios, 0.0)
    count = ops.maximum(ops.sum(marks, axis=1, keepdims=True), 1.0)
    mean = ops.sum(ratios, axis=1, keepdims=True) / count
    moved = (ratios - mean) * marks
    any_seen = ops.max(marks, axis=1)
    smile = [_usual(ratios[:, -1]) * marks[:, -1], _usual(mean[:, 0]) * any_seen, marks[:, -1], any_seen]
    return ops.concatenate([moved * 5.0, ops.expand_dims(seen, 2), marks], axis=2), ops.concatenate(smile, axis=1)


def _products(smile: Any, level: Any) -> list[Any]:
    """What the surface is linear in: cubic in the newest ratios and the level where all are known, else quadratic.

    Two sets of coefficients, so that what is known of a whole day is not compromised for the sake of those with gaps.
    """
    newest, marks = smile[:, :RATIOS], smile[:, 2 * RATIOS : 3 * RATIOS]
    whole = ops.min(marks, axis=1, keepdims=True)
    known = ops.concatenate([newest, level, whole], axis=1) * whole
    gap = 1.0 - whole
    partly = ops.concatenate([newest, level, marks, gap], axis=1) * gap
    cubes = _outer(_outer(known, known), known)
    return [smile[:, RATIOS : 2 * RATIOS], smile[:, 3 * RATIOS :], cubes, _outer(partly, partly)]


def _outer(a: Any, b: Any) -> Any:
    """Every product of a column of `a` and one of `b`, [batch, column]."""
    size = a.shape[1] * b.shape[1]
    return layers.Reshape((size,), dtype="float64")(ops.expand_dims(a, 2) * ops.expand_dims(b, 1))


def _usual(ratios: Any) -> Any:
    """Ratios in units of their usual spread, within +-4: a day of junk must not reach the surface at full size."""
    return ops.tanh((ratios - _RATIO_USUAL) / (_RATIO_SPREAD * 4.0)) * 4.0


def _residual(sequence: Any, context: Any) -> Any:
    memory = layers.LSTM(UNITS, name="lstm")(sequence)
    mixed = layers.Dense(UNITS, activation="tanh", name="mix")(layers.Concatenate()([memory, context]))
    # Within one scale, whatever the input: a spike must not be turned into a wild forecast.
    return layers.Dense(len(HORIZONS), kernel_initializer="zeros", activation="tanh", name="out")(mixed)


def _last(days: int, windows: tuple[int, ...]) -> Floats:
    """float64 [day, window]: a product with it sums the last so many days."""
    return np.array([[float(day >= days - window) for window in windows] for day in range(days)])


def _fading() -> Floats:
    """float64 [day, decay]: a product with it sums with weights that fade from the newest day back."""
    return np.asarray(np.array(DECAYS)[None, :] ** np.arange(WINDOW_DAYS)[::-1, None])
