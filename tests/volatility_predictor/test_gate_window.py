"""The gate's window of the predictor: its losses are those of the evaluation, on days that no fit has seen."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.tiny_volatility import tiny_keras, tiny_model
from train.core.records.window import read_window
from train.volatility_predictor.contract import DAILY_FEATURES, HORIZONS, VOLATILITY_INPUT
from train.volatility_predictor.evaluation.gate_window import gate_window, losses
from train.volatility_predictor.evaluation.rivals import PERSISTENCE
from train.volatility_predictor.model import MODEL
from train.volatility_predictor.network.windows import Series


def made_series(days: int, seed: int) -> Series:
    features = np.full((days, len(DAILY_FEATURES)), np.nan)
    features[:, 0] = 0.2 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.03, days)))
    return Series(f"made {seed}", features)


def test_a_loss_is_the_squared_error_over_that_of_persistence_on_the_same_series() -> None:
    series = [made_series(60, 0), made_series(50, 1)]
    series[1].features[:, 0] *= 3.0  # another level weighs the same
    window = gate_window(series, [30, 30])
    rows = (60 - 30 - 1) + (50 - 30 - 1)
    assert len(window.moments) == rows
    for measure, loss in window.baselines[PERSISTENCE].items():
        horizon = window.measures.horizons[measure]
        known = np.isfinite(loss)
        assert known.sum() == max(60 - horizon - 30, 0) + max(50 - horizon - 30, 0)
        for number in (0, 1):
            mine = known & (window.arrays["series"] == number)
            if mine.any():
                assert loss[mine].mean() == pytest.approx(1.0)
    perfect = np.full((rows, len(HORIZONS)), np.nan)
    for row, (number, day) in enumerate(zip(window.arrays["series"], window.arrays["day"], strict=True)):
        for column, horizon in enumerate(HORIZONS):
            if day + horizon < len(series[number].iv):
                perfect[row, column] = series[number].iv[day + horizon]
    assert all(np.nansum(loss) == 0.0 for loss in losses(window, perfect).values())


def test_series_that_end_on_one_day_share_their_moments() -> None:
    window = gate_window([made_series(60, 0), made_series(50, 1)], [58, 48])
    assert window.moments.tolist() == [-2, -2]


@pytest.mark.slow
def test_the_networks_mean_loss_on_its_window_is_the_figure_of_its_evaluation() -> None:
    folder, record, _ = tiny_model()
    window, digest = read_window(Path(folder))
    assert digest == record.window
    inputs = MODEL.window_inputs(window, record.settings)[VOLATILITY_INPUT.name]
    assert inputs.shape[1:] == (record.settings["window_days"], len(DAILY_FEATURES))
    fitted = MODEL.load(Path(folder))
    assert fitted is not None
    found = MODEL.window_losses(window, fitted.answer(tiny_keras(), {VOLATILITY_INPUT.name: inputs}))
    for row in record.quality[: len(HORIZONS)]:
        # The evaluation leaves the last month of each series out for every horizon; the window only what is unknown.
        assert float(np.nanmean(found[row.metric])) == pytest.approx(row.value, rel=0.1), row.metric
