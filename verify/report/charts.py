"""The charts of a report as SVG inside the page: drawn by matplotlib, coloured by the page, so that both themes fit."""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from train.core.records.evidence import Evidence, Forecasts, Reliability
from verify.report.facts import ModelReport

INK, GRID, FAINT = "#010203", "#010204", "#010205"
SERIES = ("#010206", "#010207", "#010208", "#010209")
COLOURS = {
    INK: "currentColor",
    GRID: "var(--grid)",
    FAINT: "var(--faint)",
    **{colour: f"var(--c{number})" for number, colour in enumerate(SERIES)},
}
"""Colours that no chart means: the page's own take their places."""
WIDTH = 4.1
"""Inches: as wide as a phone, so that letters keep their size there."""
MOST_LETTERS = 32
STYLE: Any = {
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "parity",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
}


def charts_of(report: ModelReport, sizes: Sequence[str], *, name: str) -> list[tuple[str, Markup]]:
    """(caption, SVG) of every chart that a model's facts give; `name`: what its ids begin with."""
    caption = "How far answers are from the original's: rows of each runtime by size of the difference."
    made = [(caption, _spread(report, sizes))]
    made += _curves(report.evidence, "data the model never saw")
    return [(caption, svg(figure, caption, f"{name}-{number}")) for number, (caption, figure) in enumerate(made)]


def curves_of(evidence: Evidence, *, on: str, name: str) -> list[tuple[str, Markup]]:
    """(caption, SVG) of the curves of some evidence; `on`: what it is of, `name`: what its ids begin with."""
    made = _curves(evidence, on)
    return [(caption, svg(figure, caption, f"{name}-{number}")) for number, (caption, figure) in enumerate(made)]


def _curves(evidence: Evidence, on: str) -> list[tuple[str, Figure]]:
    made = []
    if evidence.reliability:
        caption = f"Reliability on {on}: share that came true in each bin of confidence, 95 % interval."
        made.append((caption, _reliability(evidence.reliability)))
    made += [
        (f"Forecast against outcome, {curve.name}: what came, what was forecast, {curve.interval}.", _forecast(curve))
        for curve in evidence.forecasts
    ]
    return made


def svg(figure: Figure, label: str, name: str) -> Markup:
    """A figure as an SVG element with the page's colours, named for those who hear it, its ids its own."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    mark = re.sub(r"\W", "-", name)
    for identifier in set(re.findall(r" id=\"([^\"]+)\"", text)):
        kept = f' id="{mark}-{identifier}"' if identifier in used else ""
        text = text.replace(f' id="{identifier}"', kept)
    for identifier in used:
        text = text.replace(f"url(#{identifier})", f"url(#{mark}-{identifier})")
        text = text.replace(f'href="#{identifier}"', f'href="#{mark}-{identifier}"')
    for colour, ours in COLOURS.items():
        text = text.replace(colour, ours)
    head = f'<svg role="img" aria-label="{escape(label)}"'
    # matplotlib escapes every text that it writes; what is put in here is escaped above.
    return Markup(text.replace("<svg", head, 1))


def drawn(text: str) -> str:
    """A name as a chart can draw it: no control characters, no longer than a chart is wide."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= MOST_LETTERS else f"{shown[: MOST_LETTERS - 1]}…"


def _figure(height: float) -> tuple[Figure, Any]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
    return figure, axes


def _spread(report: ModelReport, sizes: Sequence[str]) -> Figure:
    ran = [(row.runtime, row.found.spread) for row in report.runtimes if row.found is not None]
    table = np.array([spread for _, spread in ran] or [[0] * len(sizes)], dtype=np.float64)
    used = np.flatnonzero(table.any(axis=0))
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    shown = sorted({0, *range(max(first, 1), last + 1)})
    with mpl.rc_context(STYLE):
        figure, axes = _figure(0.9 + 0.28 * len(table))
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


def _reliability(curves: Sequence[Reliability]) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = _figure(3.6)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
        for curve, colour, marker in zip(curves, SERIES, "os^D", strict=False):
            share = np.array(curve.share)
            bars = np.abs(np.array([curve.low, curve.high]) - share)
            axes.errorbar(
                curve.confidence,
                share,
                yerr=bars,
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.5,
                capsize=2,
                label=drawn(curve.name),
            )
        axes.set(xlabel="mean confidence", ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
        axes.grid(visible=True)
        axes.legend(frameon=False)
    return figure


def _forecast(curve: Forecasts) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = _figure(2.8)
        days = np.arange(len(curve.outcome))
        axes.fill_between(
            days, curve.lower, curve.upper, color=SERIES[0], alpha=0.25, linewidth=0, label=drawn(curve.interval)
        )
        axes.plot(days, curve.forecast, color=SERIES[0], linewidth=1.5, label="forecast")
        axes.plot(days, curve.outcome, color=SERIES[1], linewidth=1, linestyle="--", label="what came")
        axes.set(xlabel="day", ylabel=drawn(curve.unit))
        axes.grid(visible=True)
        axes.legend(frameon=False)
    return figure
