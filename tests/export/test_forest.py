"""Forests and trees, bit for bit, on thresholds and beside them."""

import io
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from sklearn import datasets
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from export.grade import Grade, stamped
from export.graph import to_bytes
from export.sklearn.estimators.forest import merge_equal_leaves, sklearn_tree, sum_is_exact_in_any_order
from tests.support.compiled import adversarial, answer, compiled, run, same_bits
from tests.support.places import ROOT
from train.core.skops_files import save_skops
from train.signal_classifier.leaf_grid import quantize_leaves

CLASSES = {
    "iris": datasets.load_iris(return_X_y=True),
    "wine": datasets.load_wine(return_X_y=True),
    "breast_cancer": datasets.load_breast_cancer(return_X_y=True),
    "digits": tuple(part[:600] for part in datasets.load_digits(return_X_y=True)),
    "moons": datasets.make_moons(1000, noise=0.3, random_state=0),
    "generated": datasets.make_classification(1000, 8, n_informative=6, random_state=0),
}
VALUES = {
    "diabetes": datasets.load_diabetes(return_X_y=True),
    "friedman": datasets.make_friedman1(500, random_state=0),
    "linear": datasets.make_regression(500, 10, random_state=0),
}
CLASSIFIERS = {
    "forest": RandomForestClassifier(20, random_state=0),
    "balanced forest of few leaves": RandomForestClassifier(
        31, class_weight="balanced", max_leaf_nodes=20, random_state=0
    ),
    "extra trees": ExtraTreesClassifier(16, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
}
REGRESSORS = {
    "forest": RandomForestRegressor(20, random_state=0),
    "extra trees": ExtraTreesRegressor(16, random_state=0),
    "tree": DecisionTreeRegressor(random_state=0),
}


@pytest.mark.parametrize("estimator", CLASSIFIERS.values(), ids=CLASSIFIERS)
@pytest.mark.parametrize("data", CLASSES.values(), ids=CLASSES)
def test_probabilities_equal_scikit_learn_to_the_last_bit_at_thresholds_and_with_nan(data, estimator):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X, y)

    model = compiled(pipeline)

    rows = adversarial(model, X, missing=True)
    assert same_bits(run(model, rows), answer(pipeline, rows))


@pytest.mark.parametrize("estimator", REGRESSORS.values(), ids=REGRESSORS)
@pytest.mark.parametrize("data", VALUES.values(), ids=VALUES)
def test_regression_equals_scikit_learn_to_the_last_bit(data, estimator):
    X, y = data
    pipeline = make_pipeline(RobustScaler(), estimator).fit(X, y)

    model = compiled(pipeline)

    rows = adversarial(model, X, missing=True)
    assert same_bits(run(model, rows), answer(pipeline, rows))


@pytest.mark.parametrize(
    "before",
    [(), (MinMaxScaler(clip=True),), (SimpleImputer(strategy="median", add_indicator=True), StandardScaler())],
    ids=["raw", "clipped", "imputed"],
)
def test_a_forest_trained_with_nan_sends_nan_where_scikit_learn_sends_it(before):
    X, y = CLASSES["generated"]
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    pipeline = make_pipeline(*before, RandomForestClassifier(20, random_state=0)).fit(holes, y)

    model = compiled(pipeline)

    rows = np.concatenate([adversarial(model, X, missing=True), np.full((1, 8), np.nan), np.diag([np.nan] * 8)])
    assert same_bits(run(model, rows), answer(pipeline, rows))


def test_extreme_numbers_take_scikit_learns_path():
    X, y = CLASSES["moons"]
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(X * 1e6, y)
    special = [0.0, -0.0, 5e-324, -5e-324, 2.0**24 + 1, 2.0**53 + 1, 1e30, -1e30, float(np.finfo(np.float32).tiny)]
    rows = np.array([[a, b] for a in special for b in special])

    assert same_bits(run(compiled(pipeline), rows), answer(pipeline, rows))


def test_confidence_is_the_second_column_of_predict_proba():
    X, y = CLASSES["breast_cancer"]
    forest = RandomForestClassifier(20, random_state=0).fit(X, y)

    model = compiled(forest, output="confidence")

    assert [o.name for o in model.graph.output] == ["confidence"]
    assert same_bits(run(model, X), forest.predict_proba(X)[:, 1])


