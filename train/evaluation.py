"""Figures of merit of probabilities: definitions, and intervals by bootstrap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from train.signals import Floats, Index

BINS = 10
THRESHOLDS = (0.5, 0.7, 0.8)

_TINY = 1e-15


def accuracy(outcome: Index, confidence: Floats) -> float:
    """Share of rows where (confidence >= 0.5) is the outcome."""
    return float(np.mean((confidence >= 0.5) == (outcome == 1)))


def auc(outcome: Index, confidence: Floats) -> float:
    """Area under the ROC curve; 0.5 where only one class is present."""
    if outcome.min() == outcome.max():
        return 0.5
    return float(roc_auc_score(outcome, confidence))


def brier(outcome: Index, confidence: Floats) -> float:
    """Mean of (confidence - outcome)^2 (Brier 1950)."""
    return float(np.mean((confidence - outcome) ** 2))


def log_loss(outcome: Index, confidence: Floats) -> float:
    """Mean of -ln(probability given to what happened), probabilities kept off 0 and 1 by 1e-15."""
    given = np.where(outcome == 1, confidence, 1.0 - confidence)
    return float(-np.mean(np.log(np.clip(given, _TINY, 1.0))))


def calibration_error(outcome: Index, confidence: Floats) -> float:
    """Expected calibration error: mean |mean confidence - share profitable| over ten bins of equal count.

    With n rows a perfect forecast still shows about 0.4 / sqrt(n / 10), from chance alone.
    """
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, BINS)
    gaps = [abs(confidence[part].mean() - outcome[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / len(order))


def precision(outcome: Index, confidence: Floats, threshold: float) -> float:
    """Share of profitable rows among those with confidence > threshold; NaN where there are none."""
    chosen = outcome[confidence > threshold]
    return float(chosen.mean()) if len(chosen) else float("nan")


def coverage(confidence: Floats, threshold: float) -> float:
    """Share of rows with confidence > threshold."""
    return float(np.mean(confidence > threshold))


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit: `of(outcome, confidence)`."""

    name: str
    higher_is_better: bool
    of: Callable[[Index, Floats], float]


METRICS = (
    Metric("accuracy", True, accuracy),
    Metric("AUC", True, auc),
    Metric("Brier", False, brier),
    Metric("log loss", False, log_loss),
    Metric("ECE", False, calibration_error),
)


def interval(
    metric: Metric, outcome: Index, confidence: Floats, *, resamples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a metric by the percentile bootstrap over rows."""
    random = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        rows = random.integers(0, len(outcome), len(outcome))
        values.append(metric.of(outcome[rows], confidence[rows]))
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def score(outcome: Index, confidence: Floats) -> Mapping[str, float]:
    """Every figure of `METRICS` and precision and coverage at 0.5, 0.7 and 0.8, by name."""
    figures = {metric.name: metric.of(outcome, confidence) for metric in METRICS}
    for threshold in THRESHOLDS:
        figures[f"precision above {threshold}"] = precision(outcome, confidence, threshold)
        figures[f"coverage above {threshold}"] = coverage(confidence, threshold)
    return figures
