"""Simple forecasts that travel with the network, so that every answer shows what they say: AR(1), HAR and EWMA.

Unlike the rivals of `evaluation.rivals`, which are fitted to the very series that they forecast, these serve
any symbol: fitted to the pool, in differences from means of the symbol's own known days. With x the logs of avg_iv of
the window's n known days, newest last, and m(k) the mean of the last min(k, n) of them:

- AR(1): x + a (m(252) - x);
- HAR (Corsi 2009): x + b1 (m(5) - x) + b2 (m(22) - x) + b3 (m(252) - x);
- EWMA: the mean of x with weights d^0, d^1, ... from the newest day back.

One set of coefficients a horizon, in `settings.baselines` of the manifest;
`runtime/src/models/volatility_predictor/baseline.rs` computes the same.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.windows import Series

Floats = NDArray[np.float64]

AR, HAR, EWMA = "ar", "har", "ewma"
SPANS = {AR: (252,), HAR: (5, 22, 252)}
DECAYS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.97)
_FIRST = 22
Coefficients = dict[str, list[list[float]]]


def fit_shipped(series: Sequence[Series], stop: Sequence[int], weight: Sequence[float]) -> Coefficients:
    """Coefficients by name: float64 [horizon][coefficient], least squares on the changes in logs.

    Args:
        series: of the pool.
        stop: the first day of each that no fit may see.
        weight: of each series' days; they count by the inverse of its mean squared daily change besides.
    """
    usual = [float(np.mean(np.diff(np.log(one.iv[:end])) ** 2)) for one, end in zip(series, stop, strict=True)]
    shares = [w / max(square, 1e-12) for w, square in zip(weight, usual, strict=True)]
    tables = {
        **{name: [_differences(one.iv, spans) for one in series] for name, spans in SPANS.items()},
        EWMA: [_smoothed(one.iv) for one in series],
    }
    result: Coefficients = {name: [] for name in tables}
    for horizon in HORIZONS:
        for name, columns in tables.items():
            x, y = [], []
            for one, end, share, table in zip(series, stop, shares, columns, strict=True):
                log_iv = np.log(one.iv[:end])
                last = len(log_iv) - horizon
                x.append(table[_FIRST:last] * np.sqrt(share))
                y.append((log_iv[_FIRST + horizon :] - log_iv[_FIRST:last]) * np.sqrt(share))
            rows, outcome = np.concatenate(x), np.concatenate(y)
            if name == EWMA:
                losses = ((rows - outcome[:, None]) ** 2).sum(axis=0)
                result[name].append([DECAYS[int(np.argmin(losses))]])
            else:
                result[name].append([float(c) for c in np.linalg.lstsq(rows, outcome, rcond=None)[0]])
    return result


def shipped_forecasts(iv: Floats, coefficients: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, Floats]:
    """What each forecasts after the known days `iv` (float64 [day], newest last): float64 [horizon] by name."""
    x = np.log(iv)
    result = {}
    for name, sets in coefficients.items():
        if name == EWMA:
            fading = [np.float64(decay) ** np.arange(len(x))[::-1] for (decay,) in sets]
            ahead = [float((w * x).sum() / w.sum()) for w in fading]
        else:
            gaps = np.array([x[-span:].mean() - x[-1] for span in SPANS[name]])
            ahead = [float(x[-1] + gaps @ np.asarray(weights)) for weights in sets]
        result[name] = np.exp(ahead)
    return result


def _differences(iv: Floats, spans: tuple[int, ...]) -> Floats:
    """Means of the last days less the newest: float64 [day, span]."""
    x = np.log(iv)
    sums = np.cumsum(np.concatenate([[0.0], x]))
    ends = np.arange(1, len(x) + 1)
    columns = []
    for span in spans:
        begins = np.maximum(ends - span, 0)
        columns.append((sums[ends] - sums[begins]) / (ends - begins) - x)
    return np.stack(columns, axis=1)


def _smoothed(iv: Floats) -> Floats:
    """The weighted mean for each decay less the newest day: float64 [day, decay]."""
    x, decays = np.log(iv), np.array(DECAYS)
    total, weight = np.zeros(len(decays)), np.zeros(len(decays))
    rows = np.empty((len(x), len(decays)))
    for day, value in enumerate(x):
        total, weight = total * decays + value, weight * decays + 1.0
        rows[day] = total / weight - value
    return rows
