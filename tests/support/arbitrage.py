"""Looks for arbitrage in surfaces given on the grid, by call prices; knows nothing of how the surfaces were made."""

from itertools import pairwise

import numpy as np
from scipy.stats import norm

from train.volatility_predictor.contract import GRID_MONEYNESS, GRID_TENOR_DAYS

YEARS = np.array(GRID_TENOR_DAYS) / 365.0
K = np.log(GRID_MONEYNESS)
TOLERANCE = 1e-11
"""Of slopes of call prices, spot 1: differences of prices that are exact to 1e-16 over steps of 1e-3 or more."""


def dense(grids: np.ndarray, *, steps: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Total variance between the points, linear in log-moneyness and in time: (years, strikes, [..., t, strike])."""
    years, k = subdivided(YEARS, 4), subdivided(K, steps)
    total = grids**2 * YEARS[:, None]
    along_time, along_k = (weights(points, fine) for points, fine in ((YEARS, years), (K, k)))
    return years, np.exp(k), along_time @ total @ along_k.T


def subdivided(points: np.ndarray, steps: int) -> np.ndarray:
    """The points and so many steps, all alike, between each two."""
    inner = [np.linspace(a, b, steps, endpoint=False) for a, b in pairwise(points)]
    return np.concatenate([*inner, points[-1:]])


def weights(points: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Of linear interpolation, [fine, point]."""
    return np.stack([np.interp(fine, points, unit) for unit in np.eye(len(points))], axis=1)


def calendar(total: np.ndarray) -> np.ndarray:
    """The largest relative fall of total variance [..., tenor, strike] from tenor to tenor; 0 or less is none."""
    return (-np.diff(total, axis=-2) / total[..., :-1, :]).max(axis=(-2, -1))


def butterfly(total: np.ndarray, strikes: np.ndarray) -> np.ndarray:
    """By how much call prices are concave in the strike somewhere, or do not fall between 0 and -1; 0 or less: not."""
    deviation = np.sqrt(total)
    d1 = -np.log(strikes) / deviation + deviation / 2.0
    calls = norm.cdf(d1) - strikes * norm.cdf(d1 - deviation)
    slopes = np.diff(calls, axis=-1) / np.diff(strikes)
    concave = -np.diff(slopes, axis=-1).min(axis=(-2, -1))
    return np.maximum(concave, np.maximum(slopes.max(axis=(-2, -1)), -1.0 - slopes.min(axis=(-2, -1))))


def arbitrage(grids: np.ndarray) -> np.ndarray:
    """Which of the grids [..., tenor, moneyness] allow arbitrage, on the grid or between its points."""
    _, strikes, total = dense(grids)
    return (calendar(total) > 1e-12) | (butterfly(total, strikes) > TOLERANCE)
