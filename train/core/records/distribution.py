"""The distribution of a model's inputs and answers as training saw them, which live data is held against.

A column is kept as quantiles: values that occur, one for each half of a percent. Ties stay ties, so that a column of
whole numbers, or one with many zeros, is told from one that has moved.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Floats = NDArray[np.float64]

POINTS = 201


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ColumnDistribution(_Strict):
    """One column: `quantiles` ascending, smallest to largest; `rows` looked at, and the share `missing`."""

    quantiles: list[float] = Field(min_length=1, max_length=POINTS)
    rows: int = Field(ge=1)
    missing: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ascending(self) -> "ColumnDistribution":
        if any(one > other for one, other in zip(self.quantiles, self.quantiles[1:], strict=False)):
            raise ValueError("quantiles must ascend")
        return self


class Distribution(_Strict):
    """Columns by name: of the inputs, on the rows that were fitted to, and of the answers, on rows never seen."""

    inputs: dict[str, ColumnDistribution]
    answers: dict[str, ColumnDistribution]


def column_distribution(values: Floats) -> ColumnDistribution | None:
    """The distribution of float64 [row], NaN where a value is missing; None where all are."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    points = np.quantile(known, np.linspace(0.0, 1.0, POINTS), method="inverted_cdf")
    missing = 1.0 - len(known) / len(values)
    return ColumnDistribution(quantiles=points.tolist(), rows=len(values), missing=missing)


def distribution(
    inputs: Iterable[tuple[str, Floats]] | Mapping[str, Floats], answers: Mapping[str, Floats]
) -> Distribution:
    """Of named columns, float64 [row] each; of answers with several numbers see `flat_answers`."""
    sides = [dict(inputs), flat_answers(answers)]
    found = [{name: column_distribution(values) for name, values in side.items()} for side in sides]
    known = [{name: one for name, one in side.items() if one is not None} for side in found]
    return Distribution(inputs=known[0], answers=known[1])


def flat_answers(answers: Mapping[str, Floats]) -> dict[str, Floats]:
    """Each number of an answer as a column: `confidence`, or `predicted[0]`, `predicted[1]`; float64 [row]."""
    columns: dict[str, Floats] = {}
    for name, values in answers.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            flat = values.reshape(len(values), -1)
            columns |= {f"{name}[{number}]": flat[:, number] for number in range(flat.shape[1])}
    return columns
