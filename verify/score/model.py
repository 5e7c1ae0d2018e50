"""A version as whoever scores opens it: checked against its hashes and its signature, from columns to answers."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute

from export.artifact.manifest import GRAPH_FILE, MANIFEST_FILE, TensorEntry, read_manifest
from export.artifact.version_folder import CURRENT, version_folder
from export.onnx_session import open_session
from export.versions.steps import history, signature_path
from export.versions.trust.chain import Keys, require_as_signed
from train.core.errors import PipelineError
from train.core.files import read_bytes
from verify.score.parts import BadInputError
from verify.score.rows import RowRules

VERSION, WARNINGS = "model_version", "warnings"
"""What stands beside the answers."""
_TYPES = {"float64": pa.float64(), "float32": pa.float32(), "int64": pa.int64(), "string": pa.string()}


def folder_of(model: Path) -> Path:
    """The folder of a version: the one named, or the one in use of a model's folder.

    Raises:
        PipelineError: there is none.
    """
    if (model / MANIFEST_FILE).is_file():
        return model
    found = version_folder(model, CURRENT) if model.is_dir() else None
    if found is None:
        raise PipelineError(f"{model}: no version is in use here; name a version's folder, or promote one first")
    return found


class ScoringModel:
    """One version's graph in a session of one thread, as the manifest asks.

    Raises:
        PipelineError: the version is damaged or not signed by a key that is trusted, onnxruntime does not load it, or
            it does not take rows of named columns.
    """

    def __init__(self, folder: Path, keys: Sequence[Path] = ()) -> None:
        self.manifest = read_manifest(folder)
        if keys:
            _require_signed(folder, keys)
        self.version = folder.name
        for tensor in self.manifest.inputs:
            if len(tensor.shape) > 2 or not tensor.columns:
                raise PipelineError(
                    f"{folder}: the input {tensor.name!r} of shape {tensor.shape} is no row of named columns; "
                    "`score` takes those alone"
                )
        threads = self.manifest.session.intra_op_num_threads
        self._session = open_session(read_bytes(folder / GRAPH_FILE), threads=threads, where=str(folder / GRAPH_FILE))
        self._rules = RowRules(self.manifest)
        self._words = pa.array(self._rules.words, pa.string())
        self.numbers = [
            column.name for tensor in self.manifest.inputs if tensor.dtype != "string" for column in tensor.columns
        ]
        self.texts = [
            column.name for tensor in self.manifest.inputs if tensor.dtype == "string" for column in tensor.columns
        ]
        self._answers = _answer_fields(self.manifest.outputs)

    def require_columns(self, schema: pa.Schema) -> None:
        """The model's columns are there, and hold what it takes.

        Raises:
            PipelineError: one is missing or of a wrong type; names it.
        """
        for name in (*self.numbers, *self.texts):
            if name not in schema.names:
                raise PipelineError(f"--input: no column {name!r}, which the model takes; found {schema.names}")
            kind = schema.field(name).type
            is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
            if name in self.numbers and not is_number:
                raise PipelineError(f"--input: column {name!r} must hold numbers, found {kind}")
            if name in self.texts and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise PipelineError(f"--input: column {name!r} must hold text, found {kind}")

    def output_schema(self, schema: pa.Schema, keep: Sequence[str]) -> pa.Schema:
        """Of what is written: the columns kept, the answers, the version and the warnings.

        Raises:
            PipelineError: a column kept is not there, or has the name of one that is made.
        """
        made = [*self._answers, pa.field(VERSION, pa.string()), pa.field(WARNINGS, pa.string())]
        for name in keep:
            if name not in schema.names:
                raise PipelineError(f"--keep: no column {name!r} in the input; found {schema.names}")
            if name in [field.name for field in made]:
                raise PipelineError(f"column {name!r} of the input has the name of an answer; leave it out by --keep")
        return pa.schema([*(schema.field(name) for name in keep), *made])

    def answer(self, batch: Any, wanted: pa.Schema, keep: Sequence[str]) -> Any:
        """A batch of the input -> the batch of the output, row by row; what is not taken has null answers.

        Raises:
            BadInputError: a number of the input has no float64.
        """
        try:
            values = {name: _floats(batch.column(name)) for name in self.numbers}
        except pa.ArrowException as error:
            raise BadInputError(f"a number cannot be had exactly: {error}") from error
        texts = {name: _texts(batch.column(name)) for name in self.texts}
        judged = self._rules.judge(values, len(batch))
        taken = judged.taken
        feeds = {tensor.name: _tensor(tensor, values, texts, taken) for tensor in self.manifest.inputs}
        names = [tensor.name for tensor in self.manifest.outputs]
        answers = self._session.run(names, feeds) if taken.any() else [None for _ in names]
        columns = [batch.column(name) for name in keep]
        for tensor, found in zip(self.manifest.outputs, answers, strict=True):
            columns += _columns(tensor, found, taken)
        said = pa.array(judged.said, mask=judged.said < 0)
        columns += [pa.repeat(pa.scalar(self.version, pa.string()), len(batch)), compute.take(self._words, said)]
        return pa.RecordBatch.from_arrays(columns, schema=wanted)


def _require_signed(folder: Path, keys: Sequence[Path]) -> None:
    model, version = folder.resolve().parent, folder.name
    steps = history(model)
    if not any(step.version == version and signature_path(model, step.number).is_file() for step in steps):
        raise PipelineError(f"{folder}: is not signed, and --key asks for a signature; sign it or leave --key out")
    require_as_signed(model, version, steps, Keys(trusted=tuple(keys)))


def _answer_fields(tensors: Sequence[TensorEntry]) -> list[pa.Field]:
    named = [(tensor, name) for tensor in tensors for name in _names(tensor)]
    plain = [name for _, name in named]
    return [
        pa.field(name if plain.count(name) == 1 else f"{tensor.name}.{name}", _TYPES[tensor.dtype])
        for tensor, name in named
    ]


def _names(tensor: TensorEntry) -> list[str]:
    if tensor.columns and len(tensor.shape) <= 2:
        return [column.name for column in tensor.columns]
    count = math.prod(int(axis) for axis in tensor.shape[1:])
    return [tensor.name] if count == 1 else [f"{tensor.name}_{place}" for place in range(count)]


def _floats(column: Any) -> npt.NDArray[np.float64]:
    """Float64 [row], NaN for null; a whole number that float64 does not hold is an error of pyarrow's."""
    values: npt.NDArray[np.float64] = compute.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _texts(column: Any) -> npt.NDArray[np.object_]:
    """Object [row]; text that is missing is the empty one, as in every runtime of ours."""
    return np.array(compute.fill_null(column, "").to_pylist(), dtype=object)


def _tensor(tensor: TensorEntry, values: Any, texts: Any, taken: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    known = texts if tensor.dtype == "string" else values
    table = np.column_stack([known[column.name][taken] for column in tensor.columns])
    table = table if tensor.dtype == "string" else table.astype(tensor.dtype)
    return table if len(tensor.shape) == 2 else table[:, 0]


def _columns(tensor: TensorEntry, found: Any, taken: npt.NDArray[np.bool_]) -> list[Any]:
    """The answers of one tensor as columns, null where the row was not taken."""
    kind, count = _TYPES[tensor.dtype], len(_names(tensor))
    rows = int(taken.sum())
    table = np.empty((0, count)) if found is None else np.asarray(found).reshape(rows, count)
    if rows == len(taken):
        return [pa.array(np.ascontiguousarray(table[:, place]), kind) for place in range(count)]
    places = pa.array(np.cumsum(taken) - 1, mask=~taken)
    return [compute.take(pa.array(np.ascontiguousarray(table[:, place]), kind), places) for place in range(count)]
