"""The one place that opens onnxruntime in Python, with the options that make its answers repeatable to the bit."""

from pathlib import Path
from typing import TYPE_CHECKING

from train.core.errors import PipelineError

if TYPE_CHECKING:
    import onnxruntime


def open_session(graph: bytes | Path, *, threads: int = 1, where: str = "") -> "onnxruntime.InferenceSession":
    """A CPU session on the bytes of a graph, or on a file: sequential, deterministic.

    Args:
        graph: the graph.
        threads: inside an operator. One is what the manifest prescribes: with more, onnxruntime sums trees per thread,
            and the last bits move.
        where: what an error calls the graph; the file, or "graph", by default.

    Raises:
        PipelineError: onnxruntime cannot load the graph; quotes its reason.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # its reason is in the exception
    source = graph if isinstance(graph, bytes) else str(graph)
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exception types have no common public base
        where = where or ("graph" if isinstance(graph, bytes) else str(graph))
        reason = str(error).strip().splitlines()[0][:300]
        raise PipelineError(f"{where}: onnxruntime {ort.__version__} cannot load it: {reason}") from error
