"""What a program imports to compile Keras models: `compile_keras`, `compile_network`, and hooks for its own layers."""

from export.grade import Grade
from export.keras.compile import compile_keras
from export.keras.layers.custom import register_activation, register_layer, unregister
from export.keras.measured import compile_network

__all__ = ["Grade", "compile_keras", "compile_network", "register_activation", "register_layer", "unregister"]
