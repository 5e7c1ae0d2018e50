"""A log against the manifest of a version: columns, shares, and what of it has moved."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from export.artifact.manifest import ColumnEntry, Manifest
from train.core.config_sections import Drift as Thresholds
from train.core.errors import PipelineError
from train.core.novelty import squared_distance
from train.core.records.distribution import ColumnDistribution, Floats, flat_answers
from train.core.records.live_log import LiveLog
from train.core.records.live_window import answered_by, outputs_of
from verify.drift.facts import ColumnDrift, Drift, Quality, Share
from verify.drift.statistics import SURE, distance

POINTS = 21
"""Of the quantiles in a report."""
FALLBACK, NOVELTY, OUTSIDE = (
    "answers of a fallback",
    "rows unlike training",
    "rows with a value outside training's range",
)


def input_columns(manifest: Manifest) -> list[ColumnEntry]:
    """The columns that a log names: those of all inputs."""
    return [column for tensor in manifest.inputs for column in tensor.columns]


def logged_names(manifest: Manifest, *, by_column: bool) -> list[str]:
    """What the inputs of an answer are called in a log.

    Args:
        manifest: of the model.
        by_column: always as columns, as a model with a face of its own logs them; else a tensor whose row is not just
            its columns stands under its own name.
    """
    names = []
    for tensor in manifest.inputs:
        free = any(isinstance(axis, str) for axis in tensor.shape[1:])
        width = 0 if free else math.prod(axis for axis in tensor.shape[1:] if isinstance(axis, int))
        flat = bool(tensor.columns) and len(tensor.columns) == width
        names += [column.name for column in tensor.columns] if by_column or flat else [tensor.name]
    return names


def measured(
    log: LiveLog, manifest: Manifest, version: str, *, thresholds: Thresholds, quality: Quality | None = None
) -> Drift:
    """Everything that can be told of the log.

    Args:
        log: answers of the manifest's model, of any version.
        manifest: what they are held against.
        version: the manifest's; of its answers alone are the answers held against training's.
        thresholds: what counts as moved.
        quality: what is known of outcomes.

    Raises:
        PipelineError: the log holds fewer answers than `least_rows`.
    """
    if len(log.rows) < thresholds.least_rows:
        raise PipelineError(
            f"{', '.join(map(str, log.paths[:3]))}: {len(log.rows):,} answers of {log.model}; fewer than "
            f"{thresholds.least_rows:,} say nothing (drift.least_rows)"
        )
    columns = [*_inputs(log, manifest, thresholds), *_answers(log, manifest, version, thresholds)]
    shares = _shares(log, manifest, thresholds)
    moved = [_says(column) for column in columns if column.moved]
    moved += [f"{share.name}: {share.value:.1%}, allowed {share.allowed:.1%}" for share in shares if share.moved]
    if quality is not None:
        moved += [
            f"{one.measure}: {one.loss:.4g}, worse than {one.baseline} ({one.baseline_loss:.4g})"
            for one in quality.skill
            if one.worse
        ]
        moved += [
            f"{one.name}: {one.value:.3f} ({one.low:.3f} to {one.high:.3f}), should be {one.expected:g}"
            for one in quality.calibration
            if one.off
        ]
    times = [row.time for row in log.rows]
    return Drift(
        model=log.model,
        version=version,
        first=min(times).isoformat(timespec="seconds"),
        last=max(times).isoformat(timespec="seconds"),
        rows=len(log.rows),
        by_version=dict(Counter(row.version or "fallback" for row in log.rows).most_common()),
        skipped=log.skipped.report(),
        columns=columns,
        shares=shares,
        quality=quality,
        moved=moved,
    )


def _says(column: ColumnDrift) -> str:
    found = [
        f"PSI {column.psi:.2f}" if column.psi is not None else "",
        f"KS {column.ks:.2f}" if column.ks is not None else "",
    ]
    medians = ""
    if column.trained and column.live:
        medians = f", median {column.live[POINTS // 2]:.4g}, was {column.trained[POINTS // 2]:.4g}"
    return f"{column.side} {column.name}: {', '.join(one for one in found if one)}{medians}"


def _inputs(log: LiveLog, manifest: Manifest, thresholds: Thresholds) -> list[ColumnDrift]:
    known = manifest.training.distribution
    found = []
    for column in input_columns(manifest):
        if column.name not in log.rows[0].inputs:
            continue  # a tensor of several rows of columns, which stands in the log under its own name
        values = log.column(column.name)
        training = None if known is None else known.inputs.get(column.name)
        found.append(_column(column.name, "input", values, training, thresholds, outside=_outside(values, column)))
    return found


def _answers(log: LiveLog, manifest: Manifest, version: str, thresholds: Thresholds) -> list[ColumnDrift]:
    known = manifest.training.distribution
    own = answered_by(log, version)
    if known is None or not own.rows:
        return []
    names = [tensor.name for tensor in manifest.outputs if tensor.name in own.rows[0].answer]
    answers = flat_answers(outputs_of(own.rows, names))
    return [
        _column(name, "answer", values, known.answers[name], thresholds)
        for name, values in answers.items()
        if name in known.answers
    ]


def _column(
    name: str,
    side: str,
    values: Floats,
    training: ColumnDistribution | None,
    thresholds: Thresholds,
    *,
    outside: Floats | None = None,
) -> ColumnDrift:
    finite = values[np.isfinite(values)]
    away = None if outside is None else float(outside.mean())
    missing = 1.0 - len(finite) / len(values)
    live = np.quantile(finite, np.linspace(0.0, 1.0, POINTS)).tolist() if len(finite) else []
    shared: dict[str, Any] = {"name": name, "side": side, "outside": away, "missing": missing, "live": live}
    if training is None:
        return ColumnDrift(**shared, psi=None, ks=None, ks_p=None, trained=[], moved=False)
    places = np.linspace(0, len(training.quantiles) - 1, POINTS).astype(int)
    found = distance(training, values)
    moved = found.psi > thresholds.psi + found.psi_by_chance or (found.ks > thresholds.ks and found.ks_p < SURE)
    return ColumnDrift(
        **shared,
        psi=found.psi,
        ks=None if np.isnan(found.ks) else found.ks,
        ks_p=None if np.isnan(found.ks_p) else found.ks_p,
        trained=[training.quantiles[place] for place in places],
        moved=bool(moved),
    )


def _outside(values: Floats, column: ColumnEntry) -> Floats | None:
    if column.trained_minimum is None or column.trained_maximum is None:
        return None
    beyond = (values < column.trained_minimum) | (values > column.trained_maximum)
    return np.asarray(beyond, dtype=np.float64)


def _shares(log: LiveLog, manifest: Manifest, thresholds: Thresholds) -> list[Share]:
    columns = input_columns(manifest)
    table = log.table([column.name for column in columns])
    beyond = [_outside(table[:, place], column) for place, column in enumerate(columns)]
    known = {column.name: one for column, one in zip(columns, beyond, strict=True) if one is not None}
    outside = np.zeros(len(log.rows)) if not known else np.max(list(known.values()), axis=0)
    worst = sorted(known, key=lambda name: -float(known[name].mean()))[:3]
    note = ", ".join(f"{name} {known[name].mean():.1%}" for name in worst if known[name].any())
    found = [_share(OUTSIDE, outside if known else None, thresholds.outside, note)]
    novel = None
    if manifest.novelty is not None and len(manifest.novelty.scale) == table.shape[1]:
        distances = squared_distance(manifest.novelty, table)
        # A row outside of a range is unlike the others anyway, and counted above: so does the runtime.
        novel = ((distances > manifest.novelty.threshold) & (outside == 0.0)).astype(np.float64)
    found.append(_share(NOVELTY, novel, thresholds.novelty, "0.1% in training" if novel is not None else ""))
    by_fallback = np.array([row.fallback for row in log.rows], dtype=np.float64)
    causes = Counter(text for row in log.rows if row.fallback for text in row.warnings if text.startswith("fallback: "))
    why = causes.most_common(1)[0][0] if causes else ""
    found.append(_share(FALLBACK, by_fallback, thresholds.fallback, why))
    return found


def _share(name: str, values: Floats | None, allowed: float, note: str) -> Share:
    value = None if values is None else float(values.mean())
    return Share(name=name, value=value, allowed=allowed, moved=value is not None and value > allowed, note=note)


def names_moved(found: Sequence[Drift]) -> list[str]:
    """A line for whatever moved, of every model."""
    return [f"{one.model} {one.version}: {line}" for one in found for line in one.moved]
