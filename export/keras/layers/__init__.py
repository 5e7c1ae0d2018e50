"""Lowerings of the classes of keras.layers and of the operators behind keras.ops, by kind."""
