"""The shared last stage: nodes become one checked ModelProto whose bytes depend on the model alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from train.core.errors import PipelineError

OPSET = 21
"""ai.onnx operator set of everything we write; the first release that goes with ai.onnx.ml 5."""
ML_OPSET = 5
"""ai.onnx.ml operator set: the first with `TreeEnsemble`, whose thresholds, leaves and output are doubles."""
IR_VERSION = 10
PRODUCER = "dollarbill-ml"
ML_DOMAIN = "ai.onnx.ml"
MICROSOFT_DOMAIN = "com.microsoft"
"""onnxruntime's own operator set; a graph of text needs its `Tokenizer`."""


class GraphBuilder:
    """Collects nodes and constants; every tensor gets a short name made from its operator and a counter.

    The same sequence of calls gives the same names, so that equal models give equal bytes. A constant that is asked
    for twice is stored once, and so is a node (same operator, inputs and attributes).
    """

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._prefix = prefix
        self._known: dict[bytes, str] = {}
        self._public: dict[str, str] = {}

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> str:
        """Name of an initializer that holds `value` as `dtype`."""
        array = np.asarray(value, dtype=dtype)
        key = b"constant" + repr((array.dtype.str, array.shape)).encode() + array.tobytes()
        if key not in self._known:
            self._known[key] = f"{self._prefix}c{len(self.initializers)}"
            self.initializers.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def texts(self, values: Sequence[str]) -> str:
        """Name of an initializer that holds strings."""
        name = f"{self._prefix}c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(list(values), dtype=object), name))
        return name

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append an operator with one output and return the name of that output."""
        node = helper.make_node(op_type, list(inputs), [""], domain=domain, **attributes)
        key = b"node" + node.SerializeToString(deterministic=True)
        if key not in self._known:
            self._known[key] = f"{self._prefix}{op_type.lower()}{len(self.nodes)}"
            node.output[0] = self._known[key]
            node.name = self._known[key]
            self.nodes.append(node)
        return self._known[key]

    def two_outputs(self, op_type: str, *inputs: str, **attributes: Any) -> tuple[str, str]:
        """Append an operator with two outputs and return their names."""
        first = f"{self._prefix}{op_type.lower()}{len(self.nodes)}"
        names = (first, f"{first}_second")
        self.nodes.append(helper.make_node(op_type, list(inputs), list(names), name=first, **attributes))
        return names

    def output(self, tensor: str, name: str) -> None:
        """Give `tensor` the public name `name`: the node that makes it is renamed, or an Identity is added."""
        readers = [node for node in self.nodes if tensor in node.input]
        makers = [node for node in self.nodes if tensor in node.output]
        if readers or not makers:
            self.nodes.append(helper.make_node("Identity", [self._public.get(tensor, tensor)], [name], name=name))
        else:
            makers[0].output[0] = self._public[tensor] = name


def tensor(name: str, dtype: int, shape: Sequence[str | int]) -> onnx.ValueInfoProto:
    """A graph input or output; `dtype` is an `onnx.TensorProto` constant, text in `shape` names a free axis."""
    return helper.make_tensor_value_info(name, dtype, list(shape))


def finish(graph: onnx.GraphProto, *, name: str, metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """Put `graph` into a model with fixed versions, a stable name and metadata, and check it in full.

    Args:
        graph: nodes in topological order; nodes and initializers that no output needs are left out.
        name: becomes the graph's name (converters write a random one).
        metadata: custom metadata, readable through the runtime; written in key order.

    Returns:
        The model; `to_bytes` of it is the same in every process.

    Raises:
        PipelineError: `onnx.checker` (full check, with shape inference) rejects the model.
    """
    clean = onnx.GraphProto()
    clean.CopyFrom(graph)
    clean.name = name
    clean.doc_string = ""
    _prune(clean)
    domains = {node.domain for node in clean.node}
    opsets = [helper.make_opsetid("", OPSET)]
    if ML_DOMAIN in domains:
        opsets.append(helper.make_opsetid(ML_DOMAIN, ML_OPSET))
    if MICROSOFT_DOMAIN in domains:
        opsets.append(helper.make_opsetid(MICROSOFT_DOMAIN, 1))
    model = helper.make_model(clean, opset_imports=opsets, producer_name=PRODUCER, ir_version=IR_VERSION)
    helper.set_model_props(model, dict(sorted((metadata or {}).items())))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PipelineError(f"graph {name}: onnx.checker rejects it: {reason}") from error
    return model


def to_bytes(model: onnx.ModelProto) -> bytes:
    """Serialized model, deterministic across processes and machines for one release of protobuf."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _read_by(node: onnx.NodeProto) -> set[str]:
    """Every tensor that a node reads, also from inside its loops."""
    inside = (inner for attribute in node.attribute if attribute.HasField("g") for inner in attribute.g.node)
    return {*node.input, *(name for inner in inside for name in _read_by(inner))}


def _prune(graph: onnx.GraphProto) -> None:
    """Drop nodes and initializers that no output depends on; order is kept."""
    needed = {value.name for value in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(list(graph.node)):
        if needed.intersection(node.output):
            needed.update(_read_by(node))
            kept.append(node)
    initializers = [value for value in graph.initializer if value.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(initializers)
