"""The network of the volatility predictor, raw daily features in, forecast and interval out. Imports Keras.

With x the log of avg_iv, n the known days of the window and m(k) the mean of x over the known ones of the last k days:

- linear path (HAR, Corsi 2009, in differences so that no scale is left): x - x(yesterday), x - m(5), m(5) - m(22),
  m(22) - m(63), m(63) - m(252). Its coefficients depend on n (fewer than 18, 50, 200 days, or more): a mean stands on
  the days that exist, and with fewer days its coefficients are others;
- scale: expected size of the forecast's error, square root of a positive combination of the mean squared daily changes
  of x over 5, 22 and 252 days;
- LSTM over the last `sequence_length` days on the same changes in units of their own size, and on the other features as
  ratios to avg_iv less their mean over those days, zero and marked where missing. It sees no level and no unit. Its
  answer is in units of the scale.

predicted = avg_iv exp(linear + scale x LSTM), lower and upper = predicted exp(quantile x scale), surface: see
`network.surface_layers`, with that mean. Everything but the LSTM and its two dense layers is float64.
"""

from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from train.volatility_predictor.contract import DAILY_FEATURES, HORIZONS, VOLATILITY_INPUT, VOLATILITY_OUTPUTS
from train.volatility_predictor.network.surface_layers import SHAPE, surface

Floats = NDArray[np.float64]

WINDOW_DAYS = 252
MEANS = (5, 22, 63, 252)
VARIANCES = (5, 22, 252)
REGIMES = (18, 50, 200)
"""Known days from which the next set of coefficients holds."""
UNITS = 16
FLOOR = 1e-6
"""Of a mean squared daily change: a series that stands still has a scale of 0.1 %, not of zero."""
RATIOS = 4
"""atm_iv, skew, curvature, term_slope. What volume and quotes say about tomorrow, no data here could teach."""
GAPS = 1 + len(MEANS)
# today's change, x and the means -> the linear path's differences, by a product
_GAPS = np.eye(GAPS + 1)[:, [0, *range(1, GAPS)]] - np.eye(GAPS + 1)[:, [0, *range(2, GAPS + 1)]]
_GAPS[0, 0] = 1.0
# Usual size of the ratios and of the log of avg_iv, and how far they stray from it.
_RATIO_USUAL, _RATIO_SPREAD = np.array([0.93, 0.25, 0.02, 0.04]), np.array([0.08, 0.15, 0.02, 0.06])
_LEVEL_USUAL = -1.4
LINEAR, SCALE, HEAD = "linear_path", "scale_path", "residual"


@dataclass(frozen=True)
class Parts:
    """What `preprocess` makes of the windows: [batch, ...] inputs of the four paths."""

    regressors: Any
    variances: Any
    sequence: Any
    context: Any
    shape: Any


def preprocess_model(sequence_length: int) -> Any:
    """Windows -> (regressors float64, variances float64, sequence float32, context float32, shape float64)."""
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
    scale: Floats,
    residual: list[Any],
    quantiles: tuple[Floats, Floats],
    shape: tuple[Floats, Floats],
) -> Any:
    """The whole network with fitted parts.

    Args:
        sequence_length: days that the LSTM sees.
        linear: float64 [regressor, horizon].
        scale: float64 [variance, horizon], not negative.
        residual: weights of `residual_model`.
        quantiles: lower and upper, in scales, float64 [horizon] each.
        shape: float64 [input, number of the surface] and their intercepts.
    """
    history = _history()
    parts = _preprocess(history, sequence_length)
    size = len(HORIZONS)
    # Named layers, so that a reader of the file finds the coefficients.
    path = layers.Dense(size, use_bias=False, dtype="float64", name=LINEAR)(parts.regressors)
    spread = ops.sqrt(layers.Dense(size, use_bias=False, dtype="float64", name=SCALE)(parts.variances))
    head = _residual(parts.sequence, parts.context)
    change = path + ops.cast(head, "float64") * spread
    today = history[:, -1, 0:1]
    low, high = (layers.Rescaling(q.tolist(), dtype="float64")(spread) for q in quantiles)
    predicted = today * ops.exp(change)
    interval = (today * ops.exp(change + low), today * ops.exp(change + high))
    outputs = (predicted, *interval, surface(parts.shape, predicted))
    names = [output.name for output in VOLATILITY_OUTPUTS]
    model = keras.Model(history, dict(zip(names, outputs, strict=True)))
    model.get_layer(LINEAR).set_weights([linear])
    model.get_layer(SCALE).set_weights([scale])
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
    variances = ops.matmul(changes * changes, _last(WINDOW_DAYS - 1, VARIANCES))
    variances = variances / ops.maximum(ops.matmul(pairs, _last(WINDOW_DAYS - 1, VARIANCES)), 1.0) + FLOOR

    regime = ops.cast(counts[:, -1:] >= np.array([[0.0, *REGIMES]]), "float64")
    gaps = ops.matmul(ops.concatenate([changes[:, -1:], x[:, -1:], means], axis=1), _GAPS)
    products = layers.Reshape((len(REGIMES) * GAPS + GAPS,))(ops.expand_dims(regime, 2) * ops.expand_dims(gaps, 1))
    regressors = ops.concatenate([regime, products], axis=1)

    unit = ops.sqrt(variances[:, 1:2])
    seen = known[:, -length:]
    level = (x[:, -length:] - means[:, 1:2]) * seen
    moves = ops.stack([level, changes[:, -length:]], axis=2) / ops.expand_dims(unit, 2) * np.array([0.2, 1.0])
    ratios, smile = _ratios(history[:, -length:, 0 : 1 + RATIOS], seen)
    sequence = ops.concatenate([moves, ratios], axis=2)
    units = gaps / unit * 0.2
    context = ops.concatenate([units, regime], axis=1)
    shape = ops.concatenate([*_products(smile, x[:, -1:] - _LEVEL_USUAL), ops.tanh(units), regime], axis=1)
    return Parts(regressors, variances, ops.cast(sequence, "float32"), ops.cast(context, "float32"), shape)


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
