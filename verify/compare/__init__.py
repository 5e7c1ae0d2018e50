"""An ONNX file from any converter against the scikit-learn model that it was made from."""
