"""A picture of the accuracies beside the rivals'."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from train.core.records.record import QualityRow

OURS = "this model"


def draw_accuracies(path: Path, rows: Sequence[QualityRow]) -> None:
    """One group of bars a test: the model's with its 95 % interval, then each rival's."""
    tests = list(dict.fromkeys(row.metric for row in rows))
    names = [OURS, *dict.fromkeys(row.baseline for row in rows)]
    values = {(row.metric, row.baseline): row.baseline_value for row in rows}
    values |= {(row.metric, OURS): row.value for row in rows}
    bounds = {row.metric: (row.value - (row.low or row.value), (row.high or row.value) - row.value) for row in rows}
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    places, width = np.arange(len(tests)), 0.8 / len(names)
    for number, name in enumerate(names):
        heights = [values[test, name] for test in tests]
        error = np.array([bounds[test] for test in tests]).T if name == OURS else None
        axes.bar(places + number * width, heights, width, label=name, yerr=error, capsize=3)
    axes.axhline(1 / 3, color="black", linewidth=0.8, linestyle=":", label="one answer for all")
    axes.set_xticks(
        places + width * (len(names) - 1) / 2, [test.removeprefix("accuracy, ") for test in tests], fontsize=8
    )
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of labels that are right", fontsize=8)
    axes.legend(fontsize=7, ncols=3)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
