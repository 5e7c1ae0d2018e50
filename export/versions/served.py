"""A version as it answers in onnxruntime: its answers to a window, and how long one row takes."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact.manifest import GRAPH_FILE, Manifest, read_manifest
from export.onnx_session import open_session
from train.core.errors import PipelineError
from train.core.files import read_bytes
from train.model import Tensors

_ROWS_AT_ONCE = 1024
_BLOCKS, _CALLS = 15, 60


class Served:
    """One version's graph in a session of one thread, as the manifest asks.

    Raises:
        PipelineError: the version is damaged, or onnxruntime does not load it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)
        graph = folder / GRAPH_FILE
        threads = self.manifest.session.intra_op_num_threads
        self._session = open_session(read_bytes(graph), threads=threads, where=str(graph))
        self._outputs = [tensor.name for tensor in self.manifest.outputs]

    def answer(self, inputs: Tensors) -> Tensors:
        """Outputs by name, float64, rows in order."""
        feeds, rows = self._feeds(inputs), len(next(iter(inputs.values())))
        parts = [
            self._session.run(self._outputs, {name: array[i : i + _ROWS_AT_ONCE] for name, array in feeds.items()})
            for i in range(0, rows, _ROWS_AT_ONCE)
        ]
        return {
            name: np.concatenate([np.asarray(part[i], dtype=np.float64) for part in parts])
            for i, name in enumerate(self._outputs)
        }

    def rows(self, inputs: Tensors, count: int) -> list[dict[str, Any]]:
        """`count` single rows spread over the inputs, ready to be asked."""
        feeds, total = self._feeds(inputs), len(next(iter(inputs.values())))
        return [
            {name: np.ascontiguousarray(array[i : i + 1]) for name, array in feeds.items()}
            for i in np.linspace(0, total - 1, count).astype(int)
        ]

    def seconds(self, rows: Sequence[dict[str, Any]]) -> float:
        """For one row, the mean over `rows`."""
        run, outputs = self._session.run, self._outputs
        began = time.perf_counter()
        for row in rows:
            run(outputs, row)
        return (time.perf_counter() - began) / len(rows)

    def _feeds(self, inputs: Tensors) -> dict[str, Any]:
        missing = [tensor.name for tensor in self.manifest.inputs if tensor.name not in inputs]
        if missing:
            raise PipelineError(f"{self.folder}: takes {missing[0]!r}, which the window does not hold; train again")
        return {
            tensor.name: inputs[tensor.name].astype(object if tensor.dtype == "string" else tensor.dtype)
            for tensor in self.manifest.inputs
        }


def latency(challenger: Served, champion: Served | None, inputs: Tensors) -> tuple[float, float]:
    """Seconds for one row of each, taken in turns on one machine: the fastest block of each; NaN without a champion."""
    pairs = [(served, served.rows(inputs, _CALLS)) for served in (challenger, champion) if served is not None]
    best = [float("inf")] * len(pairs)
    for _ in range(_BLOCKS):
        for which, (served, rows) in enumerate(pairs):
            best[which] = min(best[which], served.seconds(rows))
    return best[0], best[1] if champion is not None else float("nan")
