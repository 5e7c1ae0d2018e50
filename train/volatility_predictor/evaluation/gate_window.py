"""The gate's window of the volatility predictor: the days that no fit has seen, and the losses on them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.core.records.window import Measures, Window
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.rivals import PERSISTENCE
from train.volatility_predictor.network.windows import Ends, Series, every_end, windows

Floats = NDArray[np.float64]
RELATIVE_ERROR = "MSE relative to persistence"


def gate_window(series: Sequence[Series], first: Sequence[int]) -> Window:
    """All days of each series from day first[i] on; a day counts for each horizon whose outcome is known."""
    ends = every_end(list(first), [len(one.iv) - 1 for one in series], length=1)
    persistence = np.concatenate([one.iv for one in series])[_flat(ends, series)]
    window = Window(
        arrays={
            "features": np.concatenate([one.features for one in series]),
            "days": np.array([len(one.iv) for one in series], dtype=np.int64),
            "series": ends.series,
            "day": ends.day,
        },
        # Files that end on one day agree on the others, too, but for holidays.
        moments=ends.day - np.array([len(one.iv) for one in series], dtype=np.int64)[ends.series],
        measures=measures(),
    )
    answer = np.repeat(persistence[:, None], len(HORIZONS), axis=1)
    return Window(window.arrays, window.moments, window.measures, {PERSISTENCE: losses(window, answer)})


def inputs(window: Window, *, days: int) -> Floats:
    """The windows that a version takes: float64 [row, day, feature]."""
    series, ends = _series(window), _ends(window)
    return windows(series, Ends(ends.series, ends.day, np.full(len(ends), days)), days=days)


def losses(window: Window, predicted: Floats) -> dict[str, Floats]:
    """Measure -> squared error over the mean squared error of persistence on the same series, float64 [row].

    Args:
        window: from `gate_window`.
        predicted: float64 [row, horizon] in the unit of avg_iv.
    """
    series, ends = _series(window), _ends(window)
    result = {}
    for column, horizon in enumerate(HORIZONS):
        loss = np.full(len(ends), np.nan)
        for number, one in enumerate(series):
            mine = np.flatnonzero((ends.series == number) & (ends.day + horizon < len(one.iv)))
            outcome, today = one.iv[ends.day[mine] + horizon], one.iv[ends.day[mine]]
            scale = float(np.mean((today - outcome) ** 2)) if len(mine) else 0.0
            loss[mine] = (predicted[mine, column] - outcome) ** 2 / scale if scale > 0.0 else np.nan
        result[_measure(horizon)] = loss
    return result


def measures() -> Measures:
    """What is measured, and how far it looks ahead."""
    return Measures(horizons={_measure(horizon): horizon for horizon in HORIZONS})


def outcomes(window: Window) -> Floats:
    """What came, float64 [row, horizon], NaN where it is not known yet."""
    series, ends = _series(window), _ends(window)
    result = np.full((len(ends), len(HORIZONS)), np.nan)
    for column, horizon in enumerate(HORIZONS):
        for number, one in enumerate(series):
            mine = np.flatnonzero((ends.series == number) & (ends.day + horizon < len(one.iv)))
            result[mine, column] = one.iv[ends.day[mine] + horizon]
    return result


def _measure(horizon: int) -> str:
    return f"{RELATIVE_ERROR}, {horizon} d"


def _series(window: Window) -> list[Series]:
    stops = np.cumsum(window.arrays["days"])[:-1]
    parts = np.split(window.arrays["features"], stops)
    return [Series(f"series {number}", features) for number, features in enumerate(parts)]


def _ends(window: Window) -> Ends:
    series, day = window.arrays["series"], window.arrays["day"]
    return Ends(series, day, np.ones(len(day), dtype=np.int64))


def _flat(ends: Ends, series: Sequence[Series]) -> NDArray[np.int64]:
    begins = np.concatenate([[0], np.cumsum([len(one.iv) for one in series])[:-1]]).astype(np.int64)
    return np.asarray(begins[ends.series] + ends.day)
