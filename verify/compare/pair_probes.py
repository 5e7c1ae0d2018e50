"""What a comparison of two models needs to know of the original: how near is near enough, and telling rows."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from export.sklearn.boosters.table import closeness
from export.sklearn.columns.preprocess import input_width
from export.sklearn.compile import is_bit_exact
from export.sklearn.graded.measured import LARGEST_BOUND, MARGIN
from export.sklearn.graded.sample_rows import closed_columns, starting_rows
from train.core.errors import PipelineError
from verify.compare.onnx_file import ForeignGraph
from verify.comparison.parity import Tolerance
from verify.proof.accepted_rows import accepted_answers
from verify.proof.probes import Probes, Span, tree_probes, visiting_rows
from verify.runtimes.original import Original

Floats = npt.NDArray[np.float64]
SEEN_ROWS = 4000
"""Of the first look at where the splits are."""
TRIED = 16
"""Rows of which one must be answered before categories are asked for."""


def tolerance_of(original: Original, graph: ForeignGraph | None = None) -> Tolerance:
    """Bit for bit for a forest or a tree, else a relative and absolute 1e-12; what a measured graph says of itself.

    Raises:
        PipelineError: it says more than rounding can be.
    """
    grade = None if graph is None else graph.grade
    if grade is not None and grade.kind == "measured":
        if max(grade.absolute, grade.relative) > MARGIN * LARGEST_BOUND:
            raise PipelineError(
                f"the graph says of itself that it is within {grade.absolute:g} of its original, more than a measured "
                f"grade may be ({MARGIN * LARGEST_BOUND:g}); compile it again"
            )
        return Tolerance(grade.absolute, grade.relative)
    if _plain_trees(original) or _compiles_to_bits(original):
        return Tolerance()
    close = closeness(original.estimator)
    return Tolerance(absolute=close, relative=close)


def pair_probes(original: Original, base: Floats | None, *, seed: int = 0) -> Probes:
    """Probes of a model; without data the first probes show where its splits are, and serve as data."""
    groups = original.groups
    closed: dict[int, Floats] = {}
    given = starting_rows(original.estimator, input_width(original.estimator)) if base is None else base
    accepted = accepted_answers(original.answer, given[:TRIED])[1]
    if accepted.any():
        row = given[:TRIED][accepted][0]
        closed = closed_columns(
            original.estimator, row, lambda rows: bool(accepted_answers(original.answer, rows)[1].all())
        )
    if base is None:
        base = given
        first = visiting_rows(groups, base, _spans(base, closed), seed=seed)
        if len(first):
            base = _shuffled_columns(first, np.random.default_rng(seed))
    return tree_probes(
        groups,
        base,
        _spans(base, closed),
        judge=original.judge(tolerance_of(original)),
        takes_missing=original.takes_missing(base),
        seed=seed,
    )


def _compiles_to_bits(original: Original) -> bool:
    """Whether our compiler promises its answers to the last bit: raw scores of boosters, ensembles of forests."""
    try:
        return is_bit_exact(original.estimator)
    except PipelineError:
        return False


def _plain_trees(original: Original) -> bool:
    """Whether answers must agree to the last bit: one forest or tree, whose leaf values are only averaged."""
    estimator = original.estimator
    while hasattr(estimator, "steps"):
        estimator = estimator[-1]
    members = _members(estimator)
    if hasattr(estimator, "offset_") or (hasattr(estimator, "estimator_weights_") and hasattr(estimator, "classes_")):
        return False  # their trees are behind an exponential
    if hasattr(estimator, "final_estimator_"):
        return False
    return not hasattr(estimator, "init_") and all(hasattr(member, "tree_") for member in members)


def _members(estimator: object) -> list[object]:
    """The fitted estimators of an ensemble, or itself; not what is inside one that can be indexed, as ensembles can.

    `numpy.asarray` would take a boosting inside a bagging for a row of its trees, whose answers are no plain mean.
    """
    inside = getattr(estimator, "estimators_", None)
    if inside is None:
        return [estimator]
    return list(inside.ravel()) if isinstance(inside, np.ndarray) else list(inside)


def _spans(base: Floats, closed: Mapping[int, Floats]) -> tuple[Span, ...]:
    ranges = zip(np.nanmin(base, axis=0).tolist(), np.nanmax(base, axis=0).tolist(), strict=True)
    return tuple(
        Span(low, high if high > low else low + 1.0, choices=tuple(closed.get(index, ())))
        for index, (low, high) in enumerate(ranges)
    )


def _shuffled_columns(rows: Floats, random: np.random.Generator) -> Floats:
    """Values at which splits are, each column in an order of its own."""
    rows = rows[np.isfinite(rows).all(axis=1)][:SEEN_ROWS]
    return np.column_stack([random.permutation(column) for column in rows.T])
