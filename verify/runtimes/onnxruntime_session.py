"""The one place that opens onnxruntime in Python, with the options that make its answers repeatable to the bit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from train.core.errors import PipelineError
from verify.runtimes.flat_rows import TensorLike, split_rows, tensor_shape

Floats = npt.NDArray[np.float64]


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
