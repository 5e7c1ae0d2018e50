"""Prove that a compiled model answers as its original does, and promote it (onnxruntime, the Rust binary)."""
