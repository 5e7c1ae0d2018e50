"""The second search: for rows that end in a given pair of leaves, one from either side of a split.

Where rows reach a pair and the whole model still answers the same (a step of an isotonic calibration, a vote that is
clear), they wander about in the box of that pair until the other trees bring the model to where it does not.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from verify.proof.missing_values import Mark, columns_with_holes
from verify.proof.row_search import Search, seen_by
from verify.proof.search.leaf_pairs import LeafBoxes, leaf_boxes
from verify.proof.split_boxes import Targets, join
from verify.proof.split_evidence import LEFT, MISSING, RIGHT, Standing
from verify.proof.trees import Bools, Floats, Indices

HUNTS, PATIENCE, PATIENCE_COMPUTED = 60, 5, 12
"""How often rows are brought to the pairs of one split, and how often in a row without any success; behind columns
that are computed from several it takes longer to stand on the very double."""
WORK = 400_000
"""Rows brought to pairs beyond the first `EAGER` hunts; of very many splits only these are made."""
EAGER = 8
FIRST_STARTS = 300
MOST_STARTS = 3000
TARGETS_AT_ONCE = 20_000
SHAKES = 96
WALKS, STEPS, MOST_WALKERS = 12, 5, 6_000


class _Wanted(NamedTuple):
    """What rows could tell one output of one split apart.

    Attributes:
        split, position: which.
        where: rows must stand.
        pairs: of leaves to end in, and the columns to leave empty (None: as the boxes say).
        present: columns that must not be empty.
        boxes: of the tree.
    """

    split: int
    position: int
    where: tuple[int, ...]
    pairs: list[tuple[Indices, Bools | None]]
    boxes: LeafBoxes
    present: tuple[int, ...] = ()


@dataclass
class Hunt:
    """A search for rows that tell apart what a first look did not.

    Attributes:
        standing: what is known of the splits of one group.
        start: rows to begin with, float64 [row, column].
        influence: for each column seen, the raw columns that move it.
        patterns: see `missing_columns`; all False where the model takes no missing values.
        marks: see `marks_of`.
        coded: see `coded_columns`.
        looked_at: splits that are looked into at all, bool [split].
        random: of every choice.
    """

    standing: Standing
    start: Floats
    influence: list[Indices]
    patterns: Bools
    marks: tuple[Mark, ...]
    coded: Bools
    looked_at: Bools
    random: np.random.Generator

    def __post_init__(self) -> None:
        group, width = self.standing.group, len(self.influence)
        self.boxes = [leaf_boxes(tree, width, single=group.single, marks=self.marks) for tree in group.trees]
        self.possible = np.asarray(self.patterns.any(axis=0))
        self._by_column = {mark.column: mark for mark in self.marks}
        self._unmarked: dict[tuple[int, int], LeafBoxes] = {}

    @cached_property
    def holes(self) -> Bools:
        """Raw columns that may be without a value, bool [raw column]."""
        return columns_with_holes(self.patterns, self.start.shape[1])

    @cached_property
    def moves(self) -> Bools:
        """Whether a raw column moves a column seen, bool [column seen, raw column]."""
        return np.array([np.isin(np.arange(self.start.shape[1]), raw) for raw in self.influence])

    def thresholds(self) -> Floats:
        """Rows for the splits whose thresholds are not told apart yet, but those of marks."""
        wanted = []
        for split, position in self._unknown(np.asarray(~self.standing.told[:MISSING].all(axis=0))):
            boxes, node = self._place(split)
            if int(boxes.tree.feature[node]) in self._by_column:
                continue
            output = self.standing.group.outputs[position]
            pairs, complete = boxes.at_threshold(node, output, self.random, missing=self.possible)
            self.standing.idle[:MISSING, split, position] = complete and not len(pairs)
            wanted.append(_Wanted(split, position, (LEFT, RIGHT), [(pair, None) for pair in pairs], boxes))
        return self._search(wanted)

    def marked(self) -> Floats:
        """Rows for the splits of marks: with a value in the marked column on one side, without it on the other."""
        wanted = []
        for split, position in self._unknown(np.asarray(~self.standing.told[:MISSING].all(axis=0))):
            node = self._place(split)[1]
            mark = self._by_column.get(int(self._place(split)[0].tree.feature[node]))
            if mark is None:
                continue
            boxes, output = self._without(split, mark), self.standing.group.outputs[position]
            threshold = boxes.tree.threshold[node]
            for value, hole in ((mark.number, False), (mark.missing, True)):
                where = LEFT if value <= threshold else RIGHT
                empty = self.patterns[mark.raw] & hole
                missing = self.possible.copy()
                if not hole:
                    missing[list(mark.beside)] = False
                pairs, complete = boxes.at_mark(node, output, self.random, missing=missing, empty=empty)
                self.standing.idle[where, split, position] |= complete and not len(pairs)
                some = [(pair, empty if hole else None) for pair in pairs]
                wanted.append(_Wanted(split, position, (where,), some, boxes, () if hole else mark.beside))
        return self._search(wanted)

    def routes(self) -> Floats:
        """Rows for the routes of missing values."""
        wanted = []
        for split, position in self._unknown(~self.standing.told[MISSING]):
            boxes, node = self._place(split)
            if boxes.barred[node] or not self.possible[boxes.tree.feature[node]]:
                self.standing.idle[MISSING, split, position] = True
                continue
            output, looked_at_all = self.standing.group.outputs[position], True
            pairs: list[tuple[Indices, Bools | None]] = []
            # A missing raw column may leave several of the columns seen empty.
            for empty in np.unique(self.patterns[self.patterns[:, boxes.tree.feature[node]]], axis=0):
                some, complete = boxes.at_missing(node, output, self.random, missing=self.possible, empty=empty)
                looked_at_all &= complete
                pairs += [(pair, empty) for pair in some]
            self.standing.idle[MISSING, split, position] = looked_at_all and not pairs
            wanted.append(_Wanted(split, position, (MISSING,), pairs, boxes))
        return self._search(wanted)

    def _unknown(self, mask: Bools) -> list[tuple[int, int]]:
        """Splits and outputs to look into."""
        return [(int(split), int(position)) for split, position in np.argwhere(mask & self.looked_at[:, None])]

    def _place(self, split: int) -> tuple[LeafBoxes, int]:
        """The tree of a split, and its node there."""
        nodes, node = self.standing.nodes, int(self.standing.splits[split])
        tree = int(nodes.tree[node])
        return self.boxes[tree], node - int(nodes.root[tree])

    def _without(self, split: int, mark: Mark) -> LeafBoxes:
        """The boxes of a split's tree that know nothing of one mark."""
        number = int(self.standing.nodes.tree[self.standing.splits[split]])
        if (number, mark.column) not in self._unmarked:
            group = self.standing.group
            rest = [other for other in self.marks if other.raw != mark.raw]
            tree = group.trees[number]
            self._unmarked[number, mark.column] = leaf_boxes(tree, len(self.influence), single=group.single, marks=rest)
        return self._unmarked[number, mark.column]

    def _search(self, wanted: list[_Wanted]) -> Floats:
        """One pair after the other, for what is wanted and still not told apart."""
        rows, wanted = [np.empty((0, self.start.shape[1]))], [one for one in wanted if one.pairs]
        work, waited, before = WORK, 0, len(wanted)
        patience = PATIENCE_COMPUTED if self.standing.computed.any() else PATIENCE
        for attempt in range(HUNTS):
            wanted = [one for one in wanted if not self.standing.told[list(one.where), one.split, one.position].all()]
            waited = 0 if len(wanted) < before else waited + 1
            before = len(wanted)
            work -= len(wanted) * (attempt >= EAGER)
            if not wanted or waited > patience or work < 0:
                break
            known = self.random.permutation(np.concatenate([self.start, *rows]))
            for first in range(0, len(wanted), TARGETS_AT_ONCE):
                part = wanted[first : first + TARGETS_AT_ONCE]
                search = Search(
                    self.standing.group.transform,
                    join([self._target(one, attempt) for one in part]),
                    known[: MOST_STARTS if attempt else FIRST_STARTS],
                    self.influence,
                    self.holes,
                    self.coded,
                    self.random,
                )
                rows.append(self._offer(search, part, attempt))
        return np.concatenate(rows)

    def _target(self, one: _Wanted, attempt: int) -> Targets:
        pair, empty = one.pairs[attempt % len(one.pairs)]
        node = self._place(one.split)[1]
        target = one.boxes.targets(node, pair, empty=empty)
        target.missing[0, list(one.present)] = False
        return target

    def _offer(self, search: Search, wanted: list[_Wanted], attempt: int) -> Floats:
        rows = search.reach()
        split = np.array([one.split for one in wanted])
        standing = self.standing
        if wanted[0].where != (LEFT, RIGHT):
            where = np.array([one.where[0] for one in wanted])
            for side in np.unique(where):
                standing.offer(rows[where == side], split[where == side], int(side))
            walked, of = self._walked(search, rows, np.arange(len(wanted)), split)
            good = [rows]
            for side in np.unique(where):
                mine = where[of] == side
                good.append(walked[mine][standing.offer(walked[mine], split[of[mine]], int(side))])
            return np.concatenate(good)
        edges = search.edges(rows, choice=attempt)
        left = np.concatenate([edges.left, edges.right])
        of = np.tile(edges.which, 2)
        near, place = self._shaken(left, split[of])
        walked, target = self._walked(search, left, of, split[of])
        kept = []
        for side in (LEFT, RIGHT):
            mine = slice(None, len(edges.left)) if side == LEFT else slice(len(edges.left), None)
            standing.offer(left[mine], split[of][mine], side)
            standing.offer(near, place, side)
            kept.append(walked[standing.offer(walked, split[target], side)])
        return np.concatenate([left, near, *kept])

    def _walked(self, search: Search, rows: Floats, of: Indices, split: Indices) -> tuple[Floats, Indices]:
        """Rows elsewhere in the same boxes, and the target of each; the split's own column stays as it is."""
        rows, of = np.repeat(rows, WALKS, axis=0), np.repeat(of, WALKS)
        split = np.repeat(split, WALKS)
        if len(rows) > MOST_WALKERS:
            some = np.sort(self.random.choice(len(rows), MOST_WALKERS, replace=False))
            rows, of, split = rows[some], of[some], split[some]
        free: Bools = np.asarray(~self.moves[self.standing.nodes.feature[self.standing.splits[split]]])
        missed: Bools = np.asarray(search.targets.only(of).misses(seen_by(search.transform, rows)).any(axis=1))
        inside = np.flatnonzero(~missed & np.asarray(free.any(axis=1)))
        rows, of, free = rows[inside], of[inside], free[inside]
        if not len(rows):
            return rows, of
        targets, made, made_of = search.targets.only(of), [], []
        for _ in range(STEPS):
            other = search.start[self.random.integers(len(search.start), size=len(rows))]
            share = self.random.choice([0.15, 0.4, 0.8], size=(len(rows), 1))
            trial = np.where(free & (self.random.random(rows.shape) < share), other, rows)
            good = np.flatnonzero(~np.asarray(targets.misses(seen_by(search.transform, trial)).any(axis=1)))
            rows = rows.copy()
            rows[good] = trial[good]
            made.append(rows[good])
            made_of.append(of[good])
        return np.concatenate(made), np.concatenate(made_of)

    def _shaken(self, rows: Floats, split: Indices) -> tuple[Floats, Indices]:
        """Rows of which several raw columns are moved by a few units of the last place, and their splits.

        Where a column is computed, the doubles on its edge are seldom met by moving one raw column.
        """
        standing = self.standing
        feature = standing.nodes.feature[standing.splits[split]]
        wanted = standing.computed[feature] & ~standing.told[:MISSING, split].all(axis=(0, 2))
        rows, split = np.repeat(rows[wanted], SHAKES, axis=0), np.repeat(split[wanted], SHAKES)
        feature = np.repeat(feature[wanted], SHAKES)
        reach = self.random.choice([4, 64, 4096], size=(len(rows), 1))
        steps = self.random.integers(-reach, reach + 1, rows.shape) * self.moves[feature]
        rows = rows + steps * np.spacing(rows)
        exact = standing.group.before(rows)[np.arange(len(rows)), feature]
        edge = standing.edge[split]
        hits = np.flatnonzero((exact == edge) | (exact == np.nextafter(edge, np.inf)))
        _, first = np.unique(np.column_stack([split[hits], exact[hits] == edge[hits]]), axis=0, return_index=True)
        return rows[hits[first]], split[hits[first]]
