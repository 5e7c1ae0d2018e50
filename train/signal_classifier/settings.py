"""The classifier's section of `config/ml_config.json`."""

from pydantic import Field, field_validator

from train.core.config_sections import MlIntegration, ModelSection
from train.signal_classifier.contract import SIGNAL_NAMES


class SignalClassifierSection(ModelSection):
    """TRADE above `confidence_threshold` (default: that of `ml_integration`)."""

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


def trade_threshold(section: ModelSection, shared: MlIntegration) -> float:
    """TRADE when the confidence is above this number."""
    own = section.confidence_threshold if isinstance(section, SignalClassifierSection) else None
    return shared.confidence_threshold if own is None else own
