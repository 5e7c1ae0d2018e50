"""The classifier beside its baselines: one table on data that no model saw, with intervals.

This is the short form that every training prints, for any labelled data; `python -m verify.figures benchmark` is the
long one on the market simulator, where the true probabilities are known.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from train.core.records.record import QualityRow
from train.signal_classifier.evaluation.baselines import BASE_RATE, BASELINES, MUST_BEAT, fit_baseline
from train.signal_classifier.evaluation.metrics import (
    METRICS,
    THRESHOLDS,
    TOP_SHARES,
    Figure,
    confident_trades,
    top_trades,
)
from train.signal_classifier.history.labelled_signals import Floats, Index, Labelled

Answers = Mapping[str, Floats]
"""Model name -> P(profit) of the test rows, float64 [row]."""

EVALUATION_FILE = "evaluation.json"
OURS = "this model"


@dataclass(frozen=True)
class Comparison:
    """Figures of every model on the same untouched rows: model -> metric -> figure; `rows`: how many."""

    figures: Mapping[str, Mapping[str, Figure]]
    rows: int

    def best_baseline(self, metric: str, *, higher_is_better: bool) -> str:
        """The baseline with the best value of `metric`."""
        sign = 1.0 if higher_is_better else -1.0
        known = [name for name in BASELINES if name in self.figures]
        return max(known, key=lambda name: sign * self.figures[name][metric].value)

    def to_json(self) -> dict[str, Any]:
        """Nested objects of numbers; null where a figure does not exist (no trade above a threshold)."""
        models = {
            model: {name: figure.to_json() for name, figure in figures.items()}
            for model, figures in self.figures.items()
        }
        return {"rows": self.rows, "models": models}

    def text(self, title: str) -> str:
        """A table for the terminal, at least 100 columns wide: one row per metric, one column per model."""
        table = Table(title=f"{title}: {self.rows:,} rows, 95 % intervals", title_justify="left")
        table.add_column("", no_wrap=True)
        for model in self.figures:
            table.add_column(model, justify="right")
        first = next(iter(self.figures.values()))
        for name in first:
            table.add_row(name, *(figures[name].text() for figures in self.figures.values()))
        stream = io.StringIO()
        Console(file=stream, width=24 + 17 * len(self.figures)).print(table)
        return stream.getvalue().rstrip()

    def beaten_by(self, model: str) -> list[str]:
        """Of the baselines that `model` must beat those that it does not, in Brier and in AUC, with both figures."""
        mine = self.figures[model]
        found = []
        for metric, sign in (("Brier", -1.0), ("AUC", 1.0)):
            for name in MUST_BEAT:
                rival = self.figures[name][metric].value if name in self.figures else -sign * float("inf")
                if not sign * mine[metric].value > sign * rival:
                    found.append(f"{name}: {metric} {rival:.4f}, the model's {mine[metric].value:.4f}")
        return found

    def warnings(self, model: str) -> list[str]:
        """One line if the probabilities of `model` are no better than the base rate's: do not bet on them."""
        mine, simple = (self.figures[name]["Brier"].value for name in (model, BASE_RATE))
        if mine < simple:
            return []
        return [f"warning: Brier {mine:.4f} is no better than the base rate's {simple:.4f}: do not trade on this model"]

    def quality(self, model: str) -> list[QualityRow]:
        """Each metric of `model` beside the best baseline, for the training record."""
        rows = []
        for metric in METRICS:
            figure = self.figures[model][metric.name]
            rival = self.best_baseline(metric.name, higher_is_better=metric.higher_is_better)
            rows.append(
                QualityRow(
                    metric=metric.name,
                    value=figure.value,
                    low=figure.low,
                    high=figure.high,
                    baseline=rival,
                    baseline_value=self.figures[rival][metric.name].value,
                    higher_is_better=metric.higher_is_better,
                )
            )
        return rows


def compare(outcome: Index, answers: Answers, *, truth: Floats | None = None, seed: int = 0) -> Comparison:
    """Every metric of every model in `answers`.

    Args:
        outcome: int64 [row], 0/1.
        answers: what each model said.
        truth: true P(profit), float64 [row], where it is known.
        seed: of the bootstrap.
    """
    figures: dict[str, dict[str, Figure]] = {}
    for model, confidence in answers.items():
        rows = {metric.name: metric.of(outcome, confidence, seed) for metric in METRICS}
        for threshold in THRESHOLDS:
            rows |= confident_trades(outcome, confidence, threshold)
        for share in TOP_SHARES:
            rows |= top_trades(outcome, confidence, share)
        if truth is not None:
            rows |= _against_truth(confidence, truth)
        figures[model] = rows
    return Comparison(figures, len(outcome))


def _against_truth(confidence: Floats, truth: Floats) -> dict[str, Figure]:
    """Figures that need no luck of the draw: expectations over outcomes, given the true probabilities."""
    right = np.where(confidence >= 0.5, truth, 1.0 - truth)
    return {
        "expected accuracy": Figure.mean(right),
        "distance to truth": Figure.mean(np.abs(confidence - truth)),
    }


def baseline_answers(known: Labelled, rows: Floats, *, random_state: int) -> dict[str, Floats]:
    """Fit every baseline on `known`; what each says about `rows` [row, feature]."""
    return {
        name: fit_baseline(name, known.features, known.profitable, random_state=random_state)(rows)
        for name in BASELINES
    }
