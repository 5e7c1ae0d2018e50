"""What has no exact form: through tf2onnx or in another precision, with a tolerance that is measured."""
