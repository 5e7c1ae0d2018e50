"""The HTML report of a check: one file that needs nothing else; every text that comes from a file is escaped."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
import matplotlib as mpl
from matplotlib.figure import Figure

from train import registry
from train.core.files import write_atomic
from verify.check.check_model import Checked
from verify.check.golden import golden_tensors
from verify.report.tables import describe, figures, verdict

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Parity report</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } .bad { color: #b00020 } .good { color: #1b5e20 }
code { overflow-wrap: anywhere }
</style></head><body><h1>Parity report</h1>
{% for m in models %}
<h2>{{ m.name }} {{ m.version }}</h2>
<p class="{{ 'good' if m.proven else 'bad' }}"><b>{{ m.verdict }}</b></p>
<p>Original: {{ m.original or "missing" }}. Allowed: {{ m.tolerance }}.
{% for line in m.proof %}<br>{{ line }}.{% endfor %}</p>
<table><tr><th>rows from</th><th>runtime</th>{% for h in headings %}<th class="n">{{ h }}</th>{% endfor %}</tr>
{% for row in m.parity %}<tr><td>{{ row[0] }}</td><td>{{ row[1] }}</td>
{% for cell in row[2] %}<td class="n">{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{% for line in m.misses %}<p class="bad"><code>{{ line }}</code></p>{% endfor %}
<table><tr><th>quality on unseen data</th><th class="n">value</th><th class="n">95 % interval</th><th>baseline</th>
<th class="n">its value</th></tr>
{% for q in m.quality %}<tr><td>{{ q.metric }}</td><td class="n">{{ "%.4f" | format(q.value) }}</td>
<td class="n">{% if q.low is not none and q.high is not none %}{{ "%.4f" | format(q.low) }} to
{{ "%.4f" | format(q.high) }}{% endif %}</td>
<td>{{ q.baseline }}</td><td class="n">{{ "%.4f" | format(q.baseline_value) }}</td></tr>{% endfor %}</table>
{% if m.picture %}<p>{{ m.caption }}</p><img alt="{{ m.caption }}" src="data:image/png;base64,{{ m.picture }}">
{% endif %}
{% endfor %}
<img alt="Largest difference by family of rows and runtime" src="data:image/png;base64,{{ picture }}">
</body></html>
"""
HEADINGS = ("rows", "mismatched", "flipped", "largest difference", "in ulp")
NOTHING = 1e-18
"""Where a difference of zero is drawn on the logarithmic axis."""


def write_report(path: Path, models: Sequence[Checked]) -> None:
    """Write the report of one or more checks to `path`, whole or not at all."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(PAGE).render(
        models=[_facts(checked) for checked in models], headings=HEADINGS, picture=_picture(models)
    )
    write_atomic(path, page)


def _facts(checked: Checked) -> dict[str, object]:
    names = [column.name for tensor in checked.manifest.inputs for column in tensor.columns]
    results = [(f, r, result) for f, tally in checked.families.items() for r, result in tally.results.items()]
    misses = [f"{f}, {r}: {describe(row, names)}" for f, r, result in results for row in result.first]
    misses += [f"cause: {cause.name}: {cause.evidence}" for cause in checked.causes] + checked.refusals
    caption, png = _answer_picture(checked)
    return {
        "name": checked.manifest.model,
        "version": checked.folder.name,
        "verdict": verdict(checked),
        "proven": checked.proven,
        "original": checked.original,
        "tolerance": str(checked.tolerance),
        "proof": [line[0].upper() + line[1:] for line in checked.proof.lines()],
        "parity": [(family, runtime, figures(result)) for family, runtime, result in results],
        "misses": misses,
        "quality": checked.manifest.quality,
        "caption": caption,
        "picture": base64.b64encode(png).decode(),
    }


def _answer_picture(checked: Checked) -> tuple[str, bytes]:
    """What the model's own folder draws of an answer; nothing for a model that draws none."""
    model = registry.models().get(checked.manifest.model)
    if model is None:
        return "", b""
    outputs = golden_tensors(checked.folder, checked.manifest)[1]
    return model.picture(checked.manifest.settings, outputs) or ("", b"")


def _picture(models: Sequence[Checked]) -> str:
    """Largest difference of each family, as a base64 PNG."""
    bars = [
        (f"{checked.manifest.model}: {family}, {runtime}", max(min(result.max_abs, 1.0), NOTHING))
        for checked in models
        for family, tally in checked.families.items()
        for runtime, result in tally.results.items()
    ]
    with mpl.rc_context({"font.size": 8}):
        figure = Figure(figsize=(9, 0.6 + 0.2 * len(bars)), layout="constrained")
        axes = figure.subplots()
        axes.barh([name for name, _ in bars], [size for _, size in bars], color="#30638e")
        axes.set_xscale("log")
        axes.set_xlim(NOTHING, 1.0)
        axes.invert_yaxis()
        axes.set_xlabel("largest absolute difference from the original (left edge: none; right edge: 1 or more)")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()
