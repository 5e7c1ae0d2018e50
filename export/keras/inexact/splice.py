"""A layer without a lowering through tf2onnx, its nodes put between ours."""

import importlib.metadata
from typing import Any

import onnx

from export.errors import said
from export.keras.rules import is_tensor, title
from train.core.errors import PipelineError

TF2ONNX_OPSET = 18
LOOPS = {"Loop", "Scan", "If"}


def spliced(builder: Any, operation: Any, args: Any, kwargs: Any, inputs: list[str], number: int) -> list[str]:
    """Write one layer's nodes as tf2onnx has them.

    Args:
        builder: of the graph.
        operation: the layer or operator.
        args: of its call, with tensors of Keras.
        kwargs: of its call.
        inputs: what these tensors are called in the graph, in order.
        number: of the layer, for names that no other has.

    Returns:
        What its answers are called.

    Raises:
        PipelineError: tf2onnx has no way, or one with a Loop in it.
    """
    proto = _converted(operation, args, kwargs)
    names = dict(zip((value.name for value in proto.graph.input), inputs, strict=True))

    def own(name: str) -> str:
        return names.setdefault(name, f"{builder._prefix}t{number}_{len(names)}") if name else ""

    for value in proto.graph.initializer:
        value.name = own(value.name)
        builder.initializers.append(value)
    for node in proto.graph.node:
        node.input[:] = [own(name) for name in node.input]
        node.output[:] = [own(name) for name in node.output]
        node.name = node.output[0]
        builder.nodes.append(node)
    return [own(value.name) for value in proto.graph.output]


def stock_name() -> str:
    """The converter and its release."""
    try:
        return f"tf2onnx {importlib.metadata.version('tf2onnx')}"
    except importlib.metadata.PackageNotFoundError:
        return "tf2onnx (not installed)"


def _converted(operation: Any, args: Any, kwargs: Any) -> onnx.ModelProto:
    import contextlib
    import io
    import logging

    import keras
    import tensorflow as tf
    from onnx import version_converter

    from export.graph import OPSET

    try:
        import tf2onnx
    except ImportError as error:
        raise PipelineError(
            f"{title(operation)}: no exact form, and tf2onnx is not installed: pip install tf2onnx"
        ) from error
    for name in ("tf2onnx", "tensorflow"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    flat = keras.tree.flatten((args, kwargs))
    tensors = [value for value in flat if is_tensor(value)]
    signature = [tf.TensorSpec(tuple(value.shape), value.dtype, name=f"x{i}") for i, value in enumerate(tensors)]

    def call(*given: Any) -> Any:
        left = iter(given)
        filled = [next(left) if is_tensor(value) else value for value in flat]
        own_args, own_kwargs = keras.tree.pack_sequence_as((args, kwargs), filled)
        if "training" in own_kwargs:
            own_kwargs["training"] = False
        return keras.tree.flatten(operation(*own_args, **own_kwargs))

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            made, _ = tf2onnx.convert.from_function(
                tf.function(call, input_signature=signature), signature, opset=TF2ONNX_OPSET
            )
        if [value.name for value in made.graph.input] != [value.name for value in signature]:
            raise ValueError("an input that its answer does not depend on")
        kinds = {node.op_type for node in made.graph.node} & LOOPS
        if kinds:
            raise ValueError(f"it writes a {', '.join(sorted(kinds))} in place of a fused operator")
        left = sorted({node.op_type for node in made.graph.node if not onnx.defs.has(node.op_type, node.domain)})
        if left:
            raise ValueError(f"it leaves TensorFlow's {', '.join(left)}")
        return version_converter.convert_version(made, OPSET)
    except Exception as error:  # a stock converter fails in any way it likes
        raise PipelineError(f"{title(operation)}: tf2onnx fails: {said(error)}") from error
