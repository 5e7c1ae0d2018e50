"""Models of XGBoost, LightGBM and CatBoost: equal raw scores to the last bit, links within their last units."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingRegressor, StackingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import io as skops_io

from export.__main__ import main
from export.original_file import graph_of_file, open_original_file
from export.sklearn.boosters.files import booster_of
from export.sklearn.boosters.table import closeness
from export.sklearn.compile import compile_sklearn, is_bit_exact
from export.sklearn.graded.agreement import check_sklearn
from export.sklearn.graded.measured import compile_graded
from train.core.errors import PipelineError
from train.core.sklearn_answers import answers
from verify.compare.compare_model import compare_pair
from verify.compare.onnx_file import open_foreign
from verify.runtimes.original import sklearn_original

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")
catboost = pytest.importorskip("catboost")

QUIET = {"verbose": 0, "allow_writing_files": False, "iterations": 15, "thread_count": 1}
SMALL = {"verbose": -1, "n_estimators": 15, "n_jobs": 1}
FEW = {"n_estimators": 15, "n_jobs": 1}


def rows(n: int, seed: int) -> Any:
    """Numbers, missing values, zeros, numbers next to zero, and whole numbers in the last column."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, 5))
    X[:, 4] = random.integers(-1, 12, n)
    for share, value in ((0.1, np.nan), (0.05, 0.0), (0.05, 1e-36), (0.05, -float(np.float32(1e-35)))):
        X[random.random(X.shape) < share] = value
    return X


X = rows(1500, 0)
Z = np.nan_to_num(X)
TWO = (Z[:, 0] + Z[:, 1] * Z[:, 2] + np.isin(Z[:, 4], [1, 5, 7]) > 0.2).astype(int)
THREE = np.where(Z[:, 1] > 0.7, 2, TWO)
VALUE = np.exp(Z[:, 0]) + np.isin(Z[:, 4], [2, 3, 8])

CASES: dict[str, Any] = {
    "xgboost, two classes": lambda: xgboost.XGBClassifier(**FEW).fit(X, TWO),
    "xgboost, three classes": lambda: xgboost.XGBClassifier(**FEW).fit(X, THREE),
    "xgboost, squares": lambda: xgboost.XGBRegressor(**FEW).fit(X, VALUE),
    "xgboost, Poisson": lambda: xgboost.XGBRegressor(objective="count:poisson", **FEW).fit(X, VALUE),
    "xgboost, quantiles": lambda: xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=[0.2, 0.8], **FEW
    ).fit(X, VALUE),
    "xgboost, two targets": lambda: xgboost.XGBRegressor(**FEW).fit(X, np.column_stack([VALUE, Z[:, 1]])),
    "xgboost, DART": lambda: xgboost.XGBClassifier(booster="dart", rate_drop=0.4, **FEW).fit(X, TWO),
    "xgboost, a base score": lambda: xgboost.XGBClassifier(base_score=0.123, **FEW).fit(X, TWO),
    "xgboost, categories": lambda: xgboost.XGBClassifier(
        enable_categorical=True, feature_types=["q"] * 4 + ["c"], max_cat_to_onehot=2, **FEW
    ).fit(np.column_stack([X[:, :4], np.maximum(np.round(Z[:, 4]), 0)]), TWO),
    "xgboost, early stopping": lambda: xgboost.XGBClassifier(
        n_estimators=200, n_jobs=1, early_stopping_rounds=2, learning_rate=1.0
    ).fit(X[:900], TWO[:900], eval_set=[(X[900:], TWO[900:])], verbose=False),
    "xgboost, ranker": lambda: xgboost.XGBRanker(**FEW).fit(X, TWO, qid=np.repeat(np.arange(15), 100)),
    "lightgbm, two classes": lambda: lightgbm.LGBMClassifier(**SMALL).fit(X, TWO),
    "lightgbm, three classes": lambda: lightgbm.LGBMClassifier(**SMALL).fit(X, THREE),
    "lightgbm, one against the rest": lambda: lightgbm.LGBMClassifier(objective="multiclassova", **SMALL).fit(X, THREE),
    "lightgbm, text labels": lambda: lightgbm.LGBMClassifier(**SMALL).fit(X, np.array(["no", "yes"])[TWO]),
    "lightgbm, zero as missing": lambda: lightgbm.LGBMRegressor(zero_as_missing=True, **SMALL).fit(X, VALUE),
    "lightgbm, nothing missing": lambda: lightgbm.LGBMRegressor(use_missing=False, **SMALL).fit(X, VALUE),
    "lightgbm, categories": lambda: lightgbm.LGBMRegressor(min_data_per_group=5, cat_smooth=1, **SMALL).fit(
        X, VALUE, categorical_feature=[4]
    ),
    "lightgbm, categories and zeros": lambda: lightgbm.LGBMRegressor(zero_as_missing=True, **SMALL).fit(
        X, VALUE, categorical_feature=[4]
    ),
    "lightgbm, square root": lambda: lightgbm.LGBMRegressor(reg_sqrt=True, **SMALL).fit(X, VALUE),
    "lightgbm, DART": lambda: lightgbm.LGBMRegressor(boosting_type="dart", **SMALL).fit(X, VALUE),
    "lightgbm, random forest": lambda: lightgbm.LGBMRegressor(
        boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, **SMALL
    ).fit(X, VALUE),
    "catboost, two classes": lambda: catboost.CatBoostClassifier(**QUIET).fit(X, TWO),
    "catboost, three classes": lambda: catboost.CatBoostClassifier(**QUIET).fit(X, THREE),
    "catboost, squares": lambda: catboost.CatBoostRegressor(**QUIET).fit(X, VALUE),
    "catboost, Poisson": lambda: catboost.CatBoostRegressor(loss_function="Poisson", **QUIET).fit(X, VALUE),
    "catboost, leaves as they come": lambda: catboost.CatBoostRegressor(grow_policy="Lossguide", **QUIET).fit(X, VALUE),
    "catboost, missing is large": lambda: catboost.CatBoostRegressor(nan_mode="Max", **QUIET).fit(X, VALUE),
}


