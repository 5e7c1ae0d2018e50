"""Training leaves a model and a record that agree with the contract, the same for the same seed."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.support.places import ROOT
from tests.support.tiny_volatility import TINY, simulated_windows, tiny_keras, tiny_model
from train.core.errors import PipelineError
from train.core.records.record import read_record
from train.volatility_predictor.contract import DAILY_NAMES, HORIZONS
from train.volatility_predictor.network import pool
from train.volatility_predictor.network.pool import SeriesFile
from train.volatility_predictor.original import load_original, predict_original
from train.volatility_predictor.training import train

pytestmark = pytest.mark.slow

DATA = ROOT / "tests/data"


def answers(history: np.ndarray) -> dict[str, np.ndarray]:
    return predict_original(tiny_keras(), history)


def test_training_leaves_a_model_and_a_record_that_agree_with_the_contract() -> None:
    folder, record, lines = tiny_model()
    assert read_record(folder) == record
    days = {"window_days": 252, "minimum_days": 10, "horizons": list(HORIZONS)}
    grid = {"tenor_days": [30, 60, 91, 182, 365], "moneyness": [0.9, 0.95, 1.0, 1.05, 1.1]}
    assert {name: record.settings[name] for name in days | grid} == days | grid
    assert set(record.settings) - set(days | grid) == {"baselines", "beaten_by"}
    assert len(record.settings["beaten_by"]) == len(HORIZONS)
    assert set(record.feature_ranges) == set(DAILY_NAMES) - {"volume", "quotes"}, "nobody is warned of unused columns"
    assert np.shape(np.array(record.sample["history"], dtype=float)) == (TINY.samples, 252, len(DAILY_NAMES))
    assert [row.metric.split(",")[0] for row in record.quality[:3]] == ["MSE relative to persistence"] * 3
    assert any("epoch" in line for line in lines)


def test_the_sample_holds_windows_with_the_fewest_days_allowed() -> None:
    sample = np.array(tiny_model()[1].sample["history"], dtype=float)
    known = (~np.isnan(sample[:, :, 0])).sum(axis=1)
    assert known.min() == 10
    assert known.max() == 252


def test_equal_seeds_give_equal_models(tmp_path: Path) -> None:
    record = train(out=tmp_path, data=[], random_state=3, show=lambda _: None, budget=TINY)
    history = simulated_windows(20)
    again = predict_original(load_original(tmp_path), history)
    for name, value in answers(history).items():
        assert np.array_equal(value, again[name]), name
    assert record.quality == tiny_model()[1].quality


def test_the_interval_holds_the_forecast_and_all_are_positive() -> None:
    result = answers(simulated_windows(50))
    assert (result["lower"] > 0).all()
    assert (result["lower"] < result["predicted"]).all()
    assert (result["predicted"] < result["upper"]).all()


def test_the_forecast_has_no_unit_twice_the_level_is_twice_the_forecast() -> None:
    history = simulated_windows(20)
    doubled = history.copy()
    doubled[:, :, :5] *= 2
    found, plain = answers(doubled), answers(history)
    for name in ("predicted", "lower", "upper"):
        assert found[name] == pytest.approx(2 * plain[name], rel=1e-5), name
    # How steep a smile is between fixed moneynesses depends on the level; its mean is the forecast all the same.
    assert found["surface"].mean(axis=(2, 3)) == pytest.approx(found["predicted"], rel=1e-12)


@pytest.mark.parametrize("days", [10, 11, 22, 100])
def test_as_few_days_as_allowed_are_enough(days: int) -> None:
    assert all(np.isfinite(value).all() for value in answers(simulated_windows(5, days=days)).values())


def test_missing_features_and_days_in_between_do_not_make_the_forecast_missing() -> None:
    history = simulated_windows(5)
    history[0, :, 1:] = np.nan
    history[1, 100:150] = np.nan
    history[2, -5:-2] = np.nan
    history[3, ::3, 2] = np.nan
    assert all(np.isfinite(value).all() for value in answers(history).values())


def test_a_missing_newest_day_makes_the_forecast_missing_and_not_a_guess() -> None:
    history = simulated_windows(2)
    history[0, -1] = np.nan
    result = answers(history)
    assert all(np.isnan(value[0]).all() and np.isfinite(value[1]).all() for value in result.values())


@pytest.mark.parametrize("level", [0.0101, 0.3, 4.99])
def test_a_series_that_stands_still_is_forecast_about_where_it_stands(level: float) -> None:
    history = np.full((1, 252, 7), np.nan)
    history[:, :, 0] = level
    result = answers(history)
    assert result["predicted"] == pytest.approx(level, rel=0.05)


def test_a_real_series_trains_and_its_file_is_named(tmp_path: Path) -> None:
    days = np.busday_offset("2015-01-01", np.arange(400), roll="forward")
    level = 20 * np.exp(0.1 * np.sin(np.arange(400) / 9)) + np.random.default_rng(0).random(400)
    path = tmp_path / "vix_test.csv"
    path.write_text("date,close\n" + "".join(f"{d},{v:.2f}\n" for d, v in zip(days, level, strict=True)))
    record = train(out=tmp_path / "model", data=[SeriesFile(path)], random_state=1, show=lambda _: None, budget=TINY)
    last = str(days[299])
    assert record.data.source == f"vix_test.csv to {last}; simulator, seed 1"
    assert (record.data.rows, record.data.first_date, record.data.last_date) == (300, "2015-01-01", last)


def test_what_is_for_the_figures_alone_changes_no_forecast(tmp_path: Path) -> None:
    days = np.busday_offset("2015-01-01", np.arange(1400), roll="forward")
    level = 20 * np.exp(0.2 * np.sin(np.arange(1400) / 30) + 0.05 * np.random.default_rng(0).standard_normal(1400))
    split = date.fromisoformat(str(days[1100]))
    found = []
    for name, later in (("a", 1.0), ("b", 1.5)):
        path = tmp_path / name / "vix_test.csv"
        path.parent.mkdir()
        rows = zip(days, np.where(np.arange(1400) < 1100, level, later * level), strict=True)
        path.write_text("date,close\n" + "".join(f"{day},{value:.2f}\n" for day, value in rows))
        out = tmp_path / name / "model"
        train(out=out, data=[SeriesFile(path, split)], random_state=1, show=lambda _: None, budget=TINY)
        found.append(predict_original(load_original(out), simulated_windows(20)))
    for name, value in found[0].items():
        assert np.array_equal(value, found[1][name]), name


def test_shared_series_that_are_not_there_are_named_and_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    there, gone = SeriesFile(DATA / "surfaces/dated.csv"), SeriesFile(Path("../shared/data/gone.csv"))
    monkeypatch.setattr(pool, "DEFAULT_FILES", (there, gone))
    lines: list[str] = []
    assert pool.default_files(lines.append) == [there]
    assert lines == [
        "warning: ../shared/data/gone.csv: not there; the model is trained without it and its card says so"
    ]
    assert tiny_model()[1].data.source == "simulator, seed 3"


def test_too_few_days_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"dated\.csv: training needs at least 300 dated days, found 19"):
        train(out=tmp_path / "m", data=[SeriesFile(DATA / "surfaces/dated.csv")], random_state=1, show=print)
    with pytest.raises(PipelineError, match=r"snapshot\.csv: training needs"):
        train(out=tmp_path / "m", data=[SeriesFile(DATA / "surfaces/snapshot.csv")], random_state=1, show=print)
    assert not (tmp_path / "m").exists()


def test_no_model_and_a_broken_one_are_errors_that_name_the_path(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"model\.keras: no trained model here"):
        load_original(tmp_path)
    (tmp_path / "model.keras").write_bytes(b"not a zip file")
    with pytest.raises(PipelineError, match=r"model\.keras"):
        load_original(tmp_path)
