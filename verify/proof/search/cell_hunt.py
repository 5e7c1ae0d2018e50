"""The third search: cells behind an isotonic calibration, and rows for those in which a split changes an answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from verify.proof.row_search import Search
from verify.proof.search.cells import MOST_WORK, Box, Cells, Question
from verify.proof.search.leaf_hunt import Hunt
from verify.proof.split_boxes import join
from verify.proof.split_evidence import LEFT, MISSING, RIGHT
from verify.proof.trees import Bools, Floats

TRIED_AT_ONCE, TRIED = 6, 30
"""Cells of one split that rows are brought to."""
STARTS = 300


@dataclass
class CellHunt:
    """Decides what a `Hunt` left undecided: rows that tell a split apart, or the proof that there are none."""

    hunt: Hunt
    cells: Cells

    def rows(self, where: tuple[int, ...]) -> Floats:
        """Rows for the splits that are not decided where rows stand, float64 [row, column]."""
        standing, found = self.hunt.standing, [np.empty((0, self.hunt.start.shape[1]))]
        unknown = ~(standing.told | standing.idle)
        unknown &= standing.looked_at[None, :, None]
        places = [(at, int(split), int(position)) for at in where for split, position in np.argwhere(unknown[at])]
        for at, split, position in (places[i] for i in self.hunt.random.permutation(len(places))):
            if self.cells.work > MOST_WORK:
                break
            if not standing.told[at, split, position]:  # by the rows of another
                found.append(self._one(at, split, position))
        return np.concatenate(found)

    def _one(self, where: int, split: int, position: int) -> Floats:
        hunt, nodes = self.hunt, self.hunt.standing.nodes
        node = int(hunt.standing.splits[split])
        tree = int(nodes.tree[node])
        feature = int(nodes.feature[node])
        question = Question(tree, node - int(nodes.root[tree]), hunt.standing.group.outputs[position], where)
        rows, complete = [np.empty((0, hunt.start.shape[1]))], feature not in {mark.column for mark in hunt.marks}
        patterns: list[Bools | None] = [None]
        if where == MISSING:
            patterns = list(np.unique(hunt.patterns[hunt.patterns[:, feature]], axis=0))
        for empty in patterns if complete else ():
            met = self.cells.search(question, empty, hunt.random)
            more, idle = self._tried(question, split, position, met)
            rows += more
            complete &= idle
            if hunt.standing.told[where, split, position]:
                break
        hunt.standing.idle[where, split, position] |= complete
        return np.concatenate(rows)

    def _tried(
        self, question: Question, split: int, position: int, met: Iterator[Box | None]
    ) -> tuple[list[Floats], bool]:
        """Rows brought to the cells that are met, until one tells the split apart; and whether there were none."""
        standing, rows, idle = self.hunt.standing, list[Floats](), True
        for _ in range(TRIED // TRIED_AT_ONCE):
            some = list(islice(met, TRIED_AT_ONCE))
            if not some:
                return rows, idle
            idle = False
            boxes = [box for box in some if box is not None]
            if boxes:
                rows.append(self._offered(question, split, boxes))
            if standing.told[question.where, split, position]:
                break
        return rows, idle

    def _offered(self, question: Question, split: int, boxes: list[Box]) -> Floats:
        hunt = self.hunt
        known = hunt.random.permutation(hunt.start)[:STARTS]
        targets = join([self.cells.targets(question, box) for box in boxes])
        search = Search(
            hunt.standing.group.transform, targets, known, hunt.influence, hunt.holes, hunt.coded, hunt.random
        )
        rows, splits = search.reach(), np.full(len(boxes), split)
        if question.where == MISSING:
            return rows[hunt.standing.offer(rows, splits, MISSING)]
        edges, kept = search.edges(rows, choice=0), []
        for side, stand in ((LEFT, edges.left), (RIGHT, edges.right)):
            kept.append(stand[hunt.standing.offer(stand, splits[edges.which], side)])
        return np.concatenate(kept)
