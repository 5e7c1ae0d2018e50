"""A session of onnxruntime as one function from flat rows to flat answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.onnx_session import open_session
from train.core.errors import PipelineError
from verify.runtimes.flat_rows import TensorLike, split_rows, tensor_shape

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FlatSession:
    """A session seen as one function from flat rows to flat answers, as the Rust binary's `evaluate` is.

    A flat row holds the row of every input tensor one after the other, in order; a flat answer likewise.
    """

    session: ort.InferenceSession
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    dtypes: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def width(self) -> int:
        """Numbers in a flat row."""
        return sum(math.prod(shape) for _, shape in self.inputs)

    def __call__(self, rows: Floats) -> Floats:
        """Float64 [row, width] -> float64 [row, answer]; narrower tensors are cast on the way in and out."""
        tensors = split_rows(rows, self.inputs)
        feeds = {name: tensors[name].astype(dtype) for (name, _), dtype in zip(self.inputs, self.dtypes, strict=True)}
        answers = self.session.run(list(self.outputs), feeds)
        return np.concatenate([np.asarray(a, dtype=np.float64).reshape(len(rows), -1) for a in answers], axis=1)


def flat_session(
    graph: bytes | Path, inputs: Sequence[TensorLike], outputs: Sequence[TensorLike], *, threads: int = 1
) -> FlatSession:
    """Open `graph` and address it by flat rows; the graph must have just the tensors named."""
    session = open_session(graph, threads=threads)
    for what, wanted, present in (
        ("inputs", [t.name for t in inputs], [t.name for t in session.get_inputs()]),
        ("outputs", [t.name for t in outputs], [t.name for t in session.get_outputs()]),
    ):
        if wanted != present:
            raise PipelineError(f"graph: {what} are {present}, but the manifest says {wanted}; export the model again")
    texts = [tensor.name for tensor in (*inputs, *outputs) if tensor.dtype == "string"]
    if texts:
        raise PipelineError(
            f"graph: tensor {texts[0]!r} holds strings, and numbers alone are compared here; "
            "`dollarbill-ml check` replays its golden cases"
        )
    return FlatSession(
        session,
        tuple((tensor.name, tensor_shape(tensor)) for tensor in inputs),
        tuple(tensor.dtype for tensor in inputs),
        tuple(tensor.name for tensor in outputs),
    )
