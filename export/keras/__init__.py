"""Keras models as ONNX graphs, one operator at a time."""
