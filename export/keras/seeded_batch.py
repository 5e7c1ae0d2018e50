"""Inputs of every kind for a network, the same ones each time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.errors import PipelineError

Array = npt.NDArray[Any]
SCALES = (1e-3, 1.0, 30.0, 1e3)
EXTREME = 1e6
"""Every graph is compared up to here; beyond, products overflow in float32, and how depends on their order."""
ROWS = 6
"""Rows of each kind."""
STEPS = 9
"""The length of a free axis."""
MOST_NUMBERS = 4_000_000


def seeded_batch(model: Any, *, seed: int = 20, rows: int = ROWS, extreme: float = EXTREME) -> dict[str, Array]:
    """Input name -> rows: several scales, zeros, extremes, masked steps, NaN; row i of all inputs goes together."""
    random = np.random.default_rng(seed)
    numbers = sum(int(np.prod([size or STEPS for size in value.shape[1:]])) for value in model.inputs)
    rows = max(1, min(rows, MOST_NUMBERS // max(1, numbers * 12)))
    marks = _mask_values(model)
    return {value.name: _rows(model, value, marks, random, rows, extreme) for value in model.inputs}


def _rows(
    model: Any, value: Any, marks: list[float], random: np.random.Generator, rows: int, extreme: float
) -> Array:
    shape = (rows, *(size or STEPS for size in value.shape[1:]))
    if value.dtype == "bool":
        parts = [random.random(shape) < share for share in (0.5, 0.9)] + [np.ones(shape, bool), np.zeros(shape, bool)]
        return np.concatenate([parts[i % len(parts)] for i in range(_kinds(marks))])
    if "int" in value.dtype:
        top = _words(model, value)
        made = random.integers(0, top, size=(rows * _kinds(marks), *shape[1:]))
        made[random.random(made.shape) < 0.3] = 0
        return made.astype(value.dtype)
    return np.concatenate(_floats(shape, marks, random, extreme)).astype(value.dtype)


def _kinds(marks: list[float]) -> int:
    return len(SCALES) + 4 + 3 * len(marks)


def _floats(shape: tuple[int, ...], marks: list[float], random: np.random.Generator, extreme: float) -> list[Array]:
    found = [random.normal(size=shape) * scale for scale in SCALES]
    found.append(np.zeros(shape))
    found.append(np.where(random.random(shape) < 0.2, random.choice([extreme, -extreme], size=shape), random.normal(size=shape)))
    some = random.normal(size=shape)
    some.reshape(len(some), -1)[np.arange(len(some)), random.integers(0, some[0].size, len(some))] = np.nan
    found.append(some)
    found.append(np.where(random.random(shape) < 0.3, np.nan, random.normal(size=shape)))
    for mark in marks:
        found += [_masked(shape, mark, kind, random) for kind in ("some", "late", "missing")]
    return found


def _masked(shape: tuple[int, ...], mark: float, kind: str, random: np.random.Generator) -> Array:
    """Steps that have the mask's value in all features: any, those from a step on, any beside NaN."""
    made = random.normal(size=shape)
    if len(shape) < 2:
        return made
    gone = random.random(shape[:2]) < 0.4
    if kind == "late":
        gone = np.arange(shape[1]) >= random.integers(0, shape[1] + 1, shape[0])[:, None]
    if kind == "missing":
        made[random.random(shape) < 0.05] = np.nan
        gone[0] = True
    made[gone] = mark
    return made


def _mask_values(model: Any) -> list[float]:
    """What Masking layers take for a step that is none; zero where another mask is used."""
    found = {float(layer.mask_value) for layer in all_layers(model) if type(layer).__name__ == "Masking"}
    if any(getattr(layer, "mask_zero", False) for layer in all_layers(model)):
        found.add(0.0)
    return sorted(found)


def all_layers(model: Any) -> list[Any]:
    """The layers of a model and of those in it."""
    found = []
    for layer in model.layers:
        found.append(layer)
        if hasattr(layer, "layers"):
            found += all_layers(layer)
    return found


def _words(model: Any, value: Any) -> int:
    """How many whole numbers an input may hold: as many as the tables that it is looked up in have rows."""
    tables = [layer for layer in all_layers(model) if type(layer).__name__ == "Embedding"]
    direct = [t.input_dim for t in tables if any(value is x for x in _inputs_of(t))]
    sizes = direct or [table.input_dim for table in tables] or [10]
    if min(sizes) < 1:
        raise PipelineError(f"input {value.name!r}: a table without rows")
    return int(min(sizes))


def _inputs_of(layer: Any) -> list[Any]:
    return [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
