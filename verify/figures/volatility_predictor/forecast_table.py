"""`python -m verify.figures forecast_table FILE...`: a trained predictor against its rivals on days it never saw.

Per series and horizon: MSE relative to persistence of every model, the Diebold-Mariano p of the network against
persistence and against its best rival, and how often the 80 % interval held. Then by how much it lies above the best of
persistence, AR and HAR at worst, on those series and on simulated symbols outside the pool, and which share it makes of
the gains that are attainable there (`verify.figures.volatility_predictor.attainable`).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core import cli
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.forecasts import NETWORK, Evaluated, diebold_mariano
from train.volatility_predictor.evaluation.rivals import AR, HAR, PERSISTENCE
from train.volatility_predictor.network.pool import simulated_series
from train.volatility_predictor.network.windows import GAP, Series, every_end, windows
from train.volatility_predictor.original import load_original, predict_original
from train.volatility_predictor.surfaces.simulator import SimulatedSurfaces, simulate_surfaces
from train.volatility_predictor.surfaces.surface_days import read_days
from train.volatility_predictor.training import evaluate
from verify.figures.volatility_predictor.attainable import Forecast, Sample, gains, kalman_forecast, regression_forecast

Floats = NDArray[np.float64]

ALLOWED_EXCESS = 0.005
"""The network shall not be worse than the best of persistence, AR and HAR by more than this share."""


def table(tested: Sequence[Evaluated]) -> list[str]:
    """The lines of the table, in Markdown."""
    names = list(tested[0].forecasts)
    lines = [
        f"| series | days ahead | {' | '.join(names)} | p, persistence | p, best rival | in the interval |",
        f"|---|---|{'---|' * (len(names) + 3)}",
    ]
    for one in tested:
        for column, horizon in enumerate(HORIZONS):
            ratios = {name: one.ratio(name, column) for name in names}
            best = min((name for name in names if name != NETWORK), key=lambda name: ratios[name])
            own = one.losses(NETWORK)[:, column]
            tests = [diebold_mariano(own, one.losses(name)[:, column], horizon)[1] for name in (PERSISTENCE, best)]
            cells = [*(f"{ratios[name]:.3f}" for name in names), *(f"{p:.3f}" for p in tests)]
            lines.append(f"| {one.name} | {horizon} | {' | '.join(cells)} | {100 * one.coverage(column):.1f} % |")
    return lines


def excess(tested: Sequence[Evaluated]) -> list[tuple[float, float, str]]:
    """By how much the network's MSE lies above the best of persistence, AR and HAR, the worst first.

    Returns:
        (share, Diebold-Mariano p against that rival, series and horizon) each.
    """
    found = []
    for one in tested:
        for column, horizon in enumerate(HORIZONS):
            best = min((PERSISTENCE, AR, HAR), key=lambda name: one.ratio(name, column))
            share = one.ratio(NETWORK, column) / one.ratio(best, column) - 1.0
            p = diebold_mariano(one.losses(NETWORK)[:, column], one.losses(best)[:, column], horizon)[1]
            found.append((share, p, f"{one.name}, {horizon} d"))
    return sorted(found, reverse=True)


def excess_line(tested: Sequence[Evaluated]) -> str:
    """How many are above half a percent, how many of those not by chance, the worst of `excess`, and the usual one."""
    rows = excess(tested)
    above = [p for share, p, _ in rows if share > ALLOWED_EXCESS]
    usual = float(np.median([share for share, _, _ in rows]))
    worst = "; ".join(f"{name} {100 * share:+.1f} % (p {p:.2f})" for share, p, name in rows[:3])
    return (
        f"more than {100 * ALLOWED_EXCESS:.1f} % above the best of persistence, AR, HAR: {len(above)} of {len(rows)} "
        f"(series, horizon), {sum(p < 0.05 for p in above)} of them with p < 0.05; median {100 * usual:+.1f} %; worst "
        f"{worst}"
    )


def attained_lines(model: Any, simulated: SimulatedSurfaces, *, seed: int, sample: Sample) -> list[str]:
    """The network's share of the gain that each yardstick of `verify.figures.volatility_predictor.attainable` makes."""
    series = [Series(str(number), features) for number, features in enumerate(simulated.features)]

    def network(day: int, horizon: int) -> tuple[Floats, float]:
        ends = every_end([day] * len(series), [day + 1] * len(series), length=252)
        answer = predict_original(model, windows(series, ends, days=252))["predicted"]
        return np.asarray(answer[:, HORIZONS.index(horizon)]), 0.0

    cli.show(f"fitting the yardstick to {sample.symbols} simulated symbols")
    forecasts: dict[str, Forecast] = {
        NETWORK: network,
        "law": kalman_forecast(simulated, paths=300, seed=seed + 1),
        "quotes": regression_forecast(simulated, sample, seed=seed + 2),
    }
    found = gains(simulated, range(252, 399, 12), forecasts, paths=300, seed=seed)
    lines = [
        "| simulated symbols, days ahead | gain, all factors known = 1 | law and quotes known | quotes known | "
        "share of law and quotes | share of quotes |",
        "|---|---|---|---|---|---|",
    ]
    for horizon, own, law, quotes in zip(HORIZONS, *found.values(), strict=True):
        shares = f"{100 * own / law:.0f} % | {100 * own / quotes:.0f} %"
        lines.append(f"| {horizon} | {own:.2f} | {law:.2f} | {quotes:.2f} | {shares} |")
    return lines


BENCH = ("{shared}/spx_surface_1996_2015.csv.gz", "{shared}/vix_1990_2019.csv")
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Print the table for the files, then the share of the attainable gain."""
    command = argparse.ArgumentParser(prog="python -m verify.figures forecast_table", description=__doc__)
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="surface or index files with dates")
    command.add_argument("--model", type=Path, default=Path("build/models/volatility_predictor"), metavar="DIR")
    command.add_argument("--last", type=float, default=0.25, help="share of each series to forecast (default 0.25)")
    command.add_argument("--seed", type=int, default=1234, help="of the simulated symbols; not one used in training")
    command.add_argument("--symbols", type=int, default=40, help="simulated ones outside the pool (default 40)")
    options = command.parse_args(arguments)
    cli.show("volatility_predictor: starting TensorFlow")
    model = load_original(options.model)
    histories = [read_days(path) for path in options.files]
    series = [Series(history.symbol, history.features) for history in histories]
    stops = [int(len(one.iv) * (1.0 - options.last)) for one in series]
    real = evaluate(model, series, [stop + GAP for stop in stops], stops) if series else []
    lines = table(real) if real else []
    cli.show("forecasting simulated symbols outside the pool")
    outside = simulated_series(options.symbols, 1200, options.seed + 7)
    half = 600
    tested = evaluate(model, outside, [half + GAP] * len(outside), [half] * len(outside))
    for name, group in (("real series", real), ("simulated symbols", tested)):
        lines += ["", f"{name}: {excess_line(group)}"] if group else []
    simulated = simulate_surfaces(40, 420, seed=options.seed)
    lines += ["", *attained_lines(model, simulated, seed=options.seed, sample=Sample())]
    sys.stdout.write("\n".join(lines) + "\n")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
