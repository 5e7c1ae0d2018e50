"""Train, evaluate and save the volatility predictor (`train.volatility_predictor.network.network`).

Pool: the simulator's symbols, always; and real series, each of which weighs a fifth of all simulated ones: the files
of `--data`, or else those of `pool.DEFAULT_FILES`. What one series says about mean reversion is noisy; the simulator is
the prior that holds the pooled model steady, and its breadth. Simulated symbols are split by symbol, real series by
time, with a gap: the last days are for the figures and seen by nothing else; combination and interval are fitted by
rolling origin over those before; a fifth of these stops the LSTM and says whether it pays.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.files import read_bytes, scratch, write_atomic
from train.core.records.distribution import Distribution, distribution
from train.core.records.evidence import Evidence, write_evidence
from train.core.records.record import DataRecord, TrainingRecord, library_versions, write_record
from train.core.records.window import write_window
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.contract import (
    DAILY_NAMES,
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
from train.volatility_predictor.fitting import Budget, fit_network
from train.volatility_predictor.network.combination import MEMBERS, SIMULATOR, Combination
from train.volatility_predictor.network.fit import set_up_tensorflow
from train.volatility_predictor.network.gaps import REGIME_DAYS
from train.volatility_predictor.network.pool import (
    Pool,
    SeriesFile,
    feature_ranges,
    golden_sample,
    read_pool,
    simulated_series,
)
from train.volatility_predictor.network.shipped_baselines import Coefficients, fit_shipped
from train.volatility_predictor.network.windows import GAP, Series, every_end, log_changes, windows
from train.volatility_predictor.original import MODEL_FILE, predict_original

Floats = NDArray[np.float64]


def train(
    *,
    out: Path,
    data: Sequence[SeriesFile],
    random_state: int,
    sequence_length: int = 10,
    show: Callable[[str], None],
    budget: Budget | None = None,
    calendar: Calendar = BY_WEEKDAYS,
) -> TrainingRecord:
    """Fit the network, write `out`/model.keras and `out`/training.json.

    Args:
        out: folder of the model.
        data: surface or index files, one symbol each, beside the simulator; none = the simulator alone.
        random_state: seed; equal seeds give equal models on one machine.
        sequence_length: days that the LSTM sees, and that a forecast needs.
        show: called with a line of progress.
        budget: default: two minutes of training.
        calendar: which days of the files are trading days.

    Raises:
        PipelineError: a file is wrong or holds too few days; nothing is written.
    """
    began = time.monotonic()
    budget = budget or Budget()
    pool = read_pool(data, show, calendar=calendar) if data else None
    show("volatility_predictor: starting TensorFlow")
    device = set_up_tensorflow(random_state)
    show(f"volatility_predictor: simulating {budget.symbols} symbols, training on {device}")
    simulated = simulated_series(budget.symbols, budget.days, random_state)
    fitted, combination = fit_network(pool, simulated, sequence_length, random_state, budget, show)
    strange, first, fit_stop = _simulated_test(random_state, budget)
    golden = golden_sample(strange, first, sequence_length, budget.samples, random_state)
    unseen = (pool.series, [day + GAP for day in pool.test]) if pool else (strange, first)
    tested = evaluate(fitted, *unseen, pool.test if pool else fit_stop)
    quality = quality_rows(tested, seed=random_state)
    seen = (
        [replace(one, features=one.features[:stop]) for one, stop in zip(pool.series, pool.test, strict=True)]
        if pool
        else []
    )
    record = TrainingRecord(
        model=VOLATILITY_PREDICTOR,
        estimator=_describe(fitted, combination, sequence_length),
        data=_data(pool, random_state, budget),
        random_state=random_state,
        seconds=time.monotonic() - began,
        libraries=library_versions("tensorflow", "keras", "numpy"),
        quality=quality,
        feature_ranges=feature_ranges([*simulated, *seen]),
        settings={
            "window_days": int(fitted.input_shape[1]),
            "minimum_days": sequence_length,
            "horizons": list(HORIZONS),
            "tenor_days": list(GRID_TENOR_DAYS),
            "moneyness": list(GRID_MONEYNESS),
            "baselines": _shipped(pool, simulated),
            "beaten_by": beaten_by(quality),
        },
        sample={VOLATILITY_INPUT.name: golden},
        window=write_window(out, gate_window(*unseen)),
        distribution=_distribution([*simulated, *seen], tested),
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


def _distribution(seen: Sequence[Series], tested: Sequence[Evaluated]) -> Distribution:
    """Of each day's features in training, and of the answers on unseen days."""
    features = np.concatenate([one.features for one in seen])
    answers = {
        "predicted": np.concatenate([one.forecasts[NETWORK] for one in tested]),
        "lower": np.concatenate([one.lower for one in tested]),
        "upper": np.concatenate([one.upper for one in tested]),
    }
    return distribution(zip(DAILY_NAMES, features.T, strict=True), answers)


def _describe(model: Any, combination: Combination, sequence_length: int) -> str:
    """What was trained: the weights of the combination at full history, and for which horizons the LSTM is in use."""
    shares = np.abs(model.get_layer("out").get_weights()[0]).sum(axis=0)
    useful = [f"{horizon} d" for horizon, share in zip(HORIZONS, shares, strict=True) if share > 0.0]
    weights = [
        f"{horizon} d "
        + " ".join(f"{name} {value:.2f}" for name, value in zip(MEMBERS, own, strict=True) if value >= 0.005)
        for horizon, own in zip(HORIZONS, combination.weights[len(REGIME_DAYS) - 1], strict=True)
    ]
    return (
        f"combination ({'; '.join(weights)}) + LSTM({sequence_length} days), LSTM in use for "
        f"{', '.join(useful) or 'no horizon'}"
    )


def _data(pool: Pool | None, seed: int, budget: Budget) -> DataRecord:
    """What the fits saw: the real days, and the simulator always."""
    simulator = f"simulator, seed {seed}"
    if pool is None:
        return DataRecord(source=simulator, rows=budget.windows)
    return pool.record.model_copy(update={"source": f"{pool.record.source}; {simulator}"})


def _shipped(pool: Pool | None, simulated: list[Series]) -> Coefficients:
    """The baselines that travel with the network, fitted to what it is fitted to."""
    series, stop = list(simulated), [len(one.iv) for one in simulated]
    weight = [SIMULATOR / sum(stop)] * len(series)
    if pool:
        weight += [1.0 / day for day in pool.test]
        series, stop = series + pool.series, stop + pool.test
    return fit_shipped(series, stop, weight)


def _simulated_test(seed: int, budget: Budget) -> tuple[list[Series], list[int], list[int]]:
    """Series, the first day to forecast, and the first day that the rivals' fits may not see."""
    count = budget.test_symbols
    series = simulated_series(count, max(2 * budget.days, 600), seed + 2)
    half = len(series[0].iv) // 2
    return series, [half + GAP] * count, [half] * count


def _save(model: Any, path: Path) -> None:
    """Keras writes to a folder of its own; the file gets its name when it is whole."""
    with scratch() as folder:
        temporary = folder / MODEL_FILE
        model.save(temporary)
        write_atomic(path, read_bytes(temporary))
