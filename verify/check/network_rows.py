"""Inputs for a network of anyone's, as flat rows: every kind of `export.keras.seeded_batch`, then random ones."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from export.keras.measured import takes_missing
from export.keras.seeded_batch import families
from verify.runtimes.flat_rows import join_rows
from verify.runtimes.original import Original

Floats = npt.NDArray[np.float64]
Shapes = Sequence[tuple[str, tuple[int, ...]]]
ROWS = 500
"""Rows of each kind."""
RANDOM_ROWS = 20_000
"""By default; Keras answers some ten thousand a second."""
MOST_ROWS_AT_ONCE = 4000


def network_families(original: Original, inputs: Shapes, *, seed: int) -> dict[str, Floats]:
    """Kind -> flat rows."""
    made = families(original.network, seed=seed, rows=ROWS, missing=takes_missing(original.network))
    return {kind: join_rows(tensors, inputs) for kind, tensors in made.items()}


def network_random(original: Original, inputs: Shapes, rows: int, *, seed: int) -> Iterator[Floats]:
    """Flat rows of every kind in chunks, the same for the same seed."""
    start, chunk, missing = 0, 0, takes_missing(original.network)
    while start < rows:
        chunk += 1
        made = families(original.network, seed=seed + 1000 * chunk, rows=ROWS, missing=missing)
        every = np.concatenate([join_rows(tensors, inputs) for tensors in made.values()])
        every = every[: min(rows - start, MOST_ROWS_AT_ONCE)]
        start += len(every)
        yield every
