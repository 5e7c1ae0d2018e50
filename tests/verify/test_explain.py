"""`verify explain`: shares as the shap library has them, and the first tree, split, operator or layer that parts."""

import re
from itertools import combinations, permutations

import numpy as np
import onnx
import pytest
import shap
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from export.artifact.manifest import TensorEntry
from tests.support.verified import build_house, change_one_number, run_verify, signals, with_graph
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_NAMES
from verify.proof.trees import tree_groups
from verify.report.attribution import attribute, seen_names, tree_shares
from verify.report.moved import moved_lines
from verify.report.parted_operator import parted_lines
from verify.runtimes.original import sklearn_original

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 5))
Y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
THREE = Y + (X[:, 3] > 1)
NAMES = ["a", "b", "c", "d", "e"]

MODELS = {
    "forest": (RandomForestClassifier(12, max_depth=6, random_state=0), Y),
    "forest of three classes": (RandomForestClassifier(5, random_state=0), THREE),
    "extra trees": (ExtraTreesRegressor(7, max_depth=5, random_state=0), X[:, 0]),
    "one tree": (DecisionTreeRegressor(random_state=0), X[:, 1]),
    "boosting": (GradientBoostingClassifier(n_estimators=8, random_state=0), Y),
    "boosting, regressor": (GradientBoostingRegressor(n_estimators=8, random_state=0), X[:, 0]),
    "histogram boosting": (HistGradientBoostingClassifier(max_iter=6), Y),
    "histogram boosting, three classes": (HistGradientBoostingClassifier(max_iter=4), THREE),
    "histogram boosting, regressor": (HistGradientBoostingRegressor(max_iter=6), X[:, 0]),
    "one leaf": (RandomForestClassifier(3, max_depth=1, min_samples_leaf=400), Y),
}


@pytest.mark.parametrize("name", MODELS)
def test_shares_are_those_of_the_shap_library_and_sum_to_the_answer(name) -> None:
    estimator, target = MODELS[name]
    estimator.fit(X, target)
    (group,) = tree_groups(estimator)
    library = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    for row in X[:6]:
        output = 1 if hasattr(estimator, "classes_") else 0
        found = attribute(group, row, output=output)
        shares = np.asarray(library.shap_values(row[None, :]))[0]
        base = np.atleast_1d(library.expected_value)
        shares, base = (shares[:, output], base[output]) if shares.ndim == 2 else (shares, base[0])
        assert np.allclose(found.shares, shares, rtol=0, atol=1e-12)
        assert abs(found.base - base) < 1e-12
        assert found.sums


@pytest.mark.parametrize("name", ["forest", "one tree"])
def test_shares_are_shapley_values_by_their_definition(name) -> None:
    """The average over all orders of what a column adds, by walking the tree anew for every set of known columns."""
    estimator, target = MODELS[name]
    (group,) = tree_groups(estimator.fit(X, target))
    tree = group.trees[0]
    row = X[3].astype(np.float32).astype(np.float64)

    def worth(known: frozenset[int], node: int = 0) -> float:
        feature = int(tree.feature[node])
        if feature < 0:
            return float(tree.value[node, -1])
        left, right = int(tree.left[node]), int(tree.right[node])
        if feature in known:
            return worth(known, left if row[feature] <= tree.threshold[node] else right)
        return sum(worth(known, child) * tree.cover[child] for child in (left, right)) / tree.cover[node]

    sets = {frozenset(s): worth(frozenset(s)) for k in range(6) for s in combinations(range(5), k)}
    orders = list(permutations(range(5)))
    expected = np.zeros(5)
    for order in orders:
        for place, column in enumerate(order):
            before = frozenset(order[:place])
            expected[column] += (sets[before | {column}] - sets[before]) / len(orders)
    base, shares = tree_shares(tree, row, tree.value.shape[1] - 1)
    assert np.allclose(shares, expected, rtol=0, atol=1e-12)
    assert abs(base - sets[frozenset()]) < 1e-12


def test_missing_values_go_the_way_that_was_learned() -> None:
    holes = np.where(RANDOM.random(X.shape) < 0.2, np.nan, X)
    forest = RandomForestClassifier(6, max_depth=5, random_state=0).fit(holes, Y)
    (group,) = tree_groups(forest)
    for row in (*holes[:10], np.full(5, np.nan)):
        assert attribute(group, row, output=1).sums


def test_trees_that_are_weighted_are_not_given_shares() -> None:
    model = AdaBoostClassifier(n_estimators=5, random_state=0).fit(X, Y)
    original = sklearn_original(model, name="m")
    assert ["no trees whose shares sum" in line for line in moved_lines(original, X[0], NAMES, X[:8])] == [True]


def test_columns_that_were_scaled_keep_their_names_and_made_ones_say_of_what() -> None:
    scaled = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(X, Y)
    assert seen_names(tree_groups(scaled)[0], X[:8], NAMES) == NAMES
    made = make_pipeline(PolynomialFeatures(2, interaction_only=True, include_bias=False), DecisionTreeRegressor())
    names = seen_names(tree_groups(made.fit(X[:, :3], Y))[0], X[:8, :3], NAMES[:3])
    assert names[3:] == ["column 3 (of a, b)", "column 4 (of a, c)", "column 5 (of b, c)"]


