"""Rows on which a decision hangs by a thread: exact ties where the model has any, the nearest thing where not."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from verify.proof.accepted_rows import accepted_answers
from verify.proof.probes import RowSource

Floats = npt.NDArray[np.float64]

NEAR_A_TIE = "near a tie"
"""Name of this family of rows."""
POOL, KEPT, ROUNDS, TRIALS = 4000, 200, 15, 12


def tie_rows(
    answer: Callable[[Floats], Floats], source: RowSource, *, marks: Sequence[float] = (), seed: int = 0
) -> Floats:
    """Rows moved, column by column, to where the original itself is most undecided.

    Args:
        answer: the original, float64 [row, column] -> [row, answer].
        source: makes random rows, and knows values at which splits lie.
        marks: thresholds of a decision on the first answer; without any, two classes tie when both are the best.
        seed: of every random choice.

    Returns:
        float64 [at most `KEPT`, column]; none that the original refuses.
    """
    random = np.random.default_rng(seed)
    pool = source.chunk(POOL, random=random)
    gaps, accepted = _gaps(answer, pool, marks)
    pool, gaps = pool[accepted], gaps[accepted]
    nearest = np.argsort(gaps, kind="stable")[:KEPT]
    rows, gaps = pool[nearest], gaps[nearest]
    for _ in range(ROUNDS if len(rows) else 0):
        trials = np.repeat(rows, TRIALS, axis=0)
        column = random.integers(trials.shape[1], size=len(trials))
        each = np.arange(len(trials))
        trials[each, column] = source.chunk(len(trials), random=random)[each, column]
        tried = _gaps(answer, trials, marks)[0].reshape(len(rows), TRIALS)
        best = np.argmin(tried, axis=1)
        better = tried[np.arange(len(rows)), best] < gaps
        rows[better] = trials.reshape(len(rows), TRIALS, -1)[better, best[better]]
        gaps = np.minimum(gaps, tried.min(axis=1))
    return rows


def _gaps(
    answer: Callable[[Floats], Floats], rows: Floats, marks: Sequence[float]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How far each row is from a tie, infinitely where the original refuses it; and which rows it accepts."""
    answers, accepted = accepted_answers(answer, rows)
    return np.where(accepted, undecided(answers, marks), np.inf), accepted


def undecided(answers: Floats, marks: Sequence[float] = ()) -> Floats:
    """How far each row is from a tie, float64 [row]; 0 is an exact one, a single answer without marks never ties."""
    if marks:
        gaps: Floats = np.abs(answers[:, :1] - np.array(marks)).min(axis=1)
        return gaps
    if answers.shape[1] < 2:
        return np.full(len(answers), np.inf)
    best = np.sort(answers, axis=1)
    return best[:, -1] - best[:, -2]
