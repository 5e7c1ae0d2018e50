"""A drift report as one HTML file that needs nothing else, in the dress of the parity report."""

import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from verify.drift.facts import DriftReport
from verify.drift.pictures import pictures_of
from verify.report.html import TEMPLATE as PARITY_PAGE

TEMPLATE = Path(__file__).with_name("page.html")


def page(report: DriftReport) -> str:
    """The page; every text that comes from a file is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    style = re.search(r"<style>.*?</style>", PARITY_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        report=report,
        # Of this house's own template.
        style=Markup(style[0] if style else ""),
        charts=[
            pictures_of(drift, psi=report.thresholds["psi"], name=f"d{number}")
            for number, drift in enumerate(report.models)
        ],
        number=_number,
        percent=_percent,
    )
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