def asked(graph: Any, given: Any) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph.SerializeToString(), options).run(None, {"features": given})[0]


def require_equal(model: Any, given: Any) -> None:
    graph = compile_sklearn(model, name="case")
    check_sklearn(model, graph)
    expected, found = answers(model, given), asked(graph, given)
    if is_bit_exact(model):
        assert np.array_equal(found, expected, equal_nan=True)
    close = closeness(model)
    assert np.all(np.abs(found - expected) <= close + close * np.abs(expected))


@pytest.mark.parametrize("name", CASES)
def test_a_booster_answers_as_its_library(name: str) -> None:
    model = CASES[name]()
    given = np.concatenate([X, rows(3000, 1)])
    if name == "xgboost, categories":  # XGBoost itself takes no code below 0 for training, but any to predict
        given = given[given[:, 4] != -1]
    require_equal(model, given)


TWO_WAYS = {"xgboost, categories", "lightgbm, categories and zeros", "lightgbm, one against the rest"}


@pytest.mark.parametrize("name", [name for name in CASES if name not in TWO_WAYS])
def test_the_splits_of_a_booster_are_told_apart_and_its_graph_is_in_parity(name: str) -> None:
    model = CASES[name]()
    graph = open_foreign(compile_graded(model, name="case").model.SerializeToString())

    found = compare_pair(sklearn_original(model, name=name), graph, rows=1000)

    proof = found.proof
    assert found.in_parity
    assert proof.splits > 100
    assert proof.thresholds.undecided <= 0.02 * proof.splits
    assert proof.routes.undecided <= 0.02 * proof.splits


@pytest.mark.parametrize(
    "make",
    [
        lambda: xgboost.XGBRegressor(**FEW),
        lambda: lightgbm.LGBMRegressor(**SMALL),
        lambda: catboost.CatBoostRegressor(**QUIET),
    ],
)
def test_behind_a_scaler_every_bit_is_the_pipelines(make: Any) -> None:
    model = make_pipeline(StandardScaler(), make()).fit(X, VALUE)
    assert is_bit_exact(model)
    require_equal(model, rows(3000, 2))
    graph = open_foreign(compile_graded(model, name="case").model.SerializeToString())
    found = compare_pair(sklearn_original(model, name="case"), graph, rows=500)
    assert found.in_parity
    assert found.proof.thresholds.undecided <= 0.02 * found.proof.splits


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("xgboost, two classes", "json"),
        ("xgboost, three classes", "ubj"),
        ("xgboost, early stopping", "ubj"),
        ("xgboost, DART", "json"),
        ("xgboost, squares", "any"),
        ("lightgbm, two classes", "txt"),
        ("lightgbm, three classes", "txt"),
        ("lightgbm, categories", "txt"),
        ("catboost, two classes", "cbm"),
        ("catboost, three classes", "json"),
        ("catboost, squares", "cbm"),
        ("catboost, Poisson", "json"),
    ],
)
def test_the_librarys_own_file_answers_as_the_model_that_was_saved(name: str, suffix: str, tmp_path: Path) -> None:
    model, path = CASES[name](), tmp_path / f"model.{suffix}"
    if name.startswith("lightgbm"):
        model.booster_.save_model(str(path))
    elif name.startswith("catboost"):
        model.save_model(str(path), format=suffix)
    else:
        model.save_model(str(path))
    original = open_original_file(path)
    assert name.partition(",")[0] in original.says
    given = rows(2000, 3)
    found, expected = asked(graph_of_file(original, name="case")[0], given), answers(model, given)
    close = closeness(original.model)
    assert np.all(np.abs(found - expected) <= close + close * np.abs(expected))


def test_a_file_that_could_be_of_two_libraries_is_refused_by_both_names(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"learner": {}, "oblivious_trees": []}))
    with pytest.raises(PipelineError, match="of xgboost and of catboost"):
        booster_of(path)


def test_a_dump_of_lightgbm_is_refused_with_what_to_save(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(CASES["lightgbm, two classes"]().booster_.dump_model()))
    with pytest.raises(PipelineError, match="save_model"):
        open_original_file(path)


