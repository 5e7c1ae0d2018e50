"""The rivals of the network, each fitted to the early part of the very series that it then forecasts.

That is an advantage over the pooled network, which may never have seen the series: a rival knows its mean level.
"""

import numpy as np
from numpy.typing import NDArray

from train.volatility_predictor.contract import HORIZONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PERSISTENCE, AR, HAR, EWMA = "persistence", "AR(1)", "HAR(1,5,22)", "EWMA"
_DECAYS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97)


def baseline_forecasts(iv: Floats, *, fit_stop: int, days: Ints) -> dict[str, Floats]:
    """Forecasts of avg_iv made on `days`, float64 [day, horizon] for each rival.

    All are direct least-squares regressions in logs, one a horizon, on outcomes before day `fit_stop`.

    Args:
        iv: float64 [day], the whole series.
        fit_stop: the first day that no fit may see.
        days: forecast days, 21 or later.
    """
    log_iv = np.log(iv)
    means = [log_iv, *(_trailing_mean(log_iv, length) for length in (5, 22))]
    return {
        PERSISTENCE: np.repeat(iv[days, None], len(HORIZONS), axis=1),
        AR: _regression(log_iv, means[:1], fit_stop, days),
        HAR: _regression(log_iv, means, fit_stop, days),
        EWMA: _ewma(log_iv, fit_stop, days),
    }


def _trailing_mean(series: Floats, length: int) -> Floats:
    sums = np.cumsum(np.concatenate([[0.0], series]))
    ends = np.arange(1, len(series) + 1)
    begins = np.maximum(ends - length, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins))


def _regression(log_iv: Floats, means: list[Floats], fit_stop: int, days: Ints) -> Floats:
    x = np.column_stack([np.ones_like(log_iv), *means])
    columns = []
    for horizon in HORIZONS:
        seen = np.arange(21, max(fit_stop - horizon, 22))
        coefficients = np.linalg.lstsq(x[seen], log_iv[seen + horizon], rcond=None)[0]
        columns.append(np.exp(x[days] @ coefficients))
    return np.stack(columns, axis=1)


def _ewma(log_iv: Floats, fit_stop: int, days: Ints) -> Floats:
    columns: list[Floats] = []
    smooth = {decay: _smooth(log_iv, decay) for decay in _DECAYS}
    for horizon in HORIZONS:
        outcome = log_iv[21 + horizon : fit_stop]

        def loss(decay: float, outcome: Floats = outcome) -> float:
            return float(np.mean((smooth[decay][21 : 21 + len(outcome)] - outcome) ** 2))

        columns.append(np.exp(smooth[min(_DECAYS, key=loss)][days]))
    return np.stack(columns, axis=1)


def _smooth(series: Floats, decay: float) -> Floats:
    result = np.empty_like(series)
    level = series[0]
    for day, value in enumerate(series):
        level = decay * level + (1.0 - decay) * value
        result[day] = level
    return result