def test_every_member_of_a_vote_and_of_a_calibration_is_explained() -> None:
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    vote = VotingClassifier([("one", forest), ("two", GradientBoostingClassifier(n_estimators=3))], voting="soft")
    said = "\n".join(moved_lines(sklearn_original(vote.fit(X, Y), name="m"), X[0], NAMES, X[:8]))
    assert re.search(r"one: what moved its answer", said)
    assert re.search(r"two: what moved its raw score", said)
    assert "what follows the trees makes" in said
    calibrated = CalibratedClassifierCV(forest, cv=2).fit(X, Y)
    said = "\n".join(moved_lines(sklearn_original(calibrated, name="m"), X[0], NAMES, X[:8]))
    assert said.count("what moved its answer") == 2


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return build_house(tmp_path_factory.mktemp("explain"))


@pytest.fixture
def explain(monkeypatch, capsys):
    def run(house, row, *more):
        import json

        signal = json.dumps(
            {
                n: int(v) if v == int(v) and i > 4 else v
                for i, (n, v) in enumerate(zip(SIGNAL_NAMES, row.tolist(), strict=True))
            }
        )
        arguments = house.arguments(SIGNAL_CLASSIFIER, signal, "--runtime", "python", *more)
        return run_verify(["explain", *arguments], monkeypatch, capsys)

    return run


def test_shares_shown_sum_to_the_answer_shown(house, explain) -> None:
    ended = explain(house, signals(1, seed=3)[0])
    assert ended.code == 0, ended.err
    base = float(re.search(r"from ([-\d.e]+) with nothing known", ended.out)[1])
    shares = [float(share) for share in re.findall(r"^  \S.*: ([+-][\d.e-]+)$", ended.out, re.MULTILINE)]
    answer = float(re.search(r" original: (0\.\d+)", ended.out)[1])
    assert len(shares) == 8
    assert abs(base + sum(shares) - answer) < 1e-5
    assert "nothing unusual" in ended.out


def test_what_is_unusual_is_named(house, explain) -> None:
    row = signals(1, seed=3)[0]
    row[3] = 900.0
    assert "unusual: vega = 900 lies outside the 0 to 200 of training" in explain(house, row).out


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_picture_is_written(house, explain, tmp_path, kind) -> None:
    path = tmp_path / f"moved.{kind}"
    assert explain(house, signals(1)[0], "--picture", str(path)).code == 0
    assert path.read_bytes()[:5] == {"png": b"\x89PNG\r", "svg": b"<?xml"}[kind]


def test_a_picture_of_another_kind_is_refused(house, explain, tmp_path) -> None:
    ended = explain(house, signals(1)[0], "--picture", str(tmp_path / "moved.gif"))
    assert ended.code == 2
    assert "names a .png or .svg file" in ended.err


def test_the_first_split_that_parts_is_named(house, explain) -> None:
    node = next(node for node in house.draft.graph.graph.node if node.op_type == "TreeEnsemble")
    root = int(onnx.helper.get_node_attr_value(node, "tree_roots")[0])
    changed = with_graph(house, change_one_number("nodes_splits", root, 1e9))
    found = [explain(changed, row).out for row in signals(12, seed=4)]
    parted = [out for out in found if "NOT in parity" in out]
    assert parted
    assert all(
        re.search(r"tree 0: .* they part at split 1: original column \d+ = \S+ > .*; graph: column \d", o)
        for o in parted
    )


@pytest.fixture(scope="module")
def network():
    import keras

    from export.from_keras import compile_keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(5, activation="tanh", name="first")(inputs)
    middle = keras.layers.Dense(6, activation="tanh", name="second")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(2, name="third")(middle))
    return model, compile_keras(model, name="net")


class Inputs:
    """As much of a manifest as is asked for."""

    inputs = (TensorEntry(name="x", dtype="float32", shape=["batch", 4], columns=[]),)


@pytest.mark.slow
def test_the_first_layer_that_parts_is_named(network) -> None:
    model, graph = network
    row = RANDOM.normal(size=(1, 4))
    same = parted_lines(graph, Inputs, row, model)
    assert "agree in every one" in same[0]
    assert same[1] == "the last layer of the original whose output stands in the graph is 'third'"
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    weights = next(t for t in changed.graph.initializer if list(t.dims) in ([5, 6], [6, 5]))
    weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights) * np.float32(1.1), weights.name))
    parted = parted_lines(changed, Inputs, row, model)
    assert "is 'first'" in parted[1]
    assert parted[2] == "the first after it whose output does not: 'second'"


@pytest.mark.slow
def test_the_first_operator_that_a_runtime_computes_otherwise_is_named(network, monkeypatch) -> None:
    from verify.report import parted_operator

    _, graph = network
    right = parted_operator._inside
    name = graph.graph.node[1].output[0]

    def wrong(asked, feeds):
        inside = right(asked, feeds)
        return inside | {name: inside[name] * np.float32(1.01)}

    monkeypatch.setattr(parted_operator, "_inside", wrong)
    (line,) = parted_lines(graph, Inputs, RANDOM.normal(size=(1, 4)), None)
    assert f"part at operator 1, {graph.graph.node[1].op_type}" in line
