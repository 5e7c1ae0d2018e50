"""`verify skill`: a version in use on your own series, beside simple rivals."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.places import ROOT
from tests.support.verified import Ended, run_verify
from train.core.errors import PipelineError
from train.volatility_predictor.evaluation.skill import LEAST_SCORED, series_skill
from train.volatility_predictor.network.shipped_baselines import shipped_forecasts

SETTINGS = {
    "window_days": 252,
    "minimum_days": 10,
    "horizons": [1, 5, 21],
    "baselines": {"ar": [[0.02], [0.08], [0.2]], "har": [[0.1, 0.0, 0.0]] * 3, "ewma": [[0.1], [0.4], [0.7]]},
}


def series(folder: Path, iv: np.ndarray, *, name: str = "vix_test.csv", skip: int = 0) -> Path:
    days = np.busday_offset("2015-01-01", np.arange(len(iv) + skip), roll="forward")
    days = np.delete(days, np.arange(len(iv) // 2, len(iv) // 2 + skip))
    path = folder / name
    path.write_text("date,close\n" + "".join(f"{d},{100 * v:.6f}\n" for d, v in zip(days, iv, strict=True)))
    return path


def walk(days: int, *, seed: int = 0) -> np.ndarray:
    rng, log_iv = np.random.default_rng(seed), np.zeros(days)
    for day in range(1, days):
        log_iv[day] = 0.95 * log_iv[day - 1] + 0.04 * rng.standard_normal()
    return 0.2 * np.exp(log_iv)


def ar_alone(tensors: dict) -> dict:
    """A model that says what the shipped AR says, within 10 % either way."""
    said = []
    for window in tensors["history"]:
        iv = window[:, 0][~np.isnan(window[:, 0])]
        said.append(shipped_forecasts(iv, SETTINGS["baselines"])["ar"])
    predicted = np.array(said)
    return {"predicted": predicted, "lower": 0.9 * predicted, "upper": 1.1 * predicted}


def test_a_model_that_is_a_rival_has_that_rivals_figures(tmp_path: Path) -> None:
    iv = walk(500)
    found = series_skill(series(tmp_path, iv), SETTINGS, ar_alone, history=100)
    assert [row.ahead for row in found.rows] == [1, 5, 21]
    for column, row in enumerate(found.rows):
        assert row.ratios["model"] == pytest.approx(row.ratios["ar"], rel=1e-12)
        assert row.tests["ar"] == (0.0, 1.0)
        assert row.ratios["persistence"] == 1.0
        assert row.days == 500 - 99 - row.ahead
        today = np.arange(99, 500 - row.ahead)
        pull = SETTINGS["baselines"]["ar"][column][0]
        logs = np.log(iv)
        said = np.array([np.exp(logs[d] + pull * (logs[d - 99 : d + 1].mean() - logs[d])) for d in today])
        came = iv[today + row.ahead]
        expected = np.mean((said - came) ** 2) / np.mean((iv[today] - came) ** 2)
        assert row.ratios["ar"] == pytest.approx(expected, rel=1e-6)
        inside = (0.9 * said <= came) & (came <= 1.1 * said)
        assert row.coverage[0] == pytest.approx(inside.mean())
        assert len(found.dates[row.ahead]) == row.days


def test_no_forecast_sees_a_later_day(tmp_path: Path) -> None:
    iv = walk(400)
    other = np.where(np.arange(400) < 300, iv, 2.0 * iv)
    (tmp_path / "b").mkdir()
    found = [
        series_skill(series(folder, values), SETTINGS, ar_alone, history=50)
        for folder, values in ((tmp_path, iv), (tmp_path / "b", other))
    ]
    one, two = (part.curves[21]["predicted"] for part in found)
    assert np.array_equal(one[: 300 - 49], two[: 300 - 49])
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(
    ("iv", "reason"),
    [
        (walk(10), f"10 usable days, scoring needs {10 + LEAST_SCORED + 21}"),
        (np.full(200, 0.2), "there is nothing to forecast"),
    ],
)
def test_too_few_days_and_constant_ones_are_refused_in_one_line(tmp_path: Path, iv: np.ndarray, reason: str) -> None:
    with pytest.raises(PipelineError, match=reason) as error:
        series_skill(series(tmp_path, iv), SETTINGS, ar_alone, history=None)
    assert "vix_test.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_gaps_jumps_and_copies_are_warned_of(tmp_path: Path) -> None:
    iv = walk(300)
    iv[150:170] = iv[150]
    iv[200:] *= 1.9
    warnings = series_skill(series(tmp_path, iv, skip=30), SETTINGS, ar_alone, history=None).warnings
    for part in ("1 gaps of more than 10 days", "jumps by more than 60 %", "the same as the day before on 6 %"):
        assert any(part in line for line in warnings), part
    assert series_skill(series(tmp_path, walk(600)), SETTINGS, ar_alone, history=None).warnings == []


def test_a_short_file_is_scored_with_less_history_and_says_so(tmp_path: Path) -> None:
    found = series_skill(series(tmp_path, walk(100)), SETTINGS, ar_alone, history=None)
    assert found.warnings == ["each forecast sees 39 days, the model takes 252"]
    with pytest.raises(PipelineError, match="ask for less"):
        series_skill(series(tmp_path, walk(100)), SETTINGS, ar_alone, history=90)
    with pytest.raises(PipelineError, match=r"--history 300: must lie in 10\.\.252"):
        series_skill(series(tmp_path, walk(100)), SETTINGS, ar_alone, history=300)


@pytest.mark.slow
def test_the_command_prints_json_draws_and_tells_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = str(series(tmp_path, walk(420)))
    short = str(series(tmp_path, walk(10), name="vix_short.csv"))
    page = tmp_path / "skill.html"
    monkeypatch.chdir(ROOT)

    def run(*arguments: str) -> Ended:
        return run_verify(["skill", *arguments], monkeypatch, capsys)

    done = run(good, "--json", "--picture", str(page))
    assert done.code == 0, done.err
    (one,) = json.loads(done.out)["series"]
    assert [row["ahead"] for row in one["horizons"]] == [1, 5, 21]
    assert set(one["horizons"][0]["ratios"]) == {"model", "persistence", "ar", "har", "ewma"}
    text = page.read_text()
    assert "<svg" in text
    assert "http" not in text.split("<svg")[0]
    both = run(good, short)
    assert both.code == 2
    assert "10 usable days" in both.err.strip().splitlines()[-1]
    assert "squared errors relative to no change" in both.out
    for wrong in (["--picture", "x.pdf"], ["--from", "2030-01-01"], ["--history", "3"]):
        assert run(good, *wrong).code == 2, wrong
    assert run(str(ROOT / "README.md")).code == 2


def test_days_that_the_calendar_closes_are_none_of_the_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    file = str(series(tmp_path, walk(300)))  # weekdays from 2015 on, holidays among them
    scored = {}
    for arguments in ([], ["--calendar", "xnys"]):
        ended = run_verify(["skill", file, "--json", *arguments], monkeypatch, capsys)
        (found,) = json.loads(ended.out)["series"]
        scored[" ".join(arguments)] = found
    assert any("no session of XNYS" in line for line in scored["--calendar xnys"]["warnings"])
    assert not any("session" in line for line in scored[""]["warnings"])
