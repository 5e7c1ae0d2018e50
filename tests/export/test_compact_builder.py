"""The builder of few nodes changes no number."""

from collections.abc import Callable
from itertools import product

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.graph import GraphBuilder, finish, tensor
from export.keras.compact_builder import LeanBuilder

Build = Callable[[GraphBuilder], str]
ROWS = np.random.default_rng(3).normal(size=(4, 6))
DOUBLE = onnx.TensorProto.DOUBLE


def answers(build: Build, builder: GraphBuilder, rank: int) -> tuple[np.ndarray, list[str]]:
    """What the graph of `x` [batch, 6] gives, and the operators in it."""
    if isinstance(builder, LeanBuilder):
        builder.shapes["x"] = (None, 6)
    name = build(builder)
    if isinstance(builder, LeanBuilder):
        builder.one_product_each()
    builder.output(name, "y")
    ends = [tensor("x", DOUBLE, ["batch", 6])], [tensor("y", DOUBLE, ["batch", *(f"d{i}" for i in range(1, rank))])]
    model = finish(onnx.helper.make_graph(builder.nodes, "g", *ends, initializer=builder.initializers), name="g")
    found = ort.InferenceSession(model.SerializeToString()).run(["y"], {"x": ROWS})[0]
    return found, [node.op_type for node in model.graph.node]


def both(build: Build, rank: int = 2) -> tuple[list[str], list[str]]:
    """The operators of the plain and of the lean graph, whose answers are the same."""
    (plain, many), (lean, few) = answers(build, GraphBuilder(), rank), answers(build, LeanBuilder(), rank)
    assert lean.shape == plain.shape
    assert lean == pytest.approx(plain, rel=1e-13, abs=1e-13)
    return many, few


def ints(builder: GraphBuilder, *values: int) -> str:
    return builder.constant(list(values), np.int64)


def cut(builder: GraphBuilder, name: str, start: int, end: int, axis: int = 1) -> str:
    return builder.node("Slice", name, ints(builder, start), ints(builder, end), ints(builder, axis))


def named(builder: GraphBuilder, name: str, *shape: int) -> str:
    """Tell a lean builder the shape, as the lowering does."""
    if isinstance(builder, LeanBuilder):
        builder.shapes[name] = (None, *shape)
    return name


def outer(builder: GraphBuilder, one: str, other: str, size: int) -> str:
    sides = builder.node("Unsqueeze", one, ints(builder, 2)), builder.node("Unsqueeze", other, ints(builder, 1))
    return named(builder, builder.node("Reshape", builder.node("Mul", *sides), ints(builder, -1, size)), size)


BOUND = st.integers(-7, 7) | st.just(np.iinfo(np.int64).max)


@settings(max_examples=100, deadline=None)
@given(BOUND, BOUND, BOUND, BOUND, st.integers(0, 1), st.integers(0, 1))
def test_slices_of_slices_are_the_same_rows_and_columns(a: int, b: int, c: int, d: int, one: int, other: int) -> None:
    both(lambda builder: cut(builder, cut(builder, "x", a, b, one), c, d, other))


def test_two_slices_in_a_row_are_one() -> None:
    many, few = both(lambda builder: cut(builder, cut(builder, "x", 1, 6), 2, 4))
    assert (many, few) == (["Slice", "Slice"], ["Slice"])


@pytest.mark.parametrize("end", [6, 9, np.iinfo(np.int64).max])
def test_a_slice_that_is_a_part_of_a_concat_is_that_part(end: int) -> None:
    def build(builder: GraphBuilder) -> str:
        parts = [named(builder, builder.node(kind, "x"), 6) for kind in ("Exp", "Tanh")]
        whole = builder.node("Concat", *parts, axis=1)
        return builder.node("Add", cut(builder, whole, 6, 12), cut(builder, whole, 0, min(end, 6)))

    assert both(build)[1] == ["Exp", "Tanh", "Add"]


def test_a_slice_across_the_parts_of_a_concat_stays() -> None:
    def build(builder: GraphBuilder) -> str:
        return cut(builder, builder.node("Concat", "x", "x", axis=1), 3, 9)

    assert both(build)[1] == ["Concat", "Slice"]


