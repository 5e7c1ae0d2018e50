"""`verify.assert_parity` and the notebook that shows it: what is in parity returns, what is not teaches."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import verify
from export.from_sklearn import compile_sklearn
from export.graph import to_bytes
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.core.skops_files import save_skops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
FOREST = RandomForestClassifier(9, max_depth=5, random_state=0).fit(X, Y)
OURS = compile_sklearn(FOREST, name="forest")


def stock(model):
    return to_onnx(model, X[:1].astype(np.float32), name="stock", options={"zipmap": False})


def test_our_own_graph_passes_in_every_form_it_can_be_given(tmp_path) -> None:
    save_skops(FOREST, tmp_path / "model.skops")
    (tmp_path / "model.onnx").write_bytes(to_bytes(OURS))
    for original in (FOREST, tmp_path / "model.skops", str(tmp_path / "model.skops")):
        for graph in (OURS, to_bytes(OURS), tmp_path / "model.onnx", str(tmp_path / "model.onnx")):
            found = verify.assert_parity(original, graph, X)
            assert found.in_parity
            assert found.bit_equal == found.rows == 300


def test_a_regressor_and_a_linear_model_pass_within_their_own_tolerance() -> None:
    for model in (GradientBoostingRegressor(n_estimators=5).fit(X, X[:, 0]), LogisticRegression().fit(X, Y)):
        assert verify.assert_parity(model, compile_sklearn(model, name="m"), X).in_parity


@pytest.mark.parametrize("row", [0, 150, 299])
@pytest.mark.parametrize("column", [0, 1])
def test_one_wrong_answer_fails_and_names_its_row(row, column, monkeypatch) -> None:
    from verify.compare.onnx_file import ForeignGraph

    asked = ForeignGraph.answers_and_labels

    def wrong(self, rows):
        answers, labels = asked(self, rows)
        if len(rows) == len(X):
            answers[row, column] = np.nextafter(answers[row, column], 2.0)
        return answers, labels

    monkeypatch.setattr(ForeignGraph, "answers_and_labels", wrong)
    with pytest.raises(verify.ParityError, match=f"1 of 300 rows differ.*\n.*\n.*first is row {row} of") as miss:
        verify.assert_parity(FOREST, OURS, X)
    assert miss.value.result.mismatched == 1


def test_the_message_teaches() -> None:
    with pytest.raises(AssertionError) as miss:
        verify.assert_parity(FOREST, stock(FOREST), pd.DataFrame(X, columns=["a", "b", "c", "d"]))
    said = str(miss.value)
    for part in (
        "NOT in parity (bit for bit)",
        "a=",
        "original [",
        "onnx     [",
        "cause on",
        "float32",
        "compile_sklearn",
    ):
        assert part in said


def test_a_tolerance_is_kept_to_the_number() -> None:
    graph, off = stock(FOREST), 1e-9
    with pytest.raises(verify.ParityError) as miss:
        verify.assert_parity(FOREST, graph, X[:50], absolute=off)
    apart = miss.value.result.max_abs
    assert verify.assert_parity(FOREST, graph, X[:50], absolute=apart).mismatched == 0
    with pytest.raises(verify.ParityError):
        verify.assert_parity(FOREST, graph, X[:50], absolute=np.nextafter(apart, 0.0))


def test_columns_are_found_by_name_in_any_order() -> None:
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = RandomForestClassifier(3, random_state=0).fit(table, Y)
    graph = compile_sklearn(model, name="m")
    assert verify.assert_parity(model, graph, table[["d", "b", "a", "c"]].assign(e="text")).rows == 300
    with pytest.raises(PipelineError, match="column 'c' of the model is missing"):
        verify.assert_parity(model, graph, table[["a", "b", "d"]])


BAD = {
    "no estimator": ((object(), OURS, X), "expected a fitted scikit-learn estimator"),
    "not fitted": ((RandomForestClassifier(), OURS, X), "fit"),
    "no file": (("none.skops", OURS, X), "no such file"),
    "no graph": ((FOREST, "none.onnx", X), "no such file"),
    "not ONNX": ((FOREST, b"hello", X), "cannot load it"),
    "graph of another kind": ((FOREST, 7, X), "expected a path, bytes or an onnx.ModelProto"),
    "no rows": ((FOREST, OURS, X[:0]), "no rows"),
    "too few columns": ((FOREST, OURS, X[:, :3]), "the model takes [row, 4]"),
    "one row as a list": ((FOREST, OURS, X[0]), "the model takes [row, 4]"),
    "texts": ((FOREST, OURS, [["a"] * 4]), "expected a table of numbers"),
    "ragged": ((FOREST, OURS, [[1.0, 2.0], [3.0]]), "expected a table of numbers"),
    "only rows that the original refuses": ((FOREST, OURS, np.full((3, 4), np.inf)), "refuses every one of its 3 rows"),
    "answers of other classes": (
        (FOREST, compile_sklearn(RandomForestClassifier(3).fit(X, Y + (X[:, 2] > 1)), name="m"), X),
        "3 columns",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_compared_is_an_error_and_no_miss(what) -> None:
    arguments, message = BAD[what]
    with pytest.raises(PipelineError) as error:
        verify.assert_parity(*arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("limit", [-1.0, np.nan, np.inf])
def test_a_tolerance_that_is_none_is_refused(limit) -> None:
    with pytest.raises(PipelineError, match="absolute: must be a number from 0 up"):
        verify.assert_parity(FOREST, OURS, X, absolute=limit)


def test_rows_that_the_original_refuses_are_left_out() -> None:
    rows = X.copy()
    rows[7, 2] = np.inf
    assert verify.assert_parity(FOREST, OURS, rows).rows == 299


@pytest.mark.slow
def test_a_network_passes_and_fails() -> None:
    import keras

    from export.from_keras import compile_keras

    network = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, activation="tanh")])
    graph = compile_keras(network, name="net")
    assert verify.assert_parity(network, graph, X).rows == 300
    assert verify.assert_parity(network, to_bytes(graph), {"x": X}).rows == 300
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    weights = next(t for t in changed.graph.initializer if len(t.dims) == 2)
    values = onnx.numpy_helper.to_array(weights).copy()
    values[0, 0] += 0.01
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    with pytest.raises(verify.ParityError, match="NOT in parity"):
        verify.assert_parity(network, changed, X)
    for wrong, message in (
        ({"y": X}, "the network takes"),
        (X[:0], "same number of rows"),
        (5.0, "same number of rows"),
    ):
        with pytest.raises(PipelineError, match=message):
            verify.assert_parity(network, graph, wrong)


def test_importing_verify_loads_nothing_heavy() -> None:
    code = "import verify, sys; print([n for n in ('sklearn', 'onnxruntime', 'keras', 'pandas') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError):
        verify.assert_equal  # noqa: B018


NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_prints_what_it_shows(path: Path, monkeypatch) -> None:
    """Its code cells in their order, in one namespace, as a kernel runs them."""
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    shown = 0
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), str(path), "exec"), names)
        expected = "".join(text for output in cell["outputs"] for text in output["text"])
        assert printed.getvalue() == expected
        shown += 1
    assert shown >= 4
