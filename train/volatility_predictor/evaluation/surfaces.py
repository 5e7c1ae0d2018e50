"""Forecast surfaces against what came: RMSE in volatility points per tenor and horizon, beside persistence."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.core.records.record import QualityRow
from train.volatility_predictor.contract import GRID_TENOR_DAYS, HORIZONS
from train.volatility_predictor.network.windows import Ends, Series, grids_ahead

Floats = NDArray[np.float64]

NETWORK, TODAY, TODAY_FREE = "network", "today's grid", "today's grid, free of arbitrage"


def surface_errors(one: Series, ends: Ends, forecast: Floats) -> dict[str, Floats]:
    """RMSE in volatility points, name -> float64 [horizon, tenor], NaN where no cell is known.

    Cells count that were observed both on the forecast's day and on the day it is for.

    Args:
        one: the series; all of `ends` lie in it.
        ends: days of the forecasts.
        forecast: float64 [day, horizon, tenor, moneyness].
    """
    today = grids_ahead([one], ends, days=0)
    free = free_of_arbitrage(today)
    table: dict[str, list[Floats]] = {NETWORK: [], TODAY: [], TODAY_FREE: []}
    for column, horizon in enumerate(HORIZONS):
        came = grids_ahead([one], ends, days=horizon)
        known = ~np.isnan(today) & ~np.isnan(came)
        for name, said in ((NETWORK, forecast[:, column]), (TODAY, today), (TODAY_FREE, free)):
            squares = np.where(known, (said - came) ** 2, 0.0).sum(axis=(0, 2))
            counts = known.sum(axis=(0, 2))
            table[name].append(100.0 * np.sqrt(np.where(counts > 0, squares, np.nan) / np.maximum(counts, 1)))
    return {name: np.stack(rows) for name, rows in table.items()}


def free_of_arbitrage(grids: Floats) -> Floats:
    """Each grid as the network would represent it, with the same mean; cells that are NaN stay so.

    Args:
        grids: float64 [day, tenor, moneyness].
    """
    from keras import ops

    from train.volatility_predictor.network.surface_layers import shape_of

    known = ~np.isnan(grids)
    mean = np.where(known, grids, 0.0).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
    mean = np.where(mean > 0.0, mean, 1.0)[:, None, None]
    cells = np.where(known, grids, mean) / mean
    shape = shape_of(ops.convert_to_tensor(cells[:, None], "float64"), ops.convert_to_tensor(mean[:, :, 0], "float64"))
    return np.where(known, np.asarray(shape)[:, 0] * mean, np.nan)


def surface_rows(errors: Sequence[dict[str, Floats]]) -> list[QualityRow]:
    """One row a horizon and tenor: mean RMSE over the series, beside that of today's grid."""
    if not errors:
        return []
    means = {name: np.mean([one[name] for one in errors], axis=0) for name in (NETWORK, TODAY)}
    return [
        QualityRow(
            metric=f"surface RMSE in points, {horizon} d, tenor {tenor} d",
            value=float(means[NETWORK][row, column]),
            baseline=TODAY,
            baseline_value=float(means[TODAY][row, column]),
            higher_is_better=False,
        )
        for row, horizon in enumerate(HORIZONS)
        for column, tenor in enumerate(GRID_TENOR_DAYS)
        if np.isfinite(means[NETWORK][row, column])
    ]
