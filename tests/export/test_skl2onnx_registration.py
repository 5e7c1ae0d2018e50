"""After `register()` a stock skl2onnx call compiles exactly."""

import warnings

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
import skl2onnx
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from export import from_sklearn
from export.sklearn.skl2onnx_registration import NotExact
from tests.support.compiled import adversarial, compiled, same_bits
from train.core.errors import PipelineError

X, Y = datasets.make_classification(400, 6, n_informative=4, random_state=0)


@pytest.fixture(autouse=True)
def registered():
    from_sklearn.register()
    yield
    from_sklearn.unregister()


def outputs(model, rows):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: rows})


@pytest.mark.parametrize("options", [None, {"zipmap": False}, {RandomForestClassifier: {"zipmap": False}}])
def test_a_stock_call_on_a_pipeline_gives_scikit_learns_bits(options):
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(X, Y)

    model = skl2onnx.to_onnx(pipeline, X[:1], options=options)

    rows = adversarial(compiled(pipeline), X, missing=True)
    label, probabilities = outputs(model, rows)
    assert same_bits(probabilities, pipeline.predict_proba(rows))
    assert np.array_equal(label, pipeline.predict(rows))


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (GradientBoostingClassifier(n_estimators=5), np.array(["no", "yes"])[Y]),
        (make_pipeline(StandardScaler(), SVC()), Y + 5),
        (make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), GradientBoostingClassifier())), Y),
    ],
)
def test_labels_come_out_as_scikit_learn_names_them(estimator, y):
    estimator.fit(X, y)

    label = outputs(skl2onnx.to_onnx(estimator, X[:1]), X)[0]

    assert list(label) == list(estimator.predict(X))


def test_a_regressor_gives_its_bits():
    pipeline = make_pipeline(StandardScaler(), RandomForestRegressor(9, random_state=0)).fit(X, X[:, 0])

    (value,) = outputs(skl2onnx.to_onnx(pipeline, X[:1]), X)

    assert same_bits(value[:, 0], pipeline.predict(X))


def test_float_input_is_widened_first():
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(9, random_state=0)).fit(X, Y)
    narrow = X.astype(np.float32)

    _, probabilities = outputs(skl2onnx.to_onnx(pipeline, narrow[:1]), narrow)

    assert same_bits(probabilities, pipeline.predict_proba(narrow.astype(np.float64)))


def test_where_exactness_is_impossible_the_stock_converter_runs_with_a_warning():
    pipeline = make_pipeline(PCA(2), RandomForestClassifier(3, random_state=0)).fit(X, Y)

    with pytest.warns(NotExact, match="PCA"):
        model = skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False})

    assert np.mean(outputs(model, X)[0] == pipeline.predict(X)) > 0.99


def test_strict_refuses_it_instead():
    pipeline = make_pipeline(PCA(2), RandomForestClassifier(3)).fit(X, Y)
    from_sklearn.register(strict=True)

    with pytest.raises(PipelineError, match=r"PCA.* exactly"):
        skl2onnx.to_onnx(pipeline, X[:1])


@pytest.mark.parametrize("target", [15, {"": 18, "ai.onnx.ml": 3}])
def test_an_older_operator_set_gives_the_stock_graph_in_float32(target):
    forest = RandomForestClassifier(4, random_state=0).fit(X, Y)

    with pytest.warns(NotExact, match="target_opset"):
        model = skl2onnx.to_onnx(forest, X[:1].astype(np.float32), target_opset=target, options={"zipmap": False})

    assert outputs(model, X.astype(np.float32))[1].dtype == np.float32


@pytest.mark.parametrize("option", ["nocl", "decision_leaf", "decision_path"])
def test_an_option_of_the_stock_converter_is_its_own(option):
    forest = RandomForestClassifier(4, random_state=0).fit(X, Y)
    narrow, options = X[:1].astype(np.float32), {id(forest): {"zipmap": False, option: True}}

    with pytest.warns(NotExact, match=option):
        model = skl2onnx.to_onnx(forest, narrow, options=options)

    from_sklearn.unregister()
    stock = skl2onnx.to_onnx(forest, narrow, options=options)
    assert [value.name for value in model.graph.output] == [value.name for value in stock.graph.output]


