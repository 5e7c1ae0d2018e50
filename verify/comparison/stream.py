"""Millions of rows through the original and every runtime, in chunks: memory stays flat, two threads stay busy."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verify.comparison.parity import Decide, ParityResult, Tolerance, compare
from verify.runtimes.open import Runtime

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Answer = Callable[[Floats], Floats]
"""Flat rows float64 [row, width] -> flat answers float64 [row, answer]; a ValueError for rows it does not accept."""

WORKERS = 2
MANY_ROWS, SAMPLED = 64, 16
CHUNKS_AHEAD = 2


@dataclass
class Tally:
    """What a stream found: one result per runtime, and rows that the original itself refuses (compared by nobody)."""

    results: dict[str, ParityResult] = field(default_factory=dict)
    refused: int = 0

    def add(self, other: "Tally") -> None:
        """Append the results of later rows."""
        for name, result in other.results.items():
            self.results[name] = self.results.get(name, ParityResult()) + result
        self.refused += other.refused

    @property
    def in_parity(self) -> bool:
        """Every runtime compared at least one row, and nothing differed."""
        return bool(self.results) and all(result.in_parity for result in self.results.values())


def compare_stream(
    chunks: Iterable[Floats],
    original: Answer,
    runtimes: Sequence[Runtime],
    *,
    tolerance: Tolerance,
    decisions: Mapping[str, Decide] | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> Tally:
    """Compare the original with each runtime on every chunk of rows.

    Args:
        chunks: float64 [row, width] each, made one at a time.
        original: the original model; both scikit-learn's trees and onnxruntime release the interpreter's lock.
        runtimes: who is compared with it.
        tolerance: see `verify.comparison.parity.compare`.
        decisions: see `verify.comparison.parity.compare`.
        on_rows: told the number of rows after each chunk, for a progress bar.

    Raises:
        PipelineError: a runtime cannot answer; the first error ends the stream.
    """
    tally = Tally()
    waiting: deque[tuple[Floats, Future[tuple[Floats, Bools]], list[Future[Floats]]]] = deque()

    def settle() -> None:
        rows, asked, answers = waiting.popleft()
        expected, accepted = asked.result()
        piece = Tally(refused=int((~accepted).sum()))
        for runtime, answer in zip(runtimes, answers, strict=True):
            found = answer.result()
            piece.results[runtime.name] = compare(
                expected[accepted],
                found[accepted] if len(found) == len(accepted) else found,
                inputs=rows[accepted],
                tolerance=tolerance,
                decisions=decisions,
            )
        tally.add(piece)
        on_rows(len(rows))

    with ThreadPoolExecutor(WORKERS) as pool:
        for rows in chunks:
            asked = pool.submit(accepted_answers, original, rows)
            waiting.append((rows, asked, [pool.submit(runtime, rows) for runtime in runtimes]))
            if len(waiting) > CHUNKS_AHEAD:
                settle()
        while waiting:
            settle()
    return tally


def accepted_answers(original: Answer, rows: Floats) -> tuple[Floats, Bools]:
    """The original's answers, and which rows it accepts at all (scikit-learn refuses infinities, some models NaN).

    Answers of refused rows are NaN. Refused rows are found by kind (NaN, infinite, beyond float32), then by halving;
    of more than `MANY_ROWS` of one kind all count as refused when `SAMPLED` spread among them are.
    """
    try:
        return original(rows), np.ones(len(rows), dtype=bool)
    except ValueError:
        if len(rows) <= 1:
            return np.full((len(rows), 1), np.nan), np.zeros(len(rows), dtype=bool)
    kinds = _kinds(rows)
    if kinds.min() != kinds.max():
        pieces = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    else:
        if len(rows) > MANY_ROWS and _all_refused(original, rows[:: len(rows) // SAMPLED]):
            return np.full((len(rows), 1), np.nan), np.zeros(len(rows), dtype=bool)
        pieces = np.array_split(np.arange(len(rows)), 2)
    parts = [accepted_answers(original, rows[piece]) for piece in pieces]
    answers = np.full((len(rows), max(part.shape[1] for part, _ in parts)), np.nan)
    accepted = np.zeros(len(rows), dtype=bool)
    for piece, (part, taken) in zip(pieces, parts, strict=True):
        answers[piece], accepted[piece] = part, taken
    return answers, accepted


def _kinds(rows: Floats) -> npt.NDArray[np.int64]:
    size = np.abs(rows)
    too_large = (size > np.finfo(np.float32).max) & (size < np.inf)
    tests = (np.isnan(rows), np.isinf(rows), too_large)
    kinds: npt.NDArray[np.int64] = np.sum(
        [2**bit * test.any(axis=1) for bit, test in enumerate(tests)], axis=0, dtype=np.int64
    )
    return kinds


def _all_refused(original: Answer, rows: Floats) -> bool:
    for row in rows:
        try:
            original(row[None, :])
        except ValueError:
            continue
        return False
    return True
