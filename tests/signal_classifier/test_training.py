"""The signal classifier: what training leaves, that it can be trusted, and that the same seed gives the same bytes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.core.records.record import DataRecord, TrainingRecord, read_record
from train.core.skops_files import load_skops
from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES, TRUSTED_TYPES
from train.signal_classifier.engineered_features import FOR_TREES, FORMULAS, SCORE, TradeFeatures
from train.signal_classifier.estimators import (
    ESTIMATORS,
    Calibration,
    calibrated,
    calibration_curve,
    make_estimator,
    raw_scores,
    settle,
)
from train.signal_classifier.history.labelled_signals import Labelled, folds
from train.signal_classifier.simulator.market import Signals, simulate
from train.signal_classifier.training import confidence, fit, train

pytestmark = pytest.mark.slow

HISTORY = ROOT / "tests/data" / "trades" / "history.csv"
Trained = tuple[Path, TrainingRecord, list[str]]
SETTINGS: dict[str, Any] = {"test_split": 0.25, "random_state": 7, "cv_folds": 3}


@pytest.fixture(scope="module")
def signals() -> Signals:
    return simulate(1_200, seed=7)


@pytest.fixture(scope="module")
def known(signals: Signals) -> Labelled:
    return Labelled(signals.features, signals.profitable, DataRecord(source="test", rows=1_200))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("signal_classifier")
    lines: list[str] = []
    record = train(out=out, data=[], rows=1_200, show=lines.append, **SETTINGS)
    return out, record, lines


def test_training_leaves_the_model_its_record_and_its_evaluation(
    trained: Trained,
) -> None:
    out, record, lines = trained
    names = {path.name for path in out.iterdir()}
    pictures = {"reliability.png", "roc.png", "threshold.png"}
    assert names == pictures | {"model.skops", "training.json", "evaluation.json", "evidence.json", "window.zip"}
    assert read_record(out) == record
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in names if name.endswith("png"))
    assert any("cross-validation: fold 3 of 3" in line for line in lines)
    models = json.loads((out / "evaluation.json").read_text())["models"]
    assert list(models) == [
        *("this model", "base rate", "edge sign", "logistic regression", "HistGradientBoosting", "old recipe")
    ]


def test_the_record_holds_quality_ranges_and_real_rows(trained: Trained, signals: Signals) -> None:
    _, record, _ = trained
    assert [row.metric for row in record.quality] == ["accuracy", "AUC", "Brier", "log loss", "ECE"]
    assert all(row.low is not None and row.low <= row.value <= (row.high or 0) for row in record.quality[:4])
    assert tuple(record.feature_ranges) == SIGNAL_NAMES
    assert record.feature_ranges["days_to_expiry"] == (7.0, 90.0)
    sample = {tuple(row) for row in record.sample["features"]}
    assert len(sample) == 64
    assert sample <= {tuple(row) for row in signals.features}
    assert record.settings["calibration"] in record.settings["cross_validated_brier"]


def test_the_same_seed_gives_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    train(out=tmp_path, data=[], rows=1_200, **SETTINGS)
    for name in ("model.skops", "evaluation.json", "reliability.png"):
        assert (tmp_path / name).read_bytes() == (trained[0] / name).read_bytes()


def test_a_failed_training_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text("old")
    with pytest.raises(PipelineError, match="the file is empty"):
        train(out=tmp_path, data=[HISTORY.parents[1] / "broken" / "trades_empty.csv"], **SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PipelineError, match=r"cannot write .*/file"):
        train(out=tmp_path / "file", data=[], **SETTINGS)


def test_a_real_history_is_trained_with_its_dates_and_report(tmp_path: Path) -> None:
    lines: list[str] = []
    edited = tmp_path / "mine.csv"
    edited.write_text(
        HISTORY.read_text() + "2024-12-29,S1,oops,0,0,0,0,0,0,9,1\n".replace("2024-12-29", "2024-12-29T00:00+00:00")
    )
    record = train(out=tmp_path, data=[edited], show=lines.append, **SETTINGS)
    assert record.data.rows == 240
    assert (record.data.first_date, record.data.last_date) == ("2023-01-02", "2024-12-19")
    assert record.settings["rejected_rows"] == 1
    assert "  mine.csv row 242: field 'edge_percent' must be a number, found 'oops'" in lines


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_learns_and_survives_its_file(name: str, tmp_path: Path, signals: Signals) -> None:
    record = train(out=tmp_path, data=[], rows=400, estimator=name, **SETTINGS | {"cv_folds": 2})  # type: ignore[arg-type]
    model = load_skops(tmp_path / "model.skops", trusted=TRUSTED_TYPES)
    answer = confidence(model, signals.features)
    assert record.estimator == name
    assert ((answer >= 0) & (answer <= 1)).all()
    assert answer.std() > 0.02
    assert (confidence(load_skops(tmp_path / "model.skops", trusted=TRUSTED_TYPES), signals.features) == answer).all()


def test_a_vote_is_calibrated_as_a_whole(known: Labelled) -> None:
    fitted = fit(known.take(np.arange(400)), estimator="voting", random_state=1, cv_folds=2)
    assert sorted(fitted.brier) == ["isotonic", "sigmoid"]
    assert fitted.calibration in fitted.brier
    assert isinstance(fitted.model, CalibratedClassifierCV)


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting", "svm"])
def test_a_calibration_costs_no_fits_and_equals_scikit_learns(name: str, known: Labelled) -> None:
    rows, outcome = known.features[:400], known.profitable[:400]
    part = known.take(np.arange(400))
    parts = folds(part, count=3, random_state=1)
    scores = np.empty(400)
    template = make_estimator(name, rows=400, random_state=1)
    if name == "random_forest":
        # Threads would add up the trees in any order.
        template.set_params(forest__n_jobs=1, forest__n_estimators=10)
    for fitting, held in parts:
        scores[held] = raw_scores(clone(template).fit(rows[fitting], outcome[fitting]), rows[held])
    ours = calibrated(clone(template).fit(rows, outcome), scores, outcome, method="sigmoid")
    stock = CalibratedClassifierCV(template, method="sigmoid", cv=parts, ensemble=False).fit(rows, outcome)
    assert (ours.predict_proba(known.features) == stock.predict_proba(known.features)).all()
    assert len(ours.calibrated_classifiers_) == 1


def test_an_isotonic_curve_has_no_step_that_magnifies_the_last_bits_of_a_score(known: Labelled) -> None:
    scores = np.random.default_rng(0).normal(0, 1e-3, 1_200) + known.profitable * 1e-3
    model = calibrated(make_estimator("svm", rows=1_200, random_state=1), scores, known.profitable, method="isotonic")
    curve = model.calibrated_classifiers_[0].calibrators[0]
    assert (np.diff(curve.X_thresholds_) >= 1 / 64).all()
    answer = calibration_curve(scores, known.profitable, method="isotonic", at=np.array([-1.0, 0.0, 0.0101, 1.0]))
    assert (answer == curve.predict(np.array([-1.0, 0.0, 0.0101, 1.0]))).all()


def test_the_calibration_with_the_lowest_cross_validated_brier_score_is_chosen(known: Labelled) -> None:
    fitted = fit(known, estimator="random_forest", random_state=1, cv_folds=3)
    assert set(fitted.brier) == {"none", "sigmoid", "isotonic"}
    assert fitted.brier[fitted.calibration] == min(fitted.brier.values())


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_scores_that_exaggerate_are_calibrated(method: Calibration) -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(0.2, 0.8, 4_000)
    outcome = (random.random(4_000) < truth).astype(np.int64)
    exaggerated = truth**4 / (truth**4 + (1 - truth) ** 4)
    answer = calibration_curve(exaggerated[:2_000], outcome[:2_000], method=method, at=exaggerated[2_000:])
    assert np.abs(answer - truth[2_000:]).mean() < np.abs(exaggerated - truth)[2_000:].mean() / 3


def test_the_size_of_the_model_does_not_grow_with_folds_or_rows(known: Labelled) -> None:
    model = fit(known, estimator="random_forest", random_state=1, cv_folds=5).model
    forests = model if isinstance(model, Pipeline) else model.calibrated_classifiers_[0].estimator
    assert isinstance(forests[-1], RandomForestClassifier)
    assert len(forests[-1].estimators_) == 64
    for rows in (10_000, 1_000_000):
        forest = make_estimator("random_forest", rows=rows, random_state=0)[-1]
        assert forest.max_samples * rows / forest.min_samples_leaf <= 110


def test_sums_over_trees_are_exact_in_any_order(known: Labelled) -> None:
    pipeline = make_estimator("random_forest", rows=1_200, random_state=3).fit(known.features, known.profitable)
    settle(pipeline)
    expanded = pipeline[0].transform(known.features).astype(np.float32)
    leaves = np.array([tree.predict_proba(expanded)[:, 1] for tree in pipeline[-1].estimators_])
    assert (leaves.sum(axis=0) == leaves[::-1].sum(axis=0)).all()
    assert (leaves.sum(axis=0) / 64 == confidence(pipeline, known.features)).all()


def test_the_answer_depends_on_its_own_row_only(known: Labelled) -> None:
    model = fit(known, estimator="random_forest", random_state=1, cv_folds=3).model
    whole = confidence(model, known.features[:50])
    assert (np.concatenate([confidence(model, row[None, :]) for row in known.features[:50]]) == whole).all()


def test_engineered_features_have_the_formulas_they_state(known: Labelled) -> None:
    edge, delta, _, vega, theta, volume, interest, days = known.features.T
    columns = TradeFeatures(tuple(FORMULAS), raw=False).fit(known.features).transform(known.features).T
    expected = {
        "edge_by_delta": edge * abs(delta),
        "implied_vol": abs(theta) * days / vega,
        "call_delta": np.where(delta < 0, delta + 1, delta),
        "edge_in_vol": edge * abs(delta) * (abs(theta) * days / vega),
        "call_delta_held": np.sign(edge) * np.where(delta < 0, delta + 1, delta),
        "bounded_edge": edge / (abs(edge) + 20),
        "root_volume": np.sqrt(volume),
        "root_open_interest": np.sqrt(interest),
        "root_days": np.sqrt(days),
    }
    assert set(expected) == set(FORMULAS)
    for name, values in zip(FORMULAS, columns, strict=True):
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_the_score_is_the_logistic_regressions_up_to_its_constant(known: Labelled) -> None:
    features = TradeFeatures((SCORE,)).fit(known.features, known.profitable)
    out = features.transform(known.features)
    assert (out[:, :8] == known.features).all()
    np.testing.assert_allclose(out[:, 8], known.features @ features.weights_, rtol=1e-9, atol=1e-12)
    assert np.corrcoef(out[:, 8], known.profitable)[0, 1] > 0.05


def test_engineered_features_are_finite_at_the_limits_of_the_contract(known: Labelled) -> None:
    features = TradeFeatures((*FORMULAS, SCORE)).fit(known.features, known.profitable)
    corners = np.array(np.meshgrid(*((c.minimum, 0.0, c.maximum) for c in SIGNAL_FEATURES))).reshape(8, -1).T
    assert np.isfinite(features.transform(corners).astype(np.float32)).all()


def test_features_refuse_what_they_do_not_know(known: Labelled) -> None:
    with pytest.raises(PipelineError, match="no feature 'moon_phase'"):
        TradeFeatures(("moon_phase",)).fit(known.features, known.profitable)
    with pytest.raises(PipelineError, match="expected rows of 8 columns, got shape"):
        TradeFeatures(FOR_TREES).fit(known.features[:, :7], known.profitable)
    with pytest.raises(PipelineError, match="'linear_score' needs outcomes"):
        TradeFeatures(FOR_TREES).fit(known.features)
