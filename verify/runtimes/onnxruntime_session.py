"""The one place that opens onnxruntime in Python, with the options that make its answers repeatable to the bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]


class TensorLike(Protocol):
    """Anything with a tensor's name and shape, for instance a manifest entry; axis 0 is the batch."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def shape(self) -> Sequence[str | int]: ...  # noqa: D102


def session_options(threads: int = 1) -> Any:
    """Options of every session that verify opens: sequential, deterministic, `threads` inside an operator.

    One thread is what the manifest prescribes: with more, onnxruntime sums trees per thread, and the last bits move.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    return options


def open_session(graph: bytes | Path, *, threads: int = 1) -> ort.InferenceSession:
    """A CPU session on the bytes of a graph, or on a file.

    Raises:
        PipelineError: onnxruntime cannot load the graph; quotes its reason.
    """
    source = graph if isinstance(graph, bytes) else str(graph)
    try:
        return ort.InferenceSession(source, session_options(threads), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exception types have no common public base
        where = "graph" if isinstance(graph, bytes) else str(graph)
        reason = str(error).strip().splitlines()[0]
        raise PipelineError(f"{where}: onnxruntime {ort.__version__} cannot load it: {reason}") from error


def tensor_shape(tensor: TensorLike) -> tuple[int, ...]:
    """The shape of one row of a tensor: every axis but the batch; they must be numbers."""
    axes = list(tensor.shape)[1:]
    if not all(isinstance(axis, int) for axis in axes):
        raise PipelineError(f"tensor {tensor.name!r}: shape {list(tensor.shape)} has a second axis without a number")
    return tuple(int(axis) for axis in axes)


@dataclass(frozen=True)
class FlatSession:
    """A session seen as one function from flat rows to flat answers, as the Rust binary's `evaluate` is.

    A flat row holds the row of every input tensor one after the other, in order; a flat answer likewise.
    """

    session: ort.InferenceSession
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[str, ...]

    @property
    def width(self) -> int:
        """Numbers in a flat row."""
        return sum(_size(shape) for _, shape in self.inputs)

    def __call__(self, rows: Floats) -> Floats:
        """Float64 [row, width] -> float64 [row, answer]."""
        answers = self.session.run(list(self.outputs), split_rows(rows, self.inputs))
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
    return FlatSession(session, tuple((t.name, tensor_shape(t)) for t in inputs), tuple(t.name for t in outputs))


def split_rows(rows: Floats, inputs: Sequence[tuple[str, tuple[int, ...]]]) -> Mapping[str, Floats]:
    """Flat rows as the tensors they stand for."""
    feeds, start = {}, 0
    for name, shape in inputs:
        stop = start + _size(shape)
        feeds[name] = np.ascontiguousarray(rows[:, start:stop]).reshape(len(rows), *shape)
        start = stop
    if start != rows.shape[1]:
        raise PipelineError(f"rows have {rows.shape[1]} columns, the model takes {start}")
    return feeds


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))
