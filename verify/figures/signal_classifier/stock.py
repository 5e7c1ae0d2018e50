"""The classifier through skl2onnx's stock float32 converter, for `make bench` to run beside ours.

Its engineered columns, for which skl2onnx has no converter, stand in front of the forest as the plain operators that
ours has too, in float32. It answers other numbers than the original here and there, which is why we do not ship it: it
is the measure of speed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.graph import GraphBuilder
from export.sklearn.columns.derived_columns import beside_input
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import input_columns
from train.core.columns.column_expressions import DescribesColumns
from train.core.errors import PipelineError
from train.core.skops_files import load_skops
from train.signal_classifier.contract import MODEL_FILE, SIGNAL_CLASSIFIER, SIGNAL_INPUT, TRUSTED_TYPES

SKL_OPSET = {"": 21, "ai.onnx.ml": 3}


def stock_graph(folder: Path) -> onnx.ModelProto:
    """Float32 `features` [batch, 8] -> `label`, `probabilities` [batch, 2], of the pipeline in `folder`/model.skops.

    Raises:
        PipelineError: the fitted model is no pipeline of engineered columns and a forest.
    """
    from skl2onnx import to_onnx

    pipeline = load_skops(folder / MODEL_FILE, trusted=TRUSTED_TYPES)
    if len(getattr(pipeline, "steps", ())) != 2 or not isinstance(pipeline[0], DescribesColumns):
        raise PipelineError(f"{folder}: the stock export is made for a pipeline of columns and a forest; train one")
    columns, forest = pipeline[0].column_expressions(), pipeline[-1]
    sample = np.zeros((1, len(columns)), dtype=np.float32)
    back = to_onnx(forest, sample, options={"zipmap": False}, name="forest", target_opset=SKL_OPSET)
    front = _columns_model(columns, n_inputs=len(SIGNAL_INPUT.columns), like=back)
    joined: onnx.ModelProto = onnx.compose.merge_models(
        front, back, io_map=[("columns", back.graph.input[0].name)], name=f"stock {SIGNAL_CLASSIFIER}"
    )
    return joined


def _columns_model(columns: Sequence[Any], *, n_inputs: int, like: onnx.ModelProto) -> onnx.ModelProto:
    """Float32 `features` -> `columns`: our own operators with every double made a float."""
    build = GraphBuilder(prefix="columns_")
    scope = ColumnScope(build, SIGNAL_INPUT.name, n_inputs, input_columns(n_inputs))
    whole, places = beside_input(scope, columns)
    build.output(build.node("Gather", whole, build.constant(places, np.int64), axis=1), "columns")
    constants = [_as_float(constant) for constant in build.initializers]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
        for name, width in ((SIGNAL_INPUT.name, n_inputs), ("columns", len(columns)))
    ]
    graph = helper.make_graph(build.nodes, "columns", ends[:1], ends[1:], initializer=constants)
    return helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version)


def _as_float(constant: onnx.TensorProto) -> onnx.TensorProto:
    if constant.data_type != TensorProto.DOUBLE:
        return constant
    return numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float32), constant.name)
