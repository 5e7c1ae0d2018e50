"""Splits behind an isotonic calibration: a proof that none of its steps is crossed, or the cell where one is.

The thresholds of all trees cut the rows into cells, in each of which every tree answers one number. A box of cells is
halved along those thresholds until the score, with the split and with it turned, stays on one step of the calibration
whatever the row (then nothing in the box can change an answer), or until a single cell is left, which is asked of
scikit-learn itself. Boxes are of what the trees see, more than rows can reach: what holds there holds for every row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from verify.proof.rerouted_splits import Turn, turned_alone
from verify.proof.search.leaf_pairs import LeafBoxes
from verify.proof.split_boxes import Targets
from verify.proof.split_evidence import LEFT, MISSING, RIGHT
from verify.proof.trees import Bools, Floats, Group

PAD = 1e-12
"""Of the size of a score: what sums in another order may be off."""
SAME = 1e-9
"""How near a score must be to a base plus the leaves' values for its trees to be bounded at all."""
MOST_BOXES, AT_ONCE = 6_000, 32
MOST_WORK, ANSWER = 600_000_000, 10_000
"""About a minute for one group of trees."""


@dataclass(frozen=True)
class Box:
    """Rows low < seen <= high in every column, or missing where `missing` is true; float64 and bool [column]."""

    low: Floats
    high: Floats
    missing: Bools

    def halves(self, column: int, edge: float, *, missing_left: bool) -> Iterator["Box"]:
        """What a split of `column` at `edge` sends to its left, and to its right."""
        for left in (True, False):
            low, high, missing = self.low.copy(), self.high.copy(), self.missing.copy()
            if left:
                high[column] = min(high[column], edge)
            else:
                low[column] = max(low[column], edge)
            missing[column] &= missing_left == left
            yield Box(low, high, missing)

    @property
    def inside(self) -> Floats:
        """What one row in it shows the trees, float64 [1, column]."""
        above = np.where(np.isfinite(self.low), np.nextafter(self.low, np.inf), 0.0)
        number = np.where(np.isfinite(self.high), self.high, above)
        return np.where(self.low < self.high, number, np.nan)[None]


@dataclass(frozen=True)
class Question:
    """A split of a tree (its node), an output of it, and where rows stand at it."""

    tree: int
    node: int
    output: int
    where: int


