"""The charts of a report as SVG inside the page."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from export.papers.charts import SERIES, STYLE, drawn, evidence_figures, new_figure, svg
from verify.report.facts import ModelReport


def charts_of(report: ModelReport, sizes: Sequence[str], *, name: str) -> list[tuple[str, Markup]]:
    """(caption, SVG) of every chart that a model's facts give; `name`: what its ids begin with."""
    caption = "How far answers are from the original's: rows of each runtime by size of the difference."
    made = [(caption, _spread(report, sizes)), *evidence_figures(report.evidence)]
    return [(caption, svg(figure, caption, f"{name}-{number}")) for number, (caption, figure) in enumerate(made)]


def _spread(report: ModelReport, sizes: Sequence[str]) -> Figure:
    ran = [(row.runtime, row.found.spread) for row in report.runtimes if row.found is not None]
    table = np.array([spread for _, spread in ran] or [[0] * len(sizes)], dtype=np.float64)
    used = np.flatnonzero(table.any(axis=0))
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    shown = sorted({0, *range(max(first, 1), last + 1)})
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(0.9 + 0.28 * len(table))
        shares = table[:, shown] / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
        for place, shares_of_one in enumerate(shares):
            # A bar's length is a root: one row in a million is to be seen.
            axes.barh(
                [place] * len(shown),
                0.9 * shares_of_one**0.25,
                left=np.arange(len(shown)),
                height=0.7,
                color=SERIES[0],
            )
        axes.set_yticks(range(len(ran)), [drawn(name) for name, _ in ran])
        axes.set_xticks(
            np.arange(len(shown)), [sizes[i] for i in shown], rotation=45 if len(shown) > 4 else 0, ha="left"
        )
        axes.set_xlim(0, len(shown))
        axes.invert_yaxis()
        axes.set_xlabel("absolute difference (length: 4th root of share)")
        axes.grid(axis="x")
    return figure
