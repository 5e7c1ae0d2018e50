"""A fitted scikit-learn model of anyone's as a draft artifact: its tensors, words, golden cases and limits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from export.artifact.manifest import LONGEST_AXIS, MOST_TENSORS, ParityEntry, TensorEntry, tensor_entry
from export.artifact.version_folder import Draft
from export.grade import Grade, Wish
from export.sklearn.columns.preprocess import input_width
from export.sklearn.measured import Form, compile_graded
from export.sklearn.sample_rows import largest_size, missing_columns, starting_rows
from train.core.columns.model_table import TableColumn, decode_words, table_of
from train.core.contract import Column, Dtype, Task, Tensor
from train.core.errors import PipelineError
from train.core.files import read_bytes, sha256_hex
from train.core.records.record import DataRecord, TrainingRecord, library_versions
from train.core.sklearn_answers import answers, described, has_classes, labels

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]
GOLDEN_ROWS = 64
TABLE, LABEL = "features", "label"
"""Names of tensors: see `export.sklearn.compile`."""
DTYPES: dict[int, Dtype] = {
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT: "float32",
    TensorProto.INT64: "int64",
    TensorProto.STRING: "string",
}


def draft_of_estimator(estimator: Any, path: Path, *, name: str, rows: Floats | None, wish: Wish) -> Draft:
    """Compile a fitted model into a draft artifact; `rows`: see `export.original_file.draft_of_file`.

    Raises:
        PipelineError: it has no form of the grade asked for, or no room in an artifact; names what.
    """
    width = input_width(estimator)
    if rows is not None and rows.shape[1] != width:
        raise PipelineError(f"--data: {rows.shape[1]} columns, {path} takes {width}")
    if width > LONGEST_AXIS:
        raise PipelineError(
            f"{path}: takes {width:,} columns, an artifact holds at most {LONGEST_AXIS:,}; "
            "`-o model.onnx` compiles the graph alone"
        )
    table = table_of(estimator, width)
    if wish.labels and not (has_classes(estimator) or hasattr(estimator, "score_samples")):
        raise PipelineError(f"--labels: a {type(estimator).__name__} gives values and no labels; leave it out")
    graph, grade = compile_graded(
        estimator,
        name=name,
        form=Form(wish.labels, wish.inputs),
        exact=wish.exact,
        before_trees=wish.before_trees,
        rows=rows,
    )
    if len(graph.graph.input) > MOST_TENSORS:
        raise PipelineError(
            f"{path}: text beside numbers makes each of its {width:,} columns an input, an artifact has at most "
            f"{MOST_TENSORS}; `-o model.onnx` compiles the graph alone"
        )
    given = starting_rows(estimator, width) if rows is None else rows
    if grade.limit:
        given = given[np.nan_to_num(np.abs(given), nan=0.0).max(axis=1, initial=0.0) <= grade.limit]
    inputs, outputs = _golden_cases(estimator, given, path)
    seen = {} if rows is None else _ranges(table, rows)
    tensors = _inputs(graph, table, _columns(estimator, table, inputs[0], grade))
    task, named = _answers(estimator, graph, inputs, outputs)
    texts = [value for value in (*graph.graph.input, *graph.graph.output) if _dtype(value) == "string"]
    return Draft(
        record=_record(estimator, path, name, rows, seen),
        task=task,
        graph=graph,
        inputs=[tensor_entry(tensor, ["batch", len(tensor.columns)], seen) for tensor in tensors],
        outputs=[_entry(tensor, values) for tensor, values in named],
        parity=_parity(estimator, grade),
        settings={"grade": grade.fields()}
        | ({"words": {value.name: _words(value.name, estimator, table) for value in texts}} if texts else {}),
        golden_inputs=_golden_inputs(tensors, table, inputs),
        golden_outputs={tensor.name: values for tensor, values in named},
    )


def _columns(estimator: Any, table: Sequence[TableColumn], row: Floats, grade: Grade) -> list[Column]:
    """What each column accepts; text accepts any, and what is missing is the empty one."""
    text = np.array([column.kind == "text" for column in table])

    def accepts(trial: Floats) -> bool:
        return _accepts(estimator, np.where(text, row, trial))

    missing = missing_columns(accepts, row)
    size = largest_size(accepts, np.nan_to_num(row))
    if grade.limit:  # a measured grade says nothing of numbers beyond it
        size = grade.limit if size is None else min(size, grade.limit)
    return [
        Column(one.name)
        if one.kind == "text"
        else Column(one.name, minimum=None if size is None else -size, maximum=size, missing=bool(may))
        for one, may in zip(table, missing, strict=True)
    ]


def _inputs(graph: onnx.ModelProto, table: Sequence[TableColumn], columns: Sequence[Column]) -> list[Tensor]:
    """The graph's inputs: one table, or each column by its name."""
    axes = ("batch", "column")
    if [value.name for value in graph.graph.input] == [TABLE] and not (len(table) == 1 and table[0].name == TABLE):
        return [Tensor(TABLE, axes, tuple(columns))]
    by_name = {column.name: column for column in columns}
    return [Tensor(value.name, axes, (by_name[value.name],), dtype=_dtype(value)) for value in graph.graph.input]


def _golden_inputs(tensors: Sequence[Tensor], table: Sequence[TableColumn], rows: Floats) -> dict[str, Array]:
    if len(tensors) == 1 and len(tensors[0].columns) == len(table) and tensors[0].dtype != "string":
        return {tensors[0].name: rows}
    return {
        tensor.name: (decode_words(column.words, rows[:, index], "") if tensor.dtype == "string" else rows[:, index])[
            :, None
        ]
        for index, (tensor, column) in enumerate(zip(tensors, table, strict=True))
    }


