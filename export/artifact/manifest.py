"""The one reader and writer of `manifest.json`; the format is specified in `artifacts/README.md`."""

import math
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from train.core.contract import Column, Dtype, Task, Tensor
from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, read_json, sha256_hex
from train.core.records.distribution import Distribution
from train.core.records.record import DataRecord, Novelty, Provenance, QualityRow

FORMAT_VERSION = 2
MODEL_NAME = r"^[a-z][a-z0-9_]{0,63}$"
MOST_TENSORS, MOST_AXES, LONGEST_AXIS, MOST_VALUES = 64, 4, 4096, 65_536
MANIFEST_FILE = "manifest.json"
GRAPH_FILE = "model.onnx"
GOLDEN_FILE = "golden/cases.json"
SHA256 = r"^[0-9a-f]{64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ColumnEntry(_Strict):
    """A `train.core.contract.Column` and the range that training saw of it."""

    name: str
    unit: str | None
    minimum: float | None
    maximum: float | None
    integer: bool
    missing: bool
    trained_minimum: float | None
    trained_maximum: float | None
    meaning: str


class TensorEntry(_Strict):
    """An input or output of the graph."""

    name: str
    dtype: Dtype
    shape: list[str | int]
    columns: list[ColumnEntry]

    @model_validator(mode="after")
    def _sound(self) -> "TensorEntry":
        rest = self.shape[1:]
        lengths = [axis for axis in rest if isinstance(axis, int)]
        if self.shape[:1] != ["batch"] or len(self.shape) > MOST_AXES:
            raise ValueError(f"shape must start with 'batch' and have at most {MOST_AXES} axes")
        if any(not 1 <= axis <= LONGEST_AXIS for axis in lengths) or math.prod(lengths) > MOST_VALUES:
            raise ValueError(f"axes must be 1 to {LONGEST_AXIS} long, and hold at most {MOST_VALUES} values")
        wanted = rest[-1] if rest else 1
        if self.columns and len(self.columns) != wanted:
            raise ValueError(f"{len(self.columns)} columns for a last axis of {wanted}")
        for column in self.columns:
            if self.dtype == "string" and (column.minimum, column.maximum, column.integer) != (None, None, False):
                raise ValueError(f"column {column.name!r} of strings has limits of numbers")
            if column.missing and not self.dtype.startswith("float"):
                raise ValueError(f"column {column.name!r}: only a float can be missing")
        return self


class GraphEntry(_Strict):
    """The graph file and its hash."""

    file: Literal["model.onnx"]
    sha256: str = Field(pattern=SHA256)
    bytes: int
    opset: dict[str, int]


class SessionEntry(_Strict):
    """What a runtime must set so that the bits are the same."""

    intra_op_num_threads: Literal[1]


class ParityEntry(_Strict):
    """In parity: abs(x - y) <= absolute + relative * abs(y), y being the original's answer."""

    reference: str
    absolute: float = Field(ge=0)
    relative: float = Field(ge=0)


class GoldenEntry(_Strict):
    """The golden cases and their hash."""

    file: Literal["golden/cases.json"]
    sha256: str = Field(pattern=SHA256)
    cases: int = Field(gt=0)


class TrainingEntry(_Strict):
    """Where the model comes from, for people, and for `export promote`, `verify reproduce` and `verify drift`."""

    estimator: str
    data: DataRecord
    random_state: int | None
    libraries: dict[str, str]
    window: str | None = Field(None, pattern=SHA256)
    provenance: Provenance | None = None
    distribution: Distribution | None = None


class Manifest(_Strict):
    """The whole of `manifest.json`."""

    format_version: Literal[2]
    model: str = Field(pattern=MODEL_NAME)
    task: Task
    graph: GraphEntry
    session: SessionEntry
    inputs: list[TensorEntry] = Field(min_length=1, max_length=MOST_TENSORS)
    outputs: list[TensorEntry] = Field(min_length=1, max_length=MOST_TENSORS)
    parity: ParityEntry
    golden: GoldenEntry
    settings: dict[str, Any]
    novelty: Novelty | None = None
    training: TrainingEntry
    quality: list[QualityRow]

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Manifest":
        sides = [[tensor.name for tensor in side] for side in (self.inputs, self.outputs)]
        columns = [[column.name for tensor in self.inputs for column in tensor.columns]]
        columns += [[column.name for column in tensor.columns] for tensor in self.outputs]
        for names in sides + columns:
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"the name {twice[0]!r} stands twice")
        return self

    @model_validator(mode="after")
    def _novelty_fits(self) -> "Manifest":
        shapes = [tensor.shape[1:] for tensor in self.inputs]
        if self.novelty is not None and shapes != [[len(self.novelty.scale)]]:
            raise ValueError("novelty must have one number a column of an input of one axis")
        return self


