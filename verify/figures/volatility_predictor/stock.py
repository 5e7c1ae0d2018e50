"""The predictor through tf2onnx's stock converter, for `make bench` to run beside ours: the measure of speed."""

from pathlib import Path

import onnx

from train.volatility_predictor.contract import VOLATILITY_INPUT
from train.volatility_predictor.original import load_original

TF_OPSET = 18
"""The newest that tf2onnx writes."""


def stock_graph(folder: Path) -> onnx.ModelProto:
    """What tf2onnx makes of `folder`/model.keras: float64 `history` [batch, day, feature] -> the model's outputs."""
    model = load_original(folder)
    import tensorflow as tf
    import tf2onnx

    days, features = model.inputs[0].shape[1:]
    signature = [tf.TensorSpec((None, days, features), tf.float64, name=VOLATILITY_INPUT.name)]
    function = tf.function(lambda history: model(history, training=False), input_signature=signature)
    stock: onnx.ModelProto = tf2onnx.convert.from_function(function, signature, opset=TF_OPSET)[0]
    return stock
