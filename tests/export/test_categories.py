"""Histogram boosting splits by sets of categories: of numbers, of text, missing and unknown, to the last bit."""

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from skops import io as skops_io

from export.__main__ import main as export_main
from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn
from export.sklearn.graded.agreement import check_sklearn
from tests.support.compiled import compiled, run, same_bits
from train.core.errors import PipelineError
from verify.__main__ import main as verify_main

RANDOM = np.random.default_rng(5)
N = 1500
X = np.column_stack(
    [RANDOM.normal(size=N), RANDOM.integers(0, 40, N), RANDOM.integers(-3, 5, N), RANDOM.normal(size=N)]
)
X[RANDOM.random(X.shape) < 0.05] = np.nan
Y = np.nan_to_num(X[:, 0]) * np.where(X[:, 1] % 3 == 0, 1, -1) + np.nan_to_num(X[:, 2]) % 2 > 0.3
STRANGE = np.concatenate(
    [X, X + np.array([0, 100, 0, 0]), X + np.array([0, 0.5, 0.5, 0]), X * np.array([1, -1, 3, 1e5])]
)
TEXT = np.where(np.isnan(X[:, 1]), None, (np.nan_to_num(X[:, 1]) % 7).astype(int).astype(str))
FRAME = pd.DataFrame(
    {"a": X[:, 0], "b": pd.Categorical(TEXT), "c": pd.Categorical(np.nan_to_num(X[:, 2]).astype(int)), "d": X[:, 3]}
)


@pytest.mark.parametrize("columns", [[1, 2], [False, True, False, False], [2]], ids=str)
def test_raw_scores_over_sets_of_numbers_keep_their_bits(columns):
    model = HistGradientBoostingRegressor(max_iter=25, categorical_features=columns).fit(X, Y + X[:, 1].astype(bool))

    assert same_bits(run(compiled(model), STRANGE)[:, 0], model.predict(STRANGE))


def test_a_pipeline_in_front_of_categories_and_three_classes():
    three = RANDOM.integers(0, 3, N)
    model = make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
        HistGradientBoostingClassifier(max_iter=10, categorical_features=[1]),
    ).fit(X[:, 1:3], three)

    rows = STRANGE[:, 1:3]
    np.testing.assert_allclose(run(compiled(model), rows), model.predict_proba(rows), atol=1e-12, rtol=0)


def test_categories_of_a_frame_are_text_or_numbers_and_labels_are_predicted():
    model = HistGradientBoostingClassifier(max_iter=30).fit(FRAME, np.where(Y, "up", "down"))
    graph = compile_sklearn(model, name="model", labels=True)
    check_sklearn(model, graph)
    session = ort.InferenceSession(to_bytes(graph))
    unknown = np.where(np.arange(N) % 5 == 0, "never seen", np.where(pd.isna(TEXT), "", TEXT.astype(object)))
    given = {name: FRAME[name].to_numpy(dtype=np.float64)[:, None] for name in "acd"} | {"b": unknown[:, None]}

    probabilities, label = session.run(None, given)

    asked = FRAME.assign(b=np.where(unknown == "", None, unknown))
    np.testing.assert_allclose(probabilities, model.predict_proba(asked), atol=1e-12, rtol=0)
    assert np.array_equal(label.astype(str), model.predict(asked))


def test_one_category_on_the_wrong_side_is_caught_before_it_is_written():
    model = HistGradientBoostingRegressor(max_iter=25, categorical_features=[1]).fit(X, Y)
    graph = compile_sklearn(model, name="model")
    table = next(one for one in graph.graph.initializer if list(one.dims)[:1] == [256])
    values = np.frombuffer(table.raw_data, dtype=np.float64).reshape(256, -1).copy()
    values[:40] = 1.0 - values[:40]
    table.raw_data = values.tobytes()

    with pytest.raises(PipelineError, match="answers otherwise"):
        check_sklearn(model, graph)


def test_from_a_file_to_a_comparison(tmp_path, capsys):
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=[1, 2]).fit(X, Y)
    skops_io.dump(model, tmp_path / "model.skops")
    files = ["--original", str(tmp_path / "model.skops")]

    assert export_main([*files, "-o", str(tmp_path / "model.onnx")]) == 0
    assert verify_main(["compare", *files, "--onnx", str(tmp_path / "model.onnx"), "--rows", "1000"]) == 0
    assert "in parity" in capsys.readouterr().out
