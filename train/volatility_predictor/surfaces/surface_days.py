"""Surface files -> one row of daily features per trading day, junk days left out with a reason."""

import datetime as dt
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.surfaces.csv_reader import Row, read_rows
from train.volatility_predictor.surfaces.daily_features import NODES, TENORS, Grid, Quote, describe_day
from train.volatility_predictor.surfaces.file_name import symbol_of

COPY_QUOTES = 5
"""So many quotes, all with the same IV as on the day before, are a copy; fewer may repeat by chance."""
NO_USABLE_DAY = "no usable day"
"""How the refusal of a file of junk begins."""
SPOT_DRIFT = 0.005
"""Moneyness may fall by so much with rising strike: rounding, and a spot that moved between two expiries."""
_NO_GRID: Grid = ((np.nan,) * len(NODES),) * len(TENORS)


@dataclass(frozen=True)
class SurfaceHistory:
    """One symbol's days, oldest first, no day twice.

    `dates[i]` is None only in an undated snapshot, which has one day. `features` is float64 [day, feature] in contract
    order, NaN = missing; avg_iv is always known. `dropped` says which days were left out and why. `grids` is float64
    [day, tenor, moneyness], NaN where no quotes reach; None where only the features are kept.
    """

    symbol: str
    dates: tuple[dt.date | None, ...]
    features: NDArray[np.float64]
    dropped: tuple[str, ...]
    grids: NDArray[np.float64] | None = None


def read_days(path: Path, *, date: dt.date | None = None) -> SurfaceHistory:
    """Read a surface file of any shape (see `train.volatility_predictor.surfaces.csv_reader`), plain or gzip.

    Args:
        path: the file.
        date: the day of an undated snapshot; a dated file must not be given one.

    Raises:
        PipelineError: the file cannot be read, a row is wrong, or no day is usable; names row and column.
    """
    shape, rows = read_rows(path)
    if date is not None and shape != "snapshot":
        raise PipelineError(f"{path}: the file has dates of its own; leave the date out")
    days = _Days(path, index=shape == "index")
    symbol: str | None = None
    for found, group in groupby(rows, key=lambda row: row.date):
        same_day = list(group)
        symbol = same_day[0].symbol
        days.add(date if shape == "snapshot" else found, same_day)
    return days.history(symbol or symbol_of(path))


class _Days:
    """Collects the days of one file."""

    def __init__(self, path: Path, *, index: bool) -> None:
        self._path = path
        self._index = index
        self._dates: list[dt.date | None] = []
        self._features: list[tuple[float, ...]] = []
        self._grids: list[Grid] = []
        self._dropped: list[str] = []
        self._previous: list[tuple[float, int, float]] = []

    def add(self, date: dt.date | None, rows: list[Row]) -> None:
        day = self._index_day(rows) if self._index else self._surface_day(date, rows)
        if date is not None and date.weekday() >= 5:
            self._dropped.append(f"{date}: a Saturday or Sunday")
        elif isinstance(day, str):
            self._dropped.append(f"{date}: {day}" if date else day)
        else:
            self._dates.append(date)
            self._features.append(day[0])
            self._grids.append(day[1])

    def history(self, symbol: str) -> SurfaceHistory:
        if not self._features:
            reason = self._dropped[0] if self._dropped else "it has a header and no rows"
            raise PipelineError(f"{self._path}: {NO_USABLE_DAY}: {reason}")
        features = np.array(self._features, dtype=np.float64).reshape(-1, len(DAILY_FEATURES))
        grids = np.array(self._grids, dtype=np.float64)
        return SurfaceHistory(symbol, tuple(self._dates), features, tuple(self._dropped), grids)

    def _index_day(self, rows: list[Row]) -> tuple[tuple[float, ...], Grid]:
        first = rows[0].quote.iv
        for row in rows:
            if row.quote.iv != first:
                raise PipelineError(f"{self._path}: row {row.line}: column date: {row.date} has two different levels")
        return (first, *[np.nan] * (len(DAILY_FEATURES) - 2), 1.0), _NO_GRID

    def _surface_day(self, date: dt.date | None, rows: list[Row]) -> tuple[tuple[float, ...], Grid] | str:
        self._check_moneyness(rows)
        quotes: list[Quote] = []
        for quote in sorted(row.quote for row in rows):
            if not quotes or quote != quotes[-1]:
                quotes.append(quote)
        day = describe_day(quotes)
        if day is None:
            return "no expiry has 3 strikes with a clean implied volatility (0.01 to 5, as a decimal) near the money"
        if date is not None and date.weekday() < 5:
            marks = [(quote.strike, quote.kind, quote.iv) for quote in quotes]
            if marks == self._previous and len(marks) >= COPY_QUOTES:
                return "a copy of the day before"
            self._previous = marks
        return day

    def _check_moneyness(self, rows: list[Row]) -> None:
        ordered = sorted(rows, key=lambda row: (row.quote.strike, row.quote.moneyness))
        highest = ordered[0]
        for row in ordered:
            quote, top = row.quote, highest.quote
            if quote.moneyness >= top.moneyness:
                highest = row
            elif quote.moneyness < top.moneyness - SPOT_DRIFT:
                raise PipelineError(
                    f"{self._path}: row {row.line}: column moneyness: {quote.moneyness!r} at strike {quote.strike!r}, "
                    f"but {top.moneyness!r} at strike {top.strike!r}: it is strike / spot and must rise with the strike"
                )
