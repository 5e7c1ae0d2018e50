"""The signal classifier: fit, calibrate, measure, write.

The fitted object takes raw float64 rows [row, feature] in contract order and gives P(profit).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from train.core.errors import PipelineError
from train.core.files import explain_os_errors, json_bytes, scratch, write_atomic
from train.core.novelty import fit_novelty
from train.core.records.distribution import distribution
from train.core.records.evidence import Evidence, write_evidence
from train.core.records.live_files import is_live_log
from train.core.records.record import DataRecord, TrainingRecord, library_versions, write_record
from train.core.records.window import Measures, Window, write_window
from train.core.skops_files import save_skops
from train.signal_classifier.contract import (
    BRIER,
    MODEL_FILE,
    OUTCOME,
    SIGNAL_CLASSIFIER,
    SIGNAL_INPUT,
    SIGNAL_NAMES,
    SIGNAL_OUTPUT,
    TRUSTED_TYPES,
)
from train.signal_classifier.estimators import (
    Calibration,
    EstimatorName,
    calibrated,
    calibration_curve,
    make_estimator,
    raw_scores,
    settle,
)
from train.signal_classifier.evaluation.baselines import LOGISTIC, OLD_RECIPE, SIMPLE
from train.signal_classifier.evaluation.comparison import EVALUATION_FILE, OURS, baseline_answers, compare
from train.signal_classifier.evaluation.metrics import brier, squared_errors
from train.signal_classifier.evaluation.plots import draw_all, reliability_points
from train.signal_classifier.history.labelled_signals import (
    Floats,
    Index,
    Labelled,
    check_learnable,
    folds,
    hold_out,
    read_history,
    twins,
)
from train.signal_classifier.history.live_trades import history_of_log
from train.signal_classifier.simulator.market import simulate

SAMPLE_ROWS = 64

_CALIBRATIONS: tuple[Calibration, ...] = ("none", "sigmoid", "isotonic")

Show = Callable[[str], None]


def _silent(line: str) -> None:
    del line


@dataclass(frozen=True)
class Fitted:
    """A fitted classifier and how its calibration was chosen: cross-validated Brier score of each candidate."""

    model: Any
    calibration: Calibration
    brier: Mapping[str, float]


def train(
    *,
    out: Path,
    data: Sequence[Path],
    test_split: float,
    random_state: int,
    cv_folds: int,
    estimator: EstimatorName = "random_forest",
    rows: int = 10_000,
    show: Show = _silent,
    outcomes: Sequence[Path] = (),
) -> TrainingRecord:
    """Train the signal classifier; write model, record, evaluation and pictures into `out`.

    Args:
        out: folder for model.skops, training.json, evaluation.json, evidence.json and three PNG.
        data: trading-history CSV files; none means the built-in simulator.
        test_split: share of the rows that the model never sees.
        random_state: seed of simulator, splits and estimators; the same seed gives the same model.
        cv_folds: folds of the cross-validation that chooses the calibration.
        estimator: which one.
        rows: how many signals to simulate.
        show: called with each line of progress.
        outcomes: what came of the answers of the logs among `data`.

    Raises:
        PipelineError: as `read_history`, `hold_out` and `folds`, or the folder cannot be written.
    """
    started = time.perf_counter()
    labelled = load(data, rows=rows, random_state=random_state, show=show, outcomes=outcomes)
    training, test = hold_out(labelled, share=test_split, random_state=random_state)
    others = np.setdiff1d(np.arange(len(labelled.profitable)), np.concatenate([training, test]))
    if repeated := int(twins(labelled, others, test).sum()):
        show(f"warning: {repeated:,} trades with the eight numbers of a trade of the test part are not trained on")
    with explain_os_errors(out, "write"):
        out.mkdir(parents=True, exist_ok=True)
    known, unseen = labelled.take(training), labelled.take(test)
    fitted = fit(known, estimator=estimator, random_state=random_state, cv_folds=cv_folds, show=show)
    seconds = time.perf_counter() - started

    show("comparing with the baselines")
    answers = {OURS: confidence(fitted.model, unseen.features)}
    answers |= baseline_answers(known, unseen.features, random_state=random_state)
    comparison = compare(unseen.profitable, answers)
    show(comparison.text(f"{estimator}, untouched data"))
    for line in comparison.warnings(OURS):
        show(line)
    beaten = comparison.beaten_by(OURS)
    for line in beaten:
        show(f"warning: not better than {line}; the gate does not put it into use unless it is forced")
    record = _record(labelled, known, fitted, unseen, estimator=estimator, random_state=random_state, seconds=seconds)
    settings = record.settings | {"trained_on": "history" if data else "simulator", "beaten_by": beaten}
    window = write_window(out, gate_window(unseen, answers))
    seen = distribution(dict(zip(SIGNAL_NAMES, known.features.T, strict=True)), {SIGNAL_OUTPUT.name: answers[OURS]})
    record = record.model_copy(
        update={"quality": comparison.quality(OURS), "settings": settings, "window": window, "distribution": seen}
    )
    save_skops(fitted.model, out / MODEL_FILE, trusted=TRUSTED_TYPES)
    write_atomic(out / EVALUATION_FILE, json_bytes(comparison.to_json()))
    draw_all(out, unseen.profitable, {name: answers[name] for name in (OURS, LOGISTIC, OLD_RECIPE)})
    shown = [reliability_points(name, unseen.profitable, answers[name]) for name in (OURS, LOGISTIC)]
    write_evidence(out, Evidence(reliability=shown))
    write_record(out, record)
    return record


def load(data: Sequence[Path], *, rows: int, random_state: int, show: Show, outcomes: Sequence[Path] = ()) -> Labelled:
    """Histories from files and logs, or `rows` simulated signals if there are none."""
    if data:
        history = _history(data, outcomes, show)
        for line in history.report():
            show(line)
        if warning := history.warning():
            show(warning)
        return history
    show(f"simulating {rows:,} signals")
    signals = simulate(rows, seed=random_state)
    record = DataRecord(source=f"built-in market simulator, seed {random_state}", rows=rows)
    check_learnable(signals.features, signals.profitable, where=record.source)
    return Labelled(signals.features, signals.profitable, record)


def _history(data: Sequence[Path], outcomes: Sequence[Path], show: Show) -> Labelled:
    logs = [path for path in data if is_live_log(path)]
    if not logs:
        if outcomes:
            raise PipelineError("--outcomes goes with a log of answers among --data; a trading history has its own")
        return read_history(data)
    if not outcomes:
        raise PipelineError(f"{logs[0]}: a log of answers; name what came of them with --outcomes FILE")
    content, notes = history_of_log(logs, outcomes)
    for line in notes:
        show(line)
    with scratch() as folder:
        # Read as strictly as any other history.
        made = folder / f"{logs[0].name} with {outcomes[0].name}"
        made.write_bytes(content)
        try:
            return read_history([made, *(path for path in data if path not in logs)])
        except PipelineError as error:
            # Nobody else knows the folder, and it is gone by now.
            raise PipelineError(str(error).replace(f"{folder}/", "")) from error


def fit(known: Labelled, *, estimator: EstimatorName, random_state: int, cv_folds: int, show: Show = _silent) -> Fitted:
    """Fit the estimator on all of `known` and put the best calibration on top.

    Out-of-fold scores are computed once; each candidate calibration is judged on them by cross-validation over the
    same folds, with the Brier score. Equal scores go to the simpler one. The folds' estimators are thrown away.
    """
    rows, outcome = known.features, known.profitable
    parts = folds(known, count=cv_folds, random_state=random_state)
    template = make_estimator(estimator, rows=len(rows), random_state=random_state)
    scores = np.empty(len(rows))
    plain = np.full(len(rows), np.nan)
    for number, (fitting, held) in enumerate(parts, start=1):
        show(f"cross-validation: fold {number} of {len(parts)}")
        one = clone(template).fit(rows[fitting], outcome[fitting])
        settle(one)
        scores[held] = raw_scores(one, rows[held])
        if hasattr(one, "predict_proba"):
            plain[held] = one.predict_proba(rows[held])[:, 1]
    # The compiler knows a support vector machine's score to 7e-13 only, and a steep isotonic curve would
    # magnify this beyond its promise of 1e-12; the scores of trees are exact or nearly so.
    gentle = estimator in ("svm", "voting")
    if estimator == "voting":
        # A mean of calibrated probabilities is drawn to the middle, so its own are not calibrated (Ranjan and Gneiting
        # 2010, "Combining probability forecasts"); what a few thousand rows say against it is chance.
        plain = np.full(len(rows), np.nan)
    by_method = _calibration_scores(scores, plain, outcome, parts, gentle=gentle)
    chosen = min(by_method, key=lambda method: by_method[method])
    show(f"fitting {estimator} on {len(rows):,} rows, calibration: {chosen}")
    fitted = template.fit(rows, outcome)
    settle(fitted)
    return Fitted(
        calibrated(fitted, scores, outcome, method=chosen, gentle=gentle),
        chosen,
        {str(m): b for m, b in by_method.items()},
    )


def _calibration_scores(
    scores: Floats, plain: Floats, outcome: Index, parts: list[tuple[Index, Index]], *, gentle: bool
) -> dict[Calibration, float]:
    result: dict[Calibration, float] = {}
    for method in _CALIBRATIONS:
        confidence = plain.copy()
        if method != "none":
            for fitting, held in parts:
                confidence[held] = calibration_curve(
                    scores[fitting], outcome[fitting], method=method, at=scores[held], gentle=gentle
                )
        if np.isfinite(confidence).all():
            result[method] = brier(outcome, confidence)
    return result


def confidence(model: Any, rows: Floats) -> Floats:
    """P(profit) of raw rows [row, feature], float64 [row]."""
    return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)


def gate_window(unseen: Labelled, answers: Mapping[str, Floats]) -> Window:
    """The untouched rows as the gate takes them; trades of one day share that day's luck.

    Args:
        unseen: the test part.
        answers: baseline -> P(profit) of its rows, float64 [row].
    """
    days = np.arange(len(unseen.profitable), dtype=np.int64)
    first = last = None
    if unseen.times is not None:
        days = unseen.times.astype("datetime64[D]").astype(np.int64)
        first, last = str(unseen.times[0])[:10], str(unseen.times[-1])[:10]
    return Window(
        arrays={SIGNAL_INPUT.name: unseen.features, OUTCOME: unseen.profitable},
        moments=days,
        measures=Measures(horizons={BRIER: 0}, first=first, last=last),
        baselines={name: {BRIER: squared_errors(unseen.profitable, answers[name])} for name in SIMPLE},
    )


def _record(
    labelled: Labelled,
    known: Labelled,
    fitted: Fitted,
    unseen: Labelled,
    *,
    estimator: str,
    random_state: int,
    seconds: float,
) -> TrainingRecord:
    seen = known.features
    chosen = np.linspace(0, len(unseen.features) - 1, SAMPLE_ROWS).astype(np.int64)
    return TrainingRecord(
        model=SIGNAL_CLASSIFIER,
        estimator=estimator,
        data=labelled.record,
        random_state=random_state,
        seconds=round(seconds, 3),
        libraries=library_versions("numpy", "scikit-learn", "skops"),
        quality=[],
        feature_ranges={n: (float(c.min()), float(c.max())) for n, c in zip(SIGNAL_NAMES, seen.T, strict=True)},
        settings={
            "calibration": fitted.calibration,
            "cross_validated_brier": fitted.brier,
            "rejected_rows": len(labelled.rejected),
        },
        sample={SIGNAL_INPUT.name: unseen.features[chosen].tolist()},
        novelty=fit_novelty(seen),
    )
