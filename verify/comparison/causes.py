"""Why a graph of a tree model differs from its original: one named cause for each row, with what shows it.

The causes are looked for in this order; the first that fits is the row's.

- *classes in another order*: on nearly all mismatched rows, if they are many, the columns are the original's, permuted;
- *too large for float32*: the row holds a number that float32 arithmetic overflows on;
- *margin taken for a probability*: an answer outside [0, 1], or one whose sigmoid (softmax) is the original's, in a
  graph whose answers do leave [0, 1];
- *NaN route*: the row holds a NaN, the answers are far apart, and the same row with numbers in their place agrees;
- *tie*: the original's two best classes are equal but for rounding, and the label differs;
- *sum order*: at most a few units of the last place apart: the same numbers added in another order;
- *float32 answer*: apart by no more than float32 can tell;
- *rounding of a threshold*: on the row's path in the original stands a split that float32 cannot tell from the row, and
  the same row a little to either side of it agrees;
- *rounding of the input*: the original itself answers that much otherwise when the row is moved by what float32 rounds;
- *another value in a leaf, or another tree*: none of these, in a model with trees;
- *unexplained*: none of these.

Whether a changed row agrees can be asked only where the graph is at hand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verify.proof.accepted_rows import accepted_answers
from verify.proof.trees import Bools, Floats, Group, Tree

ORDER = "classes in another order"
OVERFLOW = "too large for float32"
MARGIN = "margin taken for a probability"
NAN_ROUTE = "NaN route"
TIE = "tie"
SUM_ORDER = "sum order (last bits)"
FLOAT32 = "float32 answer"
THRESHOLD = "rounding of a threshold"
ROUNDED_INPUT = "rounding of the input to float32"
LEAF = "another value in a leaf, or another tree"
UNEXPLAINED = "unexplained"
CAUSES = (ORDER, OVERFLOW, MARGIN, NAN_ROUTE, TIE, SUM_ORDER, FLOAT32, THRESHOLD, ROUNDED_INPUT, LEAF, UNEXPLAINED)

LAST_BITS = 1e-13
FLOAT32_STEP = float(np.finfo(np.float32).eps)
FLOAT32_SUM = 32 * FLOAT32_STEP
FAR = 1e-3
LARGE = 1e30
"""Sums of products of numbers beyond it leave float32."""
MOVES = 8
NOT_BETWEEN = 1e-4
"""How far outside [0, 1] an answer must be to be no probability; sums of float32 end a little outside."""
MANY, NEARLY_ALL = 0.25, 0.95
"""Shares: of all rows that must be mismatched, and of those that must fit, before classes are called permuted."""
ASIDE = (1e-4, 1e-3)
"""How far a row is moved off a split, as a share of its numbers: far beyond what float32 rounds."""
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
    graph: Callable[[Floats], Floats] | None = None,
    share: float = 0.0,
) -> list[Cause]:
    """Give every mismatched row its cause.

    Args:
        rows: the mismatched rows, float64 [row, column].
        expected: the original's answers, float64 [row, answer].
        found: the graph's answers, same shape.
        groups: the original's trees.
        probabilities: whether the answers are probabilities (else a regressor's values).
        answer: the original, to ask for rows that are rounded.
        graph: what is compared with it, to ask both for rows without NaN and off their splits.
        share: how many of all rows that were compared are mismatched, 0 to 1.

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
    rounded = _moved_by_rounding(rows, expected, difference, answer)
    nan: Bools = np.asarray(np.isnan(rows).any(axis=1))
    asked = answer is not None and graph is not None
    if answer is not None and graph is not None:
        if groups:
            suspects = np.flatnonzero(np.logical_or(at_split, rounded))
            aside = np.zeros(len(rows), dtype=bool)
            aside[suspects] = _agrees_aside(rows[suspects], answer, graph)
            at_split, rounded = np.logical_and(at_split, aside), np.logical_and(rounded, aside)
        without = nan.copy()
        without[nan] = _agrees_without_nan(rows, rows[nan], answer, graph)
    else:
        without = nan
    by_class = np.full(len(rows), probabilities)
    label_differs = np.argmax(found, axis=1) != np.argmax(expected, axis=1)
    tests: dict[str, npt.NDArray[np.bool_]] = {
        ORDER: _permuted(expected, found, share) & by_class,
        OVERFLOW: (np.abs(rows) > LARGE).any(axis=1) & ~nan & (difference > FLOAT32_SUM * size),
        MARGIN: _looks_like_margin(expected, found) & by_class,
        NAN_ROUTE: without & (difference > FLOAT32_SUM * size),
        TIE: _tied(expected) & label_differs & by_class,
        SUM_ORDER: difference <= LAST_BITS * size,
        FLOAT32: difference <= FLOAT32_SUM * size,
        THRESHOLD: at_split,
        ROUNDED_INPUT: rounded,
        LEAF: np.full(len(rows), asked and bool(groups)),
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


def _permuted(expected: Floats, found: Floats, share: float) -> Bools:
    """Rows whose answers are the original's in another order of columns, where nearly all rows have the same order."""
    nobody = np.zeros(len(found), dtype=bool)
    if share < MANY or found.shape != expected.shape or found.shape[1] < 2:
        return nobody
    apart = np.array([np.abs(expected - column[:, None]).mean(axis=0) for column in found.T])
    order = np.argmin(np.nan_to_num(apart, nan=np.inf), axis=1)
    if len(set(order.tolist())) < len(order) or (order == np.arange(len(order))).all():
        return nobody
    fits: Bools = np.asarray((np.abs(found - expected[:, order]) <= FLOAT32_SUM).all(axis=1))
    return fits if fits.mean() >= NEARLY_ALL else nobody


def _agree(rows: Floats, answer: Callable[[Floats], Floats], graph: Callable[[Floats], Floats]) -> Bools:
    """Whether both answer alike to what float32 can tell; not where the original refuses the row."""
    expected, accepted = accepted_answers(answer, rows)
    agreed = np.zeros(len(rows), dtype=bool)
    if accepted.any():
        expected = expected[accepted]
        size = np.maximum(np.abs(expected).max(axis=1), 1.0)
        try:
            found = graph(rows[accepted])
        except Exception:  # noqa: BLE001 - a graph that answered the row may fail on a changed one, in many ways
            return agreed
        with np.errstate(invalid="ignore"):
            agreed[accepted] = np.abs(found - expected).max(axis=1) <= FLOAT32_SUM * size
    return agreed


def _agrees_aside(rows: Floats, answer: Callable[[Floats], Floats], graph: Callable[[Floats], Floats]) -> Bools:
    """Whether both agree when the row is moved off its splits, to either side by the same."""
    agreed = np.zeros(len(rows), dtype=bool)
    if not len(rows):
        return agreed
    with np.errstate(over="ignore", invalid="ignore"):
        usual = np.median(np.nan_to_num(np.abs(rows), nan=0.0), axis=0)
        for part in ASIDE:
            step = part * np.fmax(np.abs(rows), usual)
            agreed |= _agree(rows - step, answer, graph) & _agree(rows + step, answer, graph)
    return agreed


def _agrees_without_nan(
    all_rows: Floats, rows: Floats, answer: Callable[[Floats], Floats], graph: Callable[[Floats], Floats]
) -> Bools:
    """Whether both agree, in two of three trials, when numbers that other rows have there replace the NaN."""
    if not len(rows):
        return np.zeros(0, dtype=bool)
    votes, votes_aside = np.zeros((2, len(rows)), dtype=np.int64)
    random = np.random.default_rng(0)
    columns = [column[np.abs(column) < LARGE] for column in all_rows.T]
    for _ in range(3):
        numbers = np.column_stack([random.choice(some if len(some) else np.zeros(1), len(rows)) for some in columns])
        # Off the splits, at which many of these numbers lie.
        numbers *= 1.0 + ASIDE[-1] * random.standard_normal(numbers.shape)
        votes += _agree(np.where(np.isnan(rows), numbers, rows), answer, graph)
        votes_aside += _agree(np.where(np.isnan(rows), numbers, rows * (1.0 + ASIDE[0])), answer, graph)
    # A row that also stands at a split must leave that too, and then it must still be the NaN that matters.
    both = np.flatnonzero((votes < 2) & (votes_aside >= 2))
    result: Bools = np.asarray(votes >= 2)
    result[both] = ~_agrees_aside(rows[both], answer, graph)
    return result


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
