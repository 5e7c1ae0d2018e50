"""What the linear path and the interval look at, in NumPy, for the fits; `network.network` computes the same in Keras.

With x the logs of avg_iv of a window's n known days, newest last, and m(k) the mean of the last min(k, n) of them:

- gaps: x - x(yesterday), then m(k) - x for each of `MEANS`, then for each of `DECAYS` the mean with weights d^0, d^1,
  ... from the newest day back, less x. AR, HAR and EWMA are linear in them, and so is every combination of those;
- moves: means of |x(t) - x(t-1)| over the last `SPANS` days, and of |x(t) - x(t-h)| over the last `LONG_SPANS` for each
  horizon h of more than a day, plus a floor. The latter are what persistence missed by on the days just known, so an
  interval made of them widens after misses and narrows after none.

How far a mean reaches depends on n, and so do the coefficients: a set for each of `REGIME_DAYS`.
"""

import numpy as np
from numpy.typing import NDArray

from train.volatility_predictor.contract import HORIZONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW_DAYS = 252
MEANS = (5, 10, 22, 63, 252)
DECAYS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97)
SPANS = (5, 22, 63, 252)
LONG_SPANS = (63, 252)
LONG_HORIZONS = tuple(horizon for horizon in HORIZONS if horizon > 1)
FLOOR = 5e-4
"""Of a mean absolute change: a series that stands still moves by 0.05 %, not by nothing."""
LEAST_APART = 10
REGIME_DAYS = (10, 14, 20, 28, 40, 60, 80, 113, 160, WINDOW_DAYS)
"""Known days that the sets of coefficients are fitted for."""
REGIME_FROM = (0, 12, 17, 24, 34, 49, 70, 96, 135, 201)
"""Known days from which each holds: about the geometric middle of two."""
GAPS = 1 + len(MEANS) + len(DECAYS)
MOVES = len(SPANS) + len(LONG_HORIZONS) * len(LONG_SPANS)


def gap_table(log_iv: Floats, known: int) -> Floats:
    """The gaps of every day, float64 [day, gap], if `known` days up to it are known; from day `known` - 1 on exact."""
    x = log_iv
    yesterday = np.concatenate([x[:1], x[:-1]])
    columns = [x - yesterday, *(_mean(x, min(days, known)) - x for days in MEANS)]
    ones = np.ones(len(x))
    for decay in DECAYS:
        fading = decay ** np.arange(known)
        weights = np.convolve(ones, fading)[: len(x)]
        columns.append(np.convolve(x, fading)[: len(x)] / weights - x)
    return np.stack(columns, axis=1)


def move_table(log_iv: Floats, known: int) -> Floats:
    """The moves of every day, float64 [day, move], alike."""
    size = np.abs(np.diff(log_iv, prepend=log_iv[:1]))
    columns = [_mean(size, min(days, known - 1)) for days in SPANS]
    for horizon in LONG_HORIZONS:
        apart = np.zeros(len(log_iv))
        apart[horizon:] = np.abs(log_iv[horizon:] - log_iv[:-horizon])
        counts = [min(days, known - horizon) for days in LONG_SPANS]
        columns += [_mean(apart, count) if count > 0 else np.zeros(len(log_iv)) for count in counts]
    return np.stack(columns, axis=1) + FLOOR


def changes_ahead(log_iv: Floats) -> Floats:
    """Log of avg_iv so many days ahead over that of each day, float64 [day, horizon], NaN unknown."""
    result = np.full((len(log_iv), len(HORIZONS)), np.nan)
    for column, horizon in enumerate(HORIZONS):
        result[:-horizon, column] = log_iv[horizon:] - log_iv[:-horizon]
    return result


def own_moves(column: int, regime: int) -> list[int]:
    """The moves that the interval of horizon number `column` is made of: daily ones, and those over the horizon.

    The latter only where the shortest history of the regime holds ten of them: of none nothing can be learnt.
    """
    horizon = HORIZONS[column]
    daily = list(range(len(SPANS)))
    if horizon not in LONG_HORIZONS or REGIME_FROM[regime] < horizon + LEAST_APART:
        return daily
    begin = len(SPANS) + LONG_HORIZONS.index(horizon) * len(LONG_SPANS)
    return [*daily, *range(begin, begin + len(LONG_SPANS))]


def _mean(values: Floats, days: int) -> Floats:
    """The mean of the last so many values up to each."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - days, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins))
