"""Follows Keras through its graph and writes an ONNX node, or a few, for each layer and operator."""

from typing import Any

import numpy as np
from onnx import TensorProto

from export.errors import NoExactForm
from export.keras.compact_builder import LeanBuilder
from export.keras.masks import copy_mask, forget_masks, give_mask, with_masks
from export.keras.rules import (
    check_training,
    checked_arguments,
    is_layer,
    is_tensor,
    of_keras,
    plain_constants,
    refuse,
    rule_of,
    title,
)
from train.core.errors import PipelineError

ONNX_TYPES = {
    "float64": TensorProto.DOUBLE,
    "float32": TensorProto.FLOAT,
    "bool": TensorProto.BOOL,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}

PLAIN, GUARDED, UNROLLED = range(3)
"""How much care is taken of what onnxruntime's operators lose: nothing, NaN, and all that they approximate."""


class Lowering:
    """What the lowerings of single layers write with.

    Attributes:
        builder: of the graph.
        guard: whether recurrent layers are told of NaN, which onnxruntime's LSTM and GRU lose.
        guards: how many places there are where that would change something.
        unroll: whether recurrent layers are written out step by step, also where an operator could stand.
        recurrent: how many of them there are.
        splice: whether layers without a lowering go through tf2onnx.
        spliced: how many did.
    """

    def __init__(self, *, care: int = 0, splice: bool = False, prefix: str = "") -> None:
        self.builder = LeanBuilder(prefix)
        self.guard = care >= GUARDED
        self.unroll = care >= UNROLLED
        self.recurrent = 0
        self.splice = splice
        self.spliced = 0
        self.guards = 0
        self._names: dict[int, str] = {}
        self._types: dict[str, str] = {}
        self._alive: list[Any] = []  # ids are those of living tensors

    def gains_by(self, care: int) -> bool:
        """Whether the graph would be another one with so much care."""
        return bool(self.guards if care == GUARDED else self.recurrent)

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Let Keras compute shapes and types, and write the same in ONNX."""
        if hasattr(operation, "_functional") or hasattr(operation, "_nodes_by_depth"):
            return self._nested(operation, *args, **kwargs)
        masked = with_masks(operation, args, kwargs)
        result = operation(*args, **kwargs)
        self._write(operation, plain_constants(args), plain_constants(masked), result)
        forget_masks(operation, args, kwargs)
        return result

    def _write(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        try:
            self._write_exactly(operation, args, kwargs, result)
        except NoExactForm:
            if not self.splice:
                raise
            self._splice(operation, args, kwargs, result)

    def _splice(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        import keras

        from export.keras.inexact.splice import spliced

        if is_layer(operation) and not of_keras(operation):
            raise refuse(operation, f"a class of {type(operation).__module__}, not of Keras: no lowering to ONNX")
        check_training(operation, kwargs)
        given = [self.name_of(value) for value in keras.tree.flatten((args, kwargs)) if is_tensor(value)]
        self.spliced += 1
        names = spliced(self.builder, operation, args, kwargs, given, self.spliced)
        self.keep(result, names, operation)

    def _write_exactly(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        rule = rule_of(operation)
        taken = checked_arguments(operation, rule, args, kwargs)
        if rule.of_layer:
            take = self._as_layer_takes if rule.casts else self._as_it_comes
            taken = {name: take(operation, value) for name, value in taken.items()}
        self.keep(result, rule.lower(self, operation, result, **taken), operation)

    def _reach(self, value: Any) -> None:
        """Write the operators that make a mask: Keras attaches it to a tensor, outside the graph of the model."""
        history = getattr(value, "_keras_history", None)
        if history is None or not history.operation._inbound_nodes or is_layer(history.operation):
            raise PipelineError(
                f"{getattr(value, 'name', value)!r}: a tensor or variable from outside the model's inputs"
            )
        node = history.operation._inbound_nodes[history.node_index]
        for given in node.input_tensors:
            self.raw_name(given)
        outputs = node.outputs if len(node.outputs) > 1 else node.outputs[0]
        self._write(history.operation, node.arguments.args, dict(node.arguments.kwargs), outputs)

    def _nested(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """A model used as a layer: its own graph on these tensors."""
        import keras

        given = [*args, *(value for name, value in kwargs.items() if name not in ("training", "mask"))]
        if kwargs.get("training") or len(given) != 1:
            raise refuse(model, "a model as a layer is lowered for one structure of inputs and no training")
        if type(model) not in (keras.Sequential, keras.Model) and type(model).__name__ != "Functional":
            raise refuse(model, f"a class of {type(model).__module__}, not of Keras: no lowering to ONNX")
        inner = keras.Model(model.inputs, model.outputs)
        flat = self._in_order(model, given[0])
        inputs = [self._viewed(tensor, like) for tensor, like in zip(flat, model.inputs, strict=True)]
        masks = keras.tree.flatten(kwargs.get("mask"))
        for value, mask in zip(inputs, masks if len(masks) == len(inputs) else (), strict=False):
            if mask is not None:
                give_mask(value, mask)
        outputs = inner._run_through_graph(inputs, operation_fn=lambda op: op, call_fn=self.call)
        result = model(*args, **kwargs)
        names = [self.name_of(value) for value in keras.tree.flatten(outputs)]
        self.keep(result, names, model)
        for value, own in zip(keras.tree.flatten(result), keras.tree.flatten(outputs), strict=True):
            copy_mask(own, value)
        return result

    @staticmethod
    def _in_order(model: Any, given: Any) -> list[Any]:
        """What a model in a model is given, in the order of its inputs: by name where it takes a dict."""
        import keras

        flat: list[Any] = keras.tree.flatten(given)
        taken = getattr(model, "_inputs_struct", None)
        if isinstance(given, dict):
            names = [value.name for value in model.inputs]
            if not isinstance(taken, dict):
                flat = [given[name] for name in names] if sorted(given) == sorted(names) else []
            elif given.keys() != taken.keys() or any(not is_tensor(value) for value in given.values()):
                flat = []
            else:
                keys = {id(value): key for key, value in taken.items()}
                flat = [given[keys[id(value)]] for value in model.inputs]
        if len(flat) != len(model.inputs):
            raise refuse(model, "a model as a layer takes its inputs as a list in order, or by name")
        return flat

    def _viewed(self, tensor: Any, like: Any) -> Any:
        """A new tensor of the graph that stands for `tensor` in a nested model, in the type that the model wants."""
        import keras

        name = self.cast(self.name_of(tensor), like.dtype)
        fresh = keras.KerasTensor(tensor.shape, dtype=like.dtype)
        self._keep(fresh, name)
        copy_mask(tensor, fresh)
        return fresh

    def stand_in(self, name: str, shape: tuple[int | None, ...], dtype: str) -> Any:
        """A tensor of Keras's for a tensor between two nodes: [batch, *shape]."""
        import keras

        fresh = keras.KerasTensor((None, *shape), dtype=dtype)
        self._keep(fresh, name)
        return fresh

    def name_of(self, value: Any, dtype: str = "float64") -> str:
        """The ONNX name of a Keras tensor, or of a constant of that type."""
        if not is_tensor(value):
            return self.builder.constant(value, dtype)
        return self.cast(self.raw_name(value), value.dtype)

    def raw_name(self, value: Any) -> str:
        """The ONNX name of a Keras tensor, which may have more digits than Keras keeps there."""
        if id(value) not in self._names:
            self._reach(value)
        return self._names[id(value)]

    def type_of(self, name: str) -> str:
        """The type of a tensor that was kept or typed."""
        return self._types[name]

    def typed(self, name: str, dtype: str) -> str:
        """Note the type of a tensor between two nodes."""
        self._types[name] = dtype
        return name

    def cast(self, name: str, dtype: str) -> str:
        """The tensor in another type, itself where it has it."""
        if self._types.get(name) == dtype:
            return name
        if dtype not in ONNX_TYPES:
            raise PipelineError(f"type {dtype!r} has no lowering: use float32 or float64")
        made = self.typed(self.builder.node("Cast", name, to=ONNX_TYPES[dtype]), dtype)
        if name in self.builder.shapes:
            self.builder.shapes[made] = self.builder.shapes[name]
        return made

    def entry(self, value: Any, *, wide: bool = False) -> None:
        """Take in an input of the graph; a wide one is int64 where Keras has int32."""
        if value.dtype not in ONNX_TYPES:
            raise PipelineError(f"input {value.name!r} of type {value.dtype}: only {', '.join(ONNX_TYPES)} are lowered")
        narrowed = wide and value.dtype == "int32"
        self._keep(value, self.node("Cast", value.name, to=TensorProto.INT32) if narrowed else value.name)

    def _as_it_comes(self, _: Any, value: Any) -> Any:
        return self.raw_name(value)

    def _as_layer_takes(self, operation: Any, value: Any) -> Any:
        """Tensors as the names that a layer works on: floats in its own type."""
        if isinstance(value, list | tuple):
            return [self._as_layer_takes(operation, part) for part in value]
        if not is_tensor(value):
            return value
        name, kind = self.raw_name(value), operation.compute_dtype
        floats = self._types[name].startswith("float") and kind.startswith("float")
        return self.cast(name, kind) if floats and operation.autocast else self.name_of(value)

    def keep(self, result: Any, names: str | list[str], operation: Any) -> None:
        """Remember what the answers of an operation are called."""
        import keras

        flat = keras.tree.flatten(result)
        listed = [names] if isinstance(names, str) else names
        if len(flat) != len(listed):
            raise refuse(operation, f"gives {len(flat)} tensors, {len(listed)} are lowered")
        for value, name in zip(flat, listed, strict=True):
            if value.dtype not in ONNX_TYPES:
                raise PipelineError(f"{title(operation)}: answers in {value.dtype}, which has no lowering")
            self._keep(value, name)

    def _keep(self, value: Any, name: str) -> None:
        self._names[id(value)] = name
        self._types.setdefault(name, value.dtype)
        self.builder.shapes[name] = tuple(value.shape)
        self._alive.append(value)

    def ints(self, *values: int) -> str:
        """A constant list of whole numbers."""
        return self.builder.constant(list(values), np.int64)

    def weight(self, variable: Any) -> str:
        """A variable of a layer."""
        return self.builder.constant(np.asarray(variable), variable.dtype)

    def node(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """See `GraphBuilder.node`."""
        return self.builder.node(op_type, *inputs, **attributes)