def _golden_cases(estimator: Any, rows: Floats, path: Path) -> tuple[Floats, Floats]:
    """Rows that the model answers with numbers, and its answers; text as codes."""
    rows = rows[~np.isinf(rows).any(axis=1)]
    picked = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), min(GOLDEN_ROWS, len(rows))).astype(np.int64))]
    kept = [row for row in picked if _accepts(estimator, row[None, :])]
    if not kept:
        raise PipelineError(
            f"{path}: answers none of the rows tried; give rows like its training data: --data ROWS.csv"
        )
    inputs = np.array(kept)
    outputs = answers(estimator, inputs)
    finite = ~np.isinf(outputs).any(axis=1)
    if not finite.any():
        raise PipelineError(
            f"{path}: answers infinite numbers alone; give rows like its training data: --data ROWS.csv"
        )
    return inputs[finite], outputs[finite]


def _accepts(estimator: Any, rows: Floats) -> bool:
    try:
        answers(estimator, rows)
    except ValueError:
        return False
    return True


def _answers(
    estimator: Any, graph: onnx.ModelProto, rows: Floats, found: Floats
) -> tuple[Task, list[tuple[Tensor, Array]]]:
    """The kind of model, and each output with the original's own answers; `found` are its numbers, side by side."""
    task: Task = "classifier" if has_classes(estimator) else "regressor"
    numbers = [value for value in graph.graph.output if value.name != LABEL]
    named: list[tuple[Tensor, Array]] = []
    start = 0
    for order, value in enumerate(numbers):
        width = value.type.tensor_type.shape.dim[-1].dim_value
        columns = _output_columns(estimator, value.name, width, order if len(numbers) > 1 else None)
        named.append((Tensor(value.name, ("batch", "value"), columns), found[:, start : start + width]))
        start += width
    if len(numbers) < len(graph.graph.output):
        named.append(_label(estimator, graph.graph.output[-1], labels(estimator, rows)))
    return task, named


def _label(estimator: Any, value: onnx.ValueInfoProto, found: Array) -> tuple[Tensor, Array]:
    dtype = _dtype(value)
    values = found.astype(str).astype(object) if dtype == "string" else found.astype(np.int64)
    columns = [LABEL] if found.ndim == 1 else [f"{LABEL} {k}" for k in range(found.shape[1])]
    axes = ("batch",) if found.ndim == 1 else ("batch", "output")
    del estimator
    return Tensor(LABEL, axes, tuple(Column(name, meaning="predict(X)") for name in columns), dtype), values


def _output_columns(estimator: Any, output: str, width: int, order: int | None) -> tuple[Column, ...]:
    if not has_classes(estimator):
        names = [output] if width == 1 else [f"{output}_{number}" for number in range(width)]
        return tuple(Column(name, meaning=_MEANING.get(output, "predict(X)")) for name in names)
    several = isinstance(estimator.classes_, list)
    if order is None and (several or getattr(estimator, "multilabel_", False)):
        return tuple(Column(f"output {k}", "probability", meaning=f"of output {k}") for k in range(width))
    own = estimator.classes_[order] if several and order is not None else estimator.classes_
    classes = [str(label) for label in np.asarray(own).tolist()]
    if len(set(classes)) < len(classes):
        raise PipelineError(f"two classes have one name: {', '.join(classes)}; use labels that read differently")
    if hasattr(estimator, "predict_proba"):
        return tuple(Column(label, "probability", 0.0, 1.0, meaning=f"P(class {label})") for label in classes)
    return tuple(
        Column(label, minimum=0.0, maximum=1.0, integer=True, meaning=f"1 where predict(X) is {label}, else 0")
        for label in classes
    )


_MEANING = {"scores": "score_samples(X)", "decision": "decision_function(X)"}


def _words(name: str, estimator: Any, table: Sequence[TableColumn]) -> list[str]:
    """What a tensor of text may hold: a column's known words, or all labels."""
    if name != LABEL:
        return list(next(column.words for column in table if column.name == name))
    classes = estimator.classes_
    every = np.concatenate([np.asarray(each) for each in classes]) if isinstance(classes, list) else classes
    return sorted({str(label) for label in np.asarray(every).reshape(-1).tolist()})


def _entry(tensor: Tensor, values: Array) -> TensorEntry:
    return tensor_entry(tensor, ["batch", *values.shape[1:]], {})


def _dtype(value: onnx.ValueInfoProto) -> Dtype:
    return DTYPES[value.type.tensor_type.elem_type]


def _parity(estimator: Any, grade: Grade) -> ParityEntry:
    method = "predict_proba(X)" if hasattr(estimator, "predict_proba") else "predict(X)"
    measured = f", {grade.says}" if grade.kind == "measured" else ""
    return ParityEntry(reference=f"scikit-learn {method}{measured}", absolute=grade.absolute, relative=grade.relative)


def _record(
    estimator: Any, path: Path, name: str, rows: Floats | None, seen: dict[str, tuple[float, float]]
) -> TrainingRecord:
    return TrainingRecord(
        model=name,
        estimator=described(estimator),
        data=DataRecord(
            source=f"compiled from {path.name}",
            sha256=sha256_hex(read_bytes(path)),
            rows=0 if rows is None else len(rows),
        ),
        random_state=None,
        seconds=0.0,
        libraries=library_versions("numpy", "scikit-learn", "skops"),
        quality=[],
        feature_ranges=seen,
        settings={},
        sample={},
    )


def _ranges(table: Sequence[TableColumn], rows: Floats) -> dict[str, tuple[float, float]]:
    """Smallest and largest value seen of each column of numbers that holds any."""
    return {
        one.name: (float(np.nanmin(column)), float(np.nanmax(column)))
        for one, column in zip(table, rows.T, strict=True)
        if one.kind != "text" and np.isfinite(column).any()
    }
