"""Columns of tables as expressions of the model's input, and which columns a model takes."""
