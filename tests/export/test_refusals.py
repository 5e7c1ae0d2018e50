"""What cannot be compiled exactly is refused by the user's own class and the real reason; what can be, works."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    RandomForestClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from skops import io as skops_io

from export.__main__ import main
from export.original_file import open_original_file
from export.sklearn.compile import compile_sklearn
from tests.support.compiled import adversarial, answer, compiled, run, same_bits
from tests.support.verified import build_house, signals
from train.core.errors import PipelineError
from train.core.skops_files import save_skops
from train.signal_classifier.contract import SIGNAL_CLASSIFIER

X, y = make_classification(200, 5, n_informative=3, random_state=0)
X[:, 1] = np.round(np.abs(X[:, 1]))
PAIRS = np.column_stack([y, X[:, 0]])


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(3, max_depth=3, random_state=0)


def vote(how: str) -> VotingClassifier:
    return VotingClassifier([("trees", forest()), ("near", KNeighborsClassifier())], voting=how)


def search(**options: Any) -> GridSearchCV:
    return GridSearchCV(forest(), {"max_depth": [2]}, cv=2, **options)


WEIGHTS = {"a": 2.0}
COLUMNS = ColumnTransformer([("a", StandardScaler(), [0, 1])], transformer_weights=WEIGHTS)
# name: estimator, target, and what the message must say, in the same process and from a skops file.
REFUSED: dict[str, tuple[Any, Any, list[str], list[str]]] = {
    "KNeighbors": (KNeighborsClassifier(), y, ["compile KNeighborsClassifier"], ["KNeighborsClassifier holds types"]),
    "soft vote": (vote("soft"), y, ["VotingClassifier, member 'near'", "KNeighbors"], ["VotingClassifier > KNeigh"]),
    "hard vote": (vote("hard"), y, ["VotingClassifier, member 'near'", "KNeighbors"], ["VotingClassifier > KNeigh"]),
    "calibrated": (
        CalibratedClassifierCV(KNeighborsClassifier(), cv=2),
        y,
        ["CalibratedClassifierCV, its estimator", "KNeighborsClassifier"],
        ["CalibratedClassifierCV > KNeighborsClassifier"],
    ),
    "vote of regressors": (
        VotingRegressor([("near", KNeighborsRegressor())]),
        y,
        ["VotingRegressor, member 'near'", "KNeighborsRegressor"],
        ["VotingRegressor > KNeighborsRegressor"],
    ),
    "search without refit": (search(refit=False), y, ["GridSearchCV", "refit"], ["GridSearchCV"]),
    "scaler alone": (StandardScaler(), y, ["StandardScaler", "transformer alone"], ["transformer alone"]),
    "pipeline of scalers": (make_pipeline(StandardScaler()), y, ["transformer alone"], ["transformer alone"]),
    "pipeline that ends in nothing": (
        Pipeline([("a", StandardScaler()), ("b", "passthrough")]),
        y,
        ["ends in 'passthrough'"],
        ["ends in 'passthrough'"],
    ),
    "clustering": (KMeans(2, n_init=1), y, ["KMeans", "clustering"], ["KMeans", "clustering"]),
    "a projection": (make_pipeline(PCA(2), forest()), y, ["PCA before trees"], ["PCA"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_class_and_the_reason(name: str, tmp_path: Path) -> None:
    estimator, target, here, from_file = REFUSED[name]
    estimator.fit(X, target)

    with pytest.raises(PipelineError) as refused:
        compile_sklearn(estimator, name="model")
    skops_io.dump(estimator, tmp_path / "model.skops")
    with pytest.raises(PipelineError) as from_skops:
        main(["--original", str(tmp_path / "model.skops"), "-o", str(tmp_path / "model.onnx")])

    for message, parts in ((str(refused.value), here), (str(from_skops.value), from_file)):
        assert all(part in message for part in parts), message
        assert "\n" not in message
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("thing", [[1, 2], {"a": 1}, None, "text", 3.0], ids=str)
def test_a_file_that_holds_no_estimator_is_refused_by_what_it_holds(thing: Any, tmp_path: Path) -> None:
    skops_io.dump(thing, tmp_path / "model.skops")

    with pytest.raises(PipelineError, match=f"expected a fitted scikit-learn estimator, got a {type(thing).__name__}"):
        main(["--original", str(tmp_path / "model.skops"), "-o", str(tmp_path / "model.onnx")])


WORKS = {
    "leading passthrough": Pipeline([("a", "passthrough"), ("b", forest())]),
    "leading None": Pipeline([("a", None), ("b", StandardScaler()), ("c", forest())]),
    "union with passthrough": make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", "passthrough")]), forest()),
    "union with drop": make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", "drop")]), forest()),
    "a function transformer without a function": make_pipeline(FunctionTransformer(), forest()),
    "weighted columns": make_pipeline(COLUMNS, forest()),
    "weighted union": make_pipeline(FeatureUnion([("a", StandardScaler())], transformer_weights=WEIGHTS), forest()),
    "polynomials": make_pipeline(PolynomialFeatures(2), forest()),
    "the best columns": make_pipeline(SelectKBest(k=2), StandardScaler(), forest()),
    "columns that vary": make_pipeline(VarianceThreshold(), forest()),
    "a target of one column": make_pipeline(StandardScaler(), LinearRegression()),
}


@pytest.mark.parametrize("name", WORKS)
def test_what_changes_nothing_or_picks_columns_is_compiled(name: str, tmp_path: Path) -> None:
    estimator = WORKS[name].fit(X, y[:, None] if "target" in name else y)
    skops_io.dump(estimator, tmp_path / "model.skops")

    assert main(["--original", str(tmp_path / "model.skops"), "-o", str(tmp_path / "model.onnx")]) == 0

    model = compiled(estimator)
    rows = adversarial(model, X)
    if hasattr(estimator, "classes_"):
        assert same_bits(run(model, rows), answer(estimator, rows))
    else:
        np.testing.assert_allclose(run(model, rows), estimator.predict(rows).reshape(-1, 1), rtol=1e-12)


def test_a_constant_column_is_compiled() -> None:
    constant = X.copy()
    constant[:, 2] = 7.0
    estimator = make_pipeline(StandardScaler(), forest()).fit(constant, y)

    rows = np.concatenate([constant, X])
    assert same_bits(run(compiled(estimator), rows), estimator.predict_proba(rows))


def test_another_release_of_scikit_learn_is_refused_by_both_numbers() -> None:
    estimator = forest().fit(X, y)
    estimator._sklearn_version = "1.4.0"

    with pytest.raises(PipelineError, match=r"RandomForestClassifier: fitted with scikit-learn 1\.4\.0"):
        compile_sklearn(estimator, name="model")


@pytest.mark.parametrize("columns", [7, 9])
def test_a_signal_model_of_another_number_of_columns_is_refused_by_the_contract(columns: int, tmp_path: Path) -> None:
    house = build_house(tmp_path)
    rows = np.resize(signals(100), (100, columns))
    save_skops(forest().fit(rows, y[:100]), house.source / SIGNAL_CLASSIFIER / "model.skops")

    with pytest.raises(PipelineError, match=f"the model takes {columns} columns, a trade signal has 8: edge_percent"):
        main([SIGNAL_CLASSIFIER, "--from", str(house.source), "--out", str(tmp_path / "out")])


def test_a_hundred_thousand_columns_are_refused_with_the_limit() -> None:
    estimator = RandomForestClassifier(2, max_depth=1).fit(np.zeros((4, 100_000)), [0, 1, 0, 1])

    with pytest.raises(PipelineError, match=r"it takes 100,000 columns, expected at most 10,000; choose columns"):
        compile_sklearn(estimator, name="model")


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="a folder, expected one file"):
        open_original_file(tmp_path)
