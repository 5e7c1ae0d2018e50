"""Inputs of every kind for a network, the same ones each time."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SCALES = (1e-3, 1.0, 30.0)
LARGE, TINY = 1e3, 1e-8
"""Of kinds that every graph is compared on; below the smallest floor (epsilon) that a layer divides by."""
EXTREME = 1e6
"""Every graph is compared up to here; beyond, products overflow in float32, and how depends on their order."""
MISSING = ("a missing value", "missing values")
ROWS = 6
"""Rows of each kind."""
MANY_ROWS, MOST_WORK = 400, 2_000_000_000
"""Before a graph is written, as long as rows times weights times steps are no more."""
STEPS = 9
"""The length of a free axis."""
MOST_NUMBERS = 4_000_000


def rows_for(model: Any) -> int:
    """How many rows of each kind a graph is compared on before it is written: fewer where Keras takes long."""
    steps = max([size or STEPS for value in model.inputs for size in value.shape[1:]], default=1)
    return int(np.clip(MOST_WORK // max(1, model.count_params() * steps), ROWS, MANY_ROWS))


def seeded_batch(model: Any, *, seed: int = 20, rows: int = ROWS) -> dict[str, Array]:
    """Input name -> rows of every kind, with large and extreme ones; row i of all inputs goes together."""
    kinds = families(model, seed=seed, rows=rows, extreme=EXTREME)
    return {value.name: np.concatenate([kind[value.name] for kind in kinds.values()]) for value in model.inputs}


def families(
    model: Any, *, seed: int, rows: int, extreme: float | None = None, missing: bool = True
) -> dict[str, dict[str, Array]]:
    """Kind of rows -> input name -> rows: several scales, zeros, extremes, masked steps, NaN.

    Args:
        model: Keras's.
        seed: of every random choice.
        rows: of each kind; fewer where rows are large.
        extreme: the largest number in the kind `extremes`, in any of the cells; None for at most one a row, of 100.
        missing: whether there are kinds with NaN.
    """
    random = np.random.default_rng(seed)
    kinds = [f"random, scale {scale:g}" for scale in SCALES] + ["zeros", "extremes"]
    kinds += ["large", "tiny"] if extreme else []
    kinds += MISSING if missing else ()
    kinds += [f"masked steps {mark:g}, {how}" for mark in _mask_values(model) for how in ("some", "late", "all")]
    numbers = sum(int(np.prod([size or STEPS for size in value.shape[1:]])) for value in model.inputs)
    rows = max(1, min(rows, MOST_NUMBERS // max(1, numbers * len(kinds))))
    return {
        kind: {value.name: _rows(model, value, kind, random, rows, extreme) for value in model.inputs} for kind in kinds
    }


def _rows(model: Any, value: Any, kind: str, random: np.random.Generator, rows: int, extreme: float | None) -> Array:
    shape = (rows, *(size or STEPS for size in value.shape[1:]))
    words = words_of(model, value)
    if value.dtype == "bool":
        return random.random(shape) < (0.9 if "missing" in kind else 0.0 if kind == "zeros" else 0.5)
    if words is not None:
        made = random.integers(0, words, size=shape)
        if kind == "zeros" or "masked" in kind:
            made[random.random(shape) < 0.5] = 0
        return made.astype(value.dtype)
    return _floats(shape, kind, random, extreme).astype(value.dtype)


def _floats(shape: tuple[int, ...], kind: str, random: np.random.Generator, extreme: float | None) -> Array:
    made: Array = random.normal(size=shape)
    flat = made.reshape(len(made), -1)
    one = np.arange(len(flat)), random.integers(0, flat.shape[1], len(flat))
    if kind.startswith("random"):
        made *= float(kind.rsplit(" ", 1)[1])
    elif kind == "large":
        made *= LARGE
    elif kind == "tiny":
        made *= TINY
    elif kind == "zeros":
        made[:] = 0.0
    elif kind == "extremes" and extreme is None:
        flat[one] = random.choice([100.0, -100.0], size=len(flat))
    elif kind == "extremes" and extreme is not None:
        made = np.where(random.random(shape) < 0.2, random.choice([extreme, -extreme], size=shape), made)
    elif kind == MISSING[0]:
        flat[one] = np.nan
    elif kind == MISSING[1]:
        made[random.random(shape) < 0.3] = np.nan
    else:
        _mask(made, kind, random)
    return made


def _mask(made: Array, kind: str, random: np.random.Generator) -> None:
    """Steps that have the mask's value in all features: some, those from a step on, or every one in the first row."""
    if made.ndim < 2:
        return
    mark, how = kind.removeprefix("masked steps ").split(", ")
    gone = random.random(made.shape[:2]) < 0.4
    if how == "late":
        gone = np.arange(made.shape[1]) >= random.integers(0, made.shape[1] + 1, made.shape[0])[:, None]
    elif how == "all":
        gone[0] = True
    made[gone] = float(mark)


def _mask_values(model: Any) -> list[float]:
    """What Masking layers take for a step that is none; zero where another mask is used."""
    layers = all_layers(model)
    found = {float(layer.mask_value) for layer in layers if type(layer).__name__ == "Masking"}
    if any(getattr(layer, "mask_zero", False) for layer in layers):
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


def words_of(model: Any, value: Any) -> int | None:
    """How many whole numbers an input may hold: as many as the table has rows that it is looked up in; else None."""
    tables = [layer for layer in all_layers(model) if type(layer).__name__ in ("Embedding", "ReversibleEmbedding")]
    direct = [table.input_dim for table in tables if any(value is given for given in _inputs_of(table))]
    if not direct and "int" not in value.dtype:
        return None
    return int(min(direct or [table.input_dim for table in tables] or [10]))


def _inputs_of(layer: Any) -> list[Any]:
    return [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]


def has_softmax(model: Any) -> bool:
    """Whether a softmax or sparsemax is anywhere: TensorFlow answers a row with NaN in it in ways of its own."""
    import keras

    soft = keras.activations.softmax, keras.activations.sparsemax
    of_layers = any(
        type(layer).__name__ == "Softmax"
        or type(layer).__name__.endswith("Attention")
        or getattr(layer, "activation", 0) in soft
        for layer in all_layers(model)
    )
    return of_layers or any(
        type(op).__name__ in ("Softmax", "LogSoftmax", "Sparsemax") for op in getattr(model, "operations", [])
    )


def pools_largest(model: Any) -> bool:
    """Whether the largest of windows is taken anywhere: of one that is all NaN Keras takes the lowest of float32."""
    return any(
        "MaxPooling" in type(layer).__name__ and "Global" not in type(layer).__name__ for layer in all_layers(model)
    )
