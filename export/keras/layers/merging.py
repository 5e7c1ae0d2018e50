"""Layers that make one tensor of several."""

from typing import Any

from export.keras.lowering import Lowering
from export.keras.rules import layer, refuse

MERGED = {"Add": "Add", "Average": "Add", "Subtract": "Sub"}
BY_MASK = {"Maximum": "Max", "Minimum": "Min"}


@layer(*MERGED)
def merge(to: Lowering, op: Any, result: Any, inputs: list[str]) -> str:
    """Elementwise, from the first to the last."""
    _one_rank(to, op, inputs)
    merged = inputs[0]
    for name in inputs[1:]:
        merged = to.node(MERGED[type(op).__name__], merged, name)
    if type(op).__name__ == "Average":
        return to.node("Div", merged, to.builder.constant(len(inputs), op.compute_dtype))
    return merged


@layer("Multiply", arguments="inputs mask")
def multiply(to: Lowering, op: Any, result: Any, inputs: list[str], mask: Any = None) -> str:
    """The product; a step that a mask takes away counts as 1, and is 0 where all masks do."""
    _one_rank(to, op, inputs)
    kept = _masks(to, op, inputs, mask)
    one, zero = (to.builder.constant(value, op.compute_dtype) for value in (1, 0))
    names = [name if own is None else to.node("Where", own, name, one) for name, own in zip(inputs, kept, strict=True)]
    merged = names[0]
    for name in names[1:]:
        merged = to.node("Mul", merged, name)
    if any(own is None for own in kept):
        return merged
    anywhere = kept[0]
    for own in kept[1:]:
        anywhere = to.node("Or", anywhere, own)
    return to.node("Where", anywhere, merged, zero)


@layer(*BY_MASK, arguments="inputs mask")
def extreme(to: Lowering, op: Any, result: Any, inputs: list[str], mask: Any = None) -> str:
    """The largest or smallest; where a mask takes a step away, the other one counts."""
    _one_rank(to, op, inputs)
    kept = _masks(to, op, inputs, mask)
    merged, merged_mask = inputs[0], kept[0]
    for name, own in zip(inputs[1:], kept[1:], strict=True):
        value = name if own is None else to.node("Where", own, name, merged)
        if merged_mask is not None:
            merged = to.node("Where", merged_mask, merged, value)
        both = own is not None and merged_mask is not None
        merged_mask = to.node("Or", merged_mask, own) if both else None
        merged = to.node(BY_MASK[type(op).__name__], merged, value)
    return merged


def _one_rank(to: Lowering, op: Any, inputs: list[str]) -> None:
    if len({len(to.builder.shapes[name]) for name in inputs}) > 1:
        raise refuse(op, "tensors of different rank have no lowering")


def _masks(to: Lowering, op: Any, inputs: list[str], mask: Any) -> list[Any]:
    """Of each tensor what its mask keeps, with an axis for the features."""
    if mask is None:
        return [None] * len(inputs)
    found = []
    for name, own in zip(inputs, mask, strict=True):
        if own is not None and len(to.builder.shapes[own]) + 1 != len(to.builder.shapes[name]):
            raise refuse(op, "with a mask of another rank has no lowering")
        found.append(None if own is None else to.node("Unsqueeze", own, to.ints(len(to.builder.shapes[own]))))
    return found


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
    import keras

    low = to.builder.constant(keras.config.epsilon(), kind)
    return to.node("Mul", name, to.node("Reciprocal", to.node("Max", to.node("Sqrt", squares), low)))
