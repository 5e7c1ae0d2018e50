"""`model_card.md`: what a person wants to know of a version, from its manifest, `card.json` and its proof alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from export.artifact.manifest import Manifest
from train.core.records.evidence import Evidence, Forecasts, Reliability
from train.core.records.record import QualityRow

CARD_FILE, CARD_SOURCE_FILE = "model_card.md", "card.json"
CALIBRATION = "## Calibration"
"""The heading under which the page has its pictures."""


class CardSource(BaseModel):
    """What the card says that no other file of the version holds; `own`: a section of the model's own, as Markdown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str = ""
    own: list[str] = []
    evidence: Evidence = Evidence()


def model_card(manifest: Manifest, version: str, source: CardSource, proof: Mapping[str, Any] | None = None) -> str:
    """The card as Markdown; the same arguments give the same text.

    Args:
        manifest: of the version.
        version: its name.
        source: what only the card says.
        proof: `parity.json`; None before there is one.
    """
    training = manifest.training
    data = training.data
    chance = "" if training.random_state is None else f"; random state {training.random_state}"
    period = f", {data.first_date} to {data.last_date}" if data.first_date else ""
    lines = [
        f"# {manifest.model} {version}",
        "",
        *([source.purpose, ""] if source.purpose else []),
        f"- Estimator: {_text(training.estimator)}",
        f"- Data: {_text(data.source)}{f', {data.rows:,} rows' if data.rows else ''}{period}{chance}",
        *([f"- SHA-256 of the data: `{data.sha256}`"] if data.sha256 else []),
        f"- Original: {_text(manifest.parity.reference)}; parity: {_tolerance(manifest)}",
        f"- Grade: {_grade(manifest)}",
        f"- Graph: {manifest.graph.bytes:,} bytes, opset {_opset(manifest.graph.opset)}",
        f"- Trained with: {', '.join(f'{name} {number}' for name, number in training.libraries.items())}",
        "",
        *_quality(manifest.quality),
        *_calibration(source.evidence),
        *source.own,
        *_parity(proof),
        *_limits(manifest),
        *_repeat(manifest, version),
    ]
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    """A name from a file in a line of its own: no line breaks, no cells of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _tolerance(manifest: Manifest) -> str:
    if manifest.parity.absolute == manifest.parity.relative == 0:
        return "bit for bit"
    return f"absolute {manifest.parity.absolute:g}, relative {manifest.parity.relative:g}"


def _grade(manifest: Manifest) -> str:
    """Exact, or measured and how."""
    fields = manifest.settings.get("grade")
    if not isinstance(fields, dict) or fields.get("kind") != "measured":
        return "exact: every part is compiled by this project's own lowering"
    by = f" by {fields['converter']}" if fields["converter"] else ""
    return (
        f"measured: within {fields['absolute']:.3g}, {fields['how']}; "
        f"parts without an exact form{by}: {'; '.join(fields['parts'])}"
    )


def _opset(opset: dict[str, int]) -> str:
    return ", ".join(f"{domain or 'ai.onnx'} {number}" for domain, number in opset.items())


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:g} .. {high:g}"


def _quality(rows: Sequence[QualityRow]) -> list[str]:
    """The section on quality; none for a model whose quality nobody measured here."""
    if not rows:
        return []
    lines = [
        "## Quality on data the model never saw",
        "",
        "| metric | model | 95 % interval | baseline | its value |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        interval = "" if row.low is None or row.high is None else f"{row.low:.4f} .. {row.high:.4f}"
        lines.append(
            f"| {_text(row.metric)} | {row.value:.4f} | {interval} | {_text(row.baseline)} | {row.baseline_value:.4f} |"
        )
    return [*lines, ""]


def _calibration(evidence: Evidence) -> list[str]:
    """What the pictures of the page are drawn from, as tables."""
    if not (evidence.reliability or evidence.forecasts):
        return []
    lines = [CALIBRATION, ""]
    for curve in evidence.reliability:
        lines += _reliability(curve)
    for forecasts in evidence.forecasts:
        lines += _coverage(forecasts)
    return lines


def _reliability(curve: Reliability) -> list[str]:
    rows = zip(curve.confidence, curve.share, curve.low, curve.high, curve.rows, strict=True)
    return [
        f"Of {_text(curve.name)}, on data the model never saw:",
        "",
        "| mean confidence | share that came true | 95 % interval | rows |",
        "|---|---|---|---|",
        *(
            f"| {mean:.3f} | {share:.3f} | {low:.3f} .. {high:.3f} | {count:,} |"
            for mean, share, low, high, count in rows
        ),
        "",
    ]


def _coverage(curve: Forecasts) -> list[str]:
    inside = sum(low <= came <= high for low, came, high in zip(curve.lower, curve.outcome, curve.upper, strict=True))
    return [
        f"Of {_text(curve.name)}: {inside} of {len(curve.outcome)} outcomes lay in the {_text(curve.interval)}.",
        "",
    ]


def _parity(proof: Mapping[str, Any] | None) -> list[str]:
    lines = ["## Parity", ""]
    if proof is None:
        return [*lines, "Not proven yet: `python -m verify` proves it.", ""]
    splits = proof.get("splits", {})
    lines += ["| runtime | rows | mismatched | decisions flipped | largest difference |", "|---|---|---|---|---|"]
    for name, one in proof["runtimes"].items():
        largest = "NaN" if one.get("max_abs") is None else f"{one['max_abs']:.3g}"
        lines.append(f"| {_text(name)} | {one['rows']:,} | {one['mismatched']:,} | {one['flipped']:,} | {largest} |")
    if splits.get("all"):
        apart = f"{splits['told_apart']:,} of {splits['all']:,}"
        lines += ["", f"Splits told apart by rows: {apart}; undecided: {splits['undecided']:,}."]
    return [*lines, ""]


def _limits(manifest: Manifest) -> list[str]:
    """What is accepted, and what training has seen: beyond that an answer rests on nothing."""
    novel = " or jointly unlike the rows of training (`novelty`)" if manifest.novelty else ""
    lines = [
        "## Limits",
        "",
        f"Values beyond what is accepted are refused. A row outside of what training saw{novel} is answered with a "
        "warning, and its answer rests on no evidence. Quality was measured on the data named above, and on no other.",
        "",
        "| tensor | column | unit | accepted | seen in training | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for tensor in manifest.inputs:
        lines += [
            f"| {_text(tensor.name)} | {_text(column.name)} | {_text(column.unit or '')} | "
            f"{_range(column.minimum, column.maximum)} | {_range(column.trained_minimum, column.trained_maximum)} | "
            f"{_text(column.meaning)} |"
            for column in tensor.columns
        ]
    return [*lines, ""]


def _repeat(manifest: Manifest, version: str) -> list[str]:
    files = " --data FILES" if manifest.training.data.sha256 else ""
    lines = ["## How to repeat it", "", "```sh"]
    if manifest.training.provenance is not None:
        lines.append(f"python -m verify reproduce {manifest.model} {version}{files}")
    lines += [f"dollarbill-ml check artifacts/{manifest.model}/{version}", "```", ""]
    return lines
