"""Pictures of a classifier's quality, as PNG: reliability curve, ROC and threshold curve."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from train.core.files import write_atomic
from train.core.records.evidence import Reliability
from train.signal_classifier.evaluation.metrics import BINS, wilson
from train.signal_classifier.history.labelled_signals import Floats, Index

RELIABILITY = "reliability.png"
ROC = "roc.png"
THRESHOLD = "threshold.png"


def draw_all(out: Path, outcome: Index, answers: Mapping[str, Floats]) -> list[Path]:
    """Write the three pictures into `out`; `answers`: model name -> P(profit) of the rows of `outcome`."""
    drawn = {
        RELIABILITY: reliability(outcome, answers),
        ROC: roc(outcome, answers),
        THRESHOLD: threshold(outcome, answers),
    }
    for name, figure in drawn.items():
        write_atomic(out / name, _png(figure))
    return [out / name for name in drawn]


def reliability(outcome: Index, answers: Mapping[str, Floats]) -> Figure:
    """Share profitable against mean confidence, ten bins of equal count, 95 % Wilson intervals."""
    figure, axes = _axes("mean confidence", "share profitable", "Reliability")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, confidence in answers.items():
        curve = reliability_points(name, outcome, confidence)
        y = np.array(curve.share)
        bars = np.abs(np.array([curve.low, curve.high]) - y)
        axes.errorbar(curve.confidence, y, yerr=bars, marker="o", markersize=3, linewidth=1, capsize=2, label=name)
    axes.legend(fontsize=8)
    return figure


def reliability_points(name: str, outcome: Index, confidence: Floats) -> Reliability:
    """The curve of one model: ten bins of equal count, 95 % Wilson intervals."""
    bins = [part for part in np.array_split(np.argsort(confidence, kind="stable"), BINS) if len(part)]
    limits = [wilson(int(outcome[part].sum()), len(part)) for part in bins]
    return Reliability(
        name=name,
        confidence=[float(confidence[part].mean()) for part in bins],
        share=[float(outcome[part].mean()) for part in bins],
        low=[float(low) for low, _ in limits],
        high=[float(high) for _, high in limits],
        rows=[len(part) for part in bins],
    )


def roc(outcome: Index, answers: Mapping[str, Floats]) -> Figure:
    """True against false positive rate."""
    figure, axes = _axes("false positive rate", "true positive rate", "ROC")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, confidence in answers.items():
        false, true, _ = roc_curve(outcome, confidence)
        axes.plot(false, true, linewidth=1, label=name)
    axes.legend(fontsize=8)
    return figure


def threshold(outcome: Index, answers: Mapping[str, Floats]) -> Figure:
    """Precision (solid) and coverage (dashed) of trades taken above each threshold; at least 30 trades a point."""
    figure, axes = _axes("threshold on confidence", "share", "Trades above a threshold")
    steps = np.linspace(0.3, 0.95, 66)
    for name, confidence in answers.items():
        above = [confidence > step for step in steps]
        hit = [outcome[chosen].mean() if chosen.sum() >= 30 else np.nan for chosen in above]
        (line,) = axes.plot(steps, hit, linewidth=1, label=name)
        axes.plot(steps, [chosen.mean() for chosen in above], linewidth=1, linestyle="--", color=line.get_color())
    axes.legend(fontsize=8)
    return figure


def _axes(x: str, y: str, title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y, title=title, ylim=(0, 1))
    axes.grid(alpha=0.3)
    return figure, axes


def _png(figure: Figure) -> bytes:
    # No date and no version in the file: the same curves give the same bytes.
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
