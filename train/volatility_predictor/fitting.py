"""Fits every part of the network to a pool and to simulated symbols (see `training`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.combination import SIMULATOR, Combination, Pooled, Source, fit_combination
from train.volatility_predictor.network.fit import (
    Prepared,
    fit_residual,
    fit_shape,
    join,
    prepare,
    scaled_errors,
)
from train.volatility_predictor.network.gaps import WINDOW_DAYS
from train.volatility_predictor.network.interval import fit_interval
from train.volatility_predictor.network.pool import Pool, simulated_series
from train.volatility_predictor.network.windows import GAP, Series, every_end, shorten


@dataclass(frozen=True)
class Budget:
    """How much to simulate and to train."""

    symbols: int = 64
    days: int = 900
    windows: int = 24_000
    validation_windows: int = 8_000
    epochs: int = 12
    batch: int = 256
    test_symbols: int = 12
    samples: int = 24
    interval_rows: int = 1500


def fit_network(
    pool: Pool | None,
    training: list[Series],
    length: int,
    seed: int,
    budget: Budget,
    show: Callable[[str], None],
) -> tuple[Any, Combination]:
    """The network with everything fitted, and the combination within.

    Args:
        pool: real series; None for the simulator alone.
        training: simulated symbols to fit to.
        length: days that the LSTM sees.
        seed: of further symbols and of what is drawn.
        budget: how much of it.
        show: called with a line of progress.
    """
    from train.volatility_predictor.network.network import full_model

    rng = np.random.default_rng(seed)

    def simulated(series: list[Series], count: int) -> Prepared:
        symbols = len(series)
        ends = every_end([WINDOW_DAYS - 1] * symbols, [budget.days - GAP] * symbols, length=WINDOW_DAYS)
        some = ends.part(np.sort(rng.permutation(len(ends))[:count]))
        return prepare(series, shorten(some, share=0.4, minimum=length, rng=rng), length, hide=rng)

    def real(pool: Pool, first: list[int], stop: list[int], *, beside: int) -> Prepared:
        ends = every_end(first, [day - GAP for day in stop], length=WINDOW_DAYS)
        weight = beside / SIMULATOR * len(pool.series) / max(len(ends), 1)
        return prepare(pool.series, ends, length, weight=weight)

    unseen = simulated_series(max(budget.symbols // 4, 2), budget.days, seed + 1)
    show("volatility_predictor: combining simple forecasts by rolling origin, and fitting the interval")
    pooled = Pooled(sources_of(training), pool.sources() if pool else [])
    combination = fit_combination(pooled, sources_of(unseen))
    sides = fit_interval(pooled, sources_of(unseen), combination, rows=budget.interval_rows, seed=seed)
    linear = combination.linear.reshape(-1, len(HORIZONS))
    interval = (sides[0].reshape(-1, len(HORIZONS)), sides[1].reshape(-1, len(HORIZONS)))

    fitting, stopping = simulated(training, budget.windows), simulated(unseen, budget.validation_windows)
    judge = slice(0, None)
    if pool:
        begin = [length] * len(pool.series)
        judge = slice(len(stopping), None)
        stopping = join(stopping, real(pool, pool.validation, pool.test, beside=len(stopping)))
        fitting = join(fitting, real(pool, begin, pool.validation, beside=len(fitting)))
    targets = scaled_errors(fitting, linear, interval), scaled_errors(stopping, linear, interval)
    residual = fit_residual(
        fitting, stopping, targets, epochs=budget.epochs, batch=budget.batch, judge=judge, show=show
    )
    shape = fit_shape(fitting, stopping)
    return full_model(length, linear=linear, interval=interval, residual=residual, shape=shape), combination


def sources_of(series: Sequence[Series]) -> list[Source]:
    """Simulated symbols as the combination takes them."""
    return [Source(np.log(one.iv), len(one.iv)) for one in series]
