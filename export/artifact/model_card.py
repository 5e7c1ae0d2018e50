"""`model_card.md`: what a person wants to know of a version, from its manifest and training record alone."""

from collections.abc import Sequence

from export.artifact.manifest import Manifest
from train.core.records.record import QualityRow, TrainingRecord


def model_card(manifest: Manifest, version: str, record: TrainingRecord, more: Sequence[str] = ()) -> str:
    """The card as Markdown, `more` being a section of the model's own; the same arguments give the same text."""
    data = record.data
    chance = "" if record.random_state is None else f"; random state {record.random_state}"
    period = f", {data.first_date} to {data.last_date}" if data.first_date else ""
    tolerance = (
        "bit for bit"
        if manifest.parity.absolute == manifest.parity.relative == 0
        else f"absolute {manifest.parity.absolute:g}, relative {manifest.parity.relative:g}"
    )
    lines = [
        f"# {manifest.model} {version}",
        "",
        f"- Estimator: {record.estimator}",
        f"- Data: {data.source}{f', {data.rows:,} rows' if data.rows else ''}{period}{chance}",
        f"- Original: {manifest.parity.reference}; parity: {tolerance}",
        f"- Grade: {_grade(manifest)}",
        f"- Graph: {manifest.graph.bytes:,} bytes, opset {_opset(manifest.graph.opset)}",
        f"- Trained with: {', '.join(f'{name} {number}' for name, number in record.libraries.items())}",
        "",
        *_quality(record.quality),
        *more,
        "## Inputs",
        "",
        "| tensor | column | unit | accepted | seen in training | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for tensor in manifest.inputs:
        lines += [
            f"| {tensor.name} | {column.name} | {column.unit or ''} | {_range(column.minimum, column.maximum)} | "
            f"{_range(column.trained_minimum, column.trained_maximum)} | {column.meaning} |"
            for column in tensor.columns
        ]
    return "\n".join([*lines, ""])


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
        lines.append(f"| {row.metric} | {row.value:.4f} | {interval} | {row.baseline} | {row.baseline_value:.4f} |")
    return [*lines, ""]
