"""Train, evaluate and save the volatility predictor (`train.volatility_predictor.network.network`).

Pool: the simulator's symbols, always; with `--data`, real series on top, which weigh as much as all simulated ones.
What one series says about mean reversion is noisy; the simulator is the prior that holds the pooled model steady.
Simulated symbols are split by symbol, real series by time with a gap: the first 60 % train, the next 15 % stop the
training and set the interval, the last 25 % are for the figures and seen by nothing else.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.evidence import Evidence, write_evidence
from train.core.files import read_bytes, write_atomic
from train.core.record import DataRecord, TrainingRecord, library_versions, write_record
from train.core.window import write_window
from train.volatility_predictor.contract import (
    GRID_MONEYNESS,
    GRID_TENOR_DAYS,
    HORIZONS,
    VOLATILITY_INPUT,
    VOLATILITY_PREDICTOR,
)
from train.volatility_predictor.evaluation.curves import forecast_curves
from train.volatility_predictor.evaluation.forecasts import NETWORK, Evaluated, beaten_by, quality_rows
from train.volatility_predictor.evaluation.gate_window import gate_window
from train.volatility_predictor.evaluation.rivals import baseline_forecasts
from train.volatility_predictor.evaluation.surfaces import surface_errors
from train.volatility_predictor.network.fit import (
    Prepared,
    fit_linear,
    fit_quantiles,
    fit_residual,
    fit_scale,
    fit_shape,
    join,
    prepare,
    scaled_errors,
    set_up_tensorflow,
)
from train.volatility_predictor.network.pool import Pool, feature_ranges, golden_sample, read_pool, simulated_series
from train.volatility_predictor.network.shipped_baselines import Coefficients, fit_shipped
from train.volatility_predictor.network.windows import GAP, Series, every_end, log_changes, shorten, windows
from train.volatility_predictor.original import MODEL_FILE, predict_original

Floats = NDArray[np.float64]


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


def train(
    *,
    out: Path,
    data: Sequence[Path],
    random_state: int,
    sequence_length: int = 10,
    show: Callable[[str], None],
    budget: Budget | None = None,
) -> TrainingRecord:
    """Fit the network, write `out`/model.keras and `out`/training.json.

    Args:
        out: folder of the model.
        data: surface or index files, one symbol each; none = the simulator alone.
        random_state: seed; equal seeds give equal models on one machine.
        sequence_length: days that the LSTM sees, and that a forecast needs.
        show: called with a line of progress.
        budget: default: a minute of training.

    Raises:
        PipelineError: a file is wrong or holds too few days; nothing is written.
    """
    began = time.monotonic()
    budget = budget or Budget()
    pool = read_pool(data, show) if data else None
    show("volatility_predictor: starting TensorFlow")
    device = set_up_tensorflow(random_state)
    show(f"volatility_predictor: simulating {budget.symbols} symbols, training on {device}")
    simulated = simulated_series(budget.symbols, budget.days, random_state)
    fitted = _fit(pool, simulated, sequence_length, random_state, budget, show)
    series, first, fit_stop = _test_part(pool, random_state, budget)
    tested = evaluate(fitted, series, first, fit_stop)
    quality = quality_rows(tested, seed=random_state)
    record = TrainingRecord(
        model=VOLATILITY_PREDICTOR,
        estimator=_describe(fitted, sequence_length),
        data=pool.record if pool else DataRecord(source=f"simulator, seed {random_state}", rows=budget.windows),
        random_state=random_state,
        seconds=time.monotonic() - began,
        libraries=library_versions("tensorflow", "keras", "numpy"),
        quality=quality,
        feature_ranges=feature_ranges(series),
        settings={
            "window_days": int(fitted.input_shape[1]),
            "minimum_days": sequence_length,
            "horizons": list(HORIZONS),
            "tenor_days": list(GRID_TENOR_DAYS),
            "moneyness": list(GRID_MONEYNESS),
            "baselines": _shipped(pool, simulated),
            "beaten_by": beaten_by(quality),
        },
        sample={VOLATILITY_INPUT.name: golden_sample(series, first, sequence_length, budget.samples, random_state)},
        window=write_window(out, gate_window(series, first)),
    )
    _save(fitted, out / MODEL_FILE)
    write_evidence(out, Evidence(forecasts=forecast_curves(tested[0])))
    write_record(out, record)
    return record


def evaluate(model: Any, series: Sequence[Series], first: Sequence[int], fit_stop: Sequence[int]) -> list[Evaluated]:
    """Forecast every day of each series from day first[i] on, beside the rivals fitted before day fit_stop[i]."""
    tested = []
    for one, begin, stop in zip(series, first, fit_stop, strict=True):
        ends = every_end([begin], [len(one.iv) - GAP], length=model.input_shape[1])
        answer = predict_original(model, windows([one], ends, days=model.input_shape[1]))
        rivals = baseline_forecasts(one.iv, fit_stop=stop, days=ends.day)
        outcome = one.iv[ends.day, None] * np.exp(log_changes([one], ends))
        forecasts = rivals | {NETWORK: answer["predicted"]}
        errors = surface_errors(one, ends, answer["surface"])
        tested.append(Evaluated(one.name, outcome, forecasts, answer["lower"], answer["upper"], errors))
    return tested


def _describe(model: Any, sequence_length: int) -> str:
    """What was trained, and for which horizons the LSTM was of use."""
    shares = np.abs(model.get_layer("out").get_weights()[0]).sum(axis=0)
    useful = [f"{horizon} d" for horizon, share in zip(HORIZONS, shares, strict=True) if share > 0.0]
    return f"HAR + LSTM({sequence_length} days), LSTM in use for {', '.join(useful) or 'no horizon'}"


def _shipped(pool: Pool | None, simulated: list[Series]) -> Coefficients:
    """The baselines that travel with the network, fitted to what it is fitted to."""
    series, stop = list(simulated), [len(one.iv) for one in simulated]
    weight = [1.0] * len(series)
    if pool:
        weight += [sum(stop) / sum(pool.validation)] * len(pool.series)
        series, stop = series + pool.series, stop + pool.validation
    return fit_shipped(series, stop, weight)


def _fit(
    pool: Pool | None,
    training: list[Series],
    length: int,
    seed: int,
    budget: Budget,
    show: Callable[[str], None],
) -> Any:
    from train.volatility_predictor.network.network import WINDOW_DAYS, full_model

    rng = np.random.default_rng(seed)

    def simulated(series: list[Series], count: int) -> Prepared:
        symbols = len(series)
        ends = every_end([WINDOW_DAYS - 1] * symbols, [budget.days - GAP] * symbols, length=WINDOW_DAYS)
        some = ends.part(np.sort(rng.permutation(len(ends))[:count]))
        return prepare(series, shorten(some, share=0.4, minimum=length, rng=rng), length, hide=rng)

    def real(first: list[int], stop: list[int], weight: float) -> Prepared:
        assert pool is not None
        ends = every_end(first, [day - GAP for day in stop], length=WINDOW_DAYS)
        return prepare(pool.series, ends, length, weight=weight / max(len(ends), 1))

    fitting = simulated(training, budget.windows)
    unseen = simulated_series(max(budget.symbols // 4, 2), budget.days, seed + 1)
    stopping = simulated(unseen, budget.validation_windows)
    held_out = stopping
    if pool:
        begin = [length] * len(pool.series)
        fitting = join(fitting, real(begin, pool.validation, len(fitting)))
        held_out = real(pool.validation, pool.test, len(stopping))
        stopping = join(stopping, held_out)
    linear = fit_linear(fitting)
    scale = fit_scale(fitting, linear)
    targets = [scaled_errors(part, linear, scale) for part in (fitting, stopping)]
    residual, answers = fit_residual(
        fitting, stopping, (targets[0], targets[1]), epochs=budget.epochs, batch=budget.batch, show=show
    )
    left = (targets[1] - answers)[-len(held_out) :]
    shape = fit_shape(fitting, stopping)
    return full_model(length, linear=linear, scale=scale, residual=residual, quantiles=fit_quantiles(left), shape=shape)


def _test_part(pool: Pool | None, seed: int, budget: Budget) -> tuple[list[Series], list[int], list[int]]:
    """Series, the first day to forecast, and the first day that the rivals' fits may not see."""
    if pool:
        return pool.series, [day + GAP for day in pool.test], pool.test
    count = budget.test_symbols
    series = simulated_series(count, max(2 * budget.days, 600), seed + 2)
    half = len(series[0].iv) // 2
    return series, [half + GAP] * count, [half] * count


def _save(model: Any, path: Path) -> None:
    """Keras writes to a folder of its own; the file gets its name when it is whole."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / MODEL_FILE
        model.save(temporary)
        write_atomic(path, read_bytes(temporary))
