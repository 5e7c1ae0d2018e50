"""Models made of models answer as scikit-learn's own, outputs and labels, ties, missing values and text included."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skops import io as skops_io

from export.__main__ import main
from export.sklearn.compile import compile_sklearn, is_bit_exact
from export.sklearn.graded.agreement import check_sklearn
from tests.support.compiled import same_bits
from train.core.errors import PipelineError
from train.core.sklearn_answers import answers, labels

X, TWO = make_classification(300, 6, flip_y=0.1, random_state=0)
FOUR, THREE = load_iris(return_X_y=True)
NAMED = np.array(["no", "yes"])[TWO]
SEVERAL = np.column_stack([TWO, X[:, 0] > 0, X[:, 1] > 0.5]).astype(int)
VALUES = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])


def forest(**options: Any) -> RandomForestClassifier:
    return RandomForestClassifier(5, max_depth=4, random_state=0, **options)


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=3, random_state=0)


def logistic() -> Any:
    return LogisticRegression()


ONE_LABEL = {
    "adaboost": lambda: AdaBoostClassifier(n_estimators=8, random_state=0),
    "adaboost of linear": lambda: AdaBoostClassifier(logistic(), n_estimators=4),
    "bagging of some columns": lambda: BaggingClassifier(n_estimators=7, max_features=0.6, random_state=0),
    "bagging without probabilities": lambda: BaggingClassifier(SVC(), n_estimators=3, random_state=0),
    "piped bagging": lambda: make_pipeline(StandardScaler(), BaggingClassifier(forest(), n_estimators=2)),
    "one against the rest": lambda: OneVsRestClassifier(forest()),
    "one against the rest, linear": lambda: OneVsRestClassifier(logistic()),
    "one against the rest, machines": lambda: OneVsRestClassifier(SVC()),
    "one against one": lambda: OneVsOneClassifier(tree()),
    "one against one, boosted": lambda: OneVsOneClassifier(GradientBoostingClassifier(n_estimators=3)),
    "stack": lambda: StackingClassifier([("a", forest()), ("b", tree())]),
    "stack under a forest": lambda: StackingClassifier(
        [("a", forest()), ("b", tree())], final_estimator=forest(), passthrough=True
    ),
    "stack of labels": lambda: StackingClassifier(
        [("a", logistic()), ("b", SVC())], final_estimator=tree(), stack_method="predict"
    ),
    "stack of decisions": lambda: StackingClassifier([("a", logistic()), ("b", SVC())]),
    "search": lambda: GridSearchCV(forest(), {"max_depth": [2, 3]}, cv=2),
}
TARGETS = {"two": (X, TWO), "three": (FOUR, THREE), "named": (X, NAMED)}
CASES = {f"{name}, {target}": (make, *TARGETS[target]) for name, make in ONE_LABEL.items() for target in TARGETS}
BEHIND = {
    "values, scaled target": {"transformer": StandardScaler()},
    "values, squeezed target": {"transformer": MinMaxScaler()},
    "values, logarithm": {"func": np.log, "inverse_func": np.exp},
    "values, square": {"func": np.square, "inverse_func": np.sqrt},
}
CASES |= {
    name: (
        partial(TransformedTargetRegressor, DecisionTreeRegressor(max_depth=5), **options),
        X,
        np.abs(VALUES[:, 0]) + 1.0,
    )
    for name, options in BEHIND.items()
}
CASES |= {
    "threshold": (lambda: FixedThresholdClassifier(forest(), threshold=0.3), X, TWO),
    "threshold, named": (lambda: FixedThresholdClassifier(logistic(), threshold=0.3, pos_label="no"), X, NAMED),
    "self training": (lambda: SelfTrainingClassifier(forest()), X, TWO),
    "tuned threshold": (lambda: TunedThresholdClassifierCV(forest()), X, TWO),
    "forest of several": (forest, X, SEVERAL),
    "side by side": (lambda: MultiOutputClassifier(forest()), X, SEVERAL),
    "side by side, machines": (lambda: MultiOutputClassifier(SVC()), X, SEVERAL),
    "chain": (lambda: ClassifierChain(forest(), order=[2, 0, 1]), X, SEVERAL),
    "chain of chances": (lambda: ClassifierChain(forest(), chain_method="predict_proba"), X, SEVERAL),
    "chain, linear": (lambda: ClassifierChain(logistic(), order=[1, 2, 0]), X, SEVERAL),
    "chain, machines": (lambda: ClassifierChain(SVC()), X, SEVERAL),
    "several labels": (lambda: OneVsRestClassifier(logistic()), X, SEVERAL),
    "values, forest": (lambda: RandomForestRegressor(5, random_state=0), X, VALUES),
    "values, linear": (LinearRegression, X, VALUES),
    "values, one model each": (lambda: MultiOutputRegressor(GradientBoostingRegressor(n_estimators=5)), X, VALUES),
    "values, chain": (lambda: RegressorChain(DecisionTreeRegressor(max_depth=4), order=[1, 0]), X, VALUES),
    "median": (lambda: AdaBoostRegressor(n_estimators=20, random_state=0), X, VALUES[:, 0]),
    "bagged values": (lambda: BaggingRegressor(n_estimators=7, max_features=0.5, random_state=0), X, VALUES[:, 0]),
    "stacked values": (
        lambda: StackingRegressor(
            [("a", RandomForestRegressor(5))], final_estimator=RandomForestRegressor(5), passthrough=True
        ),
        X,
        VALUES[:, 0],
    ),
    "outliers": (lambda: IsolationForest(n_estimators=20, random_state=0), X, TWO),
    "outliers, some columns": (
        lambda: IsolationForest(n_estimators=20, contamination=0.1, max_features=3, random_state=0),
        X,
        TWO,
    ),
}


def answered(model: Any, rows: Any) -> dict[str, Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"features": rows}), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_numbers_and_labels_are_the_original_s(name: str) -> None:
    make, rows, target = CASES[name]
    model = make().fit(rows, target)
    random = np.random.default_rng(0)
    tried = np.concatenate([rows, np.round(rows, 1), random.permuted(rows, axis=0), 3.0 * rows])

    found = answered(compile_sklearn(model, name="model", labels=True), tried)

    label, expected = found.pop("label", None), answers(model, tried)
    numbers = np.concatenate(list(found.values()), axis=1)
    assert numbers.shape == expected.shape
    if is_bit_exact(model):
        assert same_bits(numbers, expected)
    else:
        np.testing.assert_allclose(numbers, expected, rtol=1e-12, atol=1e-12)
    assert (label is None) == name.startswith(("values", "median", "bagged values", "stacked values"))
    if label is not None:
        assert label.tolist() == labels(model, tried).tolist()


@pytest.mark.parametrize("name", ["bagging of some columns, two", "forest of several", "outliers"])
def test_missing_values_go_where_the_original_sends_them(name: str) -> None:
    make, rows, target = CASES[name]
    holes = np.where(np.random.default_rng(1).random(rows.shape) < 0.2, np.nan, rows)
    model = make().fit(holes, target)

    found = answered(compile_sklearn(model, name="model"), holes)

    np.testing.assert_allclose(np.concatenate(list(found.values()), axis=1), answers(model, holes), atol=1e-12)


def test_a_row_on_the_very_threshold_of_outliers_is_none() -> None:
    model = IsolationForest(n_estimators=20, contamination=0.1, random_state=0).fit(X[:201])
    decision = model.decision_function(X[:201])
    assert (decision == 0.0).any()

    found = answered(compile_sklearn(model, name="model", labels=True), X[:201])

    assert found["label"].tolist() == model.predict(X[:201]).tolist()


def test_one_class_only_answers_as_the_original() -> None:
    model = AdaBoostClassifier(n_estimators=2).fit(X, np.full(len(X), 3))

    found = answered(compile_sklearn(model, name="model", labels=True), X)

    assert found["label"].tolist() == [3] * len(X)
    assert same_bits(found["probabilities"], model.predict_proba(X))


def test_a_class_without_rows_for_one_against_the_rest_is_constant() -> None:
    model = OneVsRestClassifier(forest()).fit(X, np.column_stack([SEVERAL, np.zeros(len(X), dtype=int)]))

    found = answered(compile_sklearn(model, name="model", labels=True), X)

    assert same_bits(found["probabilities"], model.predict_proba(X))
    assert found["label"].tolist() == model.predict(X).tolist()


def test_sample_weights_change_nothing_about_exactness() -> None:
    weights = np.random.default_rng(0).random(len(X))
    model = BaggingClassifier(n_estimators=5, random_state=0).fit(X, TWO, sample_weight=weights)

    found = answered(compile_sklearn(model, name="model"), X)

    assert same_bits(found["probabilities"], model.predict_proba(X))


def test_a_tree_behind_answers_that_are_not_exact_is_refused() -> None:
    model = StackingClassifier([("a", logistic())], final_estimator=tree()).fit(X, TWO)

    with pytest.raises(PipelineError, match=r"another model.s answer, equal to 1e-12 and not to the last bit"):
        compile_sklearn(model, name="model")


def test_labels_of_another_model_are_found_before_a_graph_is_written() -> None:
    model = FixedThresholdClassifier(forest(), threshold=0.3).fit(X, TWO)
    other = FixedThresholdClassifier(forest(), threshold=0.7).fit(X, TWO)

    check_sklearn(model, compile_sklearn(model, name="model", labels=True), X)
    with pytest.raises(PipelineError, match="answers otherwise"):
        check_sklearn(model, compile_sklearn(other, name="model", labels=True), X)


def test_labels_of_a_regressor_are_refused(tmp_path: Path) -> None:
    skops_io.dump(LinearRegression().fit(X, VALUES), tmp_path / "model.skops")

    with pytest.raises(PipelineError, match="gives values and no labels"):
        main(["--original", str(tmp_path / "model.skops"), "-o", str(tmp_path / "model.onnx"), "--labels"])


def test_the_command_line_writes_labels(tmp_path: Path) -> None:
    model = forest().fit(X, NAMED)
    skops_io.dump(model, tmp_path / "model.skops")

    assert main(["--original", str(tmp_path / "model.skops"), "-o", str(tmp_path / "model.onnx"), "--labels"]) == 0

    session = ort.InferenceSession(str(tmp_path / "model.onnx"))
    assert {output.name: output.type for output in session.get_outputs()}["label"] == "tensor(string)"
    assert session.run(["label"], {"features": X})[0].tolist() == model.predict(X).tolist()
