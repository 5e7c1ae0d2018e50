"""`python -m verify.figures.stock`: the fitted models through stock converters, for `make bench` to run beside ours.

`signal_classifier.onnx` is skl2onnx's float32 export of the forest; its engineered columns, for which skl2onnx has no
converter, stand in front of it as the plain operators that ours has too, in float32. `volatility_predictor.onnx` is
tf2onnx's export of the network. Both answer other numbers than the originals here and there, which is why we do not
ship them: they are the measure of speed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import version_folder
from train.core import cli
from train.core.column_expressions import DescribesColumns
from train.core.errors import PipelineError
from train.core.files import write_atomic
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_INPUT
from train.volatility_predictor.contract import VOLATILITY_INPUT, VOLATILITY_PREDICTOR
from verify.check.golden import confirm_original, golden_rows
from verify.comparison.parity import Tolerance
from verify.runtimes.original import load_original

SKL_OPSET = {"": 21, "ai.onnx.ml": 3}
TF_OPSET = 18
"""The newest that tf2onnx writes."""


def stock_signal_classifier(folder: Path) -> onnx.ModelProto:
    """Float32 `features` [batch, 8] -> `label`, `probabilities` [batch, 2], of the pipeline in `folder`/model.skops.

    Raises:
        PipelineError: the fitted model is no pipeline of engineered columns and a forest.
    """
    from skl2onnx import to_onnx

    from train.core.skops_files import load_skops

    pipeline = load_skops(folder / "model.skops")
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


def stock_volatility_predictor(folder: Path) -> onnx.ModelProto:
    """What tf2onnx makes of `folder`/model.keras: float64 `history` [batch, day, feature] -> the model's outputs."""
    from train.volatility_predictor.training import load_original as load_keras

    model = load_keras(folder)
    import tensorflow as tf
    import tf2onnx

    days, features = model.inputs[0].shape[1:]
    signature = [tf.TensorSpec((None, days, features), tf.float64, name=VOLATILITY_INPUT.name)]
    function = tf.function(lambda history: model(history, training=False), input_signature=signature)
    stock: onnx.ModelProto = tf2onnx.convert.from_function(function, signature, opset=TF_OPSET)[0]
    return stock


def require_same_model(artifacts: Path, source: Path, *, model: str) -> None:
    """Check that the version in use was compiled from the fitted model in `source`.

    Raises:
        PipelineError: one of the two is missing, or the fitted model does not give the golden answers.
    """
    folder = version_folder(artifacts / model, "current.json")
    if folder is None:
        raise PipelineError(f"{artifacts / model}: no version is in use; run `make`")
    manifest = read_manifest(folder)
    original = load_original(manifest, source / model)
    if original is None:
        raise PipelineError(f"{source / model}: no fitted model here; run `make`, or `python -m train {model}`")
    confirm_original(
        original, *golden_rows(folder, manifest), Tolerance(manifest.parity.absolute, manifest.parity.relative)
    )


def main(arguments: Sequence[str]) -> int:
    """Write both models into a folder."""
    command = argparse.ArgumentParser(prog="python -m verify.figures.stock", description=(__doc__ or "").splitlines()[0])
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    options = command.parse_args(arguments)
    makers = {SIGNAL_CLASSIFIER: stock_signal_classifier, VOLATILITY_PREDICTOR: stock_volatility_predictor}
    options.out.mkdir(parents=True, exist_ok=True)
    for model, make in makers.items():
        require_same_model(options.artifacts, options.source, model=model)
        path = options.out / f"{model}.onnx"
        write_atomic(path, make(options.source / model).SerializeToString())
        cli.show(f"{path}: written")
    return cli.EXIT_GOOD


def _columns_model(columns: Sequence[Any], *, n_inputs: int, like: onnx.ModelProto) -> onnx.ModelProto:
    """Float32 `features` -> `columns`: our own operators with every double made a float."""
    from export.graph import GraphBuilder
    from export.sklearn.columns.derived_columns import beside_input
    from export.sklearn.columns.graph_columns import ColumnScope
    from export.sklearn.columns.preprocess import input_columns

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


if __name__ == "__main__":
    cli.run(main)
