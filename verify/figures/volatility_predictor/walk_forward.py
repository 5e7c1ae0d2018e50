"""`python -m verify.figures walk_forward FILE...`: forecasts of days ahead of every fit that they rest on.

The window expands: on the first day of a block everything is fitted to what was known then, the simulator's symbols
included, and forecasts until the next block begins. Beside it stands what the first fit alone says of all the days, and
the rivals, refitted alike. Without `--lstm` the linear path alone is refitted and forecasts; with it, the LSTM, too
(half a minute a refit).
"""

import argparse
import datetime as dt
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core import cli
from train.core.errors import PipelineError
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.forecasts import NETWORK, Evaluated, diebold_mariano
from train.volatility_predictor.evaluation.rivals import PERSISTENCE, baseline_forecasts
from train.volatility_predictor.network.fit import (
    CHUNK,
    Prepared,
    fit_linear,
    fit_residual,
    fit_scale,
    join,
    prepare,
    scaled_errors,
    set_up_tensorflow,
)
from train.volatility_predictor.network.pool import simulated_series
from train.volatility_predictor.network.windows import GAP, Series, every_end, shorten
from train.volatility_predictor.surfaces.surface_days import read_days

Floats = NDArray[np.float64]

ONCE = "network, fitted once"
FULL = 252


@dataclass(frozen=True)
class Plan:
    """When to refit, and how much to simulate."""

    first: dt.date
    years: int
    sequence_length: int
    lstm: bool
    seed: int
    symbols: int = 64
    days: int = 900
    windows: int = 24_000


@dataclass(frozen=True)
class Fit:
    """What forecasts: the linear path, and, where it was trained, the scale and the LSTM on top."""

    linear: Floats
    scale: Floats
    residual: Any = None

    def changes(self, data: Prepared) -> Floats:
        """Log changes of avg_iv, float64 [window, horizon]."""
        change = data.regressors @ self.linear
        if self.residual is not None:
            chunks = [slice(begin, begin + CHUNK) for begin in range(0, len(data), CHUNK)]
            heads = [self.residual([data.sequence[part], data.context[part]], training=False) for part in chunks]
            head = np.concatenate([np.asarray(head, dtype=np.float64) for head in heads])
            change = change + head * np.sqrt(data.variances @ self.scale)
        return np.asarray(change)


def walk(
    series: Sequence[Series], dates: Sequence[Sequence[dt.date]], plan: Plan, show: Callable[[str], None]
) -> list[Evaluated]:
    """Every series' forecasts from `plan.first` on.

    Args:
        series: real ones; each has a year of days before `plan.first`.
        dates: of each series' days.
        plan: see `Plan`.
        show: called with a line of progress.

    Raises:
        PipelineError: a series has less than a year before `plan.first`, or ends before it.
    """
    begins = [int(np.searchsorted(np.array(days), np.datetime64(plan.first))) for days in map(_days, dates)]
    for one, begin in zip(series, begins, strict=True):
        if begin < FULL + GAP or begin >= len(one.iv) - GAP:
            raise PipelineError(f"{one.name}: needs a year of days before {plan.first}, and days after it")
    prior, stopping = _simulated(plan)
    last = max(days[-1] for days in dates)
    starts = [
        dt.date(year, plan.first.month, plan.first.day) for year in range(plan.first.year, last.year + 1, plan.years)
    ]
    parts: list[list[dict[str, Floats]]] = [[] for _ in series]
    once: Fit | None = None
    for number, start in enumerate(starts, 1):
        show(f"walk-forward: fit {number} of {len(starts)}, on days before {start}")
        stops = [_index(days, start) for days in dates]
        fit = _fit(series, stops, prior, stopping, plan, show)
        once = once or fit
        nexts = [_index(days, dt.date(start.year + plan.years, start.month, start.day)) for days in dates]
        for i, one in enumerate(series):
            ends = every_end([stops[i]], [min(nexts[i], len(one.iv) - GAP)], length=FULL)
            if not len(ends):
                continue
            data, today = prepare([one], ends, plan.sequence_length), one.iv[ends.day, None]
            rivals = baseline_forecasts(one.iv, fit_stop=stops[i], days=ends.day)
            own = {ONCE: today * np.exp(once.changes(data)), NETWORK: today * np.exp(fit.changes(data))}
            parts[i].append(rivals | own | {"outcome": today * np.exp(data.changes)})
    return [_evaluated(one.name, blocks) for one, blocks in zip(series, parts, strict=True)]


def _days(dates: Sequence[dt.date]) -> NDArray[Any]:
    return np.array(dates, dtype="datetime64[D]")


def _index(dates: Sequence[dt.date], day: dt.date) -> int:
    return int(np.searchsorted(_days(dates), np.datetime64(day)))


