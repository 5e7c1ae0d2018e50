"""`python -m verify.figures walk_forward FILE...`: forecasts of days ahead of every fit that they rest on.

The window expands: on the first day of a block everything is fitted to what was known then, the simulator's symbols
included, and forecasts until the next block begins. Beside it stands what the first fit alone says of all the days, and
the rivals, refitted alike. Without `--lstm` the linear path alone is refitted and forecasts; with it, the whole network
(a minute or two a refit).
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
from train.core.records.record import DataRecord
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.forecasts import NETWORK, Evaluated, diebold_mariano
from train.volatility_predictor.evaluation.rivals import PERSISTENCE, baseline_forecasts
from train.volatility_predictor.fitting import Budget, fit_network, sources_of
from train.volatility_predictor.network.combination import Combination, Pooled, Source, fit_combination
from train.volatility_predictor.network.fit import set_up_tensorflow
from train.volatility_predictor.network.gaps import gap_table
from train.volatility_predictor.network.pool import Pool, simulated_series
from train.volatility_predictor.network.windows import GAP, Ends, Series, every_end, log_changes, windows
from train.volatility_predictor.original import predict_original
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
    """What forecasts: the combination, or the whole network where it was trained."""

    combination: Combination
    model: Any = None

    def forecast(self, one: Series, ends: Ends) -> Floats:
        """avg_iv, float64 [window, horizon]."""
        if self.model is not None:
            return predict_original(self.model, windows([one], ends, days=FULL))["predicted"]
        gaps = gap_table(np.log(one.iv), FULL)[ends.day]
        return np.asarray(one.iv[ends.day, None] * np.exp(gaps @ self.combination.linear[-1]))


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
    simulated = [simulated_series(count, plan.days, plan.seed + i) for i, count in enumerate(_symbols(plan))]
    last = max(days[-1] for days in dates)
    starts = [
        dt.date(year, plan.first.month, plan.first.day) for year in range(plan.first.year, last.year + 1, plan.years)
    ]
    parts: list[list[dict[str, Floats]]] = [[] for _ in series]
    once: Fit | None = None
    for number, start in enumerate(starts, 1):
        show(f"walk-forward: fit {number} of {len(starts)}, on days before {start}")
        stops = [_index(days, start) for days in dates]
        fit = _fit(series, [_days(days) for days in dates], stops, simulated, plan, show)
        once = once or fit
        nexts = [_index(days, dt.date(start.year + plan.years, start.month, start.day)) for days in dates]
        for i, one in enumerate(series):
            ends = every_end([stops[i]], [min(nexts[i], len(one.iv) - GAP)], length=FULL)
            if not len(ends):
                continue
            rivals = baseline_forecasts(one.iv, fit_stop=stops[i], days=ends.day)
            own = {ONCE: once.forecast(one, ends), NETWORK: fit.forecast(one, ends)}
            outcome = one.iv[ends.day, None] * np.exp(log_changes([one], ends))
            parts[i].append(rivals | own | {"outcome": outcome})
    return [_evaluated(one.name, blocks) for one, blocks in zip(series, parts, strict=True)]


def _days(dates: Sequence[dt.date]) -> NDArray[Any]:
    return np.array(dates, dtype="datetime64[D]")


def _index(dates: Sequence[dt.date], day: dt.date) -> int:
    return int(np.searchsorted(_days(dates), np.datetime64(day)))


def _evaluated(name: str, blocks: list[dict[str, Floats]]) -> Evaluated:
    whole = {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}
    outcome = whole.pop("outcome")
    return Evaluated(name, outcome, whole, whole[NETWORK], whole[NETWORK])


def _symbols(plan: Plan) -> tuple[int, int]:
    """How many simulated ones to fit to, and how many that no fit sees."""
    return plan.symbols, max(plan.symbols // 4, 2)


def _fit(
    series: Sequence[Series],
    dates: Sequence[NDArray[Any]],
    stops: Sequence[int],
    simulated: Sequence[list[Series]],
    plan: Plan,
    show: Callable[[str], None],
) -> Fit:
    """Fit to the simulator's symbols and to the days of the real series before `stops`, as training does."""
    training, unseen = simulated
    if not plan.lstm:
        real = [Source(np.log(one.iv), stop, days) for one, stop, days in zip(series, stops, dates, strict=True)]
        return Fit(fit_combination(Pooled(sources_of(training), real), sources_of(unseen)))
    # The last fifth says when to stop.
    record = DataRecord(source="walk-forward", rows=sum(stops))
    pool = Pool(list(series), list(dates), [int(stop * 0.8) for stop in stops], list(stops), record)
    budget = Budget(symbols=plan.symbols, days=plan.days, windows=plan.windows, validation_windows=plan.windows // 3)
    model, combination = fit_network(pool, training, plan.sequence_length, plan.seed, budget, show)
    return Fit(combination, model)


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
