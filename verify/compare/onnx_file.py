"""Any ONNX file of a scikit-learn model, ours or a stock converter's, as a function from rows to answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.grade import Grade, grade_in
from export.onnx_session import open_session
from export.sklearn.graph_inputs import feeds
from train.core.columns.model_table import TableColumn
from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]
NUMBERS = ("tensor(float)", "tensor(double)")
LABELS = ("label", "output_label")
ANSWERS = ("probabilities", "output_probability", "variable", "confidence")


@dataclass(frozen=True)
class ForeignGraph:
    """A graph with one table of numbers, or one input a column, and a table of numbers among its outputs.

    Attributes:
        session: onnxruntime's.
        columns: the table of the model that it was made from; empty: one table of numbers.
        answer_name: the output with the probabilities or the value.
        label_name: the output with the label, None when there is none.
        answer_type: "float" or "double", what the answers are before they are compared as float64.
        more_names: further outputs with answers, of a model with several.
        grade: what the file says of its own grade; None of a converter's.
    """

    session: ort.InferenceSession
    answer_name: str
    label_name: str | None
    answer_type: str
    name: str = "onnx"
    version: str = ort.__version__
    most_rows: int | None = None
    more_names: tuple[str, ...] = ()
    grade: Grade | None = None
    columns: tuple[TableColumn, ...] = ()

    def __call__(self, rows: Floats) -> Floats:
        """Answers as float64 [row, class] or [row, 1]."""
        return self.answers_and_labels(rows)[0]

    def replay_golden(self) -> str:
        """Such a file has no golden cases."""
        return ""

    def answers_and_labels(self, rows: Floats) -> tuple[Floats, npt.NDArray[Any] | None]:
        """Answers as float64 [row, answer], and the graph's own labels [row] if it gives any."""
        wanted = [self.answer_name, *self.more_names] + ([self.label_name] if self.label_name else [])
        columns = self.columns or tuple(TableColumn(f"x{index}") for index in range(rows.shape[1]))
        found = self.session.run(wanted, feeds(self.session.get_inputs(), columns, rows))
        tables = found[: 1 + len(self.more_names)]
        answers = np.concatenate([np.asarray(t, dtype=np.float64).reshape(len(rows), -1) for t in tables], axis=1)
        return answers, np.asarray(found[-1]) if self.label_name else None


def open_foreign(graph: Path | bytes, columns: tuple[TableColumn, ...] = ()) -> ForeignGraph:
    """Open an ONNX file and find out what it takes and gives.

    Args:
        graph: the file, or its bytes.
        columns: the table of the model that it was made from, needed where it takes one input a column.

    Raises:
        PipelineError: no such file; onnxruntime refuses it; inputs that are neither a table of floats nor those
            columns; a ZipMap output; no output that holds answers.
    """
    where = "graph" if isinstance(graph, bytes) else str(graph)
    if isinstance(graph, Path) and not graph.is_file():
        raise PipelineError(f"{graph}: no such file; --onnx names a compiled model")
    session = open_session(graph)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type not in NUMBERS:
        try:
            feeds(inputs, columns, np.zeros((0, len(columns))))
        except PipelineError as error:
            raise PipelineError(f"{where}: {error}") from error
    mapped = [output.name for output in outputs if output.type.startswith(("seq(", "map("))]
    if mapped:
        raise PipelineError(
            f"{where}: output {mapped[0]!r} is a ZipMap (a list of dictionaries), not a table; convert with "
            "options={'zipmap': False}"
        )
    numbers = {output.name: output.type for output in outputs if output.type in NUMBERS}
    several = [f"probabilities_{k}" for k in range(len(numbers)) if f"probabilities_{k}" in numbers]
    several = several or [name for name in ("scores", "decision") if {"scores", "decision"} <= set(numbers)]
    answer = several[0] if several else next((name for name in (*ANSWERS, *numbers) if name in numbers), None)
    if answer is None:
        raise PipelineError(f"{where}: none of its outputs {[o.name for o in outputs]} holds probabilities or a value")
    label = next((output.name for output in outputs if output.name in LABELS), None)
    kind = numbers[answer].removeprefix("tensor(").removesuffix(")")
    return ForeignGraph(
        session,
        answer,
        label,
        kind,
        more_names=tuple(several[1:]),
        columns=columns,
        grade=grade_in(session.get_modelmeta().custom_metadata_map, where=where),
    )