@pytest.mark.parametrize("n_trees", [2, 20, 32])
def test_exact_ties_go_to_the_class_that_scikit_learn_picks(n_trees):
    X, y = CLASSES["moons"]
    forest = RandomForestClassifier(n_trees, random_state=0).fit(X, y)
    p = forest.predict_proba(X)
    model = compiled(forest)
    rows = adversarial(model, X, n=20_000)
    p = forest.predict_proba(rows)

    assert np.any(p[:, 0] == p[:, 1])
    assert np.array_equal(run(model, rows).argmax(axis=1), forest.predict(rows))


def test_a_forest_whose_trees_are_single_leaves_compiles():
    X = np.arange(10.0)[:, None]
    y = np.array([0, 1] * 5)
    forest = RandomForestClassifier(3, max_depth=1, min_samples_leaf=9, random_state=0).fit(X, y)
    assert all(tree.tree_.node_count == 1 for tree in forest.estimators_)

    assert same_bits(run(compiled(forest), X), forest.predict_proba(X))


def test_a_model_of_one_class_compiles():
    X = np.arange(10.0)[:, None]
    forest = RandomForestClassifier(3, random_state=0).fit(X, np.ones(10))

    assert same_bits(run(compiled(forest), X), np.ones((10, 1)))


def test_merging_equal_leaves_removes_splits_and_changes_no_answer():
    X, y = CLASSES["wine"]
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    before = sklearn_tree(tree)

    after = merge_equal_leaves(before, 0)

    assert (after.feature >= 0).sum() < (before.feature >= 0).sum()
    assert same_bits(run(compiled(tree), X), tree.predict_proba(X))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("batch", [1, 2, 255, 256, 5000, 100_000])
def test_quantized_leaves_give_equal_bits_on_any_number_of_threads(threads, batch):
    X, y = datasets.make_classification(2000, 8, n_informative=6, random_state=1)
    forest = RandomForestClassifier(60, max_depth=8, random_state=0).fit(X, y)
    quantize_leaves(forest)
    rows = np.random.default_rng(0).choice(X, batch)

    assert sum_is_exact_in_any_order(forest)
    assert same_bits(
        run(compiled(forest, output="confidence"), rows, threads=threads), forest.predict_proba(rows)[:, 1]
    )


def test_unrounded_leaves_are_not_called_exact_in_any_order():
    X, y = CLASSES["generated"]

    assert not sum_is_exact_in_any_order(RandomForestClassifier(20, max_depth=3, random_state=0).fit(X, y))


@pytest.mark.parametrize("batch", [1, 2, 255, 256, 5000, 100_000])
def test_one_thread_gives_the_bits_of_unrounded_leaves_at_any_batch_size(batch):
    X, y = CLASSES["generated"]
    forest = RandomForestClassifier(60, max_depth=8, random_state=0).fit(X, y)
    rows = np.random.default_rng(0).choice(X, batch)

    assert same_bits(run(compiled(forest), rows), forest.predict_proba(rows))


@pytest.mark.parametrize("n_trees", [5, 8])
def test_the_reference_evaluator_agrees(n_trees):
    X, y = CLASSES["iris"]
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(n_trees, max_depth=4, random_state=0)).fit(X, y)
    model = compiled(pipeline)

    (reference,) = ReferenceEvaluator(model).run(None, {"features": X})

    assert same_bits(reference, run(model, X))


@pytest.mark.parametrize("data", [CLASSES["breast_cancer"], CLASSES["digits"], CLASSES["generated"]])
def test_the_artifact_is_at_most_half_of_the_joblib_dump(data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(50, max_depth=10, random_state=0)).fit(X, y)
    dump = io.BytesIO()
    joblib.dump(pipeline, dump)

    assert len(to_bytes(compiled(pipeline))) <= len(dump.getvalue()) / 2


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path: Path):
    X, y = CLASSES["wine"]
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)).fit(X, y)
    save_skops(pipeline, tmp_path / "model.skops")
    expected = to_bytes(stamped(compiled(pipeline), Grade("exact", 0.0, 0.0)))

    command = [sys.executable, "-m", "export", "--original", tmp_path / "model.skops", "-o", tmp_path / "model.onnx"]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True)

    assert (tmp_path / "model.onnx").read_bytes() == expected
