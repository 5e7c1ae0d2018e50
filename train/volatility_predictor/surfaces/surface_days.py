"""Surface files -> one row of daily features per trading day, junk days left out with a reason."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.surfaces.chain_rows import ChainFile, open_chain
from train.volatility_predictor.surfaces.csv_reader import SurfaceFile
from train.volatility_predictor.surfaces.daily_features import NODES, TENORS, Grid, Quote, describe_day
from train.volatility_predictor.surfaces.file_name import checked_symbol, symbol_of
from train.volatility_predictor.surfaces.plausible.judgement import Judgement, rows_left_out
from train.volatility_predictor.surfaces.plausible.quotes import Marks, not_observed
from train.volatility_predictor.surfaces.row_reader import Row

COPY_QUOTES = 5
"""So many quotes, all with the same IV as on the day before, are a copy; fewer may repeat by chance."""
NO_USABLE_DAY = "no usable day"
"""How the refusal of a file of junk begins."""
SPOT_DRIFT = 0.005
"""Moneyness may fall by so much with rising strike: rounding, and a spot that moved between two expiries."""
MOST_ROWS = 250_000
"""Of one day; the largest real chain has a tenth of it."""
RECENT = 10
"""Days that say how many quotes are usual."""
FEW, USUAL = 10, 20
"""A day with less than a tenth of the usual quotes, which are so many at least, was cut off."""
_NO_GRID: Grid = ((np.nan,) * len(NODES),) * len(TENORS)
_NO_CLEAN = "no expiry has 3 strikes with a clean implied volatility (0.01 to 5, as a decimal) near the money"


@dataclass(frozen=True)
class SurfaceHistory:
    """One symbol's days, oldest first, no day twice.

    `dates[i]` is None only in an undated snapshot, which has one day. `features` is float64 [day, feature] in contract
    order, NaN = missing; avg_iv is always known. `dropped` says which days were left out and why, `notes` how the file
    was read and what was left out of it. `grids` is float64 [day, tenor, moneyness], NaN where no quotes reach; None
    where only the features are kept.
    """

    symbol: str
    dates: tuple[dt.date | None, ...]
    features: NDArray[np.float64]
    dropped: tuple[str, ...]
    grids: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()


def read_days(
    path: Path,
    *,
    date: dt.date | None = None,
    symbol: str | None = None,
    accept: bool = False,
    calendar: Calendar = BY_WEEKDAYS,
) -> SurfaceHistory:
    """Read a surface file of any shape (see `train.volatility_predictor.surfaces.csv_reader`), or an option chain.

    Args:
        path: the file.
        date: the day of an undated snapshot or chain; a dated file must not be given another.
        symbol: the one to read of a file that holds several.
        accept: read what is drastic (units that change, an index that may be a price) and note it.
        calendar: which days are trading days; the others are left out.

    Raises:
        PipelineError: the file cannot be read, a row is wrong, no day is usable, or what it holds is not plausible;
            names row and column.
    """
    chain = open_chain(path, symbol=symbol, date=date, accept=accept, calendar=calendar)
    if chain is not None:
        return _chain_history(path, chain, calendar, accept=accept)
    file = SurfaceFile(path, symbol)
    shape = file.shape.name
    if date is not None and shape != "snapshot":
        raise PipelineError(f"{path}: the file has dates of its own; leave the date out")
    days = _Days(path, file.shape.moneyness_unit, calendar, index=shape == "index")
    found: str | None = None
    newer: list[tuple[dt.date | None, list[Row]]] = []
    held = 0
    for day, group in groupby(file.rows(), key=lambda row: row.date):
        same_day = list(_limited(group, path))
        found = same_day[0].symbol
        if file.newest_first:
            # What a day is depends on those before it.
            newer.append((day, same_day))
            held += len(same_day)
            if held > MOST_ROWS:
                raise PipelineError(
                    f"{path}: row {same_day[-1].line}: more than {MOST_ROWS} rows with the newest day first; sort the "
                    "rows by date, oldest first"
                )
        else:
            days.add(date if shape == "snapshot" else day, same_day)
    for day, same_day in reversed(newer):
        days.add(day, same_day)
    return days.history(found or (checked_symbol(symbol) if symbol else symbol_of(path)), file, accept)


def _chain_history(path: Path, file: ChainFile, calendar: Calendar, *, accept: bool) -> SurfaceHistory:
    days = _Days(path, "moneyness", calendar, index=False)
    read = 0
    for day, rows in file.days():
        read += len(rows)
        days.add(day, rows)
    if not read:
        raise PipelineError("; ".join([f"{path}: {NO_USABLE_DAY}: no quote is left", *file.chain.said()]))
    try:
        found = days.history(file.chain.symbol, file, accept)
    except PipelineError as error:
        raise PipelineError("; ".join([str(error), *file.chain.said()[:1]])) from error
    return replace(found, notes=(*file.chain.said(), *found.notes))


def _limited(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number >= MOST_ROWS:
            raise PipelineError(f"{path}: row {row.line}: more than {MOST_ROWS} rows of one day; is the date missing?")
        yield row


class _Days:
    """Collects the days of one file."""

    def __init__(self, path: Path, moneyness_unit: str, calendar: Calendar, *, index: bool) -> None:
        self._path = path
        self._calendar = calendar
        self._seen: list[dt.date] = []
        self._index = index
        self._judgement = Judgement(path, moneyness_unit)
        self._dates: list[dt.date | None] = []
        self._features: list[tuple[float, ...]] = []
        self._grids: list[Grid] = []
        self._dropped: list[str] = []
        self._previous: Marks = []

    def add(self, date: dt.date | None, rows: list[Row]) -> None:
        day = self._index_day(rows) if self._index else self._surface_day(date, rows)
        closed = None if date is None else self._calendar.closed(date)
        if date is not None:
            self._seen.append(date)
        if closed is not None:
            day = closed
        elif not isinstance(day, str):
            day = self._cut_off(day) or day
        if isinstance(day, str):
            self._dropped.append(f"{date}: {day}" if date else day)
            self._judgement.dropped(date, day)
        else:
            self._dates.append(date)
            self._features.append(day[0])
            self._grids.append(day[1])

    def history(self, symbol: str, file: SurfaceFile | ChainFile, accept: bool) -> SurfaceHistory:
        if not self._features:
            if not self._dropped and (left_out := rows_left_out(file)):
                raise PipelineError(f"{self._path}: {NO_USABLE_DAY}: {left_out[0]}")
            reason = self._judgement.commonest_reason()
            cause = self._judgement.commonest_cause() if self._dropped else ""
            raise PipelineError(f"{self._path}: {NO_USABLE_DAY}: {reason}{cause}")
        features = np.array(self._features, dtype=np.float64).reshape(-1, len(DAILY_FEATURES))
        levels = [(date, row[0]) for date, row in zip(self._dates, self._features, strict=True)]
        notes = self._judgement.notes(levels, file, index=self._index, accept=accept)
        if not_judged := self._calendar.not_judged(self._seen):
            notes.append(not_judged)
        grids = np.array(self._grids, dtype=np.float64)
        return SurfaceHistory(symbol, tuple(self._dates), features, tuple(self._dropped), grids, tuple(notes))

    def _index_day(self, rows: list[Row]) -> tuple[tuple[float, ...], Grid]:
        first = rows[0].quote.iv
        for row in rows:
            if row.quote.iv != first:
                raise PipelineError(f"{self._path}: row {row.line}: column date: {row.date} has two different levels")
        return (first, *[np.nan] * (len(DAILY_FEATURES) - 2), 1.0), _NO_GRID

    def _surface_day(self, date: dt.date | None, rows: list[Row]) -> tuple[tuple[float, ...], Grid] | str:
        rows = self._judgement.as_ratios(date, rows)
        self._check_moneyness(rows)
        quotes: list[Quote] = []
        for quote in sorted(row.quote for row in rows):
            if not quotes or quote != quotes[-1]:
                quotes.append(quote)
        day = describe_day(quotes)
        if day is None:
            self._judgement.unusable(rows)
            return _NO_CLEAN
        if date is None or self._calendar.closed(date) is None:
            doubt = not_observed(quotes, self._previous)
            if doubt is not None and doubt[0]:
                return doubt[1]
            if doubt is not None:
                self._judgement.doubtful(date, doubt[1])
            self._previous = [(quote.strike, quote.kind, quote.iv) for quote in quotes]
        return day

    def _cut_off(self, day: tuple[tuple[float, ...], Grid]) -> str | None:
        """Why a day with far fewer quotes than those before it is none."""
        recent = sorted(features[-1] for features in self._features[-RECENT:])
        usual = recent[len(recent) // 2] if len(recent) >= 3 else 0.0
        quotes = day[0][-1]
        if usual >= USUAL and quotes * FEW < usual:
            return f"{quotes:.0f} clean quotes, the days before it had {usual:.0f}"
        return None

    def _check_moneyness(self, rows: list[Row]) -> None:
        by_forward = self._judgement.by_forward

        def order(row: Row) -> tuple[float, float, float]:
            return (row.quote.tenor if by_forward else 0.0, row.quote.strike, row.quote.moneyness)

        ordered = sorted(rows, key=order)
        highest = ordered[0]
        for row in ordered:
            if by_forward and row.quote.tenor != highest.quote.tenor:
                highest = row
            quote, top = row.quote, highest.quote
            if quote.moneyness <= 0.0:
                raise PipelineError(
                    f"{self._path}: row {row.line}: column moneyness: must be greater than zero, found "
                    f"{quote.moneyness!r}"
                )
            if quote.moneyness >= top.moneyness:
                highest = row
            elif quote.moneyness < top.moneyness - SPOT_DRIFT:
                raise PipelineError(
                    f"{self._path}: row {row.line}: column moneyness: {quote.moneyness!r} at strike {quote.strike!r}, "
                    f"but {top.moneyness!r} at strike {top.strike!r}: it is strike / spot and must rise with the strike"
                )