def test_nested_concats_and_unsqueezes_are_one() -> None:
    def build(builder: GraphBuilder) -> str:
        inner = builder.node("Concat", "x", builder.node("Exp", "x"), axis=1)
        whole = builder.node("Concat", inner, "x", axis=1)
        return builder.node("Unsqueeze", builder.node("Unsqueeze", whole, ints(builder, 1)), ints(builder, 3))

    many, few = both(build, rank=4)
    assert (len(many), len(few)) == (5, 3)


def test_equal_products_of_columns_are_computed_once() -> None:
    matrix = np.random.default_rng(5).normal(size=(6 + 36 + 216, 3))

    def build(builder: GraphBuilder) -> str:
        squares = outer(builder, "x", "x", 36)
        whole = builder.node("Concat", "x", squares, outer(builder, squares, "x", 216), axis=1)
        return builder.node("MatMul", whole, builder.constant(matrix))

    both(build)
    lean = LeanBuilder()
    answers(build, lean, 2)
    n_monomials = sum(len({tuple(sorted(c)) for c in product(range(6), repeat=degree)}) for degree in (1, 2, 3))
    used = {name for node in lean.nodes for name in node.input}
    assert [list(i.dims) for i in lean.initializers if i.name in used and i.dims[-1:] == [3]][-1] == [n_monomials, 3]


def test_products_with_one_tensor_are_one_product() -> None:
    rng = np.random.default_rng(6)

    def build(builder: GraphBuilder) -> str:
        pieces = [builder.node("MatMul", "x", builder.constant(rng_matrix)) for rng_matrix in matrices]
        return builder.node("Concat", *reversed(pieces), axis=1)

    matrices = [rng.normal(size=(6, width)) for width in (2, 1, 5)]
    assert both(build)[1] == ["MatMul", "Split", "Concat"]


@pytest.mark.parametrize("shape", [(4, 3), (12,), (2, 2, 3)])
def test_rows_that_a_matrix_picks_are_gathered_in_their_shape(shape: tuple[int, ...]) -> None:
    rows = np.array([0, 1, 1, 0])

    def build(builder: GraphBuilder) -> str:
        grid = named(builder, builder.node("Reshape", "x", ints(builder, -1, 2, 3)), 2, 3)
        picked = named(builder, builder.node("MatMul", builder.constant(np.eye(2)[rows]), grid), 4, 3)
        if isinstance(builder, LeanBuilder):
            return builder.reshape(picked, shape)
        return builder.node("Reshape", picked, ints(builder, -1, *shape))

    few = both(build, rank=1 + len(shape))[1]
    assert few == (["Reshape", "Gather", "Reshape"] if shape == (12,) else ["Reshape", "Gather"])


def test_a_matrix_that_adds_rows_stays_a_product() -> None:
    def build(builder: GraphBuilder) -> str:
        grid = named(builder, builder.node("Reshape", "x", ints(builder, -1, 2, 3)), 2, 3)
        return builder.node("MatMul", builder.constant([[1.0, 1.0], [0.0, 1.0]]), grid)

    assert both(build, rank=3)[1] == ["Reshape", "MatMul"]


def test_a_tensor_may_be_an_output_twice_and_be_read() -> None:
    builder = LeanBuilder()
    value = builder.node("Exp", "x")
    more = builder.node("Neg", value)
    for name, own in (("a", value), ("b", more), ("c", value), ("d", "x")):
        builder.output(own, name)
    outputs = [tensor(name, DOUBLE, ["batch", 6]) for name in "abcd"]
    graph = onnx.helper.make_graph(builder.nodes, "g", [tensor("x", DOUBLE, ["batch", 6])], outputs)
    session = ort.InferenceSession(finish(graph, name="g").SerializeToString())
    a, b, c, d = session.run(list("abcd"), {"x": ROWS})
    assert np.array_equal(a, -b)
    assert np.array_equal(a, c)
    assert np.array_equal(d, ROWS)
