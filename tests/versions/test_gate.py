"""The gate's statistics against known truths, its contract, and that training never sees the window."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.artifact.manifest import Manifest, read_manifest
from export.versions.gate import contract_differences
from export.versions.skill import bootstrap_bound, by_moment, diebold_mariano_bound, findings_of_skill
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.core.records.window import WINDOW_FILE, Measures, Window, read_window, write_window
from train.signal_classifier.training import train

MANY = 400


def share_above(bounds: list[float], truth: float) -> float:
    return float(np.mean([bound >= truth for bound in bounds]))


def test_the_bootstraps_bound_lies_above_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    bounds = [bootstrap_bound(rng.normal(0.1, 1.0, 200), np.arange(200), 0.9) for _ in range(MANY)]
    assert 0.85 <= share_above(bounds, 0.1) <= 0.95


def test_days_that_share_their_luck_are_drawn_whole() -> None:
    """Twenty trades a day with one error in common: rows as if they were independent would be far too sure."""
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(40), 20)
    draws = [np.repeat(rng.normal(0.0, 1.0, 40), 20) for _ in range(MANY)]
    assert 0.82 <= share_above([bootstrap_bound(draw, days, 0.9) for draw in draws], 0.0) <= 0.96
    assert share_above([bootstrap_bound(draw, np.arange(800), 0.9) for draw in draws], 0.0) < 0.75


def test_diebold_and_marianos_bound_knows_that_forecasts_overlap() -> None:
    """Differences that are sums of five: with horizon 5 the bound holds, with horizon 1 it is too sure."""
    rng = np.random.default_rng(2)
    draws = [np.convolve(rng.normal(0.0, 1.0, 404), np.ones(5), "valid") for _ in range(MANY)]
    assert 0.82 <= share_above([diebold_mariano_bound(draw, 5, 0.9) for draw in draws], 0.0) <= 0.96
    assert share_above([diebold_mariano_bound(draw, 1, 0.9) for draw in draws], 0.0) < 0.8


def test_diebold_marianos_bound_agrees_with_the_other_homes_statistic() -> None:
    """The bound is zero just where the one-sided test of the evaluation has the p-value 1 - confidence."""
    from train.volatility_predictor.evaluation.forecasts import diebold_mariano

    rng = np.random.default_rng(3)
    for horizon in (1, 5, 21):
        loss, rival = rng.random(300), rng.random(300)
        statistic, p_value = diebold_mariano(loss, rival, horizon)
        one_sided = 1.0 - p_value / 2 if statistic < 0 else p_value / 2
        if one_sided > 0.5:
            assert diebold_mariano_bound(loss - rival, horizon, one_sided) == pytest.approx(0.0, abs=1e-12)
        else:
            assert diebold_mariano_bound(rival - loss, horizon, 1.0 - one_sided) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([0, 1, 5]))
def test_equal_losses_are_never_worse(seed: int, rows: int, horizon: int) -> None:
    loss = np.random.default_rng(seed).random(rows)
    window = Window({}, np.arange(rows), Measures(horizons={"x": horizon}))
    found = findings_of_skill(window, {"x": loss}, {"x": loss}, margin=0.0, confidence=0.99)
    assert [finding.verdict for finding in found] == ["good"]


@pytest.mark.parametrize("horizon", [0, 1])
@pytest.mark.parametrize(
    ("factor", "rows", "verdict"), [(1.2, 2000, "refused"), (0.8, 2000, "good"), (1.0, 3, "refused")]
)
def test_worse_is_refused_better_passes_and_too_few_rows_cannot_tell(
    horizon: int, factor: float, rows: int, verdict: str
) -> None:
    rng = np.random.default_rng(4)
    champion = rng.random(rows)
    mine = champion * factor + rng.normal(0.0, 0.1, rows)
    window = Window({}, np.arange(rows), Measures(horizons={"x": horizon}))
    (found,) = findings_of_skill(window, {"x": mine}, {"x": champion}, margin=0.01, confidence=0.95)
    assert found.verdict == verdict


def test_rows_without_an_outcome_are_left_out_on_both_sides() -> None:
    window = Window({}, np.arange(4), Measures(horizons={"x": 0}), {"b": {"x": np.array([1.0, 1.0, np.nan, 1.0])}})
    mine = np.array([0.5, np.nan, 9.0, 0.5])
    found = findings_of_skill(window, {"x": mine}, None, margin=0.0, confidence=0.95)
    assert (found[0].new, found[0].verdict, found[0].note) == ("0.5", "good", "2 rows")
    nothing = findings_of_skill(window, {"x": np.full(4, np.nan)}, {"x": mine}, margin=0.0, confidence=0.95)
    assert [finding.verdict for finding in nothing] == ["refused", "refused"]


def test_rows_of_a_moment_count_once() -> None:
    assert by_moment(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 2])).tolist() == [5.0, 2.0]


def manifest() -> Manifest:
    folders = (path.parent for path in (ROOT / "artifacts").glob("*/*/manifest.json"))
    folder = next(folder for folder in folders if read_manifest(folder).inputs[0].dtype == "float64")
    return read_manifest(folder)


def changed(path: str, value: object) -> Manifest:
    fields = manifest().model_dump(mode="json")
    *place, last = path.split(".")
    at = fields
    for part in place:
        at = at[int(part)] if part.isdigit() else at[part]
    at[last] = value
    return Manifest.model_validate(fields)


@pytest.mark.parametrize(
    ("path", "value", "differs"),
    [
        ("task", "transformer", True),
        ("inputs.0.name", "other", True),
        ("inputs.0.columns.0.name", "other", True),
        ("inputs.0.columns.0.unit", "pounds", True),
        ("inputs.0.columns.0.minimum", 0.02, True),
        ("inputs.0.columns.0.minimum", None, False),
        ("inputs.0.columns.0.maximum", 1e300, False),
        ("inputs.0.columns.0.maximum", 0.5, True),
        ("inputs.0.columns.0.integer", True, True),
        ("inputs.0.columns.0.trained_maximum", 3.0, False),
        ("inputs.0.columns.0.meaning", "said better", False),
        ("outputs.0.name", "other", True),
    ],
)
def test_the_contract_may_widen_and_nothing_else(path: str, value: object, differs: bool) -> None:
    found = contract_differences(manifest(), changed(path, value))
    assert bool(found) is differs, found


def test_a_window_has_the_same_bytes_for_the_same_content_and_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    window = Window(
        {"x": rng.random((4, 3)), "y": np.arange(4)},
        np.arange(4),
        Measures(horizons={"a, 1 d": 1}, first="2024-01-02", last="2024-01-05"),
        {"no / change": {"a, 1 d": rng.random(4)}},
    )
    first, second = write_window(tmp_path / "one", window), write_window(tmp_path / "two", window)
    assert first == second
    assert (tmp_path / "one" / WINDOW_FILE).read_bytes() == (tmp_path / "two" / WINDOW_FILE).read_bytes()
    back, digest = read_window(tmp_path / "one")
    assert digest == first
    assert np.array_equal(back.arrays["x"], window.arrays["x"])
    assert back.measures == window.measures


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-10], lambda b: b[:0], lambda b: b[:160] + b"\xff\x00\xff" + b[163:], lambda b: b[100:]]
)
def test_a_damaged_window_is_named(tmp_path: Path, spoil) -> None:
    write_window(tmp_path, Window({"x": np.arange(3)}, np.arange(3), Measures(horizons={"a": 0})))
    path = tmp_path / WINDOW_FILE
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(PipelineError, match=r"window\.zip: not a window of the gate"):
        read_window(tmp_path)


@pytest.mark.slow
def test_training_never_sees_the_gates_window(tmp_path: Path) -> None:
    """Every outcome of the newest trades turned, their features spoiled: the same model to the byte, another window."""
    source = ROOT / "examples" / "trades.csv"
    with source.open() as stream:
        header, *rows = list(csv.reader(stream))
    assert "timestamp" in header
    rows.sort(key=lambda row: row[header.index("timestamp")])
    turned = "is_profitable" if "is_profitable" in header else "pnl"
    first = int(np.ceil(len(rows) * 0.8))
    spoiled = [list(row) for row in rows]
    for row in spoiled[first:]:
        value = float(row[header.index(turned)])
        row[header.index(turned)] = str(1 - int(value)) if turned == "is_profitable" else str(-value)
        row[header.index("volume")] = str(int(float(row[header.index("volume")])) + 7)
    models, windows = [], []
    for name, table in (("as_it_is", rows), ("spoiled", spoiled)):
        path = tmp_path / f"{name}.csv"
        with path.open("w") as stream:
            csv.writer(stream).writerows([header, *table])
        record = train(out=tmp_path / name, data=[path], test_split=0.2, random_state=1, cv_folds=3)
        models.append(((tmp_path / name / "model.skops").read_bytes(), record.feature_ranges, record.novelty))
        windows.append(record.window)
    assert models[0] == models[1]
    assert windows[0] != windows[1]
    shutil.rmtree(tmp_path / "spoiled")
