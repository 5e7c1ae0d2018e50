"""The last stage: checked, deterministic, free of what is not needed."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.graph import GraphBuilder, finish, tensor, to_bytes
from tests.support.compiled import run
from train.core.errors import PipelineError


def small(build: GraphBuilder, result: str) -> onnx.GraphProto:
    build.output(result, "y")
    inputs, outputs = tensor("x", TensorProto.DOUBLE, ["batch", 2]), tensor("y", TensorProto.DOUBLE, ["batch", 2])
    return helper.make_graph(build.nodes, "", [inputs], [outputs], build.initializers)


def test_equal_constants_and_equal_nodes_are_stored_once():
    build = GraphBuilder()

    first = build.node("Add", "x", build.constant(1.0))
    second = build.node("Add", "x", build.constant(1.0))

    assert first == second
    assert (len(build.nodes), len(build.initializers)) == (1, 1)


def test_constants_of_other_type_shape_or_sign_of_zero_stay_apart():
    build = GraphBuilder()

    names = {build.constant(0.0), build.constant(-0.0), build.constant([0.0]), build.constant(0, np.int64)}

    assert len(names) == 4


def test_what_no_output_needs_is_left_out():
    build = GraphBuilder()
    build.node("Mul", "x", build.constant(3.0))

    model = finish(small(build, build.node("Add", "x", build.constant(1.0))), name="g")

    assert [node.op_type for node in model.graph.node] == ["Add"]
    assert len(model.graph.initializer) == 1
    assert np.array_equal(run(model, np.zeros((1, 2))), np.ones((1, 2)))


def test_an_output_that_is_read_again_or_is_the_input_gets_an_identity():
    build = GraphBuilder()

    model = finish(small(build, "x"), name="g")

    assert [node.op_type for node in model.graph.node] == ["Identity"]


def test_bytes_do_not_depend_on_the_order_of_metadata():
    def model(metadata: dict[str, str]) -> bytes:
        build = GraphBuilder()
        return to_bytes(finish(small(build, build.node("Abs", "x")), name="g", metadata=metadata))

    assert model({"a": "1", "b": "2"}) == model({"b": "2", "a": "1"})
    assert model({"a": "1"}) != model({"a": "2"})


def test_an_invalid_graph_is_refused_by_name():
    build = GraphBuilder()

    with pytest.raises(PipelineError, match=r"graph broken: onnx\.checker rejects it"):
        finish(small(build, build.node("NoSuchOperator", "x")), name="broken")
