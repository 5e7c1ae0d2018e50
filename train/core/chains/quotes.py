"""The quotes of a document as a typed table, whatever the vendor: one row a quote, no text left in it."""

import datetime as dt
import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from train.core.cells import Spelling, decimal_commas, read_number
from train.core.chains.cells import EPOCH, NEW_YORK_HOURS, UNKNOWN_DAY, Days, Floats, numbers
from train.core.chains.columns import SIDES, WEEKLIES, Contract, find_columns, parse_contract, short
from train.core.chains.documents import Document, open_document
from train.core.errors import PipelineError

CHUNK = 50_000
"""Rows that are text at one time."""
_NUMBERS = ("strike", "bid", "ask", "mark", "last", "iv", "volume", "interest", "spot", "index", "model")
_SPOTS = ("underlyingbid", "underlyingask")
NO_CONTRACT = Contract("", EPOCH, 0, np.nan, False)


@dataclass
class Quotes:
    """A file's quotes.

    `table`: day, expiry, quoted (int32, days since 1970, -1 unknown), root (int16, of `roots`), side (int8, 1 call),
    the numbers named in `_NUMBERS` (float64, NaN missing) as the file writes them, but in dollars where prices are in
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
    _check_places(document, places)
    if model_iv is not None:
        places["model"] = _named(document, model_iv)
    contract = parse_contract(first[places["contract"]]) if "contract" in places else None
    coin = contract is not None and contract.coin
    days, commas = _settle(document, places, coin=coin)
    reading = _Reading(document, places, days, commas)
    chunks, rows = [], document.records()
    while chunk := list(islice(rows, CHUNK)):
        chunks.append(reading.chunk(chunk))
    names = list(chunks[0])
    # A column after the other: the table never stands in memory twice.
    columns = {name: np.concatenate([chunk.pop(name) for chunk in chunks]) for name in names}
    nowhere = np.broadcast_to(np.nan, len(columns["day"]))
    columns |= {name: nowhere for name in _NUMBERS if name not in columns}
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
    spellings = {m: Spelling() for m in (*_NUMBERS, *_SPOTS) if m in places}
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


class _Reading:
    """Turns chunks of text into typed tables, and remembers what is of the whole file."""

    def __init__(self, document: Document, places: dict[str, int], days: dict[str, Days], commas: dict[str, bool]):
        self._document, self._places, self._days, self._commas = document, places, days, commas
        self.roots: dict[str, int] = {}
        self.underlyings: dict[str, int] = {}
        self.currencies: dict[str, int] = {}
        self.percent = False
        self.thousandths: bool | None = None

    def chunk(self, chunk: list[tuple[int, list[str]]]) -> dict[str, np.ndarray]:
        lines = np.array([line for line, _ in chunk], dtype=np.int64)
        texts = {m: pd.Series([cells[at] for _, cells in chunk], dtype=object) for m, at in self._places.items()}
        out: dict[str, np.ndarray] = {}
        for meaning in (*_NUMBERS, *_SPOTS):
            out[meaning] = self._numbers(meaning, texts, lines)
        spot = (out.pop("underlyingbid") + out.pop("underlyingask")) / 2.0
        out["spot"] = np.where(np.isnan(out["spot"]), spot, out["spot"])
        if "spot" not in self._places and (spot_text := self._document.shared.get("spot")):
            out["spot"] = np.full(len(chunk), self._shared_spot(spot_text))
        for meaning in ("day", "moment", "quoted", "expiry"):
            out[meaning] = self._day(meaning, texts, len(chunk))
        self._contracts(out, texts, lines)
        moment = np.where(out["moment"] == UNKNOWN_DAY, out["quoted"], out.pop("moment"))
        # Quotes that are fetched on a weekend are those of the Friday before.
        weekday = (moment + 3) % 7
        shifted = np.where((weekday >= 5) & (self._hours() != 0), moment - (weekday - 4), moment)
        out["moment"] = np.where(moment == UNKNOWN_DAY, UNKNOWN_DAY, shifted).astype(np.int32)
        names = texts.get("underlying")
        out["underlying"] = _codes(names, self.underlyings, len(chunk))
        _codes(texts.get("quotecurrency"), self.currencies, len(chunk))
        absent = {m for m in _NUMBERS if m not in self._places} - {"spot", "strike"}
        return {name: values for name, values in out.items() if name not in absent}

    def _shared_spot(self, text: str) -> float:
        found = read_number(text)
        if found is not None and not (found[0] > 0.0 and np.isfinite(found[0])):
            raise PipelineError(
                f"{self._document.path}: the spot price must be a number above zero, found '{text[:40]}'"
            )
        return found[0] if found is not None else np.nan

    def _hours(self) -> int:
        return self._days["moment"].hours

    def _numbers(self, meaning: str, texts: dict[str, pd.Series], lines: np.ndarray) -> Floats:
        if meaning not in texts:
            return np.full(len(lines), np.nan)
        where = f"{self._document.path}: row {{}}: column {self._document.header[self._places[meaning]]}"
        values, percent = numbers(texts[meaning], comma=self._commas.get(meaning, False), where=where, lines=lines)
        if percent and meaning == "iv":
            self.percent = True
        return values

    def _day(self, meaning: str, texts: dict[str, pd.Series], count: int) -> np.ndarray:
        if meaning in texts:
            return np.fromiter((self._days[meaning].day(t) for t in texts[meaning]), dtype=np.int32, count=count)
        shared = self._document.shared.get(meaning)
        return np.full(count, self._days[meaning].day(shared) if shared else UNKNOWN_DAY, dtype=np.int32)

    def _contracts(self, out: dict[str, np.ndarray], texts: dict[str, pd.Series], lines: np.ndarray) -> None:
        count = len(lines)
        found = [NO_CONTRACT] * count
        if "contract" in texts:
            known: dict[str, Contract] = {}
            for at, text in enumerate(texts["contract"]):
                if text not in known:
                    parsed = parse_contract(text)
                    if parsed is None:
                        name = self._document.header[self._places["contract"]]
                        raise PipelineError(
                            f"{self._document.path}: row {lines[at]}: column {name}: '{text[:40]}' is no contract's "
                            "symbol"
                        )
                    known[text] = parsed
                found[at] = known[text]
        root = np.fromiter((self.roots.setdefault(c.root, len(self.roots)) for c in found), np.int16, count)
        out["root"] = root
        own = np.fromiter(((c.expiry - EPOCH).days for c in found), np.int32, count)
        out["expiry"] = np.where(out["expiry"] == UNKNOWN_DAY, np.where(own > 0, own, UNKNOWN_DAY), out["expiry"])
        out["expiry"] = out["expiry"].astype(np.int32)
        strike = np.fromiter((c.strike for c in found), np.float64, count)
        if "strike" in texts and "contract" in texts:
            ratio = float(np.nanmedian(out["strike"] / strike)) if np.isfinite(strike).any() else np.nan
            if self.thousandths is None and np.isfinite(ratio):
                self.thousandths = bool(abs(ratio - 1000.0) < 1.0)
        out["strike"] = np.where(np.isnan(strike), out["strike"], strike) if "contract" in texts else out["strike"]
        side = np.fromiter((c.side for c in found), np.int8, count)
        if "side" in texts:
            side = np.fromiter((self._side(t, lines[at]) for at, t in enumerate(texts["side"])), np.int8, count)
        out["side"] = side

    def _side(self, text: str, line: int) -> int:
        side = SIDES.get(text.strip().lower())
        if side is None:
            name = self._document.header[self._places["side"]]
            raise PipelineError(
                f"{self._document.path}: row {line}: column {name}: must be Call or Put, found '{text.strip()[:40]}'"
            )
        return side


def _codes(texts: pd.Series | None, known: dict[str, int], count: int) -> np.ndarray:
    if texts is None:
        return np.zeros(count, dtype=np.int16)
    return np.fromiter((known.setdefault(t.strip().upper(), len(known)) for t in texts), np.int16, count)


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
