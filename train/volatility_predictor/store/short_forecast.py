"""Known days -> window -> four keys, as `runtime/src/models/volatility_predictor/forecast.rs` makes them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.volatility_predictor.contract import DAILY_FEATURES, HORIZONS
from train.volatility_predictor.store.known_days import KnownDays

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ShortForecast:
    """Decimal implied volatilities; `change_percent` = (predicted - current) / current x 100.

    `direction` is "UP" when the forecast is above today's and "DOWN" when it is not.
    """

    current_avg_iv: float
    predicted_avg_iv: float
    change_percent: float
    direction: str


def newest_window(known: KnownDays, *, window_days: int, minimum_days: int) -> Floats:
    """The newest window, float64 [1, day, feature]; days before the first known one are NaN.

    Raises:
        PipelineError: fewer than `minimum_days` days are known.
    """
    count = len(known.features)
    if count < minimum_days:
        raise PipelineError(f"{known.place}: needs {minimum_days} known days, found {count}; {known.todo}")
    window = np.full((1, window_days, len(DAILY_FEATURES)), np.nan)
    newest = known.features[-window_days:]
    window[0, window_days - len(newest) :] = newest
    return window


def short_forecast(predict: Callable[[Floats], Floats], window: Floats, *, horizon: int = HORIZONS[0]) -> ShortForecast:
    """The four keys at one horizon.

    Args:
        predict: float64 [1, day, feature] -> avg_iv float64 [1, horizon], the model's `predicted`.
        window: from `newest_window`.
        horizon: trading days ahead, one of the contract's.
    """
    current = float(window[0, -1, 0])
    predicted = float(predict(window)[0, HORIZONS.index(horizon)])
    change = (predicted - current) / current * 100.0
    return ShortForecast(current, predicted, change, "UP" if predicted > current else "DOWN")
