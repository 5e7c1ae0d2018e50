"""What training leaves beside the fitted model: `training.json`, read by `export` and shown in the summary."""

import importlib.metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from train.core.errors import PipelineError
from train.core.files import json_bytes, read_json, write_atomic
from train.core.records.distribution import Distribution

RECORD_FILE = "training.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataRecord(_Strict):
    """Where the rows came from: a simulator (with its seed) or files (with their hash)."""

    source: str
    sha256: str | None = None
    rows: int
    first_date: str | None = None
    last_date: str | None = None


class QualityRow(_Strict):
    """One figure on data the model never saw, beside the best simple baseline; `low`, `high`: its 95 % interval.

    `higher_is_better` is None where the value should be near the baseline's (a coverage near its nominal level).
    """

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    baseline: str
    baseline_value: float
    higher_is_better: bool | None


class Novelty(_Strict):
    """What the joint novelty of a row is measured against; the formula stands in `train.core.novelty`.

    `scale` and `centre` have one number a column of the input, `whitening` holds the rows of a lower triangular matrix
    (the first has one number), `threshold` is the squared distance above which a row is novel.
    """

    scale: list[float]
    centre: list[float]
    whitening: list[list[float]]
    threshold: float = Field(gt=0)

    @model_validator(mode="after")
    def _fits(self) -> "Novelty":
        if not self.scale or any(value <= 0.0 for value in self.scale):
            raise ValueError("scale must hold numbers above 0")
        if len(self.centre) != len(self.scale):
            raise ValueError("centre must be as long as scale")
        if [len(row) for row in self.whitening] != list(range(1, len(self.scale) + 1)):
            raise ValueError("whitening must hold the rows of a lower triangular matrix, 1 to len(scale) numbers")
        return self


class Provenance(_Strict):
    """What made a fitted model, besides its data: all that it takes to make it again.

    Attributes:
        parameters: what the command was asked for, and the settings it read; no paths and no times.
        libraries: every installed distribution that computes.
        source: the newest commit that changed the code; ends in "+" when files differ from it; None without git.
        machine: the processor's kind and the features that libraries choose their code by.
    """

    parameters: dict[str, Any]
    libraries: dict[str, str]
    source: str | None
    machine: list[str]


class TrainingRecord(_Strict):
    """The fingerprint of a fitted model.

    `sample` holds inputs on the model's own scale (tensor name -> nested lists; None for NaN) from which `export` makes
    the golden cases; `feature_ranges` the smallest and largest value of each input column seen in training. `window` is
    the SHA-256 of the gate's window (`train.core.records.window`), `trained_at` a time in UTC, which nothing but a look
    at the model's age reads; `distribution` what live data is held against.
    """

    model: str
    estimator: str
    data: DataRecord
    random_state: int | None
    seconds: float
    libraries: dict[str, str]
    quality: list[QualityRow]
    feature_ranges: dict[str, tuple[float, float]]
    settings: dict[str, Any]
    sample: dict[str, list[Any]]
    novelty: Novelty | None = None
    window: str | None = None
    provenance: Provenance | None = None
    trained_at: str | None = None
    distribution: Distribution | None = None


def library_versions(*names: str) -> dict[str, str]:
    """Versions of the named distributions, as installed: what computes. Which Python runs them changes no bit."""
    return {name: importlib.metadata.version(name) for name in names}


def write_record(folder: Path, record: TrainingRecord) -> None:
    """Write `training.json` into `folder`; write it after the model itself, so that it vouches for a whole model."""
    write_atomic(folder / RECORD_FILE, json_bytes(record.model_dump(mode="json"), compact=True))


def read_record(folder: Path) -> TrainingRecord:
    """The record in `folder`.

    Raises:
        PipelineError: there is none, or it is not one; names the field.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        raise PipelineError(f"{path}: no trained model here; run `python -m train {folder.name}` first")
    try:
        return TrainingRecord.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PipelineError(f"{path}: field {field!r}: {first['msg']}; train again") from error
