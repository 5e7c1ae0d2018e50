"""Where a network's answers part: the first operator that two runtimes compute otherwise, the last layer they share."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from export.artifact.manifest import Manifest
from export.graph import to_bytes
from export.onnx_session import open_session
from verify.comparison.parity import Tolerance, agreement
from verify.runtimes.flat_rows import split_rows, tensor_shape

Floats = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[Any]]
LOOSE = Tolerance(absolute=1e-5, relative=1e-4)
"""Of a tensor within a float32 network: far above its rounding, far below what a wrong weight does."""


def parted_lines(graph: onnx.ModelProto, manifest: Manifest, row: Floats, network: Any | None) -> list[str]:
    """In words.

    Args:
        graph: of the version.
        manifest: its manifest.
        row: flat, float64 [1, width].
        network: Keras's model, or None.
    """
    inputs = [(tensor.name, tensor_shape(tensor)) for tensor in manifest.inputs]
    tensors = split_rows(row, inputs)
    feeds = {tensor.name: tensors[tensor.name].astype(tensor.dtype) for tensor in manifest.inputs}
    inside = _inside(graph, feeds)
    lines = [_first_operator(graph, feeds, inside)]
    if network is not None:
        lines += _last_layer(network, feeds, inside)
    return lines


def _inside(graph: onnx.ModelProto, feeds: Arrays) -> Arrays:
    """Every tensor that onnxruntime computes on the way, by name."""
    opened = onnx.shape_inference.infer_shapes(graph)
    known = {output.name for output in opened.graph.output}
    names = [name for node in opened.graph.node for name in node.output if name]
    opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = open_session(to_bytes(opened))
    wanted = [output.name for output in session.get_outputs()]
    return dict(zip(wanted, session.run(wanted, feeds), strict=True))


def _first_operator(graph: onnx.ModelProto, feeds: Arrays, inside: Arrays) -> str:
    """Onnxruntime against ONNX's reference, operator by operator, each fed what onnxruntime computed."""
    known = feeds | inside | {t.name: onnx.numpy_helper.to_array(t) for t in graph.graph.initializer}
    for number, node in enumerate(graph.graph.node):
        fed = {name: known[name] for name in node.input if name}
        try:
            with np.errstate(all="ignore"):
                found = _alone(graph, node).run(None, fed)
        except Exception:  # noqa: BLE001 - the reference lacks an operator, or one of its types
            continue
        for name, value in zip([name for name in node.output if name], found, strict=True):
            if not _alike(np.asarray(value), inside[name]):
                return (
                    f"onnxruntime and ONNX's reference part at operator {number}, {node.op_type} ({node.name or name})"
                )
    return f"onnxruntime and ONNX's reference agree in every one of {len(graph.graph.node)} operators"


def _alone(graph: onnx.ModelProto, node: onnx.NodeProto) -> ReferenceEvaluator:
    taken = [onnx.ValueInfoProto(name=name) for name in node.input if name]
    given = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    single = onnx.helper.make_graph([node], "one", taken, given)
    return ReferenceEvaluator(
        onnx.helper.make_model(single, opset_imports=graph.opset_import, functions=graph.functions)
    )


def _last_layer(network: Any, feeds: Arrays, inside: Arrays) -> list[str]:
    """Which of Keras's layers have their output among the graph's tensors: after the last one the two part."""
    import keras

    found = [value for value in inside.values() if value.dtype.kind == "f"]
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    last, missing = "", ""
    kinds = {value.name: value.dtype for value in network.inputs}
    given = {name: value.astype(kinds.get(name, value.dtype)) for name, value in feeds.items()}
    for layer in layers:
        try:
            outputs = keras.Model(network.inputs, layer.output)(given)
        except Exception:  # noqa: BLE001 - a layer that is used twice, or in a loop, has no one output
            continue
        values = [np.asarray(value) for value in keras.tree.flatten(outputs)]
        if all(any(_same_numbers(value, other) for other in found) for value in values):
            last, missing = layer.name, ""
        else:
            missing = missing or layer.name
    lines = [
        f"the last layer of the original whose output stands in the graph is {last!r}"
        if last
        else "no layer of the original has its output in the graph"
    ]
    if missing:
        lines.append(f"the first after it whose output does not: {missing!r}")
    return lines


def _same_numbers(value: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """The same numbers, axes of length one and their order aside."""
    if value.size != other.size:
        return False
    flat = value.astype(np.float64).reshape(-1)
    candidates = [other, *(other.transpose(axes) for axes in ((0, 2, 1), (1, 0, 2)) if other.ndim == 3)]
    return any(bool(agreement(flat, c.astype(np.float64).reshape(-1), LOOSE).all()) for c in candidates)


def _alike(value: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    if value.shape != other.shape or value.dtype.kind != other.dtype.kind:
        return value.dtype.kind == other.dtype.kind and value.size == other.size == 0
    if value.dtype.kind != "f":
        return bool(np.array_equal(value, other))
    return bool(agreement(value.astype(np.float64), other.astype(np.float64), LOOSE).all())
