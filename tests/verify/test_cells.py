"""Splits behind an isotonic calibration: what is said to be unable to change an answer is, on every cell there is."""

from itertools import product

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier

from verify.compare.pair_probes import pair_probes
from verify.comparison.parity import Tolerance
from verify.proof.search import cells as cells_module
from verify.proof.search.cells import Cells, Question
from verify.proof.search.leaf_pairs import leaf_boxes
from verify.proof.split_evidence import LEFT, MISSING, RIGHT, Standing
from verify.proof.trees import tree_groups
from verify.runtimes.original import sklearn_original

IRIS, SPECIES = load_iris(return_X_y=True)


def isotonic(estimator):
    return CalibratedClassifierCV(estimator, method="isotonic", cv=3, ensemble=False)


def boosting(trees):
    return GradientBoostingClassifier(n_estimators=trees, max_depth=2, random_state=0)


def all_cells(standing, *, gaps):
    """Rows on either side of every threshold of both columns, and without values, in every combination."""
    levels = []
    for column in range(2):
        edges = np.unique(standing.edge[standing.nodes.feature[standing.splits] == column])
        levels.append(np.concatenate([edges, np.nextafter(edges, np.inf), [-1e3, 1e3], [np.nan] * gaps]))
    return np.array(list(product(*levels)))


def _same(values, number):
    return np.isnan(values) if np.isnan(number) else values == number


@pytest.mark.parametrize(
    ("model", "species"),
    [
        (isotonic(boosting(10)), (1, 2)),
        (isotonic(boosting(4)), (0, 1, 2)),
        (isotonic(RandomForestClassifier(4, max_depth=3, random_state=0)), (0, 1, 2)),
        (
            isotonic(HistGradientBoostingClassifier(max_iter=5, max_depth=3, min_samples_leaf=5, random_state=0)),
            (0, 1, 2),
        ),
    ],
    ids=["two classes", "three classes", "forest", "histogram"],
)
def test_a_cell_is_met_just_where_a_row_of_some_cell_tells_the_split_apart(model, species):
    """Against every cell there is: nothing that can change an answer is called idle, and nothing else is met."""
    some = np.isin(SPECIES, species)
    rows = IRIS[some, 1:3] + np.random.default_rng(0).normal(scale=0.7, size=(some.sum(), 2))
    original = sklearn_original(model.fit(rows, SPECIES[some]), name="model")
    gaps = original.takes_missing(rows)
    (group,) = tree_groups(original.estimator, second_class_only=len(species) == 2)
    standing = Standing(0, group, original.judge(Tolerance(0.0, 0.0)), np.zeros(2, dtype=bool))
    boxes = [leaf_boxes(tree, 2, single=group.single, marks=()) for tree in group.trees]
    cells = Cells(group, boxes, np.full(2, gaps), np.full(2, np.nan), rows)
    every, outcomes = all_cells(standing, gaps=gaps), set()
    for split, node in enumerate(standing.splits):
        tree = int(standing.nodes.tree[node])
        inner, feature = int(node - standing.nodes.root[tree]), int(standing.nodes.feature[node])
        edge = standing.edge[split]
        stands = (edge, np.nextafter(edge, np.inf), np.nan)
        for where, position in product((LEFT, RIGHT, *([MISSING] if gaps else [])), range(len(group.outputs))):
            there = every[_same(every[:, feature], stands[where])]
            standing.told[:] = False
            standing.offer(there, np.full(len(there), split), where)
            question = Question(tree, inner, group.outputs[position], where)
            empty = np.arange(2) == feature if where == MISSING else None
            met = next(cells.search(question, empty, np.random.default_rng(0)), "none")
            assert met is not None
            told = bool(standing.told[where, split, position])
            assert (met != "none") == told
            outcomes.add(told)
    assert outcomes == {True, False}


def test_every_split_of_a_boosting_of_three_classes_is_decided():
    """Of these 151 splits 47 were left undecided by the search over pairs of leaves alone."""
    model = isotonic(boosting(20)).fit(IRIS, SPECIES)
    proof = pair_probes(sklearn_original(model, name="model"), IRIS).proof
    assert proof.thresholds.undecided == 0
    assert 0 < proof.thresholds.cannot_change < 0.2 * proof.splits


def test_a_search_without_time_leaves_splits_undecided(monkeypatch):
    monkeypatch.setattr(cells_module, "MOST_WORK", 0)
    model = isotonic(boosting(20)).fit(IRIS, SPECIES)
    proof = pair_probes(sklearn_original(model, name="model"), IRIS).proof
    assert proof.thresholds.undecided > 10


def test_only_sums_of_leaves_behind_isotonic_steps_have_cells():
    model = CalibratedClassifierCV(boosting(3), cv=3, ensemble=False).fit(IRIS, SPECIES)
    (standing,) = pair_probes(sklearn_original(model, name="model"), IRIS).standings
    with pytest.raises(ValueError, match="no isotonic"):
        Cells(standing.group, [], np.zeros(4, dtype=bool), np.full(4, np.nan), IRIS)
