"""The volatility that a day's surface gives a contract: what a model that expects no change says of the next day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.core.chains.day import ChainDay

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ModelSurface:
    """Total variance by expiry: `years` ascending, `nodes` log-moneyness (ln K / F) and total variance of each."""

    years: Floats
    nodes: list[tuple[Floats, Floats]]

    def volatility(self, moneyness: Floats, years: Floats) -> Floats:
        """Decimal volatility a year, float64 [quote].

        Total variance is linear in log-moneyness and in time between the nodes (free of calendar arbitrage when they
        are: Gatheral, "The Volatility Surface", 2006); beyond them total variance is flat in log-moneyness, and
        volatility in time.

        Args:
            moneyness: ln(K / F), float64 [quote].
            years: to expiry, float64 [quote], > 0.
        """
        variance = np.array([np.interp(moneyness, k, w) for k, w in self.nodes])
        at = np.clip(years, self.years[0], self.years[-1])
        upper = np.clip(np.searchsorted(self.years, at), 1, max(len(self.years) - 1, 1))
        columns = np.arange(len(years))
        if len(self.years) == 1:
            return np.asarray(np.sqrt(variance[0] / self.years[0]))
        low, high = self.years[upper - 1], self.years[upper]
        share = (at - low) / (high - low)
        total = variance[upper - 1, columns] * (1.0 - share) + variance[upper, columns] * share
        return np.asarray(np.sqrt(total / at))


def surface_of(day: ChainDay) -> ModelSurface | None:
    """The surface of a day's quotes out of the money; None where they have no volatility."""
    years, nodes = [], []
    for tenor, part in day.surface.groupby("years"):
        ordered = part.sort_values("strike")
        moneyness = np.log(ordered["strike"].to_numpy(np.float64) / ordered["forward"].to_numpy(np.float64))
        years.append(float(str(tenor)))
        iv = ordered["iv"].to_numpy(np.float64)
        nodes.append((moneyness, iv * iv * years[-1]))
    return ModelSurface(np.array(years), nodes) if years else None
