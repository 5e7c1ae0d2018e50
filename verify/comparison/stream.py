"""Millions of rows through the original and every runtime, in chunks: memory stays flat, two threads stay busy."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verify.comparison.parity import Decide, ParityResult, Tolerance, compare
from verify.comparison.runtime import Runtime
from verify.proof.accepted_rows import Answer, accepted_answers

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WORKERS = 2
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
            found, step = answer.result(), step_of(runtime, len(rows))
            taken, kept = rows[::step], accepted[::step]
            piece.results[runtime.name] = compare(
                expected[::step][kept],
                found[kept] if len(found) == len(kept) else found,
                inputs=taken[kept],
                tolerance=tolerance,
                decisions=decisions,
            )
        tally.add(piece)
        on_rows(len(rows))

    with ThreadPoolExecutor(WORKERS) as pool:
        for rows in chunks:
            asked = pool.submit(accepted_answers, original, rows)
            answers = [pool.submit(runtime, rows[:: step_of(runtime, len(rows))]) for runtime in runtimes]
            waiting.append((rows, asked, answers))
            if len(waiting) > CHUNKS_AHEAD:
                settle()
        while waiting:
            settle()
    return tally


def step_of(runtime: Runtime, rows: int) -> int:
    """Every how many rows a runtime is asked of a chunk."""
    return 1 if runtime.most_rows is None else max(1, -(-rows // runtime.most_rows))
