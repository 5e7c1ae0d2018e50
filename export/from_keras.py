"""What a program imports to compile Keras models: `compile_keras`."""

from export.keras.compile import compile_keras

__all__ = ["compile_keras"]
