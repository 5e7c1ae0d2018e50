"""Leaves on a binary grid: sums that round nothing."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from train.core.errors import PipelineError
from train.signal_classifier.leaf_grid import quantize_leaves

X, Y = datasets.load_iris(return_X_y=True)


@pytest.mark.parametrize("bits", [4, 16, 32])
@pytest.mark.parametrize("labels", [Y, Y > 0], ids=["three classes", "two classes"])
def test_leaves_lie_on_the_grid_add_up_to_one_and_move_by_half_a_step(labels, bits):
    forest = RandomForestClassifier(10, max_depth=3, random_state=0).fit(X, labels)
    before = [tree.tree_.value.copy() for tree in forest.estimators_]

    quantize_leaves(forest, bits=bits)

    for tree, old in zip(forest.estimators_, before, strict=True):
        value = tree.tree_.value
        assert np.array_equal(value * 2.0**bits, np.round(value * 2.0**bits))
        assert np.array_equal(value.sum(axis=-1), np.ones((len(value), 1)))
        assert value.min() >= 0.0
        assert np.abs(value - old).max() <= (value.shape[-1] - 1) * 2.0 ** -(bits + 1) + 1e-15


def test_scikit_learns_own_answers_no_longer_depend_on_the_order_of_trees():
    forest = RandomForestClassifier(50, max_depth=3, random_state=0).fit(X, Y)
    forward = forest.predict_proba(X)
    forest.estimators_.reverse()
    assert not np.array_equal(forest.predict_proba(X), forward)

    quantize_leaves(forest)
    backward = forest.predict_proba(X)
    forest.estimators_.reverse()

    assert np.array_equal(forest.predict_proba(X), backward)


def test_a_single_tree_is_accepted():
    tree = DecisionTreeClassifier(max_depth=2).fit(X, Y)

    quantize_leaves(tree, bits=8)

    assert np.array_equal(tree.predict_proba(X) * 256, np.round(tree.predict_proba(X) * 256))


@pytest.mark.parametrize("model", [GradientBoostingClassifier(n_estimators=2), RandomForestRegressor(2)])
def test_only_forest_classifiers_are_accepted(model):
    with pytest.raises(PipelineError, match=type(model).__name__):
        quantize_leaves(model.fit(X, Y))


@pytest.mark.parametrize("bits", [0, 52, 60])
def test_a_grid_on_which_the_sum_could_round_is_refused(bits):
    forest = RandomForestClassifier(4, random_state=0).fit(X, Y)

    with pytest.raises(PipelineError, match="use fewer bits"):
        quantize_leaves(forest, bits=bits)
