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
from verify.runtimes.flat_rows import TensorLike, Words, flat, split_rows, tensor_shape, typed

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FlatSession:
    """A session seen as one function from flat rows to flat answers, as the Rust binary's `evaluate` is.

    A flat row holds the row of every input tensor one after the other, in order; a flat answer likewise.
    """

    session: ort.InferenceSession
    inputs: tuple[TensorLike, ...]
    outputs: tuple[TensorLike, ...]
    words: Words

    @property
    def width(self) -> int:
        """Numbers in a flat row."""
        return sum(math.prod(tensor_shape(tensor)) for tensor in self.inputs)

    def __call__(self, rows: Floats) -> Floats:
        """Float64 [row, width] -> float64 [row, answer]; narrower tensors are cast on the way in and out."""
        tensors = split_rows(rows, [(tensor.name, tensor_shape(tensor)) for tensor in self.inputs])
        feeds = {tensor.name: typed(tensors[tensor.name], tensor, self.words) for tensor in self.inputs}
        answers = self.session.run([tensor.name for tensor in self.outputs], feeds)
        parts = [flat(a, tensor, self.words) for a, tensor in zip(answers, self.outputs, strict=True)]
        return np.concatenate([part.reshape(len(rows), -1) for part in parts], axis=1)


def flat_session(
    graph: bytes | Path,
    inputs: Sequence[TensorLike],
    outputs: Sequence[TensorLike],
    *,
    threads: int = 1,
    words: Words | None = None,
) -> FlatSession:
    """Open `graph` and address it by flat rows; the graph must have just the tensors named.

    Args:
        graph: its bytes, or where it is.
        inputs: in graph order.
        outputs: in graph order.
        threads: of the session.
        words: of tensors of text.
    """
    session = open_session(graph, threads=threads)
    for what, wanted, present in (
        ("inputs", [t.name for t in inputs], [t.name for t in session.get_inputs()]),
        ("outputs", [t.name for t in outputs], [t.name for t in session.get_outputs()]),
    ):
        if wanted != present:
            raise PipelineError(f"graph: {what} are {present}, but the manifest says {wanted}; export the model again")
    return FlatSession(session, tuple(inputs), tuple(outputs), _known(words or {}, (*inputs, *outputs)))


def _known(words: Words, tensors: Sequence[TensorLike]) -> Words:
    unknown = [tensor.name for tensor in tensors if tensor.dtype == "string" and tensor.name not in words]
    if unknown:
        raise PipelineError(
            f"graph: tensor {unknown[0]!r} holds text, and the manifest's settings do not say which words it knows; "
            "export the model again, or replay its golden cases with `dollarbill-ml check`"
        )
    return words
