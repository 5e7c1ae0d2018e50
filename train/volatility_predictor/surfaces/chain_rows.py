"""Option chains -> the rows of a surface file, so that what follows is one (docs/option_chains.md)."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from train.core.chains.chain import Chain, read_chain
from train.core.chains.columns import CALL as CHAIN_CALL
from train.core.chains.columns import find_columns
from train.core.chains.day import ChainDay
from train.core.chains.documents import is_json, open_document
from train.core.errors import PipelineError
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.surfaces.columns import SNAPSHOT, Shape, read_header
from train.volatility_predictor.surfaces.csv_reader import Row
from train.volatility_predictor.surfaces.daily_features import CALL, NO_VOLUME, PUT, Quote


class ChainFile:
    """A chain in the place of a surface file: the same `shape`, and `left_out`, which is said by the chain itself."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.shape = Shape(SNAPSHOT, ("implied volatility",), iv=0)
        self.left_out: dict[str, tuple[int, int]] = {}
        self.not_compared: list[str] = []
        self.inverted = False
        """Whether the volatilities of the days that were read come from prices."""

    def days(self) -> Iterator[tuple[dt.date, list[Row]]]:
        """Day and rows, oldest first."""
        for day in self.chain.days():
            self.inverted |= bool(day.quotes["middle"].notna().any())
            yield day.date, _rows(self.chain.symbol, day)


def open_chain(
    path: Path, *, symbol: str | None, date: dt.date | None, accept: bool, calendar: Calendar = BY_WEEKDAYS
) -> ChainFile | None:
    """The chain in a file; None where it is none, or a surface file without prices."""
    if not is_chain(path):
        return None
    return ChainFile(read_chain(path, symbol=symbol, date=date, accept=accept, calendar=calendar))


def is_chain(path: Path) -> bool:
    """Whether a file holds bid, ask and dates of expiry, or is no surface file and has the columns of a chain."""
    if not path.is_file():
        return False
    try:
        document = open_document(path)
    except PipelineError:
        return is_json(path)
    first = next((cells for _, cells in document.records()), [])
    places = find_columns(document.header, first)
    priced = {"bid", "ask"} <= set(places)
    dated = "expiry" in places or "contract" in places
    if priced and dated:
        return True
    try:
        read_header(path, document.header)
    except PipelineError:
        return priced or dated
    return False


def _rows(symbol: str, day: ChainDay) -> list[Row]:
    surface = day.surface
    columns = (surface[name].tolist() for name in ("years", "strike", "side", "iv", "volume"))
    rows = []
    for line, (years, strike, side, iv, volume) in enumerate(zip(*columns, strict=True), start=1):
        kind = CALL if side == CHAIN_CALL else PUT
        known = volume if volume >= 0.0 else NO_VOLUME
        rows.append(Row(day.date, symbol, Quote(years, strike, kind, iv, known, strike / day.spot), line))
    return rows
