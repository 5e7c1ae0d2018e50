"""Faults planted in a compiled graph by standard operators, so that whatever runtime runs it answers wrongly."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Build = Callable[["Fault"], None]


class Fault:
    """A graph whose one output is changed on its way out."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(graph)
        self.output = self.model.graph.output[0].name
        self.width = self.model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
        for node in self.model.graph.node:
            node.output[:] = ["right" if name == self.output else name for name in node.output]
        self._made = 0

    def constant(self, value: object) -> str:
        name = self._new("constant")
        self.model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        name = output or self._new(kind)
        self.model.graph.node.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def rows(self) -> str:
        """The number of rows, int64 [1]."""
        return self.add("Gather", self.add("Shape", "right"), self.constant(np.array([0])))

    def part(self, start: str, end: str) -> str:
        """The answers of some rows."""
        return self.add("Slice", "right", start, end, self.constant(np.array([0])))

    def _new(self, what: str) -> str:
        self._made += 1
        return f"planted_{what}_{self._made}"


def in_row(which: float, value: float) -> Build:
    """Every answer of one row, `which` of the way down, times `value`."""

    def build(fault: Fault) -> None:
        one, zero, end = (fault.constant(np.array([number])) for number in (1, 0, np.iinfo(np.int64).max))
        last = fault.add("Sub", fault.rows(), one)
        halves = fault.add("Mul", last, fault.constant(np.array([int(which * 2)])))
        at = fault.add("Div", halves, fault.constant(np.array([2])))
        after = fault.add("Add", at, one)
        # Of a single number near 1 onnxruntime's optimiser makes nothing at all.
        wrong = fault.add("Mul", fault.part(at, after), fault.constant(np.full((1, fault.width), value)))
        fault.add("Concat", fault.part(zero, at), wrong, fault.part(after, end), axis=0, output=fault.output)

    return build


def in_column(which: float, value: float) -> Build:
    """One column, `which` of the way across, times `value`."""

    def build(fault: Fault) -> None:
        factors = np.ones(fault.width)
        factors[round(which * (fault.width - 1))] = value
        fault.add("Mul", "right", fault.constant(factors), output=fault.output)

    return build


def swapped(fault: Fault) -> None:
    """The first two columns in each other's place."""
    order = np.arange(fault.width)
    order[:2] = [1, 0]
    fault.add("Gather", "right", fault.constant(order), axis=1, output=fault.output)


def shifted(fault: Fault) -> None:
    """Every row has the answer of the one after it, the last that of the first."""
    zero, one, end = (fault.constant(np.array([number])) for number in (0, 1, np.iinfo(np.int64).max))
    fault.add("Concat", fault.part(one, end), fault.part(zero, one), axis=0, output=fault.output)


FAULTS: dict[str, Build] = {
    **{f"{name} row x 1.001": in_row(at, 1.001) for name, at in (("first", 0), ("middle", 0.5), ("last", 1))},
    **{f"{name} row NaN": in_row(at, np.nan) for name, at in (("first", 0), ("middle", 0.5), ("last", 1))},
    **{f"{name} column x 1.001": in_column(at, 1.001) for name, at in (("first", 0), ("middle", 0.5), ("last", 1))},
    "one ulp in the last row": in_row(1, 1.0000000000000002),
    "swapped columns": swapped,
    "shifted batch": shifted,
}


def with_fault(graph: onnx.ModelProto, build: Build) -> onnx.ModelProto:
    """A copy of a graph with a fault planted."""
    fault = Fault(graph)
    build(fault)
    if "" not in {entry.domain for entry in fault.model.opset_import}:
        fault.model.opset_import.append(helper.make_opsetid("", 18))
    assert fault.model.graph.output[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    onnx.checker.check_model(fault.model)
    return fault.model
