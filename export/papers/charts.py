"""Pictures of a training's evidence as SVG inside a page: drawn by matplotlib, coloured by the page for both themes."""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from train.core.records.evidence import Evidence, Forecasts, Reliability

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


def evidence_figures(evidence: Evidence, on: str = "data the model never saw") -> list[tuple[str, Figure]]:
    """(caption, figure) of every curve of some evidence; `on`: what it is of."""
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


def new_figure(height: float) -> tuple[Figure, Any]:
    """A figure as wide as a phone, `height` inches high, and its axes."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
    return figure, axes


def _reliability(curves: Sequence[Reliability]) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(3.6)
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
        figure, axes = new_figure(2.8)
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
