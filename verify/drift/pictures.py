"""The pictures of a drift report, for its page."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from export.papers.charts import FAINT, SERIES, STYLE, WIDTH, drawn, evidence_figures, new_figure, svg
from verify.drift.facts import ColumnDrift, Drift, Period

PAPER = {
    "currentColor": "#1b1f24",
    "var(--grid)": "#d5dae0",
    "var(--faint)": "#67707b",
    "var(--c0)": "#1f5f99",
    "var(--c1)": "#b1480e",
    "var(--c2)": "#2b7a3d",
    "var(--c3)": "#7a3d99",
}
"""The page's colours by day, for a file of its own."""
MOST_COLUMNS = 6
"""Whose distributions are drawn: those that moved most."""


def pictures_of(drift: Drift, *, psi: float, name: str) -> list[tuple[str, Markup]]:
    """(caption, SVG) of everything worth a look; `psi`: the threshold, `name`: what ids begin with."""
    made = []
    known = [column for column in drift.columns if column.psi is not None]
    if known:
        caption = f"How far each column is from training: population stability index, dotted: {psi:g} is let pass."
        made.append((caption, _indices(known, psi)))
    most = sorted(known, key=lambda column: -(column.psi or 0.0))[:MOST_COLUMNS]
    for column in (one for one in most if one.live):
        caption = f"{drawn(column.name)}: share of values below, in training and live."
        made.append((caption, _distribution(column)))
    quality = drift.quality
    if quality is not None and len(quality.periods) > 1:
        made += [
            (
                f"{measure} of live answers in time, beside the baselines; lower is better.",
                _losses(quality.periods, measure),
            )
            for measure in quality.periods[0].losses
        ]
        made += [
            (f"{one.name} in time; dotted: what it should be.", _calibration(quality.periods, one.name, one.expected))
            for one in quality.calibration
        ]
    if quality is not None:
        made += evidence_figures(quality.evidence, "live answers")
    return [(caption, svg(figure, caption, f"{name}-{number}")) for number, (caption, figure) in enumerate(made)]


def overview(drift: Drift, *, psi: float) -> str:
    """The most of it in one picture, as an SVG file with colours of its own."""
    known = [column for column in drift.columns if column.psi is not None]
    most = sorted((one for one in known if one.live), key=lambda column: -(column.psi or 0.0))[:3]
    periods = drift.quality.periods if drift.quality is not None else []
    measures = list(periods[0].losses)[:1] if len(periods) > 1 else []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2 * WIDTH, 5.6), layout="constrained")
        axes = figure.subplots(2, 2).reshape(-1)
        _draw_indices(axes[0], known, psi)
        for place, column in zip(axes[1:], most, strict=False):
            _draw_distribution(place, column)
        for place, measure in zip(axes[3:], measures, strict=False):
            place.clear()
            _draw_losses(place, periods, measure)
        for place in axes[1 + len(most) + (1 if len(most) < 3 else 0) * len(measures) :]:
            place.remove()
        title = f"{drift.model} {drift.version}: {drift.rows:,} answers, {len(drift.moved)} moved"
        figure.suptitle(drawn(title) if len(title) > 90 else title, fontsize=11)
    text = str(svg(figure, f"Drift of {drift.model}", "overview"))
    for ours, colour in PAPER.items():
        text = text.replace(ours, colour)
    return text.replace("<svg", '<svg style="background: #ffffff"', 1)


def _indices(columns: Sequence[ColumnDrift], threshold: float) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(0.9 + 0.28 * len(columns))
        _draw_indices(axes, columns, threshold)
    return figure


def _draw_indices(axes: Any, columns: Sequence[ColumnDrift], threshold: float) -> None:
    if columns:
        # The smallest are one pixel: zero on a scale of logarithms.
        values = [max(column.psi or 0.0, 1e-3) for column in columns]
        colours = [SERIES[1] if column.moved else SERIES[0] for column in columns]
        axes.barh(range(len(columns)), values, color=colours, height=0.7)
        axes.axvline(threshold, color=FAINT, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.set_yticks(range(len(columns)), [drawn(column.name) for column in columns])
        axes.invert_yaxis()
        axes.set_xlabel("population stability index (second colour: moved)")
        axes.grid(axis="x")


def _distribution(column: ColumnDrift) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(2.6)
        _draw_distribution(axes, column)
    return figure


def _draw_distribution(axes: Any, column: ColumnDrift) -> None:
    for label, values, colour, line in (
        ("training", column.trained, SERIES[0], "-"),
        ("live", column.live, SERIES[1], "--"),
    ):
        axes.plot(values, np.linspace(0.0, 1.0, len(values)), color=colour, linestyle=line, label=label)
    axes.set(xlabel=drawn(column.name), ylabel="share of values below", ylim=(0, 1))
    axes.grid(visible=True)
    axes.legend(frameon=False)


def _losses(periods: Sequence[Period], measure: str) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(2.6)
        _draw_losses(axes, periods, measure)
    return figure


def _draw_losses(axes: Any, periods: Sequence[Period], measure: str) -> None:
    if periods:
        curves = {"live answers": [period.losses.get(measure, np.nan) for period in periods]}
        for baseline in periods[0].baselines:
            curves[baseline] = [period.baselines.get(baseline, {}).get(measure, np.nan) for period in periods]
        for (label, values), colour, marker in zip(curves.items(), SERIES, "os^D", strict=False):
            axes.plot(range(len(periods)), values, color=colour, marker=marker, markersize=4, label=drawn(label))
        _dates(axes, periods)
        axes.set_ylabel(drawn(measure))
        axes.legend(frameon=False)


def _calibration(periods: Sequence[Period], name: str, expected: float) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(2.6)
        values = [period.calibration.get(name, np.nan) for period in periods]
        axes.plot(range(len(periods)), values, color=SERIES[0], marker="o", markersize=4)
        axes.axhline(expected, color=FAINT, linestyle=":")
        _dates(axes, periods)
        axes.set_ylabel("mean")
    return figure


def _dates(axes: Any, periods: Sequence[Period]) -> None:
    axes.set_xticks(range(len(periods)), [period.first for period in periods], rotation=45, ha="right")
    axes.grid(visible=True)
