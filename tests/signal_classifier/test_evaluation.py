"""Figures of merit equal their definitions, their intervals cover, and baselines are what they claim."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from train.core.records.record import DataRecord
from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.engineered_features import FOR_TREES
from train.signal_classifier.evaluation import plots
from train.signal_classifier.evaluation.baselines import (
    BASE_RATE,
    BASELINES,
    EDGE_SIGN,
    LOGISTIC,
    OLD_RECIPE,
    fit_baseline,
)
from train.signal_classifier.evaluation.comparison import baseline_answers, compare
from train.signal_classifier.evaluation.metrics import (
    METRICS,
    Figure,
    auc,
    brier,
    calibration_error,
    confident_trades,
    hits,
    surprises,
    top_trades,
    wilson,
)
from train.signal_classifier.history.labelled_signals import Floats, Index, Labelled
from train.signal_classifier.simulator.market import simulate, true_probability
from verify.figures.signal_classifier import attainable
from verify.figures.signal_classifier.benchmark import evaluate, rule_based

pytestmark = pytest.mark.slow

RANDOM = np.random.default_rng(1)
TRUTH: Floats = RANDOM.beta(2, 2, 4_000)
OUTCOME: Index = (RANDOM.random(4_000) < TRUTH).astype(np.int64)
ROUNDED: Floats = np.round(TRUTH, 1)  # with ties


@pytest.mark.parametrize("confidence", [TRUTH, ROUNDED, 1 - TRUTH], ids=["true", "with ties", "inverted"])
def test_figures_equal_scikit_learns(confidence: Floats) -> None:
    assert hits(OUTCOME, confidence).mean() == pytest.approx(sk.accuracy_score(OUTCOME, confidence >= 0.5))
    assert brier(OUTCOME, confidence) == pytest.approx(sk.brier_score_loss(OUTCOME, confidence))
    inside = np.clip(confidence, 1e-9, 1 - 1e-9)
    assert surprises(OUTCOME, inside).mean() == pytest.approx(sk.log_loss(OUTCOME, inside))
    assert auc(OUTCOME, confidence).value == pytest.approx(sk.roc_auc_score(OUTCOME, confidence))


def test_certain_and_wrong_is_expensive_but_finite() -> None:
    assert surprises(np.array([1]), np.array([0.0]))[0] == pytest.approx(-math.log(1e-15))


def test_the_truth_is_calibrated_and_a_shift_is_measured() -> None:
    assert calibration_error(OUTCOME, TRUTH) < 0.03
    shifted = 0.1 + 0.8 * TRUTH
    assert calibration_error(OUTCOME, np.full(4_000, OUTCOME.mean() + 0.1)) == pytest.approx(0.1, abs=0.02)
    assert calibration_error(OUTCOME, shifted) > calibration_error(OUTCOME, TRUTH)


def test_precision_and_coverage_count_what_lies_strictly_above() -> None:
    outcome, confidence = np.array([1, 0, 1, 1]), np.array([0.9, 0.8, 0.7, 0.2])
    figures = confident_trades(outcome, confidence, 0.7)
    assert figures["precision > 0.7"].value == 0.5
    assert figures["coverage > 0.7"].value == 0.5
    assert math.isnan(confident_trades(outcome, confidence, 0.95)["precision > 0.95"].value)


def test_the_top_share_takes_ties_whole() -> None:
    figures = top_trades(np.array([1, 0, 1, 0]), np.array([0.9, 0.9, 0.5, 0.1]), 0.25)
    assert figures["precision, top 25%"].value == 0.5


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilsons_interval_equals_statsmodels(successes: int, extra: int) -> None:
    trials = successes + extra
    low, high = proportion_confint(successes, trials, method="wilson")
    assert wilson(successes, trials) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


def test_no_trials_give_no_knowledge() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_intervals_hold_the_value_and_shrink_with_more_rows(metric: object) -> None:
    few, many = (metric.of(OUTCOME[:n], TRUTH[:n], 0) for n in (400, 4_000))  # type: ignore[attr-defined]
    assert many.low < many.high
    assert many.high - many.low < few.high - few.low
    if metric.name != "ECE":  # type: ignore[attr-defined]
        assert many.low < many.value < many.high


def test_the_interval_of_auc_covers_the_true_area_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    true_area = 0.7602499  # P(N(1, 1) > N(0, 1))
    covered = 0
    for _ in range(300):
        confidence = np.concatenate([random.normal(1, 1, 100), random.normal(0, 1, 100)])
        figure = auc(np.repeat([1, 0], 100), confidence)
        covered += figure.low <= true_area <= figure.high
    assert 0.91 < covered / 300 < 0.985


def test_one_class_has_no_auc() -> None:
    assert math.isnan(auc(np.ones(5, dtype=np.int64), np.linspace(0, 1, 5)).value)
    assert Figure(math.nan, math.nan, math.nan).text() == "-"
    assert Figure(math.nan, 0.0, 1.0).to_json() == {"value": None, "low": 0.0, "high": 1.0}


def test_baselines_are_what_they_claim() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(1_000, len(SIGNAL_NAMES)))
    outcome = (random.random(1_000) < np.where(rows[:, 0] > 0, 0.8, 0.3)).astype(np.int64)
    answers = {n: fit_baseline(n, rows, outcome, random_state=0)(rows) for n in (BASE_RATE, EDGE_SIGN, LOGISTIC)}
    assert set(answers[BASE_RATE]) == {outcome.mean()}
    assert set(answers[EDGE_SIGN]) == {outcome[rows[:, 0] > 0].mean(), outcome[rows[:, 0] <= 0].mean()}
    assert auc(outcome, answers[LOGISTIC]).value > 0.75


def test_the_best_baseline_is_found_in_either_direction() -> None:
    signals = simulate(1_000, seed=5)
    known = Labelled(signals.features[:800], signals.profitable[:800], DataRecord(source="test", rows=800))
    answers = baseline_answers(known, signals.features[800:], random_state=0)
    comparison = compare(signals.profitable[800:], answers, truth=np.full(200, 0.5))
    for metric, better in (("Brier", min), ("AUC", max)):
        values = {name: comparison.figures[name][metric].value for name in BASELINES}
        best = comparison.best_baseline(metric, higher_is_better=better is max)
        assert values[best] == better(values.values())
    assert comparison.figures[OLD_RECIPE]["expected accuracy"].value == 0.5
    text = comparison.text("title")
    assert "title: 200 rows, 95 % intervals" in text
    assert all(name in text for name in ("log loss", "coverage > 0.8", "precision, top 10%"))


def test_a_model_no_better_than_the_base_rate_is_called_so() -> None:
    answers = {"good": TRUTH, "bad": 1 - TRUTH, BASE_RATE: np.full(4_000, OUTCOME.mean())}
    comparison = compare(OUTCOME, answers)
    assert comparison.warnings("good") == []
    assert "no better than the base rate's 0.25" in comparison.warnings("bad")[0]


def test_pictures_are_drawn_even_without_confident_trades(tmp_path: Path) -> None:
    paths = plots.draw_all(tmp_path, OUTCOME, {"flat": np.full(4_000, 0.4), "true": TRUTH})
    assert [path.name for path in paths] == ["reliability.png", "roc.png", "threshold.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_the_attainable_accuracy_lies_between_the_base_rate_and_what_the_state_knows() -> None:
    signals = simulate(600, seed=1)
    truth = true_probability(signals.deals, paths=50, seed=1)
    best = attainable.estimate(signals.features, truth, sizes=(1_000, 2_000), seed=2, show=lambda _: None)
    assert list(best.curve) == [1_000, 2_000]
    assert max(truth.mean(), 1 - truth.mean()) < best.accuracy < best.from_state
    assert best.still_rising == best.curve[2_000] - best.curve[1_000]


def test_a_rule_based_history_is_learned_to_its_bayes_accuracy_thanks_to_the_score() -> None:
    figures = rule_based(rows=4_000, random_state=1, cv_folds=2, show=lambda _: None)
    assert figures["bayes"] - figures["accuracy"] <= 0.005
    assert figures["accuracy"] > figures["without_score"] + 0.005


def test_the_benchmark_reports_every_target_with_its_figure(tmp_path: Path) -> None:
    lines: list[str] = []
    result = evaluate(
        out=tmp_path, rows=400, test_rows=300, paths=20, sizes=(400, 800), repeats=2,
        estimators=("random_forest",), cv_folds=2, show=lines.append,
    )  # fmt: skip
    assert (tmp_path / "benchmark.json").is_file()
    assert len(result.targets) == 8
    assert all(target.text() in lines for target in result.targets)
    share = result.comparison.figures["random_forest"]["expected accuracy"].value / result.attainable.accuracy
    assert result.targets[0].measured == share
    assert result.targets[0].met == (share >= 0.985)
    assert set(result.ablation) == {"all", *FOR_TREES}


def test_what_must_be_beaten_and_is_not_is_named_with_both_figures() -> None:
    from train.signal_classifier.evaluation.baselines import BASE_RATE, HIST_BOOSTING, MUST_BEAT
    from train.signal_classifier.evaluation.comparison import OURS, compare

    rng = np.random.default_rng(3)
    truth = rng.uniform(0.05, 0.95, 4000)
    outcome = (rng.random(4000) < truth).astype(np.int64)
    flat, noise = np.full(4000, outcome.mean()), rng.uniform(0.0, 1.0, 4000)
    good = dict.fromkeys(MUST_BEAT, flat) | {HIST_BOOSTING: truth, OURS: 0.9 * truth + 0.05}
    assert compare(outcome, good).beaten_by(OURS) == [], "boosting is no simple baseline"
    found = compare(outcome, good | {OURS: noise}).beaten_by(OURS)
    assert any(line.startswith(f"{BASE_RATE}: Brier 0.2") for line in found)
    assert len(compare(outcome, good | {OURS: flat}).beaten_by(OURS)) == 2 * len(MUST_BEAT), "a draw is no win"


def test_a_gentle_isotonic_curve_is_calibrated_and_not_steep() -> None:
    from train.signal_classifier.estimators import _Scores, calibrated, calibration_curve

    rng = np.random.default_rng(5)
    scores = np.sort(rng.normal(0.0, 1.0, 8000))
    outcome = (rng.random(8000) < 0.2 + 0.6 / (1.0 + np.exp(-2.0 * scores))).astype(np.int64)
    curve = (
        calibrated(_Scores(), scores, outcome, method="isotonic", gentle=True).calibrated_classifiers_[0].calibrators[0]
    )
    steps = np.diff(curve.y_thresholds_) / np.diff(curve.X_thresholds_)
    assert steps.min() >= 0.0
    assert steps.max() < 2.0
    said = calibration_curve(scores, outcome, method="isotonic", at=scores, gentle=True)
    bins = np.array_split(np.arange(8000), 10)
    assert max(abs(said[part].mean() - outcome[part].mean()) for part in bins) < 0.03
