"""Forecasts against what came: MSE relative to persistence, Diebold-Mariano, interval coverage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from train.core.records.record import QualityRow
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.rivals import PERSISTENCE
from train.volatility_predictor.evaluation.surfaces import surface_rows

Floats = NDArray[np.float64]

NETWORK = "network"
_DRAWS = 500
_RELATIVE_ERROR = "MSE relative to persistence"


@dataclass(frozen=True)
class Evaluated:
    """One series: `outcome` and each of `forecasts` float64 [day, horizon] in the unit of avg_iv; days in order.

    `lower` and `upper` bound the network's interval; `surface`: see `evaluation.surfaces.surface_errors`.
    """

    name: str
    outcome: Floats
    forecasts: dict[str, Floats]
    lower: Floats
    upper: Floats
    surface: dict[str, Floats] | None = None

    def losses(self, model: str) -> Floats:
        """Squared errors, float64 [day, horizon]."""
        return np.asarray((self.forecasts[model] - self.outcome) ** 2)

    def ratio(self, model: str, column: int) -> float:
        """MSE over that of persistence."""
        return float(self.losses(model)[:, column].mean() / self.losses(PERSISTENCE)[:, column].mean())

    def coverage(self, column: int) -> float:
        """Share of outcomes within the interval."""
        inside = (self.lower <= self.outcome) & (self.outcome <= self.upper)
        return float(inside[:, column].mean())


def diebold_mariano(loss: Floats, rival: Floats, horizon: int) -> tuple[float, float]:
    """Test of equal accuracy: (statistic, two-sided p); negative when `loss` is the smaller.

    Diebold and Mariano (1995) with Newey-West weights over horizon - 1 lags and the small-sample factor of Harvey,
    Leybourne and Newbold (1997), Student's t.

    Args:
        loss: float64 [day], one forecast's losses on consecutive days.
        rival: the other's.
        horizon: days ahead; errors of forecasts that overlap are correlated.
    """
    difference = loss - rival
    count = len(difference)
    centred = difference - difference.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, min(horizon, count)):
        weight = 1.0 - lag / horizon
        variance += 2.0 * weight * float(centred[lag:] @ centred[:-lag]) / count
    if variance <= 0.0:
        return 0.0, 1.0
    factor = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = float(difference.mean() / np.sqrt(variance / count) * np.sqrt(max(factor, 0.0)))
    return statistic, float(2.0 * stats.t.sf(abs(statistic), df=count - 1))


def quality_rows(tested: Sequence[Evaluated], *, seed: int) -> list[QualityRow]:
    """Per horizon: the network's MSE relative to persistence beside its best rival's, and the interval's coverage.

    Several series count alike (mean of their ratios), whatever their level.
    """
    rivals = [name for name in tested[0].forecasts if name != NETWORK]
    rows = []
    for column, horizon in enumerate(HORIZONS):
        means = {name: float(np.mean([one.ratio(name, column) for one in tested])) for name in rivals}
        best = min(means, key=lambda name: means[name])
        low, high = _interval(tested, column, seed)
        rows.append(
            QualityRow(
                metric=f"{_RELATIVE_ERROR}, {horizon} d",
                value=float(np.mean([one.ratio(NETWORK, column) for one in tested])),
                low=low,
                high=high,
                baseline=best,
                baseline_value=means[best],
                higher_is_better=False,
            )
        )
    for column, horizon in enumerate(HORIZONS):
        rows.append(
            QualityRow(
                metric=f"coverage of the 80 % interval, {horizon} d",
                value=float(np.mean([one.coverage(column) for one in tested])),
                baseline="nominal",
                baseline_value=0.8,
                higher_is_better=None,
            )
        )
    # A series without surfaces (an index) says nothing of them.
    surfaces = [one.surface for one in tested if one.surface and np.isfinite(one.surface[NETWORK]).any()]
    return rows + surface_rows(surfaces)


def beaten_by(rows: Sequence[QualityRow]) -> list[str | None]:
    """For each horizon the best rival where it forecasts unseen data better than the network, else None."""
    errors = [row for row in rows if row.metric.startswith(_RELATIVE_ERROR)]
    return [row.baseline if row.value > row.baseline_value else None for row in errors]


def _interval(tested: Sequence[Evaluated], column: int, seed: int) -> tuple[float, float]:
    """95 % interval of the mean ratio, by a bootstrap of blocks of two months."""
    rng = np.random.default_rng(seed)
    draws = np.zeros(_DRAWS)
    for one in tested:
        own, base = (one.losses(name)[:, column] for name in (NETWORK, PERSISTENCE))
        block = min(42, len(own))
        begins = rng.integers(0, len(own) - block + 1, (_DRAWS, -(-len(own) // block)))
        sums = [np.cumsum(np.concatenate([[0.0], loss])) for loss in (own, base)]
        own_sum, base_sum = ((total[begins + block] - total[begins]).sum(axis=1) for total in sums)
        draws += own_sum / base_sum / len(tested)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
