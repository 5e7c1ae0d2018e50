"""How well a forecaster did on a series, beside simple rivals: what `verify skill` asks a model for and prints."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIGNIFICANT = 0.05
OURS = "model"


@dataclass(frozen=True)
class SkillRow:
    """One series, so many days ahead.

    Attributes:
        ahead: trading days.
        days: forecasts that were scored.
        ratios: of the model (`OURS`) and each rival, mean squared error over that of "tomorrow equals today".
        tests: rival -> (Diebold-Mariano statistic, two-sided p) of the model against it; negative: the model is better.
        coverage: share of outcomes within the interval, of all days and of each half of them.
    """

    ahead: int
    days: int
    ratios: dict[str, float]
    tests: dict[str, tuple[float, float]]
    coverage: tuple[float, float, float]

    def beaten_by(self) -> list[str]:
        """Rivals that did better, and not by chance."""
        return [name for name, (statistic, p) in self.tests.items() if statistic > 0.0 and p < SIGNIFICANT]


@dataclass(frozen=True)
class SeriesSkill:
    """One file: its rows, what is odd about it, and per days ahead the columns of a picture.

    `curves`: days ahead -> name -> float64 [day], for `dates`, the days that were forecast.
    """

    name: str
    rows: list[SkillRow]
    warnings: list[str]
    dates: dict[int, list[Any]] = field(default_factory=dict)
    curves: dict[int, dict[str, Floats]] = field(default_factory=dict)
