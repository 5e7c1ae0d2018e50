"""`config/ml_config.json`: both shapes in use, every key known by name, every mistake named by its path.

The Rust runtime reads the same file (`runtime/src/config.rs`); `tests/data/config_cases.json` holds the cases on which
both must agree. Keys marked "accepted" belong to the engine and are only checked here.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from train.core.errors import PipelineError
from train.core.files import read_json
from train.signal_classifier.contract import SIGNAL_NAMES

DEFAULT_CONFIG = Path("config/ml_config.json")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MlIntegration(_Section):
    """Switches for both models; `fallback_to_traditional`: false turns every fallback answer into an error."""

    enabled: bool = True
    fallback_to_traditional: bool = True
    confidence_threshold: float = Field(0.7, ge=0, le=1)
    risk_score_threshold: float = Field(0.5, ge=0, le=1)  # accepted
    max_signals_to_enhance: int = Field(50, ge=0)  # accepted


class _Model(_Section):
    enabled: bool = True
    model_path: str

    @field_validator("model_path")
    @classmethod
    def _compiled(cls, path: str) -> str:
        if path.lower().endswith((".pkl", ".h5")):
            raise ValueError(
                f"{path!r} is not a compiled model; compile it with `make` (or `python -m train`, `python -m export`, "
                "`python -m verify`) and name the folder artifacts/<model> here"
            )
        if not path:
            raise ValueError("must name the folder artifacts/<model>")
        return path


class SignalClassifierConfig(_Model):
    """`models.signal_classifier`; TRADE above `confidence_threshold` (default: that of `ml_integration`)."""

    model_path: str = "artifacts/signal_classifier"
    features: list[str] | None = None
    confidence_threshold: float | None = Field(None, ge=0, le=1)
    cache_enabled: bool = False
    cache_size: int = Field(1000, ge=1, le=10_000_000)

    @field_validator("features")
    @classmethod
    def _the_contract(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and tuple(names) != SIGNAL_NAMES:
            raise ValueError(f"must be the contract's features in order: {', '.join(SIGNAL_NAMES)}")
        return names


class VolatilityPredictorConfig(_Model):
    """`models.volatility_predictor`; the short forecast is `prediction_horizon` trading days ahead."""

    model_path: str = "artifacts/volatility_predictor"
    sequence_length: int = Field(10, ge=2, le=22)
    prediction_horizon: Literal[1, 5, 21] = 1
    features: list[str] | None = None  # accepted: the old script's columns


class SentimentAnalyzerConfig(_Section):
    """`models.sentiment_analyzer`: accepted, not served by this project."""

    enabled: bool = False
    model: str = ""
    news_sources: list[str] = Field(default_factory=list)
    sentiment_threshold: float = 0.0


class Models(_Section):
    """`models`."""

    signal_classifier: SignalClassifierConfig = Field(default_factory=SignalClassifierConfig)
    volatility_predictor: VolatilityPredictorConfig = Field(default_factory=VolatilityPredictorConfig)
    sentiment_analyzer: SentimentAnalyzerConfig | None = None


class Training(_Section):
    """`training`."""

    test_split: float = Field(0.2, gt=0, lt=1)
    random_state: int = Field(42, ge=0, lt=2**32)
    cv_folds: int = Field(5, ge=2, le=50)
    validation_split: float = Field(0.2, gt=0, lt=1)  # accepted
    auto_train_on_startup: bool = False  # accepted
    retrain_interval_days: int = Field(7, ge=0)  # accepted
    early_stopping_patience: int = Field(10, ge=1)  # accepted


class Performance(_Section):
    """`performance`: accepted."""

    max_ml_call_timeout_seconds: float = Field(30, gt=0)
    parallel_processing: bool = True
    batch_size: int = Field(10, ge=1)
    memory_cache_mb: int = Field(512, ge=0)


class Logging(_Section):
    """`logging`: accepted."""

    ml_predictions: bool = True
    model_performance: bool = True
    error_details: bool = True
    prediction_cache_hits: bool = False


class Runtime(_Section):
    """`runtime`: what only the Rust side reads; paths are relative to the folder that holds `config/`."""

    onnxruntime_library: str | None = Field(None, min_length=1)
    lanes: int | None = Field(None, ge=1, le=256)
    data_dir: str | None = Field(None, min_length=1)
    history_path: str | None = Field(None, min_length=1)


class Config(_Section):
    """The whole of `ml_config.json`; every section may be left out."""

    ml_integration: MlIntegration = Field(default_factory=MlIntegration)
    models: Models = Field(default_factory=Models)
    training: Training = Field(default_factory=Training)
    performance: Performance | None = None
    logging: Logging | None = None
    runtime: Runtime = Field(default_factory=Runtime)

    @property
    def trade_threshold(self) -> float:
        """TRADE when the confidence is above this number."""
        own = self.models.signal_classifier.confidence_threshold
        return self.ml_integration.confidence_threshold if own is None else own


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
        return Config.model_validate(fields)
    except ValidationError as error:
        raise PipelineError(f"{path}: {_first_mistake(error)}") from error


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
    section: Any = Config
    for part in parts:
        annotation = section.model_fields[part].annotation
        # A section that may be left out is annotated `Section | None`.
        section = next(
            kind for kind in (annotation, *getattr(annotation, "__args__", ())) if hasattr(kind, "model_fields")
        )
    return list(section.model_fields)
