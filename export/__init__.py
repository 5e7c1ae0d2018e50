"""Compile fitted models to ONNX and write versioned artifacts (skl2onnx, tf2onnx, onnx)."""
