"""Fitted on sparse rows, or made sparse afterwards: the numbers are the same ones, stored otherwise."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM

from export.sklearn.graded.measured import compile_graded

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(160, 3))
VALUES = ROWS.sum(axis=1)
CLASSES = {2: (VALUES > 0).astype(int), 3: np.digitize(VALUES, [-1.0, 1.0])}


def _pipeline(model: Any, answers: Any) -> Any:
    return make_pipeline(KBinsDiscretizer(4, encode="onehot"), model).fit(ROWS, answers)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        *(SVC(kernel=kernel) for kernel in ("rbf", "linear", "poly")),
        NuSVC(),
        LinearSVC(random_state=0),
        LogisticRegression(),
        RidgeClassifier(),
        SGDClassifier(random_state=0),
        BernoulliNB(),
        MultinomialNB(),
        MLPClassifier((4,), max_iter=20, random_state=0),
        RandomForestClassifier(5, random_state=0),
    ],
    ids=repr,
)
def test_classifiers_of_sparse_rows(model: Any, classes: int) -> None:
    # A graph that answers otherwise than the original is refused by this call.
    assert compile_graded(_pipeline(model, CLASSES[classes]), name="sparse")[1].kind == "exact"


@pytest.mark.parametrize(
    "model",
    [
        SVR(),
        NuSVR(),
        LinearSVR(random_state=0),
        Lasso(0.1),
        SGDRegressor(random_state=0),
        KernelRidge(kernel="rbf"),
        KernelRidge(kernel="cosine"),
        OneClassSVM(),
        IsolationForest(n_estimators=5, random_state=0),
    ],
    ids=repr,
)
def test_regressors_and_detectors_of_sparse_rows(model: Any) -> None:
    assert compile_graded(_pipeline(model, VALUES), name="sparse")[1].kind == "exact"


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), SGDClassifier(random_state=0), Perceptron(random_state=0), LinearSVC(random_state=0)],
    ids=repr,
)
def test_coefficients_made_sparse(model: Any, classes: int) -> None:
    pipeline = _pipeline(model, CLASSES[classes])
    model.sparsify()
    assert compile_graded(pipeline, name="sparse")[1].kind == "exact"
