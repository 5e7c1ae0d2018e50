"""Which rows an original accepts at all: scikit-learn refuses infinities, some models missing values."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Answer = Callable[[Floats], Floats]
"""Flat rows float64 [row, width] -> flat answers float64 [row, answer]; a ValueError for rows it does not accept.

One that has a method `table` says with it what its last step sees of rows, float64 [row, column], or None.
"""
MANY_ROWS, SAMPLED = 64, 16


def accepted_answers(original: Answer, rows: Floats) -> tuple[Floats, Bools]:
    """The original's answers, and which rows it accepts at all (scikit-learn refuses infinities, some models NaN).

    Answers of refused rows are NaN. Refused rows are found by kind (NaN, infinite, beyond float32, as they are and as
    the last step sees them), then by halving; of more than `MANY_ROWS` of one kind (`SAMPLED` where the last step's
    table is known) all count as refused when `SAMPLED` spread among them are.
    """
    try:
        return original(rows), np.ones(len(rows), dtype=bool)
    except ValueError:
        if len(rows) <= 1:
            return np.full((len(rows), 1), np.nan), np.zeros(len(rows), dtype=bool)
    kinds = _kinds(rows)
    seen = original.table(rows) if hasattr(original, "table") else None
    if seen is not None:
        kinds += 8 * _kinds(seen)
    if kinds.min() != kinds.max():
        pieces = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    else:
        if len(rows) > (MANY_ROWS if seen is None else SAMPLED) and _all_refused(
            original, rows[:: len(rows) // SAMPLED]
        ):
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
