"""What the comparator asks of whoever runs a compiled model."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Runtime(Protocol):
    """One way to run a compiled model."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def version(self) -> str:
        """Of the runtime behind it, as it says itself."""
        ...

    @property
    def most_rows(self) -> int | None:
        """How many rows of one chunk it is asked, evenly spread; None for all of them."""
        ...

    def __call__(self, rows: Floats) -> Floats:
        """Flat rows float64 [row, width] -> flat answers float64 [row, answer]."""
        ...

    def replay_golden(self) -> str:
        """Let the runtime itself check the golden cases; "" when it has nothing to say against them."""
        ...
