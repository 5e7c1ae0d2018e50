"""Series of daily features -> windows and their outcomes: where they end, and how much of them is hidden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.volatility_predictor.contract import DAILY_FEATURES, GRID_MONEYNESS, GRID_TENOR_DAYS, HORIZONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GAP = max(HORIZONS)
"""Days left out between two parts of a series, so that no outcome of the earlier part lies in the later."""


@dataclass(frozen=True)
class Series:
    """One symbol: `features` float64 [day, feature], avg_iv always known.

    `grids` float64 [day, tenor, moneyness], NaN where not observed; None when no day's surface is known.
    """

    name: str
    features: Floats
    grids: Floats | None = None

    @property
    def iv(self) -> Floats:
        """avg_iv, float64 [day]."""
        return self.features[:, 0]


@dataclass(frozen=True)
class Ends:
    """Newest days of windows: day `day[i]` of series `series[i]`; `length[i]` days of it are shown."""

    series: Ints
    day: Ints
    length: Ints

    def __len__(self) -> int:
        return len(self.day)

    def part(self, index: Ints) -> "Ends":
        """The ends at `index`."""
        return Ends(self.series[index], self.day[index], self.length[index])


def log_changes(series: Sequence[Series], ends: Ends) -> Floats:
    """Log of avg_iv so many days ahead over that on the window's newest day: float64 [window, horizon], NaN unknown."""
    changes = np.full((len(ends), len(HORIZONS)), np.nan)
    for number, one in enumerate(series):
        mine = np.flatnonzero(ends.series == number)
        log_iv = np.log(one.iv)
        for column, horizon in enumerate(HORIZONS):
            known = mine[ends.day[mine] + horizon < len(log_iv)]
            changes[known, column] = log_iv[ends.day[known] + horizon] - log_iv[ends.day[known]]
    return changes


def grids_ahead(series: Sequence[Series], ends: Ends, *, days: int) -> Floats:
    """The observed grid so many days after each window's newest: float64 [window, tenor, moneyness], NaN unknown."""
    result = np.full((len(ends), len(GRID_TENOR_DAYS), len(GRID_MONEYNESS)), np.nan)
    for number, one in enumerate(series):
        if one.grids is not None:
            mine = np.flatnonzero((ends.series == number) & (ends.day + days < len(one.iv)))
            result[mine] = one.grids[ends.day[mine] + days]
    return result


def windows(series: Sequence[Series], ends: Ends, *, days: int) -> Floats:
    """float64 [window, day, feature]; NaN before a window's `length` newest days and before the series begins."""
    result = np.full((len(ends), days, len(DAILY_FEATURES)), np.nan)
    for row, (number, day, length) in enumerate(zip(ends.series, ends.day, ends.length, strict=True)):
        shown = min(int(length), days, int(day) + 1)
        result[row, days - shown :] = series[number].features[day + 1 - shown : day + 1]
    return result


def every_end(first: Sequence[int], stop: Sequence[int], *, length: int) -> Ends:
    """All ends from day first[i] up to, not including, stop[i] of each series i."""
    days = [np.arange(a, max(a, b)) for a, b in zip(first, stop, strict=True)]
    numbers = [np.full(len(d), i) for i, d in enumerate(days)]
    day = np.concatenate(days).astype(np.int64)
    return Ends(np.concatenate(numbers).astype(np.int64), day, np.full(len(day), length, dtype=np.int64))


def shorten(ends: Ends, *, share: float, minimum: int, rng: np.random.Generator) -> Ends:
    """Show of a share of the windows only some newest days, log-uniform from `minimum` to the whole."""
    length = ends.length.copy()
    chosen = rng.random(len(ends)) < share
    drawn = minimum * (length / minimum) ** rng.random(len(ends))
    length[chosen] = np.round(drawn).astype(np.int64)[chosen]
    return Ends(ends.series, ends.day, length)


def hide_features(history: Floats, rng: np.random.Generator) -> Floats:
    """A copy in which, now and then, single days or whole windows lack features other than avg_iv.

    A third of the windows is an index (avg_iv alone), a third lacks one feature, one day in fifty lacks all of them.
    """
    result = history.copy()
    fate = rng.random(len(result))
    result[fate < 1 / 3, :, 1:-1] = np.nan
    lacking = np.flatnonzero(fate > 2 / 3)
    result[lacking, :, rng.integers(1, result.shape[2] - 1, len(lacking))] = np.nan
    days = rng.random(result.shape[:2]) < 0.02
    result[days, 1:-1] = np.nan
    return result
