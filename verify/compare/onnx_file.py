"""Any ONNX file of a scikit-learn model, ours or a stock converter's, as a function from rows to answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from train.core.errors import PipelineError
from verify.runtimes.onnxruntime_session import open_session

Floats = npt.NDArray[np.float64]
INPUT_TYPES: dict[str, type[np.float32] | type[np.float64]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}
LABELS = ("label", "output_label")
ANSWERS = ("probabilities", "output_probability", "variable", "confidence")


@dataclass(frozen=True)
class ForeignGraph:
    """A graph with one table of numbers as input, and a table of numbers among its outputs.

    Attributes:
        session: onnxruntime's.
        input_name: of the one input.
        input_type: float32 or float64: what a row becomes before the graph sees it.
        answer_name: the output with the probabilities or the value.
        label_name: the output with the label, None when there is none.
        answer_type: "float" or "double", what the answers are before they are compared as float64.
    """

    session: ort.InferenceSession
    input_name: str
    input_type: type[np.float32] | type[np.float64]
    answer_name: str
    label_name: str | None
    answer_type: str
    name: str = "onnx"
    version: str = ort.__version__
    most_rows: int | None = None

    def __call__(self, rows: Floats) -> Floats:
        """Answers as float64 [row, class] or [row, 1]."""
        return self.answers_and_labels(rows)[0]

    def replay_golden(self) -> str:
        """Such a file has no golden cases."""
        return ""

    def answers_and_labels(self, rows: Floats) -> tuple[Floats, npt.NDArray[Any] | None]:
        """Answers as float64 [row, answer], and the graph's own labels [row] if it gives any."""
        wanted = [self.answer_name] + ([self.label_name] if self.label_name else [])
        with np.errstate(over="ignore"):
            found = self.session.run(wanted, {self.input_name: rows.astype(self.input_type)})
        answers = np.asarray(found[0], dtype=np.float64).reshape(len(rows), -1)
        return answers, np.asarray(found[1]).reshape(-1) if self.label_name else None


def open_foreign(graph: Path | bytes) -> ForeignGraph:
    """Open an ONNX file and find out what it takes and gives.

    Raises:
        PipelineError: no such file; onnxruntime refuses it; several inputs, or one that is no table of floats; a
            ZipMap output; no output that holds answers.
    """
    where = "graph" if isinstance(graph, bytes) else str(graph)
    if isinstance(graph, Path) and not graph.is_file():
        raise PipelineError(f"{graph}: no such file; --onnx names a compiled model")
    session = open_session(graph)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type not in INPUT_TYPES:
        found = ", ".join(f"{i.name}: {i.type}" for i in inputs)
        raise PipelineError(f"{where}: expected one input, a table of float32 or float64, found {found}")
    mapped = [output.name for output in outputs if output.type.startswith(("seq(", "map("))]
    if mapped:
        raise PipelineError(
            f"{where}: output {mapped[0]!r} is a ZipMap (a list of dictionaries), not a table; convert with "
            "options={'zipmap': False}"
        )
    numbers = {output.name: output.type for output in outputs if output.type in INPUT_TYPES}
    answer = next((name for name in (*ANSWERS, *numbers) if name in numbers), None)
    if answer is None:
        raise PipelineError(f"{where}: none of its outputs {[o.name for o in outputs]} holds probabilities or a value")
    label = next((output.name for output in outputs if output.name in LABELS), None)
    kind = numbers[answer].removeprefix("tensor(").removesuffix(")")
    return ForeignGraph(session, inputs[0].name, INPUT_TYPES[inputs[0].type], answer, label, kind)
