"""One number of a compiled graph is moved by one double, or one NaN route turned: the probes of `compare` see it.

What they do not see must be on the list of splits that cannot change any answer, and a brute search must find no row
for it either.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.support.compiled import compiled, run
from verify.compare.pair_probes import pair_probes
from verify.comparison.parity import Tolerance, agreement
from verify.proof.accepted_rows import accepted_answers
from verify.proof.split_evidence import LEFT, MISSING, RIGHT
from verify.runtimes.original import sklearn_original

pytestmark = pytest.mark.slow

X, y = make_classification(500, 4, n_informative=3, n_redundant=0, flip_y=0.1, random_state=0)
THREE = np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.9])
HOLES = np.where(np.random.default_rng(1).random(X.shape) < 0.15, np.nan, X)
NEAR = Tolerance(1e-12, 1e-12)


def forest(**options: Any) -> RandomForestClassifier:
    return RandomForestClassifier(**{"n_estimators": 3, "max_leaf_nodes": 9, "random_state": 0} | options)


MODELS = {
    "forest with NaN": (forest(n_estimators=4), HOLES, y, Tolerance()),
    "forest": (make_pipeline(StandardScaler(), forest()), X, y, Tolerance()),
    "few values": (forest(), np.round(X), y, Tolerance()),
    "three classes with NaN": (forest(n_estimators=2), HOLES, THREE, Tolerance()),
    "behind an imputer": (make_pipeline(SimpleImputer(), forest()), HOLES, y, Tolerance()),
    "extra trees": (ExtraTreesClassifier(3, max_leaf_nodes=9, random_state=0), X, y, Tolerance()),
    "deep tree": (DecisionTreeClassifier(random_state=0), X[:150], y[:150], Tolerance()),
    "regression with NaN": (
        RandomForestRegressor(3, max_leaf_nodes=9, random_state=0),
        HOLES,
        X[:, 0] + X[:, 1],
        Tolerance(),
    ),
    "gradient boosting": (
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=4, random_state=0)),
        X,
        y,
        NEAR,
    ),
    "gradient boosting, three classes": (
        GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0),
        X,
        THREE,
        NEAR,
    ),
    "gradient boosting, regression": (
        GradientBoostingRegressor(n_estimators=4, random_state=0),
        X,
        X[:, 0] * X[:, 1],
        NEAR,
    ),
    "hist gradient boosting with NaN": (
        HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=8, random_state=0),
        HOLES,
        y,
        NEAR,
    ),
    "hist gradient boosting, three classes": (
        HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=6, random_state=0),
        HOLES,
        THREE,
        NEAR,
    ),
    "isotonic forest": (CalibratedClassifierCV(forest(), method="isotonic", ensemble=False), HOLES, y, NEAR),
    "vote": (
        VotingClassifier(
            [("a", forest(n_estimators=2)), ("b", GradientBoostingClassifier(n_estimators=2))], voting="soft"
        ),
        X,
        y,
        NEAR,
    ),
}


@dataclass(frozen=True)
class Tampered:
    """A graph with one change: which operator and node of it, what was changed, and the column and value there."""

    graph: onnx.ModelProto
    operator: int
    node: int
    column: int
    value: float
    route: bool


def tampered(model: onnx.ModelProto) -> Iterator[Tampered]:
    """Every threshold one double down and up, every NaN route turned, one at a time."""
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    operators = [node for node in graph.graph.node if node.op_type == "TreeEnsemble" and node.input[0] == "features"]
    for number, operator in enumerate(operators):
        entries = {a.name: a for a in operator.attribute}
        splits = numpy_helper.to_array(entries["nodes_splits"].t).copy()
        columns = list(entries["nodes_featureids"].ints)
        if "nodes_missing_value_tracks_true" not in entries:
            nowhere = [0] * len(splits)
            operator.attribute.append(onnx.helper.make_attribute("nodes_missing_value_tracks_true", nowhere))
        routes = entries.get("nodes_missing_value_tracks_true", operator.attribute[-1])
        for node, value in enumerate(splits.tolist()):
            for towards in (-np.inf, np.inf):
                changed = splits.copy()
                changed[node] = np.nextafter(value, towards)
                entries["nodes_splits"].t.CopyFrom(numpy_helper.from_array(changed))
                yield Tampered(graph, number, node, columns[node], value, route=False)
            entries["nodes_splits"].t.CopyFrom(numpy_helper.from_array(splits))
            routes.ints[node] = 1 - routes.ints[node]
            yield Tampered(graph, number, node, columns[node], value, route=True)
            routes.ints[node] = 1 - routes.ints[node]


def rows_for(change: Tampered, source: Any) -> np.ndarray:
    """Many rows, all of them at the changed number: on it, beside it, or without a value."""
    rows = source.chunk(20_000, random=np.random.default_rng(change.node))
    at = [change.value, np.nextafter(change.value, -np.inf), np.nextafter(change.value, np.inf)]
    rows[np.random.default_rng(0).random(rows.shape) < 0.2] = np.nan
    rows[:, change.column] = np.resize([np.nan] if change.route else at, len(rows))
    return rows


@pytest.mark.parametrize("name", MODELS)
def test_every_change_of_one_number_is_seen_or_cannot_change_any_answer(name: str) -> None:
    estimator, data, labels, tolerance = MODELS[name]
    original = sklearn_original(estimator.fit(data, labels), name=name)
    model = compiled(estimator)
    probes = pair_probes(original, data)
    rows = np.concatenate(list(probes.families.values()))
    expected, accepted = accepted_answers(original.answer, rows)
    rows, expected = rows[accepted], expected[accepted]
    assert agreement(expected, run(model, rows), tolerance).all()

    seen: dict[tuple[int, int, bool], list[bool]] = {}
    for change in tampered(model):
        caught = not agreement(expected, run(change.graph, rows), tolerance).all()
        seen.setdefault((change.operator, change.node, change.route), []).append(caught)
        if not caught:
            more = rows_for(change, probes.source)
            answers, taken = accepted_answers(original.answer, more)
            found = run(change.graph, more[taken])
            assert agreement(answers[taken], found, tolerance).all(), f"node {change.node} of {change.operator}"

    assert probes.proof.thresholds.undecided == probes.proof.routes.undecided == 0
    for route, wheres in ((False, slice(None, MISSING)), (True, slice(MISSING, None))):
        told = sum(int(standing.told[wheres].all(axis=0).sum()) for standing in probes.standings)
        assert sum(all(caught) for (_, _, kind), caught in seen.items() if kind == route) == told
        # What is listed as unable to change an answer is seen in neither direction.
        assert all(len(set(caught)) == 1 for caught in seen.values())
    assert sum(map(sum, seen.values())) > 20


@pytest.mark.parametrize("max_features", [None, 2])
def test_a_split_of_a_mark_that_sends_either_value_elsewhere_is_seen(max_features: int | None) -> None:
    holes = np.random.default_rng(2).random(len(X)) < 0.5 - 0.3 * y
    data = np.where((np.arange(4) == 2) & holes[:, None], np.nan, X)
    before = (SimpleImputer(add_indicator=True), StandardScaler())
    estimator = make_pipeline(*before, forest(max_features=max_features)).fit(data, y)
    original = sklearn_original(estimator, name="marks")
    probes = pair_probes(original, data)
    assert probes.proof.thresholds.undecided == probes.proof.routes.undecided == 0
    rows = np.concatenate(list(probes.families.values()))
    expected, accepted = accepted_answers(original.answer, rows)
    rows, expected = rows[accepted], expected[accepted]
    model = compiled(estimator)
    assert agreement(expected, run(model, rows), Tolerance()).all()

    (standing,) = probes.standings
    marks = np.flatnonzero(standing.nodes.feature[standing.splits] == 4)
    (operator,) = (node for node in model.graph.node if node.op_type == "TreeEnsemble")
    entries = {a.name: a for a in operator.attribute}
    nodes = np.flatnonzero(np.array(entries["nodes_featureids"].ints) == 4)
    assert len(nodes) == 2 * len(marks) > 0
    splits = numpy_helper.to_array(entries["nodes_splits"].t)
    for number, node in enumerate(nodes):  # all trees of the first class, then all of the second
        for where, moved_to in ((LEFT, -1e9), (RIGHT, 1e9)):
            changed = splits.copy()
            changed[node] = moved_to
            entries["nodes_splits"].t.CopyFrom(numpy_helper.from_array(changed))
            caught = not agreement(expected, run(model, rows), Tolerance()).all()
            assert caught == standing.told[where, marks[number % len(marks)], number // len(marks)]
    assert standing.told[[LEFT, RIGHT]][:, marks].any()
