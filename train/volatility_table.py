"""`python -m train.volatility_table FILE...`: a trained predictor against its rivals on days it never saw.

Per series and horizon: MSE relative to persistence of every model, the Diebold-Mariano p of the network against
persistence and against its best rival, and how often the 80 % interval held. Then, on simulated symbols, which share of
the gain that is attainable with full knowledge of the factors and their law the network makes.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train import cli
from train.contract import HORIZONS
from train.surface_simulator import SimulatedSurfaces, best_forecast, simulate_surfaces
from train.surfaces import read_days
from train.volatility_baselines import PERSISTENCE
from train.volatility_evaluation import NETWORK, Evaluated, diebold_mariano
from train.volatility_predictor import evaluate, load_original, predict_original
from train.volatility_windows import GAP, Series, every_end, windows


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


def attained_share(
    model: object, simulated: SimulatedSurfaces, days: Sequence[int], *, paths: int, seed: int
) -> list[float]:
    """Per horizon: the network's gain over persistence as a share of the gain of the best possible forecast.

    With m the conditional mean, the gain that a forecast f makes of the attainable is 1 - E(f - m)^2 / E(today - m)^2,
    errors relative to today; the simulation error of m is taken out of both.
    """
    rng = np.random.default_rng(seed)
    series = [Series(str(number), features) for number, features in enumerate(simulated.features)]
    shares = []
    for column, horizon in enumerate(HORIZONS):
        missed = attainable = 0.0
        for day in days:
            ends = every_end([day] * len(series), [day + 1] * len(series), length=252)
            forecast = predict_original(model, windows(series, ends, days=252))["predicted"][:, column]
            best, noise = best_forecast(simulated, day, horizon, paths=paths, rng=rng)
            today = simulated.features[:, day, 0]
            missed += float((((forecast - best) ** 2 - noise) / today**2).sum())
            attainable += float((((today - best) ** 2 - noise) / today**2).sum())
        shares.append(1.0 - missed / attainable)
    return shares


def main(arguments: Sequence[str]) -> int:
    """Print the table for the files, then the share of the attainable gain."""
    command = argparse.ArgumentParser(prog="python -m train.volatility_table", description=__doc__)
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="surface or index files with dates")
    command.add_argument("--model", type=Path, default=Path("build/models/volatility_predictor"), metavar="DIR")
    command.add_argument("--last", type=float, default=0.25, help="share of each series to forecast (default 0.25)")
    command.add_argument("--seed", type=int, default=1234, help="of the simulated symbols; not one used in training")
    options = command.parse_args(arguments)
    cli.show("volatility_predictor: starting TensorFlow")
    model = load_original(options.model)
    histories = [read_days(path) for path in options.files]
    series = [Series(history.symbol, history.features) for history in histories]
    stops = [int(len(one.iv) * (1.0 - options.last)) for one in series]
    lines = table(evaluate(model, series, [stop + GAP for stop in stops], stops)) if series else []
    simulated = simulate_surfaces(40, 420, seed=options.seed)
    shares = attained_share(model, simulated, range(252, 399, 12), paths=300, seed=options.seed)
    for horizon, share in zip(HORIZONS, shares, strict=True):
        lines.append(f"simulated symbols, {horizon} d: {100 * share:.0f} % of the attainable gain")
    sys.stdout.write("\n".join(lines) + "\n")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
