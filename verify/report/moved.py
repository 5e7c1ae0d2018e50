"""One input in words and as a picture: which columns moved the answer, and what is unusual about the input."""

import io
import math
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from export.artifact.manifest import Manifest
from export.papers.charts import drawn
from train.core.errors import PipelineError
from train.core.files import write_atomic
from train.core.novelty import squared_distance
from verify.proof.trees import Group
from verify.report.attribution import Attribution, attribute, seen_names
from verify.runtimes.flat_rows import tensor_shape
from verify.runtimes.original import Original

Floats = npt.NDArray[np.float64]
SHOWN = 12
"""Columns by name; the rest in one line."""


def attributions(original: Original, row: Floats) -> list[Attribution]:
    """Of every group of trees, for the class that the model is asked for, else the most probable one.

    Args:
        original: with trees.
        row: raw, float64 [column].
    """
    answers = original.answer(row[None, :])[0]
    output = 1 if original.second_class_only else int(np.argmax(answers)) if len(answers) > 1 else 0
    return [attribute(group, row, output=output) for group in weighed_groups(original)]


def weighed_groups(original: Original) -> list[Group]:
    """Groups of trees that know how many training rows came through each node; dumps of boosters do not say it."""
    return [group for group in original.groups if np.isfinite(group.trees[0].cover).all()]


def moved_lines(original: Original, row: Floats, names: list[str], base: Floats) -> list[str]:
    """In words, largest share first; a line that sums up.

    Args:
        original: with trees.
        row: raw, float64 [column].
        names: of the raw columns.
        base: rows like those of the training data, to find out what each column that the trees see is made of.
    """
    lines = []
    answers = original.answer(row[None, :])[0]
    for group, found in zip(weighed_groups(original), attributions(original, row), strict=True):
        if not found.sums:
            lines.append(f"{found.name}: its trees are weighted: no shares that sum to its answer")
            continue
        called = seen_names(group, base, names)
        order = np.argsort(-np.abs(found.shares), kind="stable")
        lines.append(f"{found.name}: what moved its {found.scale}, from {found.base:.6g} with nothing known:")
        lines += [
            f"  {called[i]} = {_raw(row, names, called[i], found.seen[i])}: {found.shares[i]:+.6g}"
            for i in order[:SHOWN]
        ]
        if len(order) > SHOWN:
            lines.append(f"  {len(order) - SHOWN} more columns: {found.shares[order[SHOWN:]].sum():+.6g}")
        lines.append(f"  in all: {found.base + found.shares.sum():.6g}, its {found.scale} {found.value:.6g}")
        if not np.isclose(answers, found.value, rtol=1e-9, atol=1e-12).any():
            lines.append(f"  what follows the trees makes {', '.join(f'{a:.6g}' for a in answers)} of it")
    return lines or [f"{original.name}: no trees whose shares sum to its answer (none, weighted ones, or a booster's)"]


def _raw(row: Floats, names: list[str], called: str, seen: float) -> str:
    return f"{row[names.index(called)]:.6g}" if called in names else f"{seen:.6g}"


def replaced_lines(original: Original, manifest: Manifest, row: Floats, base: Floats) -> list[str]:
    """Of a model without trees: how the first answer moves when a column has its average of the golden cases instead.

    These do not sum to the answer: columns act together.

    Args:
        original: a network.
        manifest: of its version.
        row: flat, float64 [width].
        base: golden inputs, flat.
    """
    tensors = [(tensor, tensor_shape(tensor)) for tensor in manifest.inputs if tensor.columns]
    start, lines, answer = 0, [], float(original.answer(row[None, :])[0, 0])
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that no golden case has is NaN
        average = np.nanmean(base, axis=0)
    for tensor, shape in tensors:
        size = math.prod(shape)
        for place, column in enumerate(tensor.columns):
            changed = row.copy()
            cells = np.arange(start + place, start + size, len(tensor.columns))
            known = ~np.isnan(row[cells])
            changed[cells[known]] = np.nanmean(average[cells])
            moved = answer - float(original.answer(changed[None, :])[0, 0])
            lines.append((abs(moved), f"  {column.name}: {moved:+.6g}"))
        start += size
    if not lines:
        return []
    head = f"what its first answer, {answer:.6g}, has from each column beside the column's average (no sum):"
    return [head, *(said for _, said in sorted(lines, reverse=True)[:SHOWN])]


def unusual_lines(manifest: Manifest, row: Floats) -> list[str]:
    """Values outside the range of training, missing ones, and a row unlike training though each value is within."""
    columns = [column for tensor in manifest.inputs for column in tensor.columns]
    if len(columns) != len(row):
        return []
    lines = []
    for column, value in zip(columns, row.tolist(), strict=True):
        low, high = column.trained_minimum, column.trained_maximum
        if np.isnan(value):
            lines.append(f"{column.name} is missing")
        elif low is not None and high is not None and not low <= value <= high:
            lines.append(f"{column.name} = {value:.6g} lies outside the {low:.6g} to {high:.6g} of training")
    novelty = manifest.novelty
    if novelty is not None and not lines:
        distance = float(squared_distance(novelty, row[None, :])[0])
        if distance > novelty.threshold:
            lines.append(
                f"each value was seen in training, but not together: squared distance {distance:.4g}, 99.9 % of the "
                f"training rows are within {novelty.threshold:.4g}"
            )
    return [f"unusual: {line}" for line in lines] or ["nothing unusual about the input"]


def draw_moved(path: Path, original: Original, row: Floats, names: list[str], base: Floats) -> None:
    """The same as a picture, PNG or SVG by the file's ending: from the base to the answer, a bar for each column.

    Raises:
        PipelineError: the model has no trees whose shares sum up, or the file ends otherwise.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise PipelineError(f"{path}: --picture names a .png or .svg file")
    drawable = [(g, a) for g, a in zip(weighed_groups(original), attributions(original, row), strict=True) if a.sums]
    if not drawable:
        raise PipelineError(f"{path}: {original.name} has no trees whose shares could be drawn; leave out --picture")
    figure = Figure(
        figsize=(7, 0.8 + sum(0.9 + 0.3 * min(len(a.shares), SHOWN) for _, a in drawable)), layout="constrained"
    )
    panels = np.atleast_1d(figure.subplots(len(drawable), 1))
    for panel, (group, found) in zip(panels, drawable, strict=True):
        called = seen_names(group, base, names)
        order = np.argsort(-np.abs(found.shares), kind="stable")[:SHOWN]
        steps = found.shares[order]
        starts = found.base + np.concatenate([[0.0], np.cumsum(steps)[:-1]])
        labels = [drawn(f"{called[i]} = {_raw(row, names, called[i], found.seen[i])}") for i in order]
        panel.barh(range(len(order)), steps, left=starts, color=["#1f5f99" if s >= 0 else "#b1480e" for s in steps])
        panel.axvline(found.base, color="0.6", linewidth=1)
        panel.axvline(found.value, color="0.2", linewidth=1, linestyle="--")
        panel.set_yticks(range(len(order)), labels, parse_math=False)
        panel.invert_yaxis()
        title = f"{drawn(found.name)}: from {found.base:.4g} to {found.value:.4g} ({found.scale})"
        panel.set_title(title, fontsize=10, parse_math=False)
        panel.use_sticky_edges = False
        panel.margins(x=0.05)
        panel.grid(axis="x", alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else {"Software": None})
    write_atomic(path, buffer.getvalue())
