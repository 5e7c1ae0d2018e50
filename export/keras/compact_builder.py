"""A builder that writes fewer nodes for the same numbers: on one row a node costs more than the arithmetic in it.

Rules, each looking at a node that is asked for and at those that make its inputs:

- a Slice of a Concat that is one of its parts is that part; a Slice of a Slice and an Unsqueeze of an Unsqueeze are one
  node; a Concat in a Concat along the same axis is taken apart;
- where a matrix is multiplied by all products of columns (a b, b a, ...), each product is computed once, and the rows
  of the matrix that belong to equal ones are added up;
- a product with a matrix that picks rows is a Gather, which leaves a missing or infinite number in its own row;
- constant operands are written out to the shape of the other one, as broadcasting short runs is slow;
- constant matrices that the same tensor is multiplied by stand side by side in one product.

Answers move in their last bits at most. What nobody reads any more is left to `export.graph.finish`.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from export.graph import GraphBuilder

Array = npt.NDArray[Any]
Shape = tuple[int | None, ...]
Columns = list[tuple[tuple[str, int], ...]]
"""Of each column of a tensor: of which columns of which tensors it is the product, in order."""

_END = np.iinfo(np.int64).max
_WRITTEN_OUT = 1000
"""Numbers that a constant may have when it is written out."""


class LeanBuilder(GraphBuilder):
    """`GraphBuilder` with the rules above; axes are counted from 0, which is the batch."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(prefix)
        self.shapes: dict[str, Shape] = {}
        """Of tensors whose shape is known; the caller's to fill."""
        self._values: dict[str, Array] = {}
        self._makers: dict[str, onnx.NodeProto] = {}
        self._public: dict[str, str] = {}

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> str:
        """As `GraphBuilder.constant`."""
        name = super().constant(value, dtype)
        self._values[name] = np.asarray(value, dtype=dtype)
        return name

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """As `GraphBuilder.node`; the name may be that of a tensor that was there before."""
        if op_type == "Slice":
            part = self._part(*inputs)
            if part is not None:
                return part
            inputs = self._slice(*inputs)
        elif op_type == "Unsqueeze":
            inputs = self._unsqueeze(*inputs)
        elif op_type == "Concat":
            inputs = tuple(part for name in inputs for part in self._parts(name, attributes["axis"]) or [name])
        elif op_type == "MatMul":
            rows = self._picked_rows(*inputs)
            if rows is not None:
                return self.node("Gather", inputs[1], rows, axis=len(self.shapes[inputs[1]]) - 2)
            inputs = self._matmul(*inputs)
        name = super().node(op_type, *inputs, domain=domain, **attributes)
        if name not in self._makers:
            self._makers[name] = self.nodes[-1]
        return name

    def as_it_is(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """As `GraphBuilder.node`, no rule applied."""
        return super().node(op_type, *inputs, **attributes)

    def flipped(self, name: str) -> str:
        """The steps, axis 1, from the last to the first."""
        ends = [self.constant([bound], np.int64) for bound in (-1, -_END, 1, -1)]
        return self.as_it_is("Slice", name, *ends)

    def several(self, op_type: str, inputs: Sequence[str], wanted: Sequence[bool], **attributes: Any) -> list[str]:
        """A node of several outputs; those that nobody wanted so far are left out, and have no name."""
        name = super().node(op_type, *inputs, **attributes)
        node = next(node for node in reversed(self.nodes) if node.name == name)
        given = list(node.output) if name in self._makers else []
        self._makers[name] = node
        outputs = given + [""] * (len(wanted) - len(given))
        for i, want in enumerate(wanted):
            if want and not outputs[i]:
                outputs[i] = f"{name}_{i}" if any(outputs) else name
        while not outputs[-1]:
            outputs.pop()
        node.output[:] = outputs
        return [own if want else "" for own, want in zip(outputs, wanted, strict=False)]

    def reshape(self, name: str, shape: tuple[int, ...]) -> str:
        """A Reshape to [batch, *shape]; of rows that were picked, those rows in that shape."""
        picked = self._made_by("Gather", name)
        if picked and picked[1] in self._values:
            axis, old, index = self._axis(name), self.shapes.get(picked[0], ()), self._values[picked[1]]
            split = shape[axis - 1 : len(shape) - (len(old) - axis - 1)]
            if index.ndim == 1 and (*old[1:axis], *split, *old[axis + 1 :]) == shape and np.prod(split) == index.size:
                return self.node("Gather", picked[0], self.constant(index.reshape(split), np.int64), axis=axis)
        return self.node("Reshape", name, self.constant([-1, *shape], np.int64))

    def beside(self, constant: npt.ArrayLike, shape: Shape, dtype: npt.DTypeLike) -> str:
        """A constant operand of an elementwise operator whose answer has `shape`."""
        array = np.asarray(constant, dtype=dtype)
        known = tuple(size for size in shape[1:] if size is not None)
        fits = len(known) == len(shape) - 1 and array.ndim <= len(known) and np.prod(known) <= _WRITTEN_OUT
        if array.size > 1 and fits and np.broadcast_shapes(array.shape, known) == known:
            array = np.broadcast_to(array, known)
        return self.constant(array, dtype)

    def output(self, tensor: str, name: str) -> None:
        """As `GraphBuilder.output`, after all nodes: a tensor that nodes read, too, gets the name itself."""
        makers = [node for node in self.nodes if tensor in node.output]
        if not makers:
            source = self._public.get(tensor, tensor)
            self.nodes.append(helper.make_node("Identity", [source], [name], name=name))
            return
        for node in self.nodes:
            for ends in (node.input, node.output):
                ends[:] = [name if end == tensor else end for end in ends]
        self._public[tensor] = name

    def one_product_each(self) -> None:
        """Apply the last rule, after all nodes."""
        groups: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            if node.op_type == "MatMul" and node.input[1] in self._values and self._values[node.input[1]].ndim == 2:
                groups.setdefault(node.input[0], []).append(node)
        for left, group in groups.items():
            if len(group) == 1:
                continue
            matrices = [self._values[node.input[1]] for node in group]
            name, outputs = f"{group[0].output[0]}_all", [node.output[0] for node in group]
            sizes = self.constant([matrix.shape[1] for matrix in matrices], np.int64)
            whole = self.constant(np.concatenate(matrices, axis=1), matrices[0].dtype)
            both = helper.make_node("MatMul", [left, whole], [name], name=name)
            split = helper.make_node("Split", [name, sizes], outputs, name=f"{name}_split", axis=-1)
            place = self.nodes.index(group[0])
            kept = [node for node in self.nodes[place:] if not any(node is own for own in group)]
            self.nodes[place:] = [both, split, *kept]

    def _made_by(self, op_type: str, name: str) -> list[str]:
        """The inputs of the node that makes `name` if it is an `op_type`, else none."""
        maker = self._makers.get(name)
        return list(maker.input) if maker is not None and maker.op_type == op_type else []

    def _axis(self, name: str) -> int:
        axis: int = next(helper.get_attribute_value(a) for a in self._makers[name].attribute if a.name == "axis")
        return axis

    def _parts(self, name: str, axis: int) -> list[str]:
        """What `name` is a Concat of along `axis`, else none."""
        parts = self._made_by("Concat", name)
        return parts if parts and self._axis(name) == axis else []

    def _part(self, name: str, *bounds: str) -> str | None:
        starts, ends, axes = (self._values[bound].tolist() for bound in bounds)
        first = 0
        parts = self._parts(name, axes[0]) if len(axes) == 1 else []
        for part in parts:
            shape = self.shapes.get(part, ())
            size = shape[axes[0]] if len(shape) > axes[0] else None
            if size is None:
                return None
            if starts[0] == first and (ends[0] == first + size or (ends[0] == _END and part is parts[-1])):
                return part
            first += size
        return None

    def _slice(self, name: str, *bounds: str) -> tuple[str, ...]:
        before = self._made_by("Slice", name)
        if not before:
            return name, *bounds
        then, wanted = (
            {axis: (start, end) for start, end, axis in zip(*(self._values[b].tolist() for b in own), strict=True)}
            for own in (bounds, before[1:])
        )
        for axis, (start, end) in then.items():
            first, last = wanted.get(axis, (0, _END))
            if axis not in wanted:
                wanted[axis] = start, end
            elif min(start, end, first, last) < 0:
                return name, *bounds  # counted from an end that depends on the tensor
            else:
                wanted[axis] = min(first + start, _END), min(last, first + end)
        axes = sorted(wanted)
        merged = ([wanted[axis][0] for axis in axes], [wanted[axis][1] for axis in axes], axes)
        return before[0], *(self.constant(bound, np.int64) for bound in merged)

    def _unsqueeze(self, name: str, axes: str) -> tuple[str, str]:
        before = self._made_by("Unsqueeze", name)
        if before:
            first, then = self._values[before[1]].tolist(), self._values[axes].tolist()
            if 0 <= max(first) < min(then):
                return before[0], self.constant(first + then, np.int64)
        return name, axes

    def _picked_rows(self, left: str, right: str) -> str | None:
        """The numbers of the rows of `right` that a constant of zeros and a one per row picks."""
        matrix = self._values.get(left)
        if matrix is None or matrix.ndim != 2 or len(self.shapes.get(right, ())) < 3:
            return None
        if not np.isin(matrix, (0, 1)).all() or not (matrix.sum(axis=1) == 1).all():
            return None
        return self.constant(matrix.argmax(axis=1), np.int64)

    def _matmul(self, left: str, right: str) -> tuple[str, str]:
        parts, matrix = self._parts(left, 1), self._values.get(right)
        shapes = [self.shapes.get(part, ()) for part in parts]
        widths = [shape[1] for shape in shapes if len(shape) == 2 and shape[1] is not None]
        if matrix is None or matrix.ndim != 2 or not parts or len(widths) < len(parts):
            return left, right
        blocks = np.split(matrix, np.cumsum(widths)[:-1])
        names, rows = zip(*map(self._without_equals, parts, blocks), strict=True)
        if list(names) == parts:
            return left, right
        return self.node("Concat", *names, axis=1), self.constant(np.concatenate(rows), matrix.dtype)

    def _without_equals(self, part: str, rows: Array) -> tuple[str, Array]:
        columns = self._columns(part)
        unique = sorted(set(columns))
        factors = list(zip(*unique, strict=True))
        if len(factors) < 2 or any(len({base for base, _ in factor}) > 1 for factor in factors):
            return part, rows
        merged = np.zeros((len(unique), rows.shape[1]), dtype=rows.dtype)
        np.add.at(merged, [unique.index(column) for column in columns], rows)
        name = ""
        for factor in factors:
            index = self.constant([column for _, column in factor], np.int64)
            picked = self.node("Gather", factor[0][0], index, axis=1)
            name = self.node("Mul", name, picked) if name else picked
        self.shapes[name] = (None, len(unique))
        return name, merged

    def _columns(self, name: str) -> Columns:
        shape = self.shapes.get(name, ())
        width = shape[1] if len(shape) == 2 and shape[1] else 0
        flat = self._made_by("Reshape", name)
        ends = [self._made_by("Unsqueeze", side) for side in self._made_by("Mul", flat[0] if flat else "")]
        if ends and all(ends) and [self._values[axes].tolist() for _, axes in ends] == [[2], [1]]:
            columns = [tuple(sorted(a + b)) for a, b in product(*(self._columns(side) for side, _ in ends))]
            if len(columns) == width:
                return columns
        return [((name, column),) for column in range(width)]
