"""`python -m verify.figures surface_table FILE...`: a predictor's surfaces beside today's, in volatility points.

On the last quarter of each file, and on simulated symbols that it never saw.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.core import cli
from train.volatility_predictor.contract import GRID_TENOR_DAYS, HORIZONS
from train.volatility_predictor.evaluation.surfaces import NETWORK, TODAY, surface_errors
from train.volatility_predictor.network.pool import simulated_series
from train.volatility_predictor.network.windows import GAP, Series, every_end, windows
from train.volatility_predictor.original import load_original, predict_original
from train.volatility_predictor.surfaces.surface_days import read_days

Floats = NDArray[np.float64]


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


BENCH = ("{shared}/spx_surface_1996_2015.csv.gz",)
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    command = argparse.ArgumentParser(prog="python -m verify.figures surface_table", description=__doc__)
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
