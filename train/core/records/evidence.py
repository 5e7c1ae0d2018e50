"""What training leaves for the report: points of its curves on data that the model never saw, in `evidence.json`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from train.core.errors import PipelineError
from train.core.files import json_bytes, read_json, write_atomic

EVIDENCE_FILE = "evidence.json"
MOST_DAYS = 250
"""Of one series of forecasts: more no picture shows."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_length(self) -> "_Strict":
        lengths = {name: len(value) for name, value in self if isinstance(value, list)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"lists of one length are wanted, found {lengths}")
        return self


class Reliability(_Strict):
    """A reliability curve: in each bin the mean confidence, the share that came true, its 95 % interval, the rows."""

    name: str
    confidence: list[float]
    share: list[float]
    low: list[float]
    high: list[float]
    rows: list[int]


class Forecasts(_Strict):
    """Consecutive days of one series: what was forecast, its interval, what came; `unit` of all four."""

    name: str
    unit: str
    interval: str
    forecast: list[float]
    lower: list[float]
    upper: list[float]
    outcome: list[float]


class Evidence(BaseModel):
    """All curves of one training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reliability: list[Reliability] = []
    forecasts: list[Forecasts] = []


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Write `evidence.json` into `folder`."""
    write_atomic(folder / EVIDENCE_FILE, json_bytes(evidence.model_dump(mode="json"), compact=True))


def read_evidence(folder: Path) -> Evidence:
    """The evidence in `folder`; none where training left none.

    Raises:
        PipelineError: the file is there and is no such file; names the field.
    """
    path = folder / EVIDENCE_FILE
    if not path.is_file():
        return Evidence()
    try:
        return Evidence.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PipelineError(f"{path}: field {field!r}: {first['msg']}; train again") from error