def test_text_columns_beside_a_forest_keep_the_forest_exact():
    table = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]).assign(side=np.where(Y > 0, "call", "put"))
    text = ColumnTransformer([("c", OneHotEncoder(sparse_output=False), ["side"])], remainder="passthrough")
    pipeline = make_pipeline(text, RandomForestClassifier(5, random_state=0)).fit(table, Y)
    feeds = {name: table[[name]].to_numpy() for name in table}

    with pytest.warns(NotExact):
        model = skl2onnx.to_onnx(pipeline, table[:1], options={"zipmap": False})

    found = ort.InferenceSession(model.SerializeToString()).run(None, feeds)[1]
    assert np.abs(found - pipeline.predict_proba(table)).max() < 1e-6


def test_other_estimators_are_left_to_skl2onnx():
    pipeline = make_pipeline(StandardScaler(), GaussianNB()).fit(X, Y)

    model = skl2onnx.to_onnx(pipeline, X[:1].astype(np.float32), options={"zipmap": False})

    assert np.mean(outputs(model, X.astype(np.float32))[0] == pipeline.predict(X)) > 0.99


HOLDERS = {
    "StackingClassifier": StackingClassifier([("a", RandomForestClassifier(3)), ("b", GaussianNB())]),
    "OneVsRestClassifier": OneVsRestClassifier(RandomForestClassifier(3)),
    "BaggingClassifier": BaggingClassifier(RandomForestClassifier(2), n_estimators=2),
    "AdaBoostClassifier": make_pipeline(StandardScaler(), AdaBoostClassifier(n_estimators=2)),
    "StackingRegressor": StackingRegressor([("a", RandomForestRegressor(3))]),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_an_estimator_made_of_others_compiles_as_a_whole(name):
    model = HOLDERS[name].fit(X, Y)
    soft = hasattr(model, "predict_proba")

    with warnings.catch_warnings():
        warnings.simplefilter("error", NotExact)
        graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False} if soft else None)

    found = outputs(graph, X)
    wanted = model.predict_proba(X) if soft else model.predict(X)[:, None]
    assert np.abs(found[-1] - wanted).max() < 1e-12
    assert not soft or np.array_equal(found[0], model.predict(X))


@pytest.mark.parametrize("name", HOLDERS)
def test_behind_what_is_not_exact_it_is_left_to_skl2onnx(name):
    model = make_pipeline(PCA(3), HOLDERS[name]).fit(X, Y)
    narrow = X.astype(np.float32)

    with pytest.warns(NotExact, match="PCA"):
        graph = skl2onnx.to_onnx(model, narrow[:1], options=None if "Regressor" in name else {"zipmap": False})

    assert len(outputs(graph, narrow)[0]) == len(X)


def test_a_search_hands_through_the_bits_of_what_it_found():
    search = GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [3]}).fit(X, Y)

    _, probabilities = outputs(skl2onnx.to_onnx(search, X[:1]), X)

    assert same_bits(probabilities, search.predict_proba(X))


@pytest.mark.parametrize("classes", [[0.0, 1.0], [2.0, 1e6], [False, True], ["no", "yes"], [-3, 5]])
def test_labels_keep_their_type(classes):
    forest = RandomForestClassifier(3, random_state=0).fit(X, np.array(classes)[Y])

    label = outputs(skl2onnx.to_onnx(forest, X[:1]), X)[0]

    assert np.array_equal(label, forest.predict(X))
    assert np.issubdtype(label.dtype, np.floating) == isinstance(classes[0], float)


def test_after_unregistering_the_stock_converter_is_back():
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)

    from_sklearn.unregister()

    operators = {node.op_type for node in skl2onnx.to_onnx(forest, X[:1].astype(np.float32)).graph.node}
    assert "TreeEnsembleClassifier" in operators
