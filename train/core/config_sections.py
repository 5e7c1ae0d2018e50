"""The parts of `config/ml_config.json` that every model shares; a model's own section stands in its `settings.py`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """An object of the file: every key known by name, every value of its own type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MlIntegration(Section):
    """Switches for all models.

    `fallback_to_traditional`: false turns every fallback answer into an error. `fallback_may_trade`: a fallback may say
    TRADE. `fallback_exit_code_zero`: the command line does not exit 3 when a fallback stands in for a broken model.
    """

    enabled: bool = True
    fallback_to_traditional: bool = True
    fallback_may_trade: bool = False  # the runtime's
    fallback_exit_code_zero: bool = False  # the runtime's
    confidence_threshold: float = Field(0.7, ge=0, le=1)
    risk_score_threshold: float = Field(0.5, ge=0, le=1)  # accepted
    max_signals_to_enhance: int = Field(50, ge=0)  # accepted


class ModelSection(Section):
    """`models.<model>`: what every model's section holds; a model without keys of its own uses it as it is."""

    enabled: bool = True
    model_path: str | None = None
    shadow: str | None = Field(None, pattern=r"^[0-9a-f]{12}$")  # the runtime's

    @field_validator("model_path")
    @classmethod
    def _compiled(cls, path: str | None) -> str:
        if path is None:
            raise ValueError("must be a text, found null")
        if path.lower().endswith((".pkl", ".h5")):
            raise ValueError(
                f"{path!r} is not a compiled model; compile it with `make` (or `python -m train`, `python -m export`, "
                "`python -m verify`) and name the folder artifacts/<model> here"
            )
        if not path:
            raise ValueError("must name the folder artifacts/<model>")
        return path


class Training(Section):
    """`training`."""

    test_split: float = Field(0.2, gt=0, lt=1)
    random_state: int = Field(42, ge=0, lt=2**32)
    cv_folds: int = Field(5, ge=2, le=50)
    validation_split: float = Field(0.2, gt=0, lt=1)  # accepted
    auto_train_on_startup: bool = False  # accepted
    retrain_interval_days: int = Field(7, ge=0)  # accepted
    early_stopping_patience: int = Field(10, ge=1)  # accepted


class Gate(Section):
    """`gate`: what a new version must keep to be put into use; `python -m export promote` reads it.

    `margin`: how much larger than the champion's the challenger's loss may be, as a share of the champion's, and
    `confidence` how sure that must be. `latency_ratio`: the challenger's time for one row over the champion's.
    `largest_mb`: of the graph.
    """

    margin: float = Field(0.01, ge=0, le=1)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    latency_ratio: float = Field(3.0, ge=1, le=1000)
    largest_mb: float = Field(16.0, ge=0.1, le=64)


class Drift(Section):
    """`drift`: what `python -m verify drift` takes for a change; each is the most that is let pass.

    `psi`: population stability index of a column; `ks`: Kolmogorov-Smirnov's distance. `outside`, `novelty`,
    `fallback`: shares of the answers. `calibration`: distance from what should be.
    `least_rows`: fewer say nothing.
    """

    psi: float = Field(0.25, ge=0, le=10)
    ks: float = Field(0.2, ge=0, le=1)
    outside: float = Field(0.05, ge=0, le=1)
    novelty: float = Field(0.05, ge=0, le=1)
    fallback: float = Field(0.05, ge=0, le=1)
    calibration: float = Field(0.05, ge=0, le=1)
    least_rows: int = Field(100, ge=10, le=1_000_000)


class Trust(Section):
    """`trust`: whose versions the runtime loads (the runtime's).

    `policy`: off, warn or require. `keys` and `revoked`: files of public keys (PEM); a key in both is revoked.
    `counter`: the folder that remembers the newest step of each model: an older one is refused, after a restart, too.
    """

    policy: Literal["off", "warn", "require"] = "off"
    keys: list[str] = Field(default_factory=list)
    revoked: list[str] = Field(default_factory=list)
    counter: str | None = Field(None, min_length=1)
