"""`config/ml_config.json`: both shapes in use, every key known by name, every mistake named by its path.

The Rust runtime reads the same file (`runtime/src/config`); `tests/data/config_cases.json` holds the cases on which
both must agree. Keys marked "accepted" belong to the engine and are only checked here. The sections below `models` come
from the models' own folders.
"""

import difflib
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, create_model, field_validator

from train.core.config_sections import Drift, Gate, MlIntegration, ModelSection, Section, Training, Trust
from train.core.errors import PipelineError
from train.core.files import read_json
from train.core.tables.calendar import calendar_of
from train.registry import models

DEFAULT_CONFIG = Path("config/ml_config.json")


class NotServed(Section):
    """A section of the engine's for a model that is not in this house (`models.sentiment_analyzer`): accepted."""

    enabled: bool = False
    model: str = ""
    news_sources: list[str] = Field(default_factory=list)
    sentiment_threshold: float = 0.0


class Performance(Section):
    """`performance`: accepted."""

    max_ml_call_timeout_seconds: float = Field(30, gt=0)
    parallel_processing: bool = True
    batch_size: int = Field(10, ge=1)
    memory_cache_mb: int = Field(512, ge=0)


class Logging(Section):
    """`logging`: accepted."""

    ml_predictions: bool = True
    model_performance: bool = True
    error_details: bool = True
    prediction_cache_hits: bool = False


class Log(Section):
    """`runtime.log`: where the Rust side logs what is asked and answered; there is no log without this section."""

    path: str | None = Field(None, min_length=1)
    max_mb: float | None = Field(None, ge=0.01, le=4096)
    files: int | None = Field(None, ge=1, le=1000)
    queue_mb: float | None = Field(None, ge=0.01, le=1024)


class Runtime(Section):
    """`runtime`: what only the Rust side reads; paths are relative to the folder that holds `config/`."""

    onnxruntime_library: str | None = Field(None, min_length=1)
    engine: Literal["auto", "native", "onnxruntime"] | None = None
    lanes: int | None = Field(None, ge=1, le=256)
    data_dir: str | None = Field(None, min_length=1)
    history_path: str | None = Field(None, min_length=1)
    calendar: str | None = None
    log: Log | None = None

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, name: str | None) -> str | None:
        try:
            return None if name is None else calendar_of(name).name
        except PipelineError as error:
            raise ValueError(str(error)) from error


class Config(Section):
    """The whole of `ml_config.json`; every section may be left out. `models` is an object of one section a model."""

    ml_integration: MlIntegration = Field(default_factory=MlIntegration)
    models: Any = None
    training: Training = Field(default_factory=Training)
    performance: Performance | None = None
    logging: Logging | None = None
    runtime: Runtime = Field(default_factory=Runtime)
    gate: Gate = Field(default_factory=Gate)
    trust: Trust = Field(default_factory=Trust)
    drift: Drift = Field(default_factory=Drift)

    def section(self, model: str) -> ModelSection:
        """The section of one model."""
        section: ModelSection = getattr(self.models, model)
        return section


@functools.cache
def config_type() -> type[Config]:
    """`Config` with the sections of the models that are there."""
    sections: dict[str, Any] = {
        name: (model.section, Field(default_factory=model.section)) for name, model in models().items()
    }
    sections.setdefault("sentiment_analyzer", (NotServed | None, None))
    below = create_model("Models", __base__=Section, **sections)
    return create_model("Config", __base__=Config, models=(below, Field(default_factory=below)))


def load_config(path: Path) -> Config:
    """Read and check a config file.

    Raises:
        PipelineError: the file is missing or not JSON, a key is unknown or a value is wrong; names file and field.
    """
    if not path.is_file():
        raise PipelineError(f"{path}: no config file here; name one with --config (the default is {DEFAULT_CONFIG})")
    fields = read_json(path)
    if not isinstance(fields, dict):
        raise PipelineError(f"{path}: must hold a JSON object with sections such as 'models'")
    try:
        return config_type().model_validate(fields)
    except ValidationError as error:
        raise PipelineError(f"{path}: {_first_mistake(error)}") from error


def default_config() -> Config:
    """The config of the working directory, or one that leaves everything out."""
    return load_config(DEFAULT_CONFIG) if DEFAULT_CONFIG.is_file() else config_type()()


def _first_mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    field = ".".join(parts)
    if first["type"] == "extra_forbidden":
        known = _keys_at(parts[:-1])
        near = difflib.get_close_matches(parts[-1], known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"
        return f"unknown key {field!r}{hint}"
    message = first["msg"].removeprefix("Value error, ")
    found = "" if first["type"] == "value_error" else f", found {first['input']!r}"
    return f"field {field!r}: {message}{found}" if field else f"{message}{found}"


def _keys_at(parts: Iterable[str]) -> list[str]:
    """The keys known in the section that `parts` leads to."""
    section: Any = config_type()
    for part in parts:
        annotation = section.model_fields[part].annotation
        # A section that may be left out is annotated `Section | None`.
        section = next(
            kind for kind in (annotation, *getattr(annotation, "__args__", ())) if hasattr(kind, "model_fields")
        )
    return list(section.model_fields)
