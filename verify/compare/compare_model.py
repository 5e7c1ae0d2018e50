"""A fitted scikit-learn model and an ONNX file of it, compared on probes derived from the model and on random rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from export.sklearn.boosters.table import closeness, is_booster
from export.sklearn.columns.preprocess import input_width
from export.sklearn.compile import is_bit_exact
from export.sklearn.estimators.registry import innermost
from export.sklearn.measured import LARGEST_BOUND, MARGIN
from export.sklearn.sample_rows import closed_columns, starting_rows
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes, one_job, original_input
from verify.compare.onnx_file import ForeignGraph
from verify.comparison.causes import Cause, name_causes
from verify.comparison.parity import ParityResult, Tolerance, absolute_difference, agreement, compare, label
from verify.proof.accepted_rows import accepted_answers
from verify.proof.near_ties import NEAR_A_TIE, tie_rows
from verify.proof.probes import Probes, Span, tree_probes, visiting_rows
from verify.proof.split_evidence import SplitProof
from verify.runtimes.original import Original

Floats = npt.NDArray[np.float64]

VISIBLE = 1e-5
"""A difference that no choice of float type excuses."""
ROWS_WITH_CAUSE = 4000
MEASURED_FROM = 1e-9
"""From this tolerance on a label next to a tie is not held against a graph."""
TRIED = 16
"""Rows of which one must be answered before categories are asked for."""


@dataclass
class FamilyResult:
    """One family of rows: the comparison, rows farther apart than `VISIBLE`, rows whose labels differ."""

    result: ParityResult = field(default_factory=ParityResult)
    visible: int = 0
    labels: int = 0
    refused: int = 0
    unanswered: str = ""

    def __add__(self, other: "FamilyResult") -> "FamilyResult":
        return FamilyResult(
            self.result + other.result,
            self.visible + other.visible,
            self.labels + other.labels,
            self.refused + other.refused,
            self.unanswered or other.unanswered,
        )


@dataclass
class PairResult:
    """What a comparison of two models found, family by family, and why they differ."""

    tolerance: Tolerance
    families: dict[str, FamilyResult] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)
    proof: SplitProof = field(default_factory=SplitProof)

    @property
    def total(self) -> FamilyResult:
        """All families together."""
        total = FamilyResult()
        for family in self.families.values():
            total += family
        return total

    @property
    def in_parity(self) -> bool:
        """Rows were compared, and neither an answer nor a label differed."""
        total = self.total
        return total.result.in_parity and total.labels == 0 and not total.unanswered


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
    if _plain_trees(original) or _exact_booster(original):
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


def compare_pair(
    original: Original,
    graph: ForeignGraph,
    *,
    base: Floats | None = None,
    rows: int = 100_000,
    seed: int = 0,
    probes: Probes | None = None,
) -> PairResult:
    """Compare on probes and random rows.

    Args:
        original: a scikit-learn model.
        graph: the ONNX file.
        base: rows like the training data, float64 [row, column]; None makes some from the model itself.
        rows: random rows besides the probes.
        seed: of every random choice.
        probes: what `pair_probes` gave for this original; None makes them.
    """
    groups, tolerance = original.groups, tolerance_of(original, graph)
    if probes is None:
        probes = pair_probes(original, base, seed=seed)
    families = dict(probes.families)
    if has_classes(original.estimator):
        families[NEAR_A_TIE] = tie_rows(original.answer, probes.source, seed=seed)
    found = PairResult(tolerance, proof=probes.proof)
    wrong: list[tuple[Floats, Floats, Floats]] = []
    for name, family in families.items():
        found.families[name] = compare_rows(original, graph, family, tolerance, wrong)
    found.families["random rows"] = FamilyResult()
    for chunk in probes.source.chunks(rows, seed=seed):
        found.families["random rows"] += compare_rows(original, graph, chunk, tolerance, wrong)
    if wrong:
        inputs, expected, answers = (np.concatenate(part) for part in zip(*wrong, strict=True))
        found.causes = name_causes(
            inputs,
            expected,
            answers,
            groups=groups,
            probabilities=has_classes(original.estimator),
            answer=original.answer,
            graph=graph,
            share=found.total.result.mismatched / max(found.total.result.rows, 1),
        )
    return found


def compare_rows(
    original: Original,
    graph: ForeignGraph,
    rows: Floats,
    tolerance: Tolerance,
    wrong: list[tuple[Floats, Floats, Floats]],
) -> FamilyResult:
    """One set of rows; some mismatched rows with both answers are appended to `wrong`."""
    expected, accepted = accepted_answers(original.answer, rows)
    rows, expected = rows[accepted], expected[accepted]
    refused = int((~accepted).sum())
    if not len(rows):
        return FamilyResult(refused=refused)
    try:
        answers, labels = graph.answers_and_labels(rows)
    except Exception as error:  # noqa: BLE001 - a graph may load and still fail on a row, in many ways
        reason = str(error).strip().splitlines()[0]
        lost = ParityResult(rows=len(rows), mismatched=len(rows), problem=f"no answers: {reason}")
        return FamilyResult(lost, len(rows), len(rows), refused, reason)
    classes = getattr(original.estimator, "classes_", None)
    one = isinstance(classes, np.ndarray) and not getattr(original.estimator, "multilabel_", False)
    measured = tolerance.absolute > MEASURED_FROM
    decisions = {"label": label} if labels is None and expected.shape[1] > 1 and one and not measured else {}
    result = compare(expected, answers, inputs=rows, tolerance=tolerance, decisions=decisions)
    flipped = result.flipped.get("label", 0)
    if measured and one and expected.shape[1] > 1 and answers.shape == expected.shape:
        flipped = _flipped_clearly(expected, answers, tolerance)
    elif labels is not None:
        flipped = _flipped(_labels(original, rows), labels)
    if result.problem:
        return FamilyResult(result, len(rows), flipped, refused)
    apart = absolute_difference(expected, answers).max(axis=1)
    off = np.flatnonzero(~agreement(expected, answers, tolerance).all(axis=1))
    # Rows that are far off first: float32 answers would crowd out everything else.
    off = off[np.argsort(~(apart[off] > VISIBLE), kind="stable")][:ROWS_WITH_CAUSE]
    if len(off):
        wrong.append((rows[off], expected[off], answers[off]))
    return FamilyResult(result, int((~(apart <= VISIBLE)).sum()), flipped, refused)


def _flipped_clearly(expected: Floats, answers: Floats, tolerance: Tolerance) -> int:
    """Rows whose largest answers stand apart by more than the tolerance, and whose labels differ."""
    top = np.sort(expected, axis=1)
    clear = top[:, -1] - top[:, -2] > 2.0 * (tolerance.absolute + tolerance.relative)
    return int((clear & (expected.argmax(axis=1) != answers.argmax(axis=1))).sum())


def _flipped(expected: npt.NDArray[np.generic], found: npt.NDArray[np.generic]) -> int:
    """Rows whose labels differ; text is compared as text."""
    if found.dtype == object:
        found, expected = found.astype(str), expected.astype(str)
    return int((found.reshape(len(found), -1) != expected.reshape(len(found), -1)).any(axis=1).sum())


def _labels(original: Original, rows: Floats) -> npt.NDArray[np.generic]:
    with one_job():
        predicted: npt.NDArray[np.generic] = np.asarray(
            original.estimator.predict(original_input(original.estimator, rows))
        )
    return predicted


def _exact_booster(original: Original) -> bool:
    """Whether a booster's answers are its raw scores, or labels made of them: equal to the last bit."""
    try:
        return is_booster(innermost(original.estimator)) and is_bit_exact(original.estimator)
    except PipelineError:
        return False


