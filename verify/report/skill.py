"""`verify skill`: the version in use on your own series, beside simple rivals; figures, tests and a picture."""

import argparse
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from rich.table import Table

from export.artifact.manifest import GRAPH_FILE, Manifest, read_manifest
from export.artifact.version_folder import CURRENT, version_folder
from train.config import default_config
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import read_bytes, write_atomic
from train.core.records.skill import OURS, SIGNIFICANT, SeriesSkill
from train.core.tables.calendar import WEEKDAYS
from train.model import Model
from train.registry import model_named, models
from verify.report.tables import console
from verify.runtimes.flat_rows import join_rows, split_rows, tensor_shape
from verify.runtimes.onnxruntime_session import flat_session

PICTURES = (".svg", ".html")
SHOWN_DAYS = 500
"""The newest days of a series that the picture shows."""
PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Forecasts against what came</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd }
td { text-align: right; font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }
</style></head><body><h1>{{ title }}</h1>
<table><tr>{% for h in headings %}<th>{{ h }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{% for line in notes %}<p>{{ line }}</p>{% endfor %}
{{ picture | safe }}
</body></html>
"""


def run_skill(options: argparse.Namespace) -> int:
    """Print the table of every file that can be scored.

    Returns:
        0; 2 when a file could not be scored; 1 with `--gate` when a simple rival did better, and not by chance.
    """
    if options.picture is not None and options.picture.suffix not in PICTURES:
        raise PipelineError(f"--picture {options.picture}: must end in {' or '.join(PICTURES)}")
    model = _model(options.model)
    folder = version_folder(options.artifacts / model.name, CURRENT)
    if folder is None:
        raise PipelineError(f"{options.artifacts / model.name}: no version in use; run `make`")
    manifest = read_manifest(folder)
    scored: list[SeriesSkill] = []
    refused: list[str] = []
    answer = _answer(folder, manifest)
    calendar = options.calendar or default_config().runtime.calendar or WEEKDAYS
    for path in options.files:
        try:
            scored.append(
                model.skill(
                    path, manifest.settings, answer, history=options.history, first=options.first, calendar=calendar
                )
            )
        except (PipelineError, OSError) as error:
            reason = str(error) if isinstance(error, PipelineError) else f"{path}: {error.strerror or error}"
            refused.append(reason)
    if options.json:
        sys.stdout.write(json.dumps(as_json(f"{model.name} {folder.name}", scored, refused), indent=2) + "\n")
    elif scored:
        _print(f"{model.name} {folder.name}", scored)
    if options.picture is not None and scored:
        write_picture(options.picture, f"{model.name} {folder.name}", scored)
        cli.show(f"{options.picture}: written")
    for reason in refused:
        cli.fail(reason)
    if refused:
        return cli.EXIT_COULD_NOT
    beaten = any(row.beaten_by() for one in scored for row in one.rows)
    return cli.EXIT_NOT_IN_PARITY if options.gate and beaten else cli.EXIT_GOOD


def as_json(title: str, scored: list[SeriesSkill], refused: list[str]) -> dict[str, Any]:
    """The whole table; names of fields are those of the records."""
    series = [
        {
            "series": one.name,
            "warnings": one.warnings,
            "horizons": [
                {
                    "ahead": row.ahead,
                    "days": row.days,
                    "ratios": row.ratios,
                    "tests": {name: {"statistic": value, "p": p} for name, (value, p) in row.tests.items()},
                    "coverage": dict(zip(("all", "first_half", "second_half"), row.coverage, strict=True)),
                    "beaten_by": row.beaten_by(),
                }
                for row in one.rows
            ],
        }
        for one in scored
    ]
    return {"version": title, "series": series, "refused": refused}


def lines_of(scored: list[SeriesSkill]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: errors over those of "no change", each rival's with the p of the test, coverage in percent."""
    rivals = list(scored[0].rows[0].tests)
    headings = ["series", "ahead", "days", OURS, *rivals, "in the 80 % interval", "halves"]
    rows = []
    for one in scored:
        for row in one.rows:
            whole, *halves = (f"{100 * share:.1f}" for share in row.coverage)
            cells = [f"{row.ratios[name]:.3f} (p {row.tests[name][1]:.3f})" for name in rivals]
            found = [one.name, str(row.ahead), f"{row.days:,}", f"{row.ratios[OURS]:.3f}", *cells]
            rows.append([*found, f"{whole} %", " / ".join(halves)])
    return headings, rows


def notes_of(scored: list[SeriesSkill]) -> list[str]:
    """Warnings, and who did better."""
    lines = [f"warning: {one.name}: {line}" for one in scored for line in one.warnings]
    for one in scored:
        for row in one.rows:
            if row.beaten_by():
                names = ", ".join(row.beaten_by())
                lines.append(
                    f"{one.name}, {row.ahead} days ahead: {names} did better than the model (p < {SIGNIFICANT})"
                )
    return lines


def _print(title: str, scored: list[SeriesSkill]) -> None:
    headings, rows = lines_of(scored)
    table = Table(title=f"{title}: squared errors relative to no change", title_justify="left")
    for number, name in enumerate(headings):
        table.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console().print(table)
    for line in notes_of(scored):
        console().print(line, markup=False)


def write_picture(path: Path, title: str, scored: list[SeriesSkill]) -> None:
    """Forecast and interval against what came, the newest days of each series, as SVG or within a page."""
    picture = _svg(scored)
    if path.suffix == ".svg":
        write_atomic(path, picture)
        return
    headings, rows = lines_of(scored)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    inline = picture.decode()
    page = environment.from_string(PAGE).render(
        title=title, headings=headings, rows=rows, notes=notes_of(scored), picture=inline[inline.index("<svg") :]
    )
    write_atomic(path, page)


def _svg(scored: list[SeriesSkill]) -> bytes:
    panels = [(one, row.ahead) for one in scored for row in one.rows]
    figure = Figure(figsize=(11, 2.4 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (one, ahead) in zip(axes, panels, strict=True):
        dates = np.array(one.dates[ahead][-SHOWN_DAYS:], dtype="datetime64[D]")
        curves = {name: values[-SHOWN_DAYS:] for name, values in one.curves[ahead].items()}
        axis.fill_between(dates, curves["lower"], curves["upper"], alpha=0.2, linewidth=0, label="80 % interval")
        axis.plot(dates, curves["outcome"], color="black", linewidth=0.8, label="what came")
        axis.plot(dates, curves["predicted"], linewidth=0.8, label="forecast")
        # A name comes from a file: it is no formula.
        axis.set_title(f"{one.name}, {ahead} days ahead".replace("$", r"\$"), fontsize=9, loc="left")
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=8, loc="upper left")
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "skill"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _model(name: str | None) -> Model:
    """The one asked for, or the first that can be scored on a series."""
    if name is not None:
        return model_named(name)
    able = [model for model in models().values() if model.scores_series]
    if not able:
        raise PipelineError("skill: no model here forecasts series")
    return able[0]


def _answer(folder: Path, manifest: Manifest) -> Any:
    session = flat_session(
        read_bytes(folder / GRAPH_FILE),
        manifest.inputs,
        manifest.outputs,
        threads=manifest.session.intra_op_num_threads,
    )
    inputs = [(tensor.name, tensor_shape(tensor)) for tensor in manifest.inputs]
    outputs = [(tensor.name, tensor_shape(tensor)) for tensor in manifest.outputs]

    def answer(tensors: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, npt.NDArray[np.float64]]:
        return split_rows(session(join_rows(tensors, inputs)), outputs)

    return answer
