"""For every split of every tree, rows on both sides of it, one representable double apart, that it answers differently.

First a row is brought to each split and moved to its two sides. Where the answers there are the same, and for every
route of missing values, `verify.proof.search.leaf_pairs` says which leaves such rows must end in, or that there are
none; behind isotonic steps `verify.proof.search.cells` decides what is left.
"""

from dataclasses import dataclass

import numpy as np

from verify.proof.missing_values import columns_with_holes, marks_of, missing_columns, with_fills
from verify.proof.row_search import Search, coded_columns, influence_of
from verify.proof.search.cell_hunt import CellHunt
from verify.proof.search.cells import Cells
from verify.proof.search.leaf_hunt import FIRST_STARTS, MOST_STARTS, Hunt
from verify.proof.split_boxes import targets_of
from verify.proof.split_evidence import LEFT, MISSING, RIGHT, Judge, Standing
from verify.proof.trees import Bools, Floats, Group, Indices, Visits

ATTEMPTS = 12
EDGES_ALONE = 3
MOST_SPLITS = 40_000
"""Of one group: of more, as many are drawn by the seed and looked into; `Count` says how many are not."""


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
    coded = coded_columns(group.transform, start, influence)
    patterns, fills = missing_columns(group.transform, start[:1], influence)
    marks = marks_of(group.transform, start[:1], influence, patterns) if takes_missing else ()
    standing = Standing(number, with_fills(group, influence, fills), judge or _by_tree_alone, computed)
    takes_missing &= told
    looked_at = standing.looked_at
    if len(looked_at) > MOST_SPLITS:
        looked_at[:] = False
        looked_at[np.random.default_rng((seed, number)).choice(len(looked_at), MOST_SPLITS, replace=False)] = True
    holes = columns_with_holes(patterns & takes_missing, start.shape[1])
    found, missing = _visit(group, start, influence, standing, random, looked_at, holes=holes, coded=coded)
    if not told:
        return Witnesses(np.concatenate(found), found[0], standing)
    hunt = Hunt(
        standing, np.concatenate([start, *found]), influence, patterns & takes_missing, marks, coded, looked_at, random
    )
    found.append(hunt.thresholds())
    found.append(hunt.marked())
    missing.append(hunt.routes())
    try:
        cells = Cells(standing.group, hunt.boxes, hunt.possible, fills, start)
    except ValueError:  # no isotonic calibration, or of something else than sums of leaves
        pass
    else:
        last = CellHunt(hunt, cells)
        found.append(last.rows((LEFT, RIGHT)))
        missing.append(last.rows((MISSING,)))
    return Witnesses(np.concatenate(found), np.concatenate(missing), standing)


def _by_tree_alone(rows: Floats, turn: object) -> Bools:
    del turn
    return np.ones(len(rows), dtype=bool)


def _visit(
    group: Group,
    start: Floats,
    influence: list[Indices],
    standing: Standing,
    random: np.random.Generator,
    looked_at: Bools,
    *,
    holes: Bools,
    coded: Bools,
) -> tuple[list[Floats], list[Floats]]:
    """Rows that leave every split by both sides; and those without a value that tell a route apart in passing.

    `holes` says which raw columns may be without a value, `coded` is of `coded_columns`.
    """
    targets = targets_of(group, len(influence))
    visits, found, missing = Visits((group,)), [np.empty((0, start.shape[1]))], [np.empty((0, start.shape[1]))]
    left_over = np.flatnonzero(looked_at)
    for attempt in range(ATTEMPTS):
        if not len(left_over):
            break
        # Rows already found stand near the splits that are still missing.
        known = random.permutation(np.concatenate([start, *found]))[: MOST_STARTS if attempt else FIRST_STARTS]
        search = Search(group.transform, targets.only(left_over), known, influence, holes, coded, random)
        edges = search.edges(search.reach(), choice=attempt)
        found.append(edges.rows)
        standing.offer(edges.left, left_over[edges.which], LEFT)
        standing.offer(edges.right, left_over[edges.which], RIGHT)
        empty = np.where(edges.left == edges.right, edges.left, np.nan)
        taken = ~np.isnan(empty[:, ~holes]).any(axis=1)
        missing.append(empty[taken][standing.offer(empty[taken], left_over[edges.which[taken]], MISSING)])
        if attempt >= EDGES_ALONE:  # no row at the edge stays in the box: one row on each side of it, then
            both = targets.only(left_over).children()
            found.append(Search(group.transform, both, known, influence, holes, coded, random).reach())
            visits.add(found[-2])
        visits.add(found[-1])
        left_over = np.flatnonzero(~visits.both_ways()[0] & looked_at)
    return found, missing
