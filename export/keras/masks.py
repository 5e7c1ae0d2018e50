"""Masks that travel with tensors: Keras hands them to the next layer at run time, outside of the model's graph."""

import inspect
from collections.abc import Mapping
from typing import Any

from export.keras.rules import is_layer, is_tensor

TAKES_MASKS_AWAY = ("MultiHeadAttention",)
"""Layers that take the masks off the tensors that they are given, so that no later layer sees them."""

LOOKS_AT_MASKS = ("Multiply", "Maximum", "Minimum")
"""Layers that go by the masks that their tensors carry, without an argument for them."""


def with_masks(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name that a layer is called with: those given, and the masks that its tensors carry.

    As `keras.layers.Layer` does it: of one argument that is a tensor, the mask goes to `mask`; of several, each one's
    to the argument of that name with `_mask` behind it.
    """
    import keras

    found = dict(kwargs)
    if not is_layer(operation):
        return found
    names = inspect.signature(operation.call).parameters
    given = inspect.signature(operation.call).bind(*args, **{k: v for k, v in kwargs.items() if k in names}).arguments
    tensors = {name: value for name, value in given.items() if _all_tensors(value)}
    if len(tensors) == 1:
        if "mask" in names and given.get("mask") is None:
            found["mask"] = keras.tree.map_structure(mask_of, next(iter(tensors.values())))
    else:
        for name, value in tensors.items():
            if f"{name}_mask" in names and given.get(f"{name}_mask") is None:
                found[f"{name}_mask"] = keras.tree.map_structure(mask_of, value)
    if type(operation).__name__ in LOOKS_AT_MASKS and any(mask_of(value) is not None for value in args[0]):
        found["mask"] = [mask_of(value) for value in args[0]]
    if type(operation).__name__ in TAKES_MASKS_AWAY:
        found["query_mask"] = mask_of(given["query"])  # Keras looks at no other
    return found


def forget_masks(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Take the masks off the tensors of a layer that does so when it runs."""
    if type(operation).__name__ in TAKES_MASKS_AWAY:
        for value in (*args, *(kwargs.get(name) for name in ("query", "value", "key"))):
            if is_tensor(value) and hasattr(value, "_keras_mask"):
                value._keras_mask = None


def mask_of(value: Any) -> Any:
    """The mask that a tensor carries, None without one."""
    return getattr(value, "_keras_mask", None)


def copy_mask(source: Any, target: Any) -> None:
    """Let a tensor that stands for another one carry its mask."""
    if mask_of(source) is not None:
        give_mask(target, mask_of(source))


def give_mask(target: Any, mask: Any) -> None:
    """Let a tensor carry a mask."""
    target._keras_mask = mask


def _all_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_all_tensors(part) for part in value)
    if isinstance(value, dict):
        return bool(value) and all(_all_tensors(part) for part in value.values())
    return is_tensor(value)
