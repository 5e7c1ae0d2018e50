"""Why a graph of a tree model differs from its original: one named cause for each row, with what shows it.

The causes are looked for in this order; the first that fits is the row's.

- *too large for float32*: the row holds a number that float32 arithmetic overflows on;
- *margin taken for a probability*: an answer outside [0, 1], or one whose sigmoid (softmax) is the original's, in a
  graph whose answers do leave [0, 1];
- *NaN route*: the row holds a NaN, and the answers are far apart;
- *tie*: the original's two best classes are equal but for rounding, and the label differs;
- *sum order*: at most a few units of the last place apart: the same numbers added in another order;
- *float32 answer*: apart by no more than float32 can tell;
- *rounding of a threshold*: on the row's path in the original stands a split that float32 cannot tell from the row;
- *rounding of the input*: the original itself answers that much otherwise when the row is moved by what float32 rounds;
- *unexplained*: none of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verify.stream import accepted_answers
from verify.trees import Bools, Floats, Group, Tree

OVERFLOW = "too large for float32"
MARGIN = "margin taken for a probability"
NAN_ROUTE = "NaN route"
TIE = "tie"
SUM_ORDER = "sum order (last bits)"
FLOAT32 = "float32 answer"
THRESHOLD = "rounding of a threshold"
ROUNDED_INPUT = "rounding of the input to float32"
UNEXPLAINED = "unexplained"
CAUSES = (OVERFLOW, MARGIN, NAN_ROUTE, TIE, SUM_ORDER, FLOAT32, THRESHOLD, ROUNDED_INPUT, UNEXPLAINED)

LAST_BITS = 1e-13
FLOAT32_STEP = float(np.finfo(np.float32).eps)
FLOAT32_SUM = 32 * FLOAT32_STEP
FAR = 1e-3
LARGE = 1e30
"""Sums of products of numbers beyond it leave float32."""
MOVES = 8
NOT_BETWEEN = 1e-4
"""How far outside [0, 1] an answer must be to be no probability; sums of float32 end a little outside."""
ROUNDINGS = 4.0
"""A scaler in float32 rounds the value, the mean, the difference and the quotient."""


@dataclass(frozen=True)
class Cause:
    """One cause, on how many rows, and the first of them with what shows it."""

    name: str
    rows: int
    first_row: int
    evidence: str


def name_causes(
    rows: Floats,
    expected: Floats,
    found: Floats,
    *,
    groups: Sequence[Group] = (),
    probabilities: bool = True,
    answer: Callable[[Floats], Floats] | None = None,
) -> list[Cause]:
    """Give every mismatched row its cause.

    Args:
        rows: the mismatched rows, float64 [row, column].
        expected: the original's answers, float64 [row, answer].
        found: the graph's answers, same shape.
        groups: the original's trees.
        probabilities: whether the answers are probabilities (else a regressor's values).
        answer: the original, to ask for rows that are rounded.

    Returns:
        The causes that occur, most frequent first.
    """
    difference = np.abs(found - expected).max(axis=1)
    difference = np.where(np.isnan(difference), np.inf, difference)
    size = np.maximum(np.abs(expected).max(axis=1, initial=1.0), 1.0)
    steps = [closest_split(group, rows) for group in groups]
    at_split = np.zeros(len(rows), dtype=bool)
    for step in steps:
        at_split = np.logical_or(at_split, step.distance <= 1.0)
    by_class = np.full(len(rows), probabilities)
    label_differs = np.argmax(found, axis=1) != np.argmax(expected, axis=1)
    tests: dict[str, npt.NDArray[np.bool_]] = {
        OVERFLOW: (np.abs(rows) > LARGE).any(axis=1) & ~np.isnan(rows).any(axis=1) & (difference > FLOAT32_SUM * size),
        MARGIN: _looks_like_margin(expected, found) & by_class,
        NAN_ROUTE: np.isnan(rows).any(axis=1) & (difference > FLOAT32_SUM * size),
        TIE: _tied(expected) & label_differs & by_class,
        SUM_ORDER: difference <= LAST_BITS * size,
        FLOAT32: difference <= FLOAT32_SUM * size,
        THRESHOLD: at_split,
        ROUNDED_INPUT: _moved_by_rounding(rows, expected, difference, answer),
        UNEXPLAINED: np.ones(len(rows), dtype=bool),
    }
    free, causes = np.ones(len(rows), dtype=bool), []
    for name, fits in tests.items():
        mine = np.flatnonzero(np.logical_and(fits, free))
        free[mine] = False
        if len(mine):
            first = int(mine[0])
            shown = _show(name, rows[first], expected[first], found[first], [step.say(first) for step in steps])
            causes.append(Cause(name, len(mine), first, shown))
    return sorted(causes, key=lambda cause: -cause.rows)


def _looks_like_margin(expected: Floats, found: Floats) -> Bools:
    with np.errstate(over="ignore", invalid="ignore"):
        outside = (found < -NOT_BETWEEN) | (found > 1.0 + NOT_BETWEEN)
        if not outside.any():
            return np.zeros(len(found), dtype=bool)
        powers = np.exp(found - found.max(axis=1, keepdims=True))
        softmax = powers / powers.sum(axis=1, keepdims=True)
        squashed = 1.0 / (1.0 + np.exp(-found)) if found.shape[1] <= 2 else softmax
    link = (np.abs(squashed - expected) < FLOAT32_SUM) & (np.abs(found - expected) > FAR)
    result: Bools = np.asarray(np.logical_or(outside, link).any(axis=1))
    return result


def _moved_by_rounding(
    rows: Floats, expected: Floats, difference: Floats, answer: Callable[[Floats], Floats] | None
) -> Bools:
    """Whether the original moves by at least a part of the difference when its input does by float32 steps."""
    moved = np.zeros(len(rows))
    if answer is not None:
        random = np.random.default_rng(0)
        for number in range(MOVES):
            step = ROUNDINGS * FLOAT32_STEP * random.choice([-1.0, 1.0], rows.shape)
            with np.errstate(over="ignore"):
                trial = rows * (1.0 + step) if number else rows.astype(np.float32).astype(np.float64)
            answers, accepted = accepted_answers(answer, trial)
            apart = np.abs(answers - expected).max(axis=1)
            moved = np.fmax(moved, np.where(accepted, apart, 0.0))
    return np.asarray((moved > 0.0) & (difference <= ROUNDINGS * moved))


def _tied(expected: Floats) -> Bools:
    if expected.shape[1] < 2:
        return np.zeros(len(expected), dtype=bool)
    best = np.sort(expected, axis=1)[:, -2:]
    tied: Bools = best[:, 1] - best[:, 0] <= FLOAT32_SUM
    return tied


@dataclass(frozen=True)
class ClosestSplits:
    """For each row the split on its paths that float32 can tell from it least.

    `distance` is in units of what float32 arithmetic may move the value by: up to 1, it may go the other way.
    """

    group: Group
    distance: Floats
    tree: npt.NDArray[np.int64]
    node: npt.NDArray[np.int64]
    seen: Floats

    def say(self, row: int) -> str:
        """The closest split of one row in words."""
        tree = self.group.trees[self.tree[row]]
        node = self.node[row]
        if tree.feature[node] < 0:
            return f"{self.group.name}: no split on the way"
        value = float(self.seen[row, tree.feature[node]])
        return (
            f"{self.group.name}, {tree.name}, node {node}: column {tree.feature[node]} as the trees see it is "
            f"{value!r}, the split is at {float(tree.threshold[node])!r}"
        )


def closest_split(group: Group, rows: Floats) -> ClosestSplits:
    """Walk rows down every tree and keep, for each, the split that rounding is most likely to cross."""
    with np.errstate(all="ignore"):
        seen = group.transform(rows)
        moved = [group.transform(rows * (1.0 + sign * FLOAT32_STEP)) for sign in (-1.0, 1.0)]
        # How far the value seen moves when the input is rounded, plus its own rounding.
        slack = ROUNDINGS * (np.abs(moved[1] - moved[0]) + FLOAT32_STEP * np.abs(seen))
    best = ClosestSplits(
        group,
        np.full(len(rows), np.inf),
        np.zeros(len(rows), dtype=np.int64),
        np.zeros(len(rows), dtype=np.int64),
        seen,
    )
    for number, tree in enumerate(group.trees):
        _walk(tree, number, slack, best)
    return best


def _walk(tree: Tree, number: int, slack: Floats, best: ClosestSplits) -> None:
    at = np.zeros(len(best.seen), dtype=np.int64)
    while (inside := np.flatnonzero(tree.feature[at] >= 0)).size:
        node = at[inside]
        value, threshold = best.seen[inside, tree.feature[node]], tree.threshold[node]
        room = slack[inside, tree.feature[node]] + ROUNDINGS * FLOAT32_STEP * np.abs(threshold)
        with np.errstate(invalid="ignore", divide="ignore"):
            distance = np.abs(value - threshold) / np.maximum(room, np.finfo(np.float64).tiny)
        nearer = distance < best.distance[inside]
        rows = inside[nearer]
        best.distance[rows], best.tree[rows], best.node[rows] = distance[nearer], number, node[nearer]
        left = np.where(np.isnan(value), tree.missing_left[node], value <= threshold)
        at[inside] = np.where(left, tree.left[node], tree.right[node])


def _show(name: str, row: Floats, expected: Floats, found: Floats, splits: list[str]) -> str:
    answers = f"original {expected.tolist()}, graph {found.tolist()}"
    if name == NAN_ROUTE:
        return f"columns {np.flatnonzero(np.isnan(row)).tolist()} are NaN; {answers}"
    if name == THRESHOLD:
        return f"{'; '.join(splits)}; {answers}"
    return answers
