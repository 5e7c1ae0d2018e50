"""Figures of merit of probabilities: definitions, and a 95 % interval for each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from train.signal_classifier.history.labelled_signals import Floats, Index

BINS = 10
THRESHOLDS = (0.5, 0.7, 0.8)
TOP_SHARES = (0.1, 0.2)
RESAMPLES = 200

_TINY = 1e-15
_Z = 1.959963984540054  # 97.5 % point of the normal distribution


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its 95 % interval; NaN where it does not exist."""

    value: float
    low: float
    high: float

    @classmethod
    def mean(cls, values: Floats) -> "Figure":
        """The mean of independent values [row], with the normal interval of a mean."""
        middle = float(values.mean())
        half = _Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return cls(middle, middle - half, middle + half)

    @classmethod
    def share(cls, successes: int, trials: int) -> "Figure":
        """A proportion, with Wilson's interval; NaN without trials."""
        return cls(successes / trials if trials else math.nan, *wilson(successes, trials))

    def text(self) -> str:
        """For a table: "0.6120 ±0.0070", half the width of the interval behind the sign."""
        if math.isnan(self.value):
            return "-"
        return f"{self.value:.4f} ±{(self.high - self.low) / 2:.4f}"

    def to_json(self) -> dict[str, Any]:
        """Value, low, high; null for NaN."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if math.isnan(x) else x for name, x in numbers.items()}


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    middle = (share + _Z**2 / (2 * trials)) / (1 + _Z**2 / trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2)) / (1 + _Z**2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def hits(outcome: Index, confidence: Floats) -> Floats:
    """1.0 where (confidence >= 0.5) is the outcome, else 0.0; the mean is the accuracy."""
    result: Floats = ((confidence >= 0.5) == (outcome == 1)).astype(np.float64)
    return result


def squared_errors(outcome: Index, confidence: Floats) -> Floats:
    """(confidence - outcome)^2 per row; the mean is the Brier score (Brier 1950)."""
    result: Floats = (confidence - outcome) ** 2
    return result


def surprises(outcome: Index, confidence: Floats) -> Floats:
    """-ln(probability given to what happened), at most 34.5 (probability 1e-15); the mean is the log loss."""
    given = np.where(outcome == 1, confidence, 1.0 - confidence)
    result: Floats = -np.log(np.clip(given, _TINY, 1.0))
    return result


def brier(outcome: Index, confidence: Floats) -> float:
    """Mean of `squared_errors`."""
    return float(squared_errors(outcome, confidence).mean())


def auc(outcome: Index, confidence: Floats) -> Figure:
    """Area under the ROC curve, with the interval of DeLong et al. (1988); NaN where only one class is present."""
    won, lost = confidence[outcome == 1], confidence[outcome == 0]
    if not len(won) or not len(lost):
        return Figure(math.nan, math.nan, math.nan)
    # Of each row: the share of the other class that it beats, ties counting half.
    of_won = (rankdata(np.concatenate([won, lost]))[: len(won)] - rankdata(won)) / len(lost)
    of_lost = 1.0 - (rankdata(np.concatenate([lost, won]))[: len(lost)] - rankdata(lost)) / len(won)
    area = float(of_won.mean())
    half = _Z * math.sqrt(_variance_of_mean(of_won) + _variance_of_mean(of_lost))
    return Figure(area, area - half, area + half)


def _variance_of_mean(values: Floats) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.nan


def calibration_error(outcome: Index, confidence: Floats) -> float:
    """Expected calibration error: mean |mean confidence - share profitable| over ten bins of equal count.

    Chance alone gives a perfect forecast about 0.8 sqrt(p (1 - p) / (n / 10)): 0.009 with 20,000 rows near p = 0.5.
    """
    parts = np.array_split(np.argsort(confidence, kind="stable"), BINS)
    gaps = [abs(confidence[part].mean() - outcome[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / len(outcome))


def confident_trades(outcome: Index, confidence: Floats, threshold: float) -> dict[str, Figure]:
    """Precision (share profitable) and coverage (share of rows) of the rows with confidence > threshold."""
    chosen = outcome[confidence > threshold]
    return {
        f"precision > {threshold}": Figure.share(int(chosen.sum()), len(chosen)),
        f"coverage > {threshold}": Figure.share(len(chosen), len(outcome)),
    }


def top_trades(outcome: Index, confidence: Floats, share: float) -> dict[str, Figure]:
    """Precision among the `share` of rows with the highest confidence: comparable between models, thresholds are not.

    Rows that tie with the last one are all counted, so that the order of rows does not matter.
    """
    least = np.sort(confidence)[-max(1, round(share * len(confidence)))]
    chosen = outcome[confidence >= least]
    return {f"precision, top {share:.0%}": Figure.share(int(chosen.sum()), len(chosen))}


def _resampled(of: Callable[[Index, Floats], float], outcome: Index, confidence: Floats, seed: int) -> Figure:
    """A figure with the percentile bootstrap over rows."""
    random = np.random.default_rng(seed)
    draws = (random.integers(0, len(outcome), len(outcome)) for _ in range(RESAMPLES))
    values = [of(outcome[rows], confidence[rows]) for rows in draws]
    low, high = np.nanquantile(values, (0.025, 0.975))
    return Figure(of(outcome, confidence), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit; `of(outcome, confidence, seed)` gives it with its interval."""

    name: str
    higher_is_better: bool
    of: Callable[[Index, Floats, int], Figure]


METRICS = (
    Metric("accuracy", True, lambda y, p, _: Figure.share(int(hits(y, p).sum()), len(y))),
    Metric("AUC", True, lambda y, p, _: auc(y, p)),
    Metric("Brier", False, lambda y, p, _: Figure.mean(squared_errors(y, p))),
    Metric("log loss", False, lambda y, p, _: Figure.mean(surprises(y, p))),
    Metric("ECE", False, lambda y, p, seed: _resampled(calibration_error, y, p, seed)),
)
