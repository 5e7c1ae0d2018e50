"""The quotes of a document as a typed table, whatever the vendor: one row a quote, no text left in it."""

import datetime as dt
import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from train.core.cells import Spelling, decimal_commas
from train.core.chains.cells import NEW_YORK_HOURS, Days
from train.core.chains.columns import WEEKLIES, find_columns, parse_contract, short
from train.core.chains.documents import Document, open_document
from train.core.chains.quote_rows import NUMBERS, SPOTS, Reading
from train.core.errors import PipelineError

CHUNK = 50_000
"""Rows that are text at one time."""


@dataclass
class Quotes:
    """A file's quotes.

    `table`: day, expiry, quoted (int32, days since 1970, -1 unknown), root (int16, of `roots`), side (int8, 1 call),
    the numbers named in `NUMBERS` (float64, NaN missing) as the file writes them, but in dollars where prices are in
    the coin. `has`: the meanings that have a column.
    """

    path: Path
    table: pd.DataFrame
    roots: list[str]
    underlyings: list[str]
    has: frozenset[str]
    coin: bool
    percent: bool
    moments: bool
    shared_underlying: str = ""
    thousandths: bool | None = None
    notes: list[str] = field(default_factory=list)


def read_quotes(path: Path, model_iv: str | None = None) -> Quotes:
    """All quotes of a file; `model_iv` names a column that becomes `model`.

    Raises:
        PipelineError: it is no chain, a cell is wrong (names row and column), or a column can be read in two ways.
    """
    document = open_document(path, short(model_iv) if model_iv else None)
    first = next((cells for _, cells in islice(document.records(), 1)), None)
    if first is None:
        raise PipelineError(f"{path}: it has a header and no rows")
    places = find_columns(document.header, first)
    check_twice(document, places)
    _check_places(document, places)
    if model_iv is not None:
        places["model"] = _named(document, model_iv)
    contract = parse_contract(first[places["contract"]]) if "contract" in places else None
    coin = contract is not None and contract.coin
    days, commas = _settle(document, places, coin=coin)
    reading = Reading(document, places, days, commas)
    chunks, rows = [], document.records()
    while chunk := list(islice(rows, CHUNK)):
        chunks.append(reading.chunk(chunk))
    reading.check_units()
    names = list(chunks[0])
    # A column after the other: the table never stands in memory twice.
    columns = {name: np.concatenate([chunk.pop(name) for chunk in chunks]) for name in names}
    nowhere = np.broadcast_to(np.nan, len(columns["day"]))
    columns |= {name: nowhere for name in NUMBERS if name not in columns}
    table = pd.DataFrame(columns, copy=False)
    quotes = Quotes(
        path,
        table,
        list(reading.roots),
        list(reading.underlyings),
        frozenset(places),
        coin,
        reading.percent,
        "day" not in places and "day" not in document.shared,
        document.shared.get("underlying", ""),
        reading.thousandths,
    )
    if coin:
        _in_dollars(quotes, set(reading.currencies))
    return quotes


def _named(document: Document, name: str) -> int:
    names = [short(one) for one in document.header]
    if short(name) not in names:
        raise PipelineError(f"{document.path}: has no column {name}; it has {', '.join(document.header)[:160]}")
    return names.index(short(name))


def check_twice(document: Document, places: dict[str, int]) -> None:
    """Refuse a column that is read and whose name stands twice: nobody knows which of the two is meant."""
    names = [short(name) for name in document.header]
    for at in sorted(places.values()):
        if names.count(names[at]) > 1:
            raise PipelineError(f"{document.path}: column '{document.header[at]}' stands twice; keep one")


def _check_places(document: Document, places: dict[str, int]) -> None:
    expiry = "expiry" in places or "contract" in places or "expiry" in document.shared
    known = ("strike" in places or "contract" in places) and ("side" in places or "contract" in places) and expiry
    if not known or not {"bid", "mark", "last", "iv"} & set(places):
        missing = (
            "strike" if not ({"strike", "contract"} & set(places)) else "side" if "side" not in places else "expiry"
        )
        raise PipelineError(
            f"{document.path}: not an option chain: no column for the {missing} (an expiry is a date, not a number of "
            f"years); found {', '.join(document.header)[:160]}"
        )


def _settle(document: Document, places: dict[str, int], *, coin: bool) -> tuple[dict[str, Days], dict[str, bool]]:
    """Look through the whole file for what only the whole of it tells."""

    def where(meaning: str) -> str:
        name = document.header[places[meaning]] if meaning in places else meaning
        return f"{document.path}: row {{}}: column {name}"

    hours = 0 if coin else NEW_YORK_HOURS
    days = {m: Days(where(m), hours=hours, utc=document.utc_moment) for m in ("day", "moment", "quoted", "expiry")}
    days["expiry"] = Days(where("expiry"), hours=0)
    looked = [(days[meaning], places[meaning]) for meaning in days if meaning in places]
    spellings = {m: Spelling() for m in (*NUMBERS, *SPOTS) if m in places}
    seen: list[set[str]] = [set() for _ in looked]
    for line, cells in document.records():
        for (column, at), known in zip(looked, seen, strict=True):
            if cells[at] not in known:
                known.add(cells[at])
                column.see(cells[at], line)
        if not document.by_comma:
            for meaning, spelling in spellings.items():
                if "," in cells[places[meaning]] or "." in cells[places[meaning]]:
                    spelling.see(cells[places[meaning]])
    for meaning, column in days.items():
        if meaning not in places and meaning in document.shared:
            column.see(document.shared[meaning], 1)
        column.settle()
    answers = decimal_commas(list(spellings.values()))
    for meaning, comma in zip(spellings, answers, strict=True):
        if comma is None:
            raise PipelineError(
                f"{where(meaning).replace('row {}: ', '')}: a comma can be read as a decimal mark and as one between "
                "thousands; write decimal points and no other mark"
            )
    return days, {m: bool(comma) for m, comma in zip(spellings, answers, strict=True)}


def _in_dollars(quotes: Quotes, currencies: set[str]) -> None:
    """Deribit's prices are in the coin, unless they are quoted in dollars."""
    table = quotes.table
    if not currencies & {"USD", "USDC", "USDT"}:
        for name in ("bid", "ask", "mark", "last"):
            table[name] *= table["spot"]
    # What it calls the underlying's price is the forward of each expiry.
    table["spot"] = table["index"]


def day_in_name(path: Path) -> dt.date | None:
    """A date in a file's name, YYYY-MM-DD or YYYYMMDD."""
    found = re.findall(r"(?<![0-9])([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?![0-9])", path.name)
    days = set()
    for year, month, day in found:
        try:
            days.add(dt.date(int(year), int(month), int(day)))
        except ValueError:
            continue
    if len(days) > 1:
        raise PipelineError(f"{path}: its name holds two dates; keep one")
    return next(iter(days), None)


def same_symbol(root: str) -> str:
    """The symbol that a root belongs to: SPXW is SPX's."""
    return WEEKLIES.get(root, root)
