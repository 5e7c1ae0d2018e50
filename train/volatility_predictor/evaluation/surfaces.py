"""Forecast surfaces against what came: RMSE in volatility points per tenor and horizon, beside persistence.

`python -m train.volatility_predictor.evaluation.surfaces FILE...` prints the table for a trained predictor, on the last quarter of each file
and on simulated symbols that it never saw.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.core import cli
from train.core.record import QualityRow
from train.volatility_predictor.contract import GRID_TENOR_DAYS, HORIZONS
from train.volatility_predictor.network.windows import GAP, Ends, Series, every_end, grids_ahead, windows

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


def table(names: Sequence[str], errors: Sequence[dict[str, Floats]]) -> list[str]:
    """The lines of the table, in Markdown; a star marks where the network is not below today's grid."""
    tenors = " | ".join(f"{tenor} d" for tenor in GRID_TENOR_DAYS)
    lines = [f"| series | days ahead | forecast | {tenors} |", f"|---|---|---|{'---|' * len(GRID_TENOR_DAYS)}"]
    for name, found in zip(names, errors, strict=True):
        for row, horizon in enumerate(HORIZONS):
            for model, rmse in found.items():
                lost = (model == NETWORK) & ~(rmse[row] < found[TODAY][row])
                cells = " | ".join(
                    f"{value:.3f}{' *' if bad else ''}" for value, bad in zip(rmse[row], lost, strict=True)
                )
                lines.append(f"| {name} | {horizon} | {model} | {cells} |")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    from train.volatility_predictor.network.pool import simulated_series
    from train.volatility_predictor.surfaces.surface_days import read_days
    from train.volatility_predictor.training import load_original, predict_original

    command = argparse.ArgumentParser(prog="python -m train.volatility_predictor.evaluation.surfaces", description=__doc__)
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="surface files with dates")
    command.add_argument("--model", type=Path, default=Path("build/models/volatility_predictor"), metavar="DIR")
    command.add_argument("--last", type=float, default=0.25, help="share of each series to forecast (default 0.25)")
    command.add_argument("--symbols", type=int, default=12, help="simulated symbols (default 12)")
    command.add_argument("--seed", type=int, default=1234, help="of the simulated symbols; not one used in training")
    options = command.parse_args(arguments)
    cli.show("volatility_predictor: starting TensorFlow")
    model = load_original(options.model)
    histories = [read_days(path) for path in options.files]
    series = [Series(history.symbol, history.features, history.grids) for history in histories]
    first = [int(len(one.iv) * (1.0 - options.last)) + GAP for one in series]
    simulated = simulated_series(options.symbols, 600, options.seed)
    errors = []
    for one, begin in zip([*series, *simulated], [*first, *[300] * len(simulated)], strict=True):
        ends = every_end([begin], [len(one.iv) - GAP], length=model.input_shape[1])
        answer = predict_original(model, windows([one], ends, days=model.input_shape[1]))
        errors.append(surface_errors(one, ends, answer["surface"]))
    mean = {name: np.mean([found[name] for found in errors[len(series) :]], axis=0) for name in errors[-1]}
    names = [*(one.name for one in series), f"mean of {options.symbols} simulated symbols"]
    sys.stdout.write("\n".join(table(names, [*errors[: len(series)], mean])) + "\n")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
