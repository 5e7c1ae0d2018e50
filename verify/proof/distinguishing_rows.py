"""For every split of every tree, rows on both sides of it, one representable double apart, that it answers differently.

First a row is brought to each split and moved to its two sides. Where the answers there are the same, and for every
route of missing values, `verify.proof.leaf_pairs` says which leaves such rows must end in, or that there are none.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from verify.proof.leaf_pairs import LeafBoxes, leaf_boxes
from verify.proof.missing_values import missing_columns, with_fills
from verify.proof.row_search import Search, influence_of
from verify.proof.split_boxes import Targets, join, targets_of
from verify.proof.split_evidence import LEFT, MISSING, RIGHT, Judge, Standing
from verify.proof.trees import Bools, Floats, Group, Indices, Visits

ATTEMPTS = 12
HUNTS = 8
EDGES_ALONE = 3
MOST_LOOKED_INTO = 300_000
FIRST_STARTS = 300
MOST_STARTS = 3000
TARGETS_AT_ONCE = 20_000
SHAKES = 32


@dataclass(frozen=True)
class Witnesses:
    """Rows around the splits of one group.

    Attributes:
        rows: for the thresholds, float64 [row, column].
        missing: for the routes of missing values, float64 [row, column].
        standing: what they tell apart.
    """

    rows: Floats
    missing: Floats
    standing: Standing


def witness_rows(
    group: Group,
    start: Floats,
    *,
    number: int = 0,
    judge: Judge | None = None,
    takes_missing: bool = True,
    told: bool = True,
    seed: int = 0,
) -> Witnesses:
    """Rows around every split of a group: the last double that goes left, the first that goes right, and beyond.

    Args:
        group: trees and their preprocessing.
        start: rows like those of the training data, float64 [row, column]; the search starts at them.
        number: of the group in its model.
        judge: whether the whole model would answer otherwise; None asks the one tree alone.
        takes_missing: whether the model answers rows with missing values.
        told: whether rows are wanted that tell the splits apart, and not only some on both sides of each.
        seed: of the choices that the search makes.

    Returns:
        Four rows for each split that could be reached (behind one-to-one columns all of them; behind engineered
        columns the last few may be missed, which `Visits` counts), then rows for the splits that these do not tell
        apart, and for the routes of missing values.
    """
    start = start[np.isfinite(start).all(axis=1)]
    random = np.random.default_rng(seed)
    influence = influence_of(group.transform, start, random)
    computed = np.array([len(raw) > 1 for raw in influence])
    patterns, fills = missing_columns(group.transform, start[:1], influence)
    standing = Standing(number, with_fills(group, influence, fills), judge or _by_tree_alone, computed)
    takes_missing &= told
    found, missing = _visit(group, start, influence, standing, random, takes_missing=takes_missing)
    if not told:
        return Witnesses(np.concatenate(found), found[0], standing)
    hunt = _Hunt(standing, np.concatenate([start, *found]), influence, patterns & takes_missing, random)
    found.append(hunt.thresholds())
    return Witnesses(np.concatenate(found), np.concatenate([*missing, hunt.routes()]), standing)


def _by_tree_alone(rows: Floats, turn: object) -> Bools:
    del turn
    return np.ones(len(rows), dtype=bool)


def _visit(
    group: Group,
    start: Floats,
    influence: list[Indices],
    standing: Standing,
    random: np.random.Generator,
    *,
    takes_missing: bool,
) -> tuple[list[Floats], list[Floats]]:
    """Rows that leave every split by both sides; and those without a value that tell a route apart in passing."""
    targets = targets_of(group, len(influence))
    visits, found, missing = Visits((group,)), [np.empty((0, start.shape[1]))], [np.empty((0, start.shape[1]))]
    left_over = np.arange(len(targets.feature))
    for attempt in range(ATTEMPTS):
        if not len(left_over):
            break
        # Rows already found stand near the splits that are still missing.
        known = random.permutation(np.concatenate([start, *found]))[: MOST_STARTS if attempt else FIRST_STARTS]
        search = Search(group.transform, targets.only(left_over), known, influence, random)
        edges = search.edges(search.reach(), choice=attempt)
        found.append(edges.rows)
        standing.offer(edges.left, left_over[edges.which], LEFT)
        standing.offer(edges.right, left_over[edges.which], RIGHT)
        if takes_missing:
            empty = np.where(edges.left == edges.right, edges.left, np.nan)
            missing.append(empty[standing.offer(empty, left_over[edges.which], MISSING)])
        if attempt >= EDGES_ALONE:  # no row at the edge stays in the box: one row on each side of it, then
            both = targets.only(left_over).children()
            found.append(Search(group.transform, both, known, influence, random).reach())
            visits.add(found[-2])
        visits.add(found[-1])
        left_over = np.flatnonzero(~visits.both_ways()[0])
    return found, missing


class _Wanted(NamedTuple):
    """What rows could tell one output of one split apart: pairs of leaves to end in, and columns to leave empty."""

    split: int
    position: int
    pairs: list[tuple[Indices, Bools | None]]


@dataclass
class _Hunt:
    """The second search: for rows that end in a given pair of leaves."""

    standing: Standing
    start: Floats
    influence: list[Indices]
    patterns: Bools
    random: np.random.Generator

    def __post_init__(self) -> None:
        group, width = self.standing.group, len(self.influence)
        self.boxes = [leaf_boxes(tree, width, single=group.single) for tree in group.trees]
        self.possible = np.asarray(self.patterns.any(axis=0))

    def thresholds(self) -> Floats:
        """Rows for the splits whose thresholds are not told apart yet."""
        wanted = []
        for split, position in self._unknown(np.asarray(~self.standing.told[:MISSING].all(axis=0))):
            boxes, node = self._place(split)
            output = self.standing.group.outputs[position]
            pairs, complete = boxes.at_threshold(node, output, self.random, missing=self.possible)
            self.standing.idle[:MISSING, split, position] = complete and not len(pairs)
            wanted.append(_Wanted(split, position, [(pair, None) for pair in pairs]))
        return self._search(wanted, slice(None, MISSING))

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
            wanted.append(_Wanted(split, position, pairs))
        return self._search(wanted, slice(MISSING, None))

    def _unknown(self, mask: Bools) -> list[tuple[int, int]]:
        """Splits and outputs to look into; of very many, as many as there is time for."""
        places = np.argwhere(mask)
        if len(places) > MOST_LOOKED_INTO:
            places = places[np.sort(self.random.choice(len(places), MOST_LOOKED_INTO, replace=False))]
        return [(int(split), int(position)) for split, position in places]

    def _place(self, split: int) -> tuple[LeafBoxes, int]:
        """The tree of a split, and its node there."""
        nodes, node = self.standing.nodes, int(self.standing.splits[split])
        tree = int(nodes.tree[node])
        return self.boxes[tree], node - int(nodes.root[tree])

    def _search(self, wanted: list[_Wanted], where: slice) -> Floats:
        """One pair after the other, for what is wanted and still not told apart."""
        rows, wanted = [np.empty((0, self.start.shape[1]))], [one for one in wanted if one.pairs]
        for attempt in range(HUNTS):
            wanted = [one for one in wanted if not self.standing.told[where, one.split, one.position].all()]
            known = self.random.permutation(np.concatenate([self.start, *rows]))
            for first in range(0, len(wanted), TARGETS_AT_ONCE):
                part = wanted[first : first + TARGETS_AT_ONCE]
                search = Search(
                    self.standing.group.transform,
                    join([self._target(one, attempt) for one in part]),
                    known[: MOST_STARTS if attempt else FIRST_STARTS],
                    self.influence,
                    self.random,
                )
                rows.append(self._offer(search, np.array([one.split for one in part]), attempt, where))
        return np.concatenate(rows)

    def _target(self, one: _Wanted, attempt: int) -> Targets:
        boxes, node = self._place(one.split)
        pair, empty = one.pairs[attempt % len(one.pairs)]
        return boxes.targets(node, pair, empty=empty)

    def _offer(self, search: Search, split: Indices, attempt: int, where: slice) -> Floats:
        rows = search.reach()
        if where.start == MISSING:
            self.standing.offer(rows, split, MISSING)
            return rows
        edges = search.edges(rows, choice=attempt)
        left = np.concatenate([edges.left, edges.right])
        split = np.tile(split[edges.which], 2)
        near, place = self._shaken(left, split)
        for side, made, of in (
            (LEFT, edges.left, split[: len(edges.left)]),
            (RIGHT, edges.right, split[: len(edges.left)]),
        ):
            self.standing.offer(made, of, side)
            self.standing.offer(near, place, side)
        return np.concatenate([left, near])

    def _shaken(self, rows: Floats, split: Indices) -> tuple[Floats, Indices]:
        """Rows of which several raw columns are moved by a few units of the last place, and their splits.

        Where a column is computed, the doubles on its edge are seldom met by moving one raw column.
        """
        standing = self.standing
        feature = standing.nodes.feature[standing.splits[split]]
        wanted = standing.computed[feature] & ~standing.told[:MISSING, split].all(axis=(0, 2))
        rows, split = np.repeat(rows[wanted], SHAKES, axis=0), np.repeat(split[wanted], SHAKES)
        feature = np.repeat(feature[wanted], SHAKES)
        moves = np.array([np.isin(np.arange(rows.shape[1]), raw) for raw in self.influence])[feature]
        steps = self.random.integers(-4, 5, rows.shape) * moves
        rows = rows + steps * np.spacing(rows)
        exact = standing.group.before(rows)[np.arange(len(rows)), feature]
        edge = standing.edge[split]
        hits = np.flatnonzero((exact == edge) | (exact == np.nextafter(edge, np.inf)))
        _, first = np.unique(np.column_stack([split[hits], exact[hits] == edge[hits]]), axis=0, return_index=True)
        return rows[hits[first]], split[hits[first]]
