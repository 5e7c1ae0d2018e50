"""ONNX files that are none, or not what they should be: exit 2 and one line, from `compare` and `assert_parity`."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import RandomForestClassifier

import verify
from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn
from tests.support.verified import run_verify
from train.core.errors import PipelineError
from train.core.skops_files import save_skops

X = np.random.default_rng(0).normal(size=(200, 4))
Y = (X[:, 0] > 0).astype(int)
FOREST = RandomForestClassifier(2, max_depth=3, random_state=0).fit(X, Y)


def graph(nodes, inputs, outputs, initializers=(), *, domains=()) -> bytes:
    made = helper.make_graph(list(nodes), "bad", list(inputs), list(outputs), list(initializers))
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return to_bytes(helper.make_model(made, opset_imports=opsets, ir_version=9))


def value(name, kind=TensorProto.DOUBLE, shape=("batch", 4)):
    return helper.make_tensor_value_info(name, kind, list(shape))


def linear(weights: onnx.TensorProto, **options) -> bytes:
    nodes = [helper.make_node("MatMul", ["x", weights.name], ["probabilities"])]
    return graph(nodes, [value("x")], [value("probabilities", shape=("batch", 2))], [weights], **options)


def external(location: str) -> bytes:
    weights = numpy_helper.from_array(np.ones((4, 2)), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", location
    return linear(weights)


def huge() -> bytes:
    weights = numpy_helper.from_array(np.ones((4, 2)), "w")
    weights.dims[:] = [4, 2**60]
    return linear(weights)


def huge_answer() -> bytes:
    """A graph that loads, and asks for more memory than there is."""
    shape = numpy_helper.from_array(np.array([2**20, 2**20, 2**10]), "shape")
    one = numpy_helper.from_array(np.ones((1, 1, 1)), "one")
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
        helper.make_node("Slice", ["y", "zero", "two", "axis"], ["probabilities"]),
    ]
    numbers = [numpy_helper.from_array(np.array([n]), name) for name, n in (("zero", 0), ("two", 2), ("axis", 1))]
    return graph(nodes, [value("x")], [value("probabilities", shape=("batch", 2))], [shape, one, *numbers])


IDENTITY = [helper.make_node("Identity", ["x"], ["probabilities"])]
BAD = {
    "empty": b"",
    "text": b"<html>\x00\x1b[31m",
    "cut off": to_bytes(compile_sklearn(FOREST, name="m"))[:-200],
    "a custom operator": graph(
        [helper.make_node("Magic", ["x"], ["probabilities"], domain="my.own")],
        [value("x")],
        [value("probabilities", shape=("batch", 2))],
        domains=["my.own"],
    ),
    "external data that is not there": external("weights.bin"),
    "external data elsewhere": external("../../../../../../etc/passwd"),
    "external data by an absolute path": external("/etc/passwd"),
    "huge dimensions": huge(),
    "more memory than there is": huge_answer(),
    "two inputs": graph(IDENTITY, [value("x"), value("z")], [value("probabilities")]),
    "an input of texts": graph(
        IDENTITY, [value("x", TensorProto.STRING)], [value("probabilities", TensorProto.STRING)]
    ),
    "an input of three axes": graph(
        IDENTITY, [value("x", shape=("batch", 4, 1))], [value("probabilities", shape=("b", 4, 1))]
    ),
    "another width": graph(IDENTITY, [value("x", shape=("batch", 9))], [value("probabilities", shape=("batch", 9))]),
    "no batch": graph(IDENTITY, [value("x", shape=(4,))], [value("probabilities", shape=(4,))]),
    "other answers": graph(IDENTITY, [value("x")], [value("probabilities")]),
    "no answers": graph(
        [helper.make_node("Cast", ["x"], ["probabilities"], to=TensorProto.STRING)],
        [value("x")],
        [value("probabilities", TensorProto.STRING)],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_graph_is_exit_2_and_one_line(name, tmp_path, monkeypatch, capsys) -> None:
    save_skops(FOREST, tmp_path / "model.skops")
    (tmp_path / "bad.onnx").write_bytes(BAD[name])
    arguments = ["--original", str(tmp_path / "model.skops"), "--onnx", str(tmp_path / "bad.onnx"), "--rows", "100"]
    ended = run_verify(["compare", *arguments], monkeypatch, capsys)
    if name == "more memory than there is":  # it loads, and fails on every row: that is a finding
        assert ended.code == 1
        assert "no answers" in ended.out
        return
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("name", BAD)
def test_a_bad_graph_is_an_error_and_no_miss(name, tmp_path) -> None:
    (tmp_path / "bad.onnx").write_bytes(BAD[name])
    with pytest.raises(PipelineError) as error:
        verify.assert_parity(FOREST, tmp_path / "bad.onnx", X)
    assert "\n" not in str(error.value)
