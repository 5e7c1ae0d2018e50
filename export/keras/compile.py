"""Keras functional model -> ONNX, one operator at a time, each in the precision that Keras computes it in.

tf2onnx fuses the LSTM, too, but is not exact on a float64 graph: it takes logarithms and reshapes in float32, and turns
`where` into a sum of products, so that one NaN day makes every answer NaN. The lowering below keeps types, writes no
shape arithmetic, lets the LSTM start from its default zero state, and refuses an operator that it does not know.
`export.keras.compact_builder` writes no more nodes than are needed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from export.graph import finish, tensor
from export.keras.compact_builder import LeanBuilder
from train.core.errors import PipelineError

_DTYPES = {"float64": TensorProto.DOUBLE, "float32": TensorProto.FLOAT, "bool": TensorProto.BOOL}
_ACTIVATIONS = {"linear": None, "tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu"}
_PLAIN = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "TrueDivide": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Matmul": "MatMul",
    "GreaterEqual": "GreaterOrEqual",
    "LogicalNot": "Not",
    "Isnan": "IsNaN",
    "Log": "Log",
    "Exp": "Exp",
    "Sqrt": "Sqrt",
    "Tanh": "Tanh",
    "Where": "Where",
}
"""Keras operators that are one ONNX operator with the same inputs."""
_ELEMENTWISE = {"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"}


def compile_keras(model: Any, *, name: str, metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """Compile a functional Keras model.

    Args:
        model: built of the operators and layers known here; its outputs a dict, whose keys become the outputs' names.
        name: of the graph.
        metadata: custom metadata.

    Returns:
        A model with a free batch axis whose answers do not depend on what else is in the batch.

    Raises:
        PipelineError: an operator, layer or setting has no lowering; it is named.
    """
    import keras

    lowering = _Lowering()
    source = model.inputs[0]
    clone = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=lowering.call)
    builder = lowering.builder
    builder.one_product_each()
    for key, value in clone.output.items():
        builder.output(lowering.name_of(value), key)
    outputs = [tensor(key, _DTYPES[value.dtype], ["batch", *value.shape[1:]]) for key, value in clone.output.items()]
    entry = tensor(source.name, _DTYPES[source.dtype], ["batch", *source.shape[1:]])
    graph = onnx.helper.make_graph(builder.nodes, name, [entry], outputs, initializer=builder.initializers)
    return finish(graph, name=name, metadata=metadata)


class _Lowering:
    """Follows Keras through its graph and writes an ONNX node, or a few, for each operator."""

    def __init__(self) -> None:
        self.builder = LeanBuilder()
        self._names: dict[int, str] = {}
        self._alive: list[Any] = []  # ids are those of living tensors
        self._layers: dict[str, Callable[..., str]] = {
            "GetItem": self._get_item,
            "Cast": lambda op, x: self.builder.node("Cast", self.name_of(x), to=_DTYPES[op.dtype]),
            "Concatenate": self._concatenate,
            "Stack": self._stack,
            "Sum": lambda op, x: self._reduce("ReduceSum", op, x),
            "Max": lambda op, x: self._reduce("ReduceMax", op, x),
            "Min": lambda op, x: self._reduce("ReduceMin", op, x),
            "Mean": lambda op, x: self._reduce("ReduceMean", op, x),
            "ExpandDims": lambda op, x: self._unsqueeze(self.name_of(x), op.axis),
            "Reshape": self._reshape,
            "Rescaling": self._rescaling,
            "Dense": self._dense,
            "LSTM": self._lstm,
        }

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Let Keras compute shapes and types, and write the same in ONNX."""
        result = operation(*args, **kwargs)
        kind = type(operation).__name__
        if kind in _PLAIN:
            dtype = self._common_dtype(args)
            inputs = [self._operand(kind, arg, result, dtype) for arg in args]
            self._keep(result, self.builder.node(_PLAIN[kind], *inputs))
        elif kind in self._layers:
            self._keep(result, self._layers[kind](operation, *args))
        else:
            raise PipelineError(f"Keras {kind} {operation.name!r}: no lowering to ONNX; add it to export/from_keras.py")
        return result

    def name_of(self, value: Any, dtype: str = "float64") -> str:
        """The ONNX name of a Keras tensor, or of a constant of that type."""
        if not _is_tensor(value):
            return self.builder.constant(value, dtype)
        if id(value) not in self._names:  # a graph input
            self._keep(value, value.name)
        return self._names[id(value)]

    def _operand(self, kind: str, value: Any, result: Any, dtype: str) -> str:
        if kind in _ELEMENTWISE and not _is_tensor(value):
            return self.builder.beside(value, tuple(result.shape), dtype)
        return self.name_of(value, dtype)

    def _keep(self, value: Any, name: str) -> None:
        self._names[id(value)] = name
        self.builder.shapes[name] = tuple(value.shape)
        self._alive.append(value)

    @staticmethod
    def _common_dtype(args: tuple[Any, ...]) -> str:
        """The floating type of the tensors among the operands, which constants take on."""
        types = {a.dtype for a in args if _is_tensor(a)}
        floating = sorted(types - {"bool"})
        if len(floating) > 1:
            raise PipelineError(f"operands of types {floating}: cast one of them in the Keras model")
        return floating[0] if floating else "bool"

    def _ints(self, *values: int) -> str:
        return self.builder.constant(list(values), np.int64)

    def _unsqueeze(self, name: str, axis: int) -> str:
        return self.builder.node("Unsqueeze", name, self._ints(axis))

    def _get_item(self, _: Any, value: Any, key: Any) -> str:
        name = self.name_of(value)
        starts, ends, axes = [], [], []
        gathered: list[tuple[int, int]] = []
        for axis, part in enumerate(key if isinstance(key, tuple | list) else (key,)):
            if isinstance(part, int):
                gathered.append((axis, part))
            elif isinstance(part, slice) and part.step is None:
                if part != slice(None):
                    starts.append(part.start or 0)
                    ends.append(np.iinfo(np.int64).max if part.stop is None else part.stop)
                    axes.append(axis)
            else:
                raise PipelineError(f"Keras GetItem {key!r}: only whole numbers and slices without a step are lowered")
        for axis, index in reversed(gathered):  # first, as the smaller the tensor is that a Slice copies the better
            name = self.builder.node("Gather", name, self.builder.constant(index, np.int64), axis=axis)
        axes = [axis - sum(gone < axis for gone, _ in gathered) for axis in axes]
        if axes:
            name = self.builder.node("Slice", name, self._ints(*starts), self._ints(*ends), self._ints(*axes))
        return name

    def _concatenate(self, op: Any, values: list[Any]) -> str:
        return self.builder.node("Concat", *[self.name_of(value) for value in values], axis=op.axis)

    def _stack(self, op: Any, values: list[Any]) -> str:
        return self.builder.node("Concat", *[self._unsqueeze(self.name_of(v), op.axis) for v in values], axis=op.axis)

    def _reduce(self, kind: str, op: Any, value: Any) -> str:
        axes = (op.axis,) if isinstance(op.axis, int) else tuple(op.axis)
        return self.builder.node(kind, self.name_of(value), self._ints(*axes), keepdims=int(op.keepdims))

    def _reshape(self, op: Any, value: Any) -> str:
        return self.builder.reshape(self.name_of(value), tuple(op.target_shape))

    def _rescaling(self, op: Any, value: Any) -> str:
        if np.any(np.asarray(op.offset)):
            raise PipelineError(f"Keras Rescaling {op.name!r}: an offset has no lowering")
        return self.builder.node("Mul", self.name_of(value), self.builder.constant(op.scale, value.dtype))

    def _dense(self, op: Any, value: Any) -> str:
        name = self.builder.node("MatMul", self.name_of(value), self._weight(op.kernel))
        if op.use_bias:
            name = self.builder.node("Add", name, self._weight(op.bias))
        activation = op.activation.__name__
        if activation not in _ACTIVATIONS:
            raise PipelineError(f"Keras Dense {op.name!r}: activation {activation!r} has no lowering")
        onnx_name = _ACTIVATIONS[activation]
        return self.builder.node(onnx_name, name) if onnx_name else name

    def _weight(self, variable: Any) -> str:
        return self.builder.constant(np.asarray(variable), variable.dtype)

    def _lstm(self, op: Any, value: Any) -> str:
        """One fused LSTM; Keras orders its gates i f c o, ONNX i o f c."""
        plain = op.activation.__name__ == "tanh" and op.recurrent_activation.__name__ == "sigmoid" and op.use_bias
        if not plain or op.return_sequences or op.return_state or op.go_backwards or op.stateful:
            raise PipelineError(
                f"Keras LSTM {op.name!r}: only the default cell that returns its last answer is lowered"
            )
        cell = op.cell

        def gates(weight: Any) -> Any:
            i, f, c, o = np.split(np.asarray(weight), 4, axis=-1)
            return np.concatenate([i, o, f, c], axis=-1)

        bias = np.concatenate([gates(cell.bias), np.zeros(4 * op.units, dtype=np.float32)])
        weights = [gates(cell.kernel).T[None], gates(cell.recurrent_kernel).T[None], bias[None]]
        names = [self.builder.constant(weight, np.float32) for weight in weights]
        steps = self.builder.node("Transpose", self.name_of(value), perm=[1, 0, 2])
        last = self.builder.node("LSTM", steps, *names, hidden_size=op.units)
        # Of its outputs, not Y, the answers of every day, but Y_h, the last one: [direction, batch, unit].
        self.builder.nodes[-1].output[:] = ["", last]
        return self.builder.node("Squeeze", last, self._ints(0))


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "dtype") and not isinstance(value, np.ndarray | np.generic)
