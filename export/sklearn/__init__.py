"""scikit-learn models as ONNX graphs that decide as they do, or a refusal by name."""