def _plain_trees(original: Original) -> bool:
    """Whether answers must agree to the last bit: one forest or tree, whose leaf values are only averaged."""
    estimator = original.estimator
    while hasattr(estimator, "steps"):
        estimator = estimator[-1]
    members = np.asarray(getattr(estimator, "estimators_", [estimator]), dtype=object).reshape(-1)
    if hasattr(estimator, "offset_") or (hasattr(estimator, "estimator_weights_") and hasattr(estimator, "classes_")):
        return False  # their trees are behind an exponential
    return not hasattr(estimator, "init_") and all(hasattr(member, "tree_") for member in members)


def _spans(base: Floats, closed: Mapping[int, Floats]) -> tuple[Span, ...]:
    ranges = zip(np.nanmin(base, axis=0).tolist(), np.nanmax(base, axis=0).tolist(), strict=True)
    return tuple(
        Span(low, high if high > low else low + 1.0, choices=tuple(closed.get(index, ())))
        for index, (low, high) in enumerate(ranges)
    )


def _shuffled_columns(rows: Floats, random: np.random.Generator) -> Floats:
    """Values at which splits are, each column in an order of its own."""
    rows = rows[np.isfinite(rows).all(axis=1)][:ROWS_WITH_CAUSE]
    return np.column_stack([random.permutation(column) for column in rows.T])
