"""Compile fitted models to ONNX and write versioned artifacts (onnx, skl2onnx)."""
