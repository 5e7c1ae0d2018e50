"""The report as one HTML file that needs nothing else, and as JSON; every text that comes from a file is escaped."""

import base64
from collections.abc import Sequence
from pathlib import Path

import jinja2

from export.papers.page import printable, style
from train import registry
from train.core.errors import PipelineError
from train.core.files import json_bytes, write_atomic
from verify.check.check_model import Checked
from verify.check.golden import golden_tensors
from verify.report.charts import charts_of
from verify.report.facts import Found, ModelReport, Report
from verify.report.runtimes import share

TEMPLATE = Path(__file__).with_name("page.html")
CLASSES = {"in parity": "good", "not in parity": "bad", "could not check": "unknown", "not run": "unknown"}
SIGNS = {"in parity": "✓", "not in parity": "✗", "could not check": "?", "not run": "–"}


def report_writer(path: Path) -> str:
    """What a report's place asks for, `.html` or `.json`, before any work is done.

    Raises:
        PipelineError: it ends otherwise.
    """
    kind = path.suffix.lower()
    if kind not in (".html", ".json"):
        raise PipelineError(f"{path}: --report names a .html or .json file")
    return kind


def write_report(path: Path, report: Report, models: Sequence[Checked]) -> None:
    """Write the report to `path`, whole or not at all, in the form that its ending asks for."""
    if report_writer(path) == ".json":
        write_atomic(path, json_bytes(report.model_dump(mode="json")))
    else:
        write_atomic(path, page(report, [_answer_picture(checked) for checked in models]))


def page(report: Report, pictures: Sequence[tuple[str, str]]) -> str:
    """The page; `pictures`: for each model a caption and a PNG in base64, or two empty texts."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = template.render(
        css=style(),
        report=report,
        charts=[charts_of(model, report.sizes, name=f"m{number}") for number, model in enumerate(report.models)],
        pictures=pictures,
        classes=CLASSES,
        signs=SIGNS,
        cells=_cells,
        allowed=_allowed,
    )
    return printable(text)


def _cells(found: Found | None) -> tuple[str, ...]:
    if found is None:
        return ("0", "", "", "", "", "")
    flipped = f"{sum(found.flipped.values()):,}" if found.flipped else "-"
    return (
        f"{found.rows:,}",
        share(found.bit_equal, found.rows),
        "NaN" if found.max_absolute is None else f"{found.max_absolute:.3g}",
        "of 0" if found.max_relative is None else f"{found.max_relative:.3g}",
        "NaN" if found.max_ulp is None else f"{found.max_ulp:,}",
        flipped,
    )


def _allowed(model: ModelReport) -> str:
    if model.absolute == model.relative == 0.0:
        return "nothing, bit for bit"
    return f"|x - y| <= {model.absolute:g} + {model.relative:g} |y|"


def _answer_picture(checked: Checked) -> tuple[str, str]:
    """What the model's own folder draws of an answer; nothing for a model that draws none."""
    model = registry.models().get(checked.manifest.model)
    if model is None:
        return "", ""
    outputs = golden_tensors(checked.folder, checked.manifest)[1]
    caption, png = model.picture(checked.manifest.settings, outputs) or ("", b"")
    return caption, base64.b64encode(png).decode()
