"""`model_card.md`: what a person wants to know of a version, from its manifest and training record alone."""

from export.artifact.manifest import Manifest
from train.core.record import QualityRow, TrainingRecord


def model_card(manifest: Manifest, version: str, record: TrainingRecord) -> str:
    """The card as Markdown; the same manifest and record give the same text."""
    data = record.data
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
        f"- Data: {data.source}, {data.rows:,} rows{period}; random state {record.random_state}",
        f"- Original: {manifest.parity.reference}; parity: {tolerance}",
        f"- Graph: {manifest.graph.bytes:,} bytes, opset {_opset(manifest.graph.opset)}",
        f"- Trained with: {', '.join(f'{name} {number}' for name, number in record.libraries.items())}",
        "",
        "## Quality on data the model never saw",
        "",
        "| metric | model | 95 % interval | baseline | its value |",
        "|---|---|---|---|---|",
        *[_quality(row) for row in record.quality],
        "",
        *_surface(manifest),
        "## Inputs",
        "",
        "| tensor | column | unit | accepted | seen in training | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for tensor in manifest.inputs:
        lines += [
            f"| {tensor.name} | {column.name} | {column.unit} | {column.minimum:g} .. {column.maximum:g} | "
            f"{_range(column.trained_minimum, column.trained_maximum)} | {column.meaning} |"
            for column in tensor.columns
        ]
    return "\n".join([*lines, ""])


def _surface(manifest: Manifest) -> list[str]:
    """The grid of the forecast surface, for a model that has one."""
    if "tenor_days" not in manifest.settings:
        return []
    tenors, moneyness = (", ".join(f"{x:g}" for x in manifest.settings[name]) for name in ("tenor_days", "moneyness"))
    return [
        "## Surface",
        "",
        f"Implied volatility at {tenors} days to expiry and moneyness (strike / spot) {moneyness}, per horizon "
        f"({', '.join(str(days) for days in manifest.settings['horizons'])} trading days ahead). Free of calendar and "
        "butterfly arbitrage by construction, on the grid and between its points (total variance linear in the log of "
        "moneyness and in time); its mean is `predicted`.",
        "",
    ]


def _opset(opset: dict[str, int]) -> str:
    return ", ".join(f"{domain or 'ai.onnx'} {number}" for domain, number in opset.items())


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:g} .. {high:g}"


def _quality(row: QualityRow) -> str:
    interval = "" if row.low is None or row.high is None else f"{row.low:.4f} .. {row.high:.4f}"
    return f"| {row.metric} | {row.value:.4f} | {interval} | {row.baseline} | {row.baseline_value:.4f} |"
