"""`python -m verify.figures benchmark`: the long evaluation on simulated signals, whose true P(profit) is known.

Run it with `python -m verify.figures benchmark` (some minutes). Every estimator beside every baseline on fresh signals;
the accuracy attainable from the eight features; what each engineered feature earns; a plain rule-based history; and the
targets, met or missed.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train.core import cli
from train.core.files import json_bytes, write_atomic
from train.core.records.record import DataRecord
from train.signal_classifier.engineered_features import FOR_TREES
from train.signal_classifier.estimators import ESTIMATORS, EstimatorName, make_estimator
from train.signal_classifier.evaluation.baselines import BASELINES, LOGISTIC, OLD_RECIPE
from train.signal_classifier.evaluation.comparison import Comparison, baseline_answers, compare
from train.signal_classifier.evaluation.metrics import Figure, squared_errors
from train.signal_classifier.evaluation.plots import draw_all
from train.signal_classifier.history.labelled_signals import Floats, Index, Labelled, hold_out
from train.signal_classifier.simulator.market import simulate, true_probability
from train.signal_classifier.training import Show, confidence, fit, load
from verify.figures.signal_classifier import attainable

BENCHMARK_FILE = "benchmark.json"
DEFAULT: EstimatorName = "random_forest"


@dataclass(frozen=True)
class Target:
    """A promise and what was measured."""

    name: str
    wanted: str
    measured: float
    met: bool

    def text(self) -> str:
        """One line for the terminal."""
        return f"{'met   ' if self.met else 'MISSED'}  {self.name}: {self.measured:.4f} (wanted {self.wanted})"


@dataclass(frozen=True)
class Benchmark:
    """Everything that `evaluate` measured."""

    comparison: Comparison
    attainable: attainable.Attainable
    ablation: Mapping[str, Figure]
    rule_based: Mapping[str, float]
    targets: tuple[Target, ...]
    calibration: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """What goes into benchmark.json."""
        return {
            "comparison": self.comparison.to_json(),
            "attainable": asdict(self.attainable),
            "ablation": {name: figure.to_json() for name, figure in self.ablation.items()},
            "rule_based": dict(self.rule_based),
            "targets": [asdict(target) for target in self.targets],
            "cross_validated_brier": {name: dict(scores) for name, scores in self.calibration.items()},
        }


def evaluate(
    *,
    out: Path,
    rows: int = 10_000,
    test_split: float = 0.2,
    random_state: int = 42,
    cv_folds: int = 5,
    test_rows: int = 20_000,
    paths: int = 400,
    sizes: tuple[int, ...] = (50_000, 100_000, 200_000, 400_000),
    repeats: int = 5,
    estimators: tuple[EstimatorName, ...] = ESTIMATORS,
    show: Show = print,
) -> Benchmark:
    """Measure everything and write `benchmark.json` and three PNG into `out`.

    Args:
        out: folder.
        rows: signals to simulate for training; with the next three, the models are those that training gives.
        test_split: as in training.
        random_state: as in training; the fresh signals have seeds of their own.
        cv_folds: as in training.
        test_rows: fresh signals on which all are compared.
        paths: inner simulations per fresh signal.
        sizes: training rows at which the attainable accuracy is estimated, ascending.
        repeats: training sets of the ablation.
        estimators: which ones to compare.
        show: called with each line of progress and of the report.
    """
    labelled = load((), rows=rows, random_state=random_state, show=show)
    known = labelled.take(hold_out(labelled, share=test_split, random_state=random_state)[0])
    show(f"fresh signals: {test_rows:,}, {paths} inner simulations each")
    fresh = simulate(test_rows, seed=random_state + 1)
    truth = true_probability(fresh.deals, paths=paths, seed=random_state + 1)
    answers: dict[str, Floats] = {}
    calibration: dict[str, Mapping[str, float]] = {}
    for name in estimators:
        fitted = fit(known, estimator=name, random_state=random_state, cv_folds=cv_folds, show=show)
        answers[name] = confidence(fitted.model, fresh.features)
        calibration[name] = fitted.brier
    show("baselines")
    answers |= baseline_answers(known, fresh.features, random_state=random_state)
    comparison = compare(fresh.profitable, answers, truth=truth)
    show(comparison.text("fresh simulated signals"))
    best = attainable.estimate(fresh.features, truth, sizes=sizes, seed=random_state + 2, show=show)
    ablation = attainable.ablation(
        fresh.features, truth, rows=len(known.features), seed=random_state + 3, repeats=repeats, show=show
    )
    rule = rule_based(rows=len(known.features), random_state=random_state, cv_folds=cv_folds, show=show)
    targets = _targets(comparison, best, rule, fresh.profitable, answers)
    for target in targets:
        show(target.text())
    result = Benchmark(comparison, best, ablation, rule, targets, calibration)
    write_atomic(out / BENCHMARK_FILE, json_bytes(result.to_json()))
    draw_all(out, fresh.profitable, {n: answers[n] for n in (*estimators, LOGISTIC, OLD_RECIPE)})
    return result


def rule_based(*, rows: int, random_state: int, cv_folds: int, show: Show = print) -> dict[str, float]:
    """Expected accuracy on fresh rows of a rule-based history: the default, the same without score, and Bayes."""
    show("rule-based history")
    features, outcome, truth = attainable.linear_history(rows + 50_000, seed=random_state)
    known = Labelled(features[:rows], outcome[:rows], DataRecord(source="linear rule", rows=rows))
    fitted = fit(known, estimator=DEFAULT, random_state=random_state, cv_folds=cv_folds)
    answer = confidence(fitted.model, features[rows:])
    plain = make_estimator(DEFAULT, rows=rows, random_state=random_state)
    plain.set_params(features__names=FOR_TREES[:-1]).fit(known.features, known.profitable)
    return {
        "accuracy": attainable.expected_accuracy(answer, truth[rows:]),
        "without_score": attainable.expected_accuracy(confidence(plain, features[rows:]), truth[rows:]),
        "bayes": attainable.expected_accuracy(truth[rows:], truth[rows:]),
    }


def _targets(
    comparison: Comparison,
    best: attainable.Attainable,
    rule: Mapping[str, float],
    outcome: Index,
    answers: Mapping[str, Floats],
) -> tuple[Target, ...]:
    """The promises of the project, for the default estimator."""
    ours = comparison.figures[DEFAULT]
    reached = ours["expected accuracy"].value / best.accuracy
    targets = [
        Target("expected accuracy, share of the attainable", ">= 0.985", reached, reached >= 0.985),
    ]
    for kind in (one for one in ESTIMATORS if one in comparison.figures):
        error = comparison.figures[kind]["ECE"].value
        targets.append(Target(f"expected calibration error of {kind}", "<= 0.015", error, error <= 0.015))
    mine = squared_errors(outcome, answers[DEFAULT])
    for name in BASELINES:
        # Paired, row by row: far sharper than two separate intervals.
        excess = Figure.mean(mine - squared_errors(outcome, answers[name]))
        targets.append(Target(f"Brier less that of {name}", "<= 0", excess.value, excess.value <= 0.0))
    short = rule["bayes"] - rule["accuracy"]
    targets.append(Target("rule-based history, points below Bayes", "<= 0.005", short, short <= 0.005))
    return tuple(targets)


BENCH = ()
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Measure everything with the settings of training."""
    command = argparse.ArgumentParser(prog="python -m verify.figures benchmark", description=__doc__)
    command.add_argument(
        "--out", type=Path, default=Path("build/benchmark"), help="folder of benchmark.json and pictures"
    )
    command.add_argument("--rows", type=int, default=10_000, help="simulated signals to train on (default 10000)")
    options = command.parse_args(arguments)
    evaluate(out=options.out, rows=options.rows, show=cli.show)
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
