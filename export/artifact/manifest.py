"""The one reader and writer of `manifest.json`; the format is specified in `artifacts/README.md`."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from train.core.contract import Column, Tensor
from train.core.errors import PipelineError
from train.core.files import read_bytes, read_json, sha256_hex
from train.core.record import DataRecord, Novelty, QualityRow

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
GRAPH_FILE = "model.onnx"
GOLDEN_FILE = "golden/cases.json"
SHA256 = r"^[0-9a-f]{64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ColumnEntry(_Strict):
    """A `train.core.contract.Column` and the range that training saw of it."""

    name: str
    unit: str
    minimum: float
    maximum: float
    integer: bool
    trained_minimum: float | None
    trained_maximum: float | None
    meaning: str


class TensorEntry(_Strict):
    """An input or output of the graph."""

    name: str
    dtype: Literal["float64"]
    shape: list[str | int]
    columns: list[ColumnEntry]


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
    """Where the model comes from, for people."""

    estimator: str
    data: DataRecord
    random_state: int
    libraries: dict[str, str]


class Manifest(_Strict):
    """The whole of `manifest.json`."""

    format_version: Literal[1]
    model: str
    graph: GraphEntry
    session: SessionEntry
    inputs: list[TensorEntry]
    outputs: list[TensorEntry]
    parity: ParityEntry
    golden: GoldenEntry
    settings: dict[str, Any]
    novelty: Novelty | None = None
    training: TrainingEntry
    quality: list[QualityRow]

    @model_validator(mode="after")
    def _novelty_fits(self) -> "Manifest":
        shapes = [tensor.shape[1:] for tensor in self.inputs]
        if self.novelty is not None and shapes != [[len(self.novelty.scale)]]:
            raise ValueError("novelty must have one number a column of an input of one axis")
        return self


def tensor_entry(tensor: Tensor, shape: list[str | int], ranges: dict[str, tuple[float, float]]) -> TensorEntry:
    """The manifest's description of a contract tensor; `ranges`: column name -> smallest and largest seen."""
    return TensorEntry(
        name=tensor.name,
        dtype="float64",
        shape=shape,
        columns=[_column_entry(column, ranges.get(column.name)) for column in tensor.columns],
    )


def _column_entry(column: Column, seen: tuple[float, float] | None) -> ColumnEntry:
    low, high = seen or (None, None)
    return ColumnEntry(
        name=column.name,
        unit=column.unit,
        minimum=column.minimum,
        maximum=column.maximum,
        integer=column.integer,
        trained_minimum=low,
        trained_maximum=high,
        meaning=column.meaning,
    )


def version_of(manifest_bytes: bytes) -> str:
    """The version that a manifest names by its content, and the folder by its name: 12 hex digits."""
    return sha256_hex(manifest_bytes)[:12]


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of one version folder, and the hashes of the files it names.

    Raises:
        PipelineError: the manifest is missing, is not of this format, or does not fit its files; names the field.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate(read_json(path))
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