@pytest.mark.parametrize("head", [b'{"learner": {"gradient_booster": {}}}', b"tree\nversion=v4\n", b"CBM1rubbish"])
def test_a_damaged_file_is_refused_in_one_line(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(head)
    with pytest.raises(PipelineError, match="does not read it") as refused:
        open_original_file(path)
    assert "\n" not in str(refused.value)


def test_without_its_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    path = tmp_path / "model.cbm"
    path.write_bytes(b"CBM1")
    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(PipelineError, match=r"dollarbill-ml\[boosters\]"):
        open_original_file(path)


REFUSED: dict[str, Any] = {
    "linear": lambda: xgboost.XGBRegressor(booster="gblinear", **FEW).fit(Z, VALUE),
    "vector": lambda: xgboost.XGBRegressor(multi_strategy="multi_output_tree", tree_method="hist", **FEW).fit(
        Z, np.column_stack([VALUE, VALUE])
    ),
    "missing is": lambda: xgboost.XGBRegressor(missing=-1.0, **FEW).fit(Z, VALUE),
    "linear model": lambda: lightgbm.LGBMRegressor(linear_tree=True, **SMALL).fit(Z, VALUE),
    "hashed": lambda: catboost.CatBoostClassifier(cat_features=[4], **QUIET).fit(
        np.column_stack([Z[:, :4].astype(object), Z[:, 4].astype(int).astype(object)]), TWO
    ),
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_has_no_exact_form_is_refused_by_name(word: str) -> None:
    with pytest.raises(PipelineError, match=word):
        compile_sklearn(REFUSED[word](), name="case")


PIPELINES: dict[str, Any] = {
    "xgboost": lambda: xgboost.XGBClassifier(**FEW),
    "lightgbm": lambda: lightgbm.LGBMClassifier(**SMALL),
    "catboost": lambda: catboost.CatBoostClassifier(**QUIET),
}


@pytest.mark.parametrize("library", PIPELINES)
def test_a_pipeline_of_scikit_learn_that_ends_in_a_booster_compiles_from_its_skops_file(
    library: str, tmp_path: Path
) -> None:
    model, path, graph = (
        make_pipeline(StandardScaler(), PIPELINES[library]()),
        tmp_path / "m.skops",
        tmp_path / "m.onnx",
    )
    skops_io.dump(model.fit(X, TWO), path)

    assert main(["--original", str(path), "-o", str(graph), "--labels"]) == 0

    given = rows(2000, 4)
    found = ort.InferenceSession(graph.read_bytes()).run(None, {"features": given})
    assert np.abs(found[0] - model.predict_proba(given)).max() <= closeness(model)
    assert np.mean(found[1] == model.predict(given)) == 1.0


def objective(wanted: Any, found: Any) -> Any:
    return found - wanted, np.ones_like(found)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_function_of_ones_own_inside_a_booster_stays_untrusted(library: str, tmp_path: Path) -> None:
    kind = xgboost.XGBRegressor if library == "xgboost" else lightgbm.LGBMRegressor
    model, path = kind(objective=objective, **(FEW if library == "xgboost" else SMALL)).fit(X, VALUE), tmp_path / "m"
    skops_io.dump(make_pipeline(model), path)
    with pytest.raises(PipelineError, match=r"not trusted: .*objective"):
        open_original_file(path)


AROUND: dict[str, Any] = {
    "a vote": lambda one, _: VotingClassifier([("a", one), ("b", GaussianNB())], voting="soft").fit(Z, TWO),
    "one against the rest": lambda one, _: OneVsRestClassifier(one).fit(X, THREE),
    "a stack": lambda one, _: StackingClassifier([("a", one), ("b", GaussianNB())], cv=2).fit(Z, TWO),
    "a calibration": lambda one, _: CalibratedClassifierCV(one, cv=2).fit(X, THREE),
    "a search": lambda one, _: GridSearchCV(one, {"max_depth": [2]}, cv=2).fit(X, TWO),
    "a threshold": lambda one, _: TunedThresholdClassifierCV(one, cv=2).fit(X, TWO),
    "a bag of regressors": lambda _, value: BaggingRegressor(value, n_estimators=2, random_state=0).fit(X, VALUE),
    "several outputs": lambda _, value: MultiOutputRegressor(value).fit(X, np.column_stack([VALUE, Z[:, 1]])),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("library", PIPELINES)
def test_models_made_of_boosters_answer_as_the_original(library: str, around: str) -> None:
    values = {
        "xgboost": xgboost.XGBRegressor(**FEW),
        "lightgbm": lightgbm.LGBMRegressor(**SMALL),
        "catboost": catboost.CatBoostRegressor(**QUIET),
    }
    model = AROUND[around](PIPELINES[library](), values[library])

    graph, grade = compile_graded(model, name="case")

    given = np.nan_to_num(rows(1000, 5))
    expected, found = answers(model, given), asked(graph, given)
    assert grade.absolute < 1e-5
    assert np.all(np.abs(found - expected) <= grade.absolute + grade.relative * np.abs(expected))
