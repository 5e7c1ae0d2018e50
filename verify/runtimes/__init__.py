"""Who answers: the original, onnxruntime in Python, the Rust binary."""
