"""A log against the manifest of a version: columns, shares, and what of it has moved."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from export.artifact.manifest import ColumnEntry, Manifest
from train.core.config_sections import Drift as Thresholds
from train.core.errors import PipelineError
from train.core.novelty import squared_distance
from train.core.records.distribution import flat_answers
from train.core.records.live_log import LiveLog, number_of
from train.core.records.live_rows import LiveRow
from train.core.records.live_window import answered_by, outputs_of
from verify.drift.facts import ColumnDrift, Drift, Quality, Share
from verify.drift.statistics import SAMPLE, SURE, Counted

POINTS = 21
"""Of the quantiles in a report."""
MOST_CAUSES = 1000
"""Texts of fallbacks that are counted: a log may hold any."""
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


def wrong_kind(row: LiveRow, manifest: Manifest, version: str) -> str:
    """Why a row is no answer to what the manifest asks, though it is whole; empty where it is one.

    A word in the place of a number must not count as a missing value, and an answer without its outputs as none.
    """
    for tensor in manifest.inputs:
        for column in tensor.columns if tensor.dtype != "string" else ():
            value = row.inputs.get(column.name)
            if value is not None and np.isnan(number_of(value)):
                return f"input {column.name!r} is no number"
    if row.version == version and not row.fallback:
        for tensor in manifest.outputs:
            if tensor.name in row.answer and row.answer[tensor.name] is None:
                return f"answer {tensor.name!r} is null"
        if not any(tensor.name in row.answer for tensor in manifest.outputs):
            return "the answer holds none of the version's outputs"
    return ""


class Measurement:
    """What can be told of answers of a manifest's model, a part of the log at a time, in bounded memory."""

    def __init__(self, manifest: Manifest, version: str, *, thresholds: Thresholds) -> None:
        """Of nothing yet.

        Args:
            manifest: what the answers are held against.
            version: the manifest's; of its answers alone are the answers held against training's.
            thresholds: what counts as moved.
        """
        self._manifest, self._version, self._thresholds = manifest, version, thresholds
        self._columns = input_columns(manifest)
        known = manifest.training.distribution
        self._inputs = {one.name: Counted(known.inputs.get(one.name) if known else None) for one in self._columns}
        self._answers: dict[str, Counted] = {}
        self._names: list[str] | None = None
        self._asked: set[str] = set()
        self._beyond: Counter[str] = Counter()
        self._unlike = self._novel = self._fallbacks = self.rows = 0
        self._causes: Counter[str] = Counter()
        self._by_version: Counter[str] = Counter()
        self._times: tuple[dt.datetime, dt.datetime] | None = None

    def add(self, part: LiveLog) -> None:
        """More answers, in any order.

        Raises:
            PipelineError: an answer of the version is of another shape than the others.
        """
        if not part.rows:
            return
        if not self.rows:
            # A tensor of several rows of columns stands in the log under its own name.
            self._asked = {one.name for one in self._columns if one.name in part.rows[0].inputs}
        self.rows += len(part.rows)
        times = [row.time for row in part.rows] + list(self._times or ())
        self._times = min(times), max(times)
        self._by_version.update(row.version or "fallback" for row in part.rows)
        self._add_inputs(part)
        self._add_answers(part)
        for row in part.rows:
            self._fallbacks += row.fallback
            causes = [text for text in row.warnings if row.fallback and text.startswith("fallback: ")]
            self._causes.update(one for one in causes if one in self._causes or len(self._causes) < MOST_CAUSES)

    def _add_inputs(self, part: LiveLog) -> None:
        table = part.table([column.name for column in self._columns])
        outside = np.zeros(len(table), dtype=bool)
        for place, column in enumerate(self._columns):
            self._inputs[column.name].add(table[:, place])
            if limits := _limits(column):
                beyond = (table[:, place] < limits[0]) | (table[:, place] > limits[1])
                self._beyond[column.name] += int(beyond.sum())
                outside |= beyond
        self._unlike += int(outside.sum())
        novelty = self._manifest.novelty
        if novelty is not None and len(novelty.scale) == table.shape[1]:
            # A row outside of a range is unlike the others anyway, and counted above: so does the runtime.
            self._novel += int(((squared_distance(novelty, table) > novelty.threshold) & ~outside).sum())

    def _add_answers(self, part: LiveLog) -> None:
        known = self._manifest.training.distribution
        own = answered_by(part, self._version)
        if known is None or not own.rows:
            return
        if self._names is None:
            self._names = [one.name for one in self._manifest.outputs if one.name in own.rows[0].answer]
        found = flat_answers(outputs_of(own.rows, self._names))
        if self._answers and set(found) != set(self._answers):
            raise PipelineError(f"answer {own.rows[0].id}: is of another length than before")
        for name, values in found.items():
            self._answers.setdefault(name, Counted(known.answers.get(name))).add(values)

    def drift(self, log: LiveLog, quality: Quality | None = None) -> Drift:
        """The report.

        Args:
            log: what the answers came from, and what was left out of it.
            quality: what is known of outcomes.

        Raises:
            PipelineError: there are fewer answers than `least_rows`.
        """
        if self._times is None or self.rows < self._thresholds.least_rows:
            raise PipelineError(
                f"{', '.join(map(str, log.paths[:3]))}: {self.rows:,} answers of {log.model}; fewer than "
                f"{self._thresholds.least_rows:,} say nothing (drift.least_rows)"
                + "".join(f"; {line}" for line in log.skipped.report())
            )
        asked = {name: one for name, one in self._inputs.items() if name in self._asked}
        answered = {name: one for name, one in self._answers.items() if one.training is not None}
        columns = [self._column(name, "input", one) for name, one in asked.items()]
        columns += [self._column(name, "answer", one) for name, one in answered.items()]
        shares = self._shares()
        sampled = any(one.known > SAMPLE for one in [*asked.values(), *answered.values()])
        return Drift(
            model=log.model,
            version=self._version,
            first=self._times[0].isoformat(timespec="seconds"),
            last=self._times[1].isoformat(timespec="seconds"),
            rows=self.rows,
            by_version=dict(self._by_version.most_common()),
            skipped=log.skipped.report(),
            sampled=SAMPLE if sampled else 0,
            columns=columns,
            shares=shares,
            quality=quality,
            moved=_moved(columns, shares, quality),
        )

    def _column(self, name: str, side: str, counted: Counted) -> ColumnDrift:
        limited = next((one for one in self._columns if side == "input" and one.name == name and _limits(one)), None)
        shared: dict[str, Any] = {
            "name": name,
            "side": side,
            "outside": None if limited is None else self._beyond[name] / self.rows,
            "missing": counted.missing,
            "live": counted.quantiles(POINTS),
        }
        training, thresholds = counted.training, self._thresholds
        if training is None:
            return ColumnDrift(**shared, psi=None, ks=None, ks_p=None, trained=[], moved=False)
        places = np.linspace(0, len(training.quantiles) - 1, POINTS).astype(int)
        found = counted.distance()
        moved = found.psi > thresholds.psi + found.psi_by_chance or (found.ks > thresholds.ks and found.ks_p < SURE)
        return ColumnDrift(
            **shared,
            psi=found.psi,
            ks=None if np.isnan(found.ks) else found.ks,
            ks_p=None if np.isnan(found.ks_p) else found.ks_p,
            trained=[training.quantiles[place] for place in places],
            moved=bool(moved),
        )

    def _shares(self) -> list[Share]:
        manifest, allowed = self._manifest, self._thresholds
        limited = any(_limits(column) for column in self._columns)
        note = ", ".join(f"{name} {count / self.rows:.1%}" for name, count in self._beyond.most_common(3) if count)
        judged = manifest.novelty is not None and len(manifest.novelty.scale) == len(self._columns)
        causes = self._causes.most_common(1)
        return [
            self._share(OUTSIDE, self._unlike if limited else None, allowed.outside, note),
            self._share(
                NOVELTY, self._novel if judged else None, allowed.novelty, "0.1% in training" if judged else ""
            ),
            self._share(FALLBACK, self._fallbacks, allowed.fallback, causes[0][0] if causes else ""),
        ]

    def _share(self, name: str, count: int | None, allowed: float, note: str) -> Share:
        value = None if count is None else count / self.rows
        return Share(name=name, value=value, allowed=allowed, moved=value is not None and value > allowed, note=note)


def _limits(column: ColumnEntry) -> tuple[float, float] | None:
    if column.trained_minimum is None or column.trained_maximum is None:
        return None
    return column.trained_minimum, column.trained_maximum


def _moved(columns: Sequence[ColumnDrift], shares: Sequence[Share], quality: Quality | None) -> list[str]:
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
    return moved


def _says(column: ColumnDrift) -> str:
    found = [
        f"PSI {column.psi:.2f}" if column.psi is not None else "",
        f"KS {column.ks:.2f}" if column.ks is not None else "",
    ]
    medians = ""
    if column.trained and column.live:
        medians = f", median {column.live[POINTS // 2]:.4g}, was {column.trained[POINTS // 2]:.4g}"
    return f"{column.side} {column.name}: {', '.join(one for one in found if one)}{medians}"


def names_moved(found: Sequence[Drift]) -> list[str]:
    """A line for whatever moved, of every model."""
    return [f"{one.model} {one.version}: {line}" for one in found for line in one.moved]