class Cells:
    """The cells of one group of trees, each class of which has an isotonic calibration.

    Args:
        group: its trees as they stand, with its fold.
        boxes: of the leaves of every tree.
        possible: columns that can be missing at all, bool [column].
        fills: what an imputer puts into columns seen, NaN where nothing is.
        rows: some that the model answers, float64 [row, column].

    Attributes:
        work: how many edges of leaves have been compared with a box, one of scikit-learn's answers counted as `ANSWER`.

    Raises:
        ValueError: the scores are no plain sums of leaves, or there is no isotonic calibration.
    """

    def __init__(self, group: Group, boxes: list[LeafBoxes], possible: Bools, fills: Floats, rows: Floats) -> None:
        calibrators = getattr(group.fold, "calibrators", [])
        if not calibrators or not all(isinstance(one, IsotonicRegression) for one in calibrators):
            raise ValueError("no isotonic calibration")
        self.group, self.boxes, self.calibrators = group, boxes, calibrators
        self.possible, self.fills = possible, fills
        self.by_output = group.trees[0].value.shape[1] > 1  # a forest's leaf has a value for every class
        self.tree_of = np.concatenate([np.full(len(b.leaf), i) for i, b in enumerate(boxes)])
        self.first = np.searchsorted(self.tree_of, np.arange(len(boxes)))
        self.low, self.high = (np.concatenate([getattr(b, name) for b in boxes]) for name in ("low", "high"))
        self.passes = np.concatenate([b.blocked == 0 for b in boxes])
        self.scale = self._scale()
        self.work = 0
        self.base, self.size = self._bases(rows)

    def _scale(self) -> float:
        estimator = self.group.estimator
        if self.by_output:
            return 1.0 / len(self.group.trees)
        return float(getattr(estimator, "learning_rate", 1.0)) if hasattr(estimator, "init_") else 1.0

    def values(self, column: int) -> Floats:
        """What each leaf adds to one score, float64 [leaf]."""
        parts = [
            box.tree.value[box.leaf, column + self.shift]
            if self.by_output
            else np.where(box.tree.output == column, box.tree.value[box.leaf, 0], 0.0)
            for box in self.boxes
        ]
        return np.concatenate(parts)

    @property
    def shift(self) -> int:
        """A forest of two classes is calibrated by the second alone."""
        return int(self.by_output and len(self.calibrators) == 1)

    def column_of(self, question: Question) -> int:
        """The score that the split is in."""
        return question.output - self.shift if self.by_output else int(self.group.trees[question.tree].output)

    def scores(self, seen: Floats, turn: Turn | None = None) -> Floats:
        """Scikit-learn's own scores of what the trees see, float64 [row, score], one leaf changed where asked for."""
        estimator: Any = self.group.estimator
        if turn is not None:
            estimator = turned_alone(estimator, turn)
        seen = np.where(np.isnan(seen), self.fills, seen)
        if self.by_output:
            found: Floats = estimator.predict_proba(seen)
            return found[:, 1:] if self.shift else found
        margins: Floats = estimator.decision_function(seen)
        return margins.reshape(len(seen), -1)

    def _bases(self, rows: Floats) -> tuple[Floats, float]:
        seen = self.group.transform(rows)
        sums = np.zeros((len(seen), len(self.calibrators)))
        for number, box in enumerate(self.boxes):
            tree = box.tree
            leaf = tree.apply(np.where(np.isnan(seen), self.fills, seen))
            if self.by_output:
                sums += tree.value[leaf][:, self.shift :]
            else:
                sums[:, self.group.trees[number].output] += tree.value[leaf, 0]
        bases = self.scores(seen) - self.scale * sums
        size = 1.0 + float(np.abs(bases).max()) + float(np.abs(sums).max())
        if not (np.ptp(bases, axis=0) <= SAME * size).all():
            raise ValueError("scores are no plain sums")
        # All of the spread goes into the room left for rounding, and more.
        return bases.mean(axis=0), size * PAD + float(np.ptp(bases, axis=0).max())

    def search(self, question: Question, empty: Bools | None, random: np.random.Generator) -> Iterator[Box | None]:
        """Cells in which the split can change an answer, one after the other; at last a None if not all were seen.

        Args:
            question: what is asked.
            empty: for a missing value, the columns that are missing with it, bool [column].
            random: of the order in which cells are met.
        """
        column = self.column_of(question)
        pending, looked = [self._start(question, empty)], 0
        alone = [self.values(c) for c in range(len(self.calibrators))]
        while pending:
            some = [pending.pop() for _ in range(min(AT_ONCE, len(pending)))]
            looked += len(some)
            self.work += len(some) * self.low.size
            if looked > MOST_BOXES or self.work > MOST_WORK:
                yield None
                return
            for box, at in zip(some, self._bounds(question, some, alone, column), strict=True):
                if at is None:
                    continue
                if at >= 0:
                    halves = self._halves(question, box, at)
                    if halves is not None:
                        pending += halves if random.random() < 0.5 else halves[::-1]
                        continue
                if self._changes(question, box):
                    yield box

    def _start(self, question: Question, empty: Bools | None) -> Box:
        """The box of rows that reach the split, at its edge or without a value."""
        box, node = self.boxes[question.tree], question.node
        feature = int(box.tree.feature[node])
        mine = slice(box.first[node], box.last[node])
        low, high = box.low[mine].min(axis=0), box.high[mine].max(axis=0)
        missing: Bools = np.asarray((box.blocked[mine] == 0).any(axis=0) & self.possible)
        if question.where == MISSING:
            assert empty is not None
            low[empty], high[empty], missing[empty] = np.inf, -np.inf, True
            return Box(low, high, missing)
        edge, missing[feature] = box.edge(node), False
        low[feature], high[feature] = (_down(edge, self.group), edge) if question.where == LEFT else (edge, edge)
        if question.where == RIGHT:
            high[feature] = _up(edge, self.group)
        return Box(low, high, missing)

    def _bounds(self, question: Question, some: list[Box], values: list[Floats], column: int) -> list[int | None]:
        """For each box: None where nothing in it can change an answer, the tree to halve it by, -1 for a cell."""
        reach = self._reach(some)
        own, other = self._sides(question, reach, some)
        result: list[int | None] = []
        ranges = [self._ranges(value, reach) for value in values]
        mine = values[column][self.first[question.tree] : self.first[question.tree] + own.shape[1]]
        for i in range(len(some)):
            pair = np.concatenate([mine[own[i]], mine[other[i]]])
            if not own[i].any() or not other[i].any() or pair.min() == pair.max():
                result.append(None)
                continue
            least, most = (ranges[column][side][i].copy() for side in (0, 1))
            least[question.tree], most[question.tree] = pair.min(), pair.max()
            low, high = self._score(column, least), self._score(column, most)
            if self._flat(column, low, high):
                result.append(None)
                continue
            spread = most - least
            spread[question.tree] = max(np.ptp(mine[own[i]]), np.ptp(mine[other[i]]))
            if spread.max() > 0.0:
                result.append(int(spread.argmax()))
                continue
            # The score is known: now those of the other classes, with which it is divided by the sum.
            own_steps = self._two_steps(question, some[i], column, low, high)
            rest = [c for c in range(len(values)) if c != column]
            tops = [self._step(c, self._score(c, ranges[c][1][i])) for c in rest]
            if own_steps[0] == own_steps[1] or (rest and max(tops) == 0.0 and min(own_steps) > 0.0):
                result.append(None)
                continue
            open_ = np.zeros(len(self.boxes))
            for c in rest:
                open_ = np.maximum(open_, ranges[c][1][i] - ranges[c][0][i])
            open_[question.tree] = 0.0
            result.append(int(open_.argmax()) if open_.max() > 0.0 else -1)
        return result

    def _reach(self, some: list[Box]) -> Bools:
        """Whether a row of each box can end in each leaf, bool [box, leaf]."""
        reach = np.ones((len(some), len(self.low)), dtype=bool)
        for column in range(self.low.shape[1]):
            low = np.array([box.low[column] for box in some])[:, None]
            high = np.array([box.high[column] for box in some])[:, None]
            missing = np.array([box.missing[column] for box in some])[:, None]
            fits = np.maximum(low, self.low[None, :, column]) < np.minimum(high, self.high[None, :, column])
            reach &= fits | (missing & self.passes[None, :, column])
        return reach

    def _sides(self, question: Question, reach: Bools, some: list[Box]) -> tuple[Bools, Bools]:
        """Leaves of the split's tree that a row ends in, and that it would end in if it were turned, bool [box, leaf].

        Past the split its own column asks only what the other splits of that column ask.
        """
        box, node = self.boxes[question.tree], question.node
        feature, edge = int(box.tree.feature[node]), box.edge(node)
        begin = self.first[question.tree]
        own = reach[:, begin : begin + len(box.leaf)].copy()
        sides = np.zeros((2, len(box.leaf)), dtype=bool)
        for side, child in enumerate((box.tree.left[node], box.tree.right[node])):
            sides[side, box.first[child] : box.last[child]] = True
        goes_right = question.where == RIGHT
        if question.where == MISSING:
            goes_right = not box.tree.missing_left[node]
        fits = np.ones((len(some), len(box.leaf)), dtype=bool)
        for column in range(box.low.shape[1]):
            if column == feature:
                continue
            low = np.array([one.low[column] for one in some])[:, None]
            high = np.array([one.high[column] for one in some])[:, None]
            missing = np.array([one.missing[column] for one in some])[:, None]
            numbers = np.maximum(low, box.low[None, :, column]) < np.minimum(high, box.high[None, :, column])
            fits &= numbers | (missing & (box.blocked[None, :, column] == 0))
        if question.where == LEFT:
            turned = box.low[:, feature] <= edge
        elif question.where == RIGHT:
            turned = box.high[:, feature] >= edge
        else:
            turned = box.blocked[:, feature] == 1
        return own & sides[int(goes_right)], fits & turned & sides[int(not goes_right)]

    def _ranges(self, values: Floats, reach: Bools) -> tuple[Floats, Floats]:
        """The least and the largest value of the leaves of each tree that can be reached, float64 [box, tree]."""
        least = np.minimum.reduceat(np.where(reach, values, np.inf), self.first, axis=1)
        most = np.maximum.reduceat(np.where(reach, values, -np.inf), self.first, axis=1)
        return least, most

    def _score(self, column: int, values: Floats) -> float:
        return float(self.base[column] + self.scale * values.sum())

    def _flat(self, column: int, low: float, high: float) -> bool:
        """Whether the calibration answers one number from `low` to `high`, and a little beyond."""
        return self._step(column, low, before=True) == self._step(column, high)

    def _two_steps(self, question: Question, box: Box, column: int, low: float, high: float) -> list[float]:
        """What the calibration answers at two known scores; scikit-learn is asked where rounding can tell."""
        if self._flat(column, low, low) and self._flat(column, high, high):
            return [self._step(column, low), self._step(column, high)]
        return [float(self.calibrators[column].predict(s[:, column])[0]) for s in self._both(question, box)]

    def _step(self, column: int, score: float, *, before: bool = False) -> float:
        """What the calibration answers at its last point before a score, or at the first after it: its bounds."""
        one = self.calibrators[column]
        scores, steps = np.asarray(one.X_thresholds_), np.asarray(one.y_thresholds_)
        if before:
            return float(steps[max(int(np.searchsorted(scores, score - self.size, side="right")) - 1, 0)])
        return float(steps[min(int(np.searchsorted(scores, score + self.size, side="left")), len(steps) - 1)])

    def _halves(self, question: Question, box: Box, number: int) -> list[Box] | None:
        """The box in two, at the first split of a tree that parts it; None where none does."""
        tree, boxes = self.boxes[number].tree, self.boxes[number]
        starts = [0]
        if number == question.tree:
            starts = [int(tree.left[question.node]), int(tree.right[question.node])]
        for node in starts:
            while tree.feature[node] >= 0:
                column, edge = int(tree.feature[node]), boxes.edge(node)
                lost, by = bool(box.missing[column]), bool(tree.missing_left[node])
                left = box.low[column] < min(box.high[column], edge) or (lost and by)
                right = max(box.low[column], edge) < box.high[column] or (lost and not by)
                if left and right:
                    return list(box.halves(column, edge, missing_left=by))
                node = int(tree.left[node] if left else tree.right[node])
        return None

    def _both(self, question: Question, box: Box) -> tuple[Floats, Floats]:
        """Scores of a row of a cell, and with the split turned; of the split's own column, where only that is known."""
        self.work += 2 * ANSWER
        own, other = self._sides(question, self._reach([box]), [box])
        tree = self.boxes[question.tree]
        own_value, then = (
            tree.tree.value[tree.leaf[np.flatnonzero(side[0])[0]], question.output] for side in (own, other)
        )
        turn = Turn(0, np.array([question.tree]), np.array([question.output]), own_value[None], then[None])
        return self.scores(box.inside), self.scores(box.inside, turn)

    def _changes(self, question: Question, box: Box) -> bool:
        """Whether scikit-learn's calibration answers a row of this cell otherwise when the split is turned."""
        now, turned = self._both(question, box)
        return not np.array_equal(self._calibrated(now), self._calibrated(turned))

    def _calibrated(self, scores: Floats) -> Floats:
        """The fold's answers, as `_CalibratedClassifier.predict_proba` makes them of scores."""
        found = np.column_stack([one.predict(scores[:, c]) for c, one in enumerate(self.calibrators)])
        if len(self.calibrators) > 1:
            total = found.sum(axis=1)[:, None]
            found = np.divide(found, total, out=np.full_like(found, 1.0 / found.shape[1]), where=total != 0)
        return found

    def targets(self, question: Question, box: Box) -> Targets:
        """Where rows for this cell must lie; a threshold's column may stand on either side of it."""
        tree, node = self.boxes[question.tree].tree, question.node
        feature = int(tree.feature[node])
        low, high = box.low.copy(), box.high.copy()
        if question.where != MISSING:
            edge = self.boxes[question.tree].edge(node)
            low[feature], high[feature] = _down(edge, self.group), _up(edge, self.group)
        at = slice(node, node + 1)
        return Targets(
            tree.feature[at], tree.threshold[at], tree.missing_left[at], low[None], high[None], box.missing[None]
        )


def _down(edge: float, group: Group) -> float:
    """The next number below that the trees can see."""
    return float(np.nextafter(np.float32(edge), np.float32(-np.inf)) if group.single else np.nextafter(edge, -np.inf))


def _up(edge: float, group: Group) -> float:
    """The next number above that the trees can see."""
    return float(np.nextafter(np.float32(edge), np.float32(np.inf)) if group.single else np.nextafter(edge, np.inf))
