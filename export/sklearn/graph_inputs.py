"""The inputs of a compiled estimator: one table of numbers, or one input a column under the column's own name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.graph import ML_DOMAIN, GraphBuilder, tensor
from export.sklearn.columns.refusal import refuse
from train.core.columns.model_table import UNKNOWN, TableColumn, decode_words
from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]
Layout = Literal["table", "columns"]
"""One input [batch, column], or one input [batch, 1] for each column."""
NumberType = Literal["float64", "float32"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
NUMBER_TYPES: tuple[NumberType, ...] = get_args(NumberType)
TABLE = "features"
"""Name of the one input of a table."""
_TENSOR_TYPES = {"float64": TensorProto.DOUBLE, "float32": TensorProto.FLOAT}
_NUMBERS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
_TEXT = "tensor(string)"


class GraphInputs(NamedTuple):
    """Declared inputs, and the tensor float64 [batch, column] that is made of them (text as codes)."""

    source: str
    declared: list[onnx.ValueInfoProto]


def graph_inputs(
    build: GraphBuilder,
    columns: Sequence[TableColumn],
    *,
    layout: Layout | None = None,
    numbers: NumberType = "float64",
) -> GraphInputs:
    """Declare the inputs of a model that takes these columns.

    Args:
        build: where the nodes go that join them.
        columns: the model's table.
        layout: None gives a table, or columns where one holds text.
        numbers: the type of every input that is no text; a float32 is the number that it is, none is rounded.

    Raises:
        PipelineError: a table is asked for and a column holds text; two columns have one name.
    """
    texts = [one.name for one in columns if one.kind == "text"]
    if (layout or ("columns" if texts else "table")) == "table":
        if texts:
            raise refuse(
                "a table of numbers",
                f"column {texts[0]!r} holds text",
                supported="one input a column: --inputs columns",
            )
        declared = [tensor(TABLE, _TENSOR_TYPES[numbers], ["batch", len(columns)])]
        return GraphInputs(_as_double(build, TABLE, numbers), declared)
    _require_names(columns)
    parts: list[str] = []
    waiting: list[str] = []
    for one in columns:
        if one.kind == "text":
            parts += [*_joined(build, waiting, numbers), _codes(build, one)]
            waiting = []
        else:
            waiting.append(one.name)
    parts += _joined(build, waiting, numbers)
    declared = [
        tensor(one.name, TensorProto.STRING if one.kind == "text" else _TENSOR_TYPES[numbers], ["batch", 1])
        for one in columns
    ]
    return GraphInputs(parts[0] if len(parts) == 1 else build.node("Concat", *parts, axis=1), declared)


def feeds(
    inputs: Sequence[Any], columns: Sequence[TableColumn], rows: Floats
) -> dict[str, npt.NDArray[np.floating] | npt.NDArray[np.object_]]:
    """What onnxruntime is given for coded rows; text that is missing is the empty text.

    Args:
        inputs: a session's, of a graph of this project or of a converter: a table, or one input a column, by the names
            of the columns where they are those, else in their order.
        columns: the model's table.
        rows: float64 [row, column].

    Raises:
        PipelineError: the inputs are neither.
    """
    if len(inputs) == 1 and inputs[0].type in _NUMBERS and (len(columns) > 1 or inputs[0].name == TABLE):
        return {inputs[0].name: _narrowed(rows, inputs[0].type)}
    found = ", ".join(f"{one.name}: {one.type}" for one in inputs)
    if len(inputs) != len(columns) or any(one.type not in {*_NUMBERS, _TEXT} for one in inputs):
        raise PipelineError(
            f"expected one table of float32 or float64, or one input of numbers or text for each of {len(columns)} "
            f"columns, found {found}"
        )
    names = [one.name for one in columns]
    by_name = {one.name for one in inputs} == set(names)
    given: dict[str, Any] = {}
    for order, one in enumerate(inputs):
        index = names.index(one.name) if by_name else order
        column = columns[index]
        if (one.type == _TEXT) != (column.kind == "text"):
            raise PipelineError(f"input {one.name!r} is a {one.type}, column {column.name!r} holds {column.kind}")
        values = rows[:, index]
        if column.kind == "text":
            given[one.name] = decode_words(column.words, values, "")[:, None]
        else:
            given[one.name] = _narrowed(values[:, None], one.type)
    return given


def as_taken(inputs: Sequence[Any], rows: Floats) -> Floats:
    """Rows as numbers that the inputs can hold: those of float32, where one of them is of that type."""
    narrow = any(one.type == "tensor(float)" for one in inputs)
    with np.errstate(over="ignore"):
        taken: Floats = rows.astype(np.float32).astype(np.float64) if narrow else rows
    return taken


def _narrowed(rows: Floats, kind: str) -> npt.NDArray[np.floating]:
    with np.errstate(over="ignore"):
        return rows.astype(_NUMBERS[kind])


def _require_names(columns: Sequence[TableColumn]) -> None:
    twice = [name for name, times in Counter(one.name for one in columns).items() if times > 1 or not name]
    if twice:
        raise PipelineError(
            f"inputs by columns: {columns and twice[0]!r} names more than one column or none; rename it before the fit"
        )


def _joined(build: GraphBuilder, names: Sequence[str], numbers: NumberType) -> list[str]:
    if not names:
        return []
    whole = names[0] if len(names) == 1 else build.node("Concat", *names, axis=1)
    return [_as_double(build, whole, numbers)]


def _as_double(build: GraphBuilder, name: str, numbers: NumberType) -> str:
    return name if numbers == "float64" else build.node("Cast", name, to=TensorProto.DOUBLE)


def _codes(build: GraphBuilder, column: TableColumn) -> str:
    """Float64 [batch, 1]: the place of each text among the words of the column, NaN for the empty text of a gap."""
    known: Mapping[str, float] = {word: float(code) for code, word in enumerate(column.words)}
    if column.knows_missing:
        known = {**known, "": np.nan}
    return build.node(
        "LabelEncoder",
        column.name,
        domain=ML_DOMAIN,
        keys_tensor=numpy_helper.from_array(np.array(list(known), dtype=object), "keys"),
        values_tensor=numpy_helper.from_array(np.array(list(known.values()), dtype=np.float64), "values"),
        default_tensor=helper.make_tensor("default", TensorProto.DOUBLE, [1], [UNKNOWN]),
    )
