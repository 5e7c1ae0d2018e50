"""A fitted scikit-learn model and an ONNX file of it, compared on probes derived from the model and on random rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from train.core.sklearn_answers import has_classes, one_job, original_input
from verify.compare.on_cores import on_all_cores, stoppable
from verify.compare.onnx_file import ForeignGraph
from verify.compare.pair_probes import pair_probes, tolerance_of
from verify.comparison.causes import Cause, name_causes
from verify.comparison.parity import ParityResult, Tolerance, absolute_difference, agreement, compare, label
from verify.proof.accepted_rows import accepted_answers
from verify.proof.near_ties import NEAR_A_TIE, tie_rows
from verify.proof.probes import CHUNK_ROWS, GIVEN, Probes, RowSource
from verify.proof.split_evidence import SplitProof
from verify.runtimes.original import Original

Floats = npt.NDArray[np.float64]

VISIBLE = 1e-5
"""A difference that no choice of float type excuses."""
ROWS_WITH_CAUSE = 4000
"""Of each family of rows."""
MEASURED_FROM = 1e-9
"""From this tolerance on a label next to a tie is not held against a graph."""
RANDOM = "random rows"
Wrong = tuple[Floats, Floats, Floats]
"""Mismatched rows, the original's answers, the graph's."""


class Watch:
    """Looks on while rows are compared; this one does nothing. Called by one thread, in the order of the rows."""

    def begins(self, rows: int | None) -> None:
        """Told how many rows there are to compare; None where that is not known."""

    def compared(self, rows: int) -> None:
        """Told how many more were compared."""

    def differ(self, family: str, rows: Floats, expected: Floats, found: Floats) -> None:
        """Told of mismatched rows, with the original's answers and the graph's."""


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
    """What a comparison of two models found, family by family, and why they differ.

    Attributes:
        tolerance: what is allowed.
        families: name of a family of rows -> what was compared.
        causes: of some of the mismatched rows.
        proof: what the probes show about the splits.
        planned: rows that were to be compared; None when a file does not say how many it holds.
        stopped: whether somebody stopped it before all rows were.
    """

    tolerance: Tolerance
    families: dict[str, FamilyResult] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)
    proof: SplitProof = field(default_factory=SplitProof)
    planned: int | None = 0
    stopped: bool = False

    @property
    def total(self) -> FamilyResult:
        """All families together."""
        total = FamilyResult()
        for family in self.families.values():
            total += family
        return total

    @property
    def in_parity(self) -> bool:
        """All rows were compared, and neither an answer nor a label differed."""
        return not self.stopped and not self.differs and self.total.result.in_parity

    @property
    def differs(self) -> bool:
        """Whether any row compared so far differs in an answer or a label."""
        total = self.total
        return bool(total.result.mismatched or total.labels or total.unanswered or total.result.problem)


def compare_pair(
    original: Original,
    graph: ForeignGraph,
    *,
    base: Floats | None = None,
    rows: int = 100_000,
    seed: int = 0,
    probes: Probes | None = None,
    more: Iterable[Floats] = (),
    more_rows: int | None = 0,
    watch: Watch | None = None,
) -> PairResult:
    """Compare on probes and random rows; a KeyboardInterrupt ends it with what was compared so far.

    Memory does not grow with the number of rows, and the result does not depend on how many cores work on it.

    Args:
        original: a scikit-learn model.
        graph: the ONNX file.
        base: rows like the training data, float64 [row, column]; None makes some from the model itself.
        rows: random rows besides the probes.
        seed: of every random choice.
        probes: what `pair_probes` gave for this original; None makes them.
        more: chunks of further rows like the training data.
        more_rows: how many rows those hold; None where it is not known.
        watch: is told how far it is, and of mismatched rows.
    """
    watch = watch or Watch()
    found = PairResult(tolerance_of(original, graph))
    wrong: list[Wrong] = []
    try:
        if probes is None:
            probes = pair_probes(original, base, seed=seed)
        found.proof = probes.proof
        families = dict(probes.families)
        if has_classes(original.estimator):
            families[NEAR_A_TIE] = tie_rows(original.answer, probes.source, seed=seed)
        known = sum(len(family) for family in families.values()) + rows
        found.planned = None if more_rows is None else known + more_rows
        watch.begins(found.planned)
        _compare_all(found, wrong, original, graph, _chunks(families, more, probes.source, rows, seed), watch)
    except KeyboardInterrupt:
        found.stopped = True
    if wrong:
        inputs, expected, answers = (np.concatenate(part) for part in zip(*wrong, strict=True))
        found.causes = name_causes(
            inputs,
            expected,
            answers,
            groups=original.groups,
            probabilities=has_classes(original.estimator),
            answer=original.answer,
            graph=graph,
            share=found.total.result.mismatched / max(found.total.result.rows, 1),
        )
    return found


def _chunks(
    families: dict[str, Floats], more: Iterable[Floats], source: RowSource, rows: int, seed: int
) -> Iterator[tuple[str, Callable[[], Floats]]]:
    """Name of a family and what makes a chunk of it; random rows are made by whoever compares them."""
    for name, family in families.items():
        for start in range(0, max(len(family), 1), CHUNK_ROWS):
            yield name, partial(np.asarray, family[start : start + CHUNK_ROWS])
    for chunk in more:
        yield GIVEN, partial(np.asarray, chunk)
    if not rows:
        yield RANDOM, partial(np.empty, (0, len(source.spans)))
    for number in range(-(-rows // CHUNK_ROWS)):
        yield RANDOM, partial(source.numbered, number, rows, seed=seed)


def _compare_all(
    found: PairResult,
    wrong: list[Wrong],
    original: Original,
    graph: ForeignGraph,
    chunks: Iterable[tuple[str, Callable[[], Floats]]],
    watch: Watch,
) -> None:
    """Every chunk on all cores, results in the order of the chunks."""

    def compared(make: Callable[[], Floats]) -> tuple[FamilyResult, list[Wrong], int]:
        rows, off = make(), list[Wrong]()
        return compare_rows(original, graph, rows, found.tolerance, off), off, len(rows)

    taken: Counter[str] = Counter()
    with stoppable() as stop_if_asked, closing(on_all_cores(compared, chunks)) as pieces:
        for name, (result, off, rows) in pieces:
            found.families[name] = found.families.get(name, FamilyResult()) + result
            for inputs, expected, answers in off:
                watch.differ(name, inputs, expected, answers)
                kept = far_first(expected, answers)[: ROWS_WITH_CAUSE - taken[name]]
                taken[name] += len(kept)
                if len(kept):
                    wrong.append((inputs[kept], expected[kept], answers[kept]))
            watch.compared(rows)
            stop_if_asked()


def far_first(expected: Floats, answers: Floats) -> npt.NDArray[np.intp]:
    """Rows that are far off first: float32 answers would crowd out everything else."""
    apart = absolute_difference(expected, answers).max(axis=1)
    return np.argsort(~(apart > VISIBLE), kind="stable")


def compare_rows(
    original: Original,
    graph: ForeignGraph,
    rows: Floats,
    tolerance: Tolerance,
    wrong: list[Wrong],
) -> FamilyResult:
    """One set of rows; the mismatched ones with both answers are appended to `wrong`."""
    if graph.grade is not None and graph.grade.limit:  # a measured grade says nothing of larger numbers
        rows = rows[np.nan_to_num(np.abs(rows), nan=0.0).max(axis=1, initial=0.0) <= graph.grade.limit]
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