def _evaluated(name: str, blocks: list[dict[str, Floats]]) -> Evaluated:
    whole = {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}
    outcome = whole.pop("outcome")
    return Evaluated(name, outcome, whole, whole[NETWORK], whole[NETWORK])


def _simulated(plan: Plan) -> tuple[Prepared, Prepared]:
    """Windows of the simulator's symbols, to fit to and to stop on."""
    rng = np.random.default_rng(plan.seed)
    made = []
    for symbols, count, offset in ((plan.symbols, plan.windows, 0), (max(plan.symbols // 4, 2), plan.windows // 3, 1)):
        series = simulated_series(symbols, plan.days, plan.seed + offset)
        ends = every_end([FULL - 1] * symbols, [plan.days - GAP] * symbols, length=FULL)
        some = ends.part(np.sort(rng.permutation(len(ends))[:count]))
        some = shorten(some, share=0.4, minimum=plan.sequence_length, rng=rng)
        made.append(prepare(series, some, plan.sequence_length, hide=rng))
    return made[0], made[1]


def _fit(
    series: Sequence[Series],
    stops: Sequence[int],
    prior: Prepared,
    stopping: Prepared,
    plan: Plan,
    show: Callable[[str], None],
) -> Fit:
    """Fit to the simulator's windows and to real ones whose outcomes were known at `stops`, which weigh as much."""

    def real(first: Sequence[int], stop: Sequence[int], weight: float) -> Prepared:
        ends = every_end(first, [day - GAP for day in stop], length=FULL)
        return prepare(series, ends, plan.sequence_length, weight=weight / max(len(ends), 1))

    begin = [plan.sequence_length] * len(series)
    if not plan.lstm:
        data = join(prior, real(begin, stops, len(prior)))
        linear = fit_linear(data)
        return Fit(linear, fit_scale(data, linear))
    # The last fifth says when to stop.
    middles = [int(stop * 0.8) for stop in stops]
    data, held = join(prior, real(begin, middles, len(prior))), join(stopping, real(middles, stops, len(stopping)))
    linear = fit_linear(data)
    scale = fit_scale(data, linear)
    targets = scaled_errors(data, linear, scale), scaled_errors(held, linear, scale)
    weights, _ = fit_residual(data, held, targets, epochs=12, batch=256, show=show)
    from train.volatility_predictor.network.network import residual_model

    model = residual_model(data.sequence.shape[1:], data.context.shape[1])
    model.set_weights(weights)
    whole = join(prior, real(begin, stops, len(prior)))
    return Fit(fit_linear(whole), scale, model)


def lines_of(tested: Sequence[Evaluated]) -> list[str]:
    """The table in Markdown: MSE relative to persistence, and Diebold-Mariano p of the refitted network."""
    names = list(tested[0].forecasts)
    lines = [
        f"| series | days ahead | days | {' | '.join(names)} | p, persistence | p, best rival | p, fitted once |",
        "|---|---|---|" + "---|" * (len(names) + 3),
    ]
    for one in tested:
        for column, horizon in enumerate(HORIZONS):
            ratios = {name: one.ratio(name, column) for name in names}
            best = min((name for name in names if name not in (NETWORK, ONCE)), key=lambda name: ratios[name])
            own = one.losses(NETWORK)[:, column]
            rivals = (PERSISTENCE, best, ONCE)
            tests = [diebold_mariano(own, one.losses(name)[:, column], horizon)[1] for name in rivals]
            cells = [*(f"{ratios[name]:.3f}" for name in names), *(f"{p:.3f}" for p in tests)]
            lines.append(f"| {one.name} | {horizon} | {len(own)} | {' | '.join(cells)} |")
    return lines


BENCH = ("{shared}/spx_surface_1996_2015.csv.gz", "{shared}/vix_1990_2019.csv")
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    command = argparse.ArgumentParser(prog="python -m verify.figures walk_forward", description=__doc__)
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="surface or index files with dates")
    command.add_argument("--first", type=dt.date.fromisoformat, default=dt.date(2006, 1, 1), metavar="YYYY-MM-DD")
    command.add_argument("--years", type=int, default=2, help="between refits (default 2)")
    command.add_argument("--lstm", action="store_true", help="refit the LSTM, too")
    command.add_argument("--seed", type=int, default=42)
    options = command.parse_args(arguments)
    histories = [read_days(path) for path in options.files]
    for path, history in zip(options.files, histories, strict=True):
        if history.dates[0] is None:
            raise PipelineError(f"{path}: a snapshot without a date; walk-forward needs years of days")
    cli.show("walk-forward: starting TensorFlow")
    set_up_tensorflow(options.seed)
    series = [Series(history.symbol, history.features) for history in histories]
    dates = [[date for date in history.dates if date is not None] for history in histories]
    plan = Plan(options.first, options.years, 10, options.lstm, options.seed)
    sys.stdout.write("\n".join(lines_of(walk(series, dates, plan, cli.show))) + "\n")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