def tensor_entry(tensor: Tensor, shape: list[str | int], ranges: dict[str, tuple[float, float]]) -> TensorEntry:
    """The manifest's description of a contract tensor; `ranges`: column name -> smallest and largest seen.

    Raises:
        PipelineError: the format has no room for it (too long an axis, limits on strings, ...); says which rule it is.
    """
    try:
        return TensorEntry(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=shape,
            columns=[_column_entry(column, ranges.get(column.name)) for column in tensor.columns],
        )
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PipelineError(f"tensor {tensor.name!r} of shape {shape}: {reason} (artifacts/README.md)") from error


def _column_entry(column: Column, seen: tuple[float, float] | None) -> ColumnEntry:
    low, high = seen or (None, None)
    return ColumnEntry(
        name=column.name,
        unit=column.unit,
        minimum=column.minimum,
        maximum=column.maximum,
        integer=column.integer,
        missing=column.missing,
        trained_minimum=low,
        trained_maximum=high,
        meaning=column.meaning,
    )


def manifest_json(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`; what may be absent of `training` is left out where it is not known."""
    fields = manifest.model_dump(mode="json")
    for optional in ("window", "provenance", "distribution"):
        if fields["training"][optional] is None:
            del fields["training"][optional]
    return json_bytes(fields)


def version_of(manifest_bytes: bytes) -> str:
    """The version that a manifest names by its content, and the folder by its name: 12 hex digits."""
    return sha256_hex(manifest_bytes)[:12]


def upgraded(fields: Any) -> Any:
    """The fields of a manifest of format 1 as format 2 has them; anything else as it is (see `artifacts/README.md`)."""
    if not isinstance(fields, dict) or fields.get("format_version") != 1:
        return fields
    try:
        windows = len(fields["inputs"][0]["shape"]) > 2

        def side(tensors: Any, *, missing: bool) -> Any:
            return [
                {**tensor, "columns": [{**column, "missing": missing} for column in tensor["columns"]]}
                for tensor in tensors
            ]

        return fields | {
            "format_version": FORMAT_VERSION,
            "task": "forecaster" if windows else "classifier",
            "inputs": side(fields["inputs"], missing=windows),
            "outputs": side(fields["outputs"], missing=False),
        }
    except (KeyError, TypeError, IndexError):
        # The reader names what is wrong with the rest.
        return fields | {"format_version": FORMAT_VERSION, "task": "classifier"}


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of one version folder, of format 1 or 2, and the hashes of the files it names.

    Raises:
        PipelineError: the manifest is missing, is not of this format, or does not fit its files; names the field.
    """
    path = folder / MANIFEST_FILE
    fields = read_json(path)
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if version is not None and version not in (1, FORMAT_VERSION):
        raise PipelineError(
            f"{path}: field 'format_version': must be 1 or {FORMAT_VERSION}, found {version!r}; export again"
        )
    try:
        manifest = Manifest.model_validate(upgraded(fields))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PipelineError(f"{path}: field {field!r}: {first['msg']}; export the model again") from error
    for what, expected, found in (
        ("folder name", version_of(read_bytes(path)), folder.name),
        ("field 'model'", folder.parent.name, manifest.model),
        ("field 'graph.sha256'", sha256_hex(read_bytes(folder / GRAPH_FILE)), manifest.graph.sha256),
        ("field 'golden.sha256'", sha256_hex(read_bytes(folder / GOLDEN_FILE)), manifest.golden.sha256),
    ):
        if expected != found:
            raise PipelineError(
                f"{path}: {what} is {found!r}, but the files say {expected!r}: "
                "the artifact was changed after it was written; export the model again"
            )
    return manifest
