"""The predictor's section of `config/ml_config.json`."""

from typing import Literal

from pydantic import Field

from train.core.config_sections import ModelSection


class VolatilityPredictorSection(ModelSection):
    """The short forecast is `prediction_horizon` trading days ahead."""

    sequence_length: int = Field(10, ge=2, le=22)
    prediction_horizon: Literal[1, 5, 21] = 1
    features: list[str] | None = None  # accepted: the old script's columns
