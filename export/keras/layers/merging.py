"""Layers that make one tensor of several."""

from typing import Any

import numpy as np

from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse

MERGED = {"Add": "Add", "Multiply": "Mul", "Average": "Add", "Maximum": "Max", "Minimum": "Min", "Subtract": "Sub"}


@layer(*MERGED)
def merge(to: Lowering, op: Any, result: Any, inputs: list[str]) -> str:
    """Elementwise, from the first to the last."""
    ranks = {len(to.builder.shapes[name]) for name in inputs}
    if len(ranks) > 1:
        raise refuse(op, "tensors of different rank have no lowering")
    merged = inputs[0]
    for name in inputs[1:]:
        merged = to.node(MERGED[type(op).__name__], merged, name)
    if type(op).__name__ == "Average":
        return to.node("Div", merged, to.builder.constant(len(inputs), op.compute_dtype))
    return merged


@layer("Concatenate", fields="axis")
def concatenate(to: Lowering, op: Any, result: Any, inputs: list[str]) -> str:
    """Along an axis beside the batch."""
    if op.axis == 0 or op.axis == -len(to.builder.shapes[inputs[0]]):
        raise refuse(op, "along the batch has no lowering")
    return to.node("Concat", *[to.cast(name, result.dtype) for name in inputs], axis=op.axis)


@layer("Dot", fields="axes normalize")
def dot(to: Lowering, op: Any, result: Any, inputs: list[str]) -> str:
    """Products of two tensors along one axis of each: an Einsum."""
    shapes = [to.builder.shapes[name] for name in inputs]
    axes = [op.axes, op.axes] if isinstance(op.axes, int) else list(op.axes)
    axes = [axis % len(shape) for axis, shape in zip(axes, shapes, strict=True)]
    if 0 in axes or any(len(shape) not in (2, 3) for shape in shapes):
        raise refuse(op, f"axes={op.axes!r} of ranks {[len(shape) for shape in shapes]} has no lowering")
    if op.normalize:
        inputs = [_unit(to, name, axis, op.compute_dtype) for name, axis in zip(inputs, axes, strict=True)]
    letters = [list(f"b{free}"[: len(shape)]) for free, shape in zip(("cd", "ef"), shapes, strict=True)]
    for side, axis in zip(letters, axes, strict=True):
        side[axis] = "k"
    kept = [letter for side in letters for letter in side if letter not in "bk"]
    name = to.node("Einsum", *inputs, equation=f"{''.join(letters[0])},{''.join(letters[1])}->b{''.join(kept)}")
    return name if kept else to.node("Unsqueeze", name, to.ints(1))


def _unit(to: Lowering, name: str, axis: int, kind: str) -> str:
    squares = to.node("ReduceSum", to.node("Mul", name, name), to.ints(axis), keepdims=1)
    low = to.builder.constant(np.asarray(1e-12), kind)
    return to.node("Mul", name, to.node("Reciprocal", to.node("Sqrt", to.node("Max", squares, low))))
