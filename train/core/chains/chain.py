"""Option chains: what is read of a file, what is left out and why (docs/option_chains.md)."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from train.core.chains.cells import UNKNOWN_DAY, date_of
from train.core.chains.day import ChainDay, make_day
from train.core.chains.quotes import Quotes, day_in_name, read_quotes, same_symbol
from train.core.chains.rules import ARBITRAGE, KEY, REPEATED, leave_out, repeated
from train.core.errors import PipelineError
from train.core.tables.calendar import BY_WEEKDAYS, EVERY_DAY, Calendar

_PERCENT_FROM = 3.0
"""A median implied volatility of a file above it stands in percent."""
_NAMED = 5


@dataclass
class Chain:
    """One symbol's days, oldest first; `left_out` counts quotes by reason once the days were read.

    `quotes` is what the file holds; `notes` say how it was read.
    """

    symbol: str
    path: Path
    table: pd.DataFrame
    roots: list[str]
    rate: float
    accept: bool
    read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def days(self) -> Iterator[ChainDay]:
        """Each day with at least one tradeable quote, oldest first.

        Raises:
            PipelineError: spot and forward contradict each other, or after the last day most prices are none that a
                volatility gives, and that is not accepted.
        """
        ordered = self.table
        if ordered.empty:
            return
        starts = np.flatnonzero(np.diff(ordered["day"].to_numpy(), prepend=-1))
        for first, last in zip(starts, [*starts[1:], len(ordered)], strict=True):
            part = ordered.iloc[first:last]
            found = make_day(part, self, date_of(part["day"].iloc[0]))
            if found is not None:
                yield found
        broken = self.left_out[ARBITRAGE]
        if 2 * broken > self.read and not self.accept:
            raise PipelineError(
                f"{self.path}: {broken} of {self.read} quotes have prices that no volatility gives: are prices, "
                "strikes and spot of one unit and one day? If it is right, add --accept"
            )

    def said(self) -> list[str]:
        """What was left out, the commonest reason first, and the notes."""
        total = sum(self.left_out.values())
        if not total:
            return list(dict.fromkeys(self.notes))
        parts = ", ".join(f"{count} {reason}" for reason, count in self.left_out.most_common())
        return [f"left out: {total} of {self.read} quotes: {parts}", *dict.fromkeys(self.notes)]


def read_chain(
    path: Path,
    *,
    symbol: str | None = None,
    date: dt.date | None = None,
    rate: float = 0.0,
    accept: bool = False,
    model_iv: str | None = None,
    calendar: Calendar = BY_WEEKDAYS,
) -> Chain:
    """Read a chain file of any vendor.

    Args:
        path: the file.
        symbol: the one to read of a file with several, or of one that names none.
        date: the day of the quotes of a file that does not say it.
        rate: interest a year, for expiries whose discount the chain does not tell.
        accept: use what is drastic and note it.
        model_iv: a column that becomes `model` of the quotes.
        calendar: which days are trading days; of a coin every day is.

    Raises:
        PipelineError: it is no chain, or symbol, day or units are not known; names what to add.
    """
    quotes = read_quotes(path, model_iv)
    table, notes = quotes.table, quotes.notes
    calendar = Calendar(EVERY_DAY) if quotes.coin else calendar
    table["day"] = _days(quotes, date, calendar)
    name, mine, adjusted = _symbol(quotes, symbol)
    table = table[mine].copy() if not mine.all() else table
    adjusted = adjusted[mine]
    read = len(table)
    _units(quotes, table)
    left_out, keep = leave_out(table, adjusted, calendar=calendar)
    columns = ["day", "expiry", "root", "side", "strike", "bid", "ask", "middle", "iv", "volume", "interest", "spot"]
    columns += ["model"] if model_iv else []
    order = np.flatnonzero(keep)
    order = order[np.lexsort(tuple(table[name].to_numpy()[order] for name in reversed(KEY)))]
    # A column after the other: the table never stands in memory twice.
    table = pd.DataFrame({name: table.pop(name).to_numpy()[order] for name in columns}, copy=False)
    twice = repeated(table)
    if twice.any():
        left_out[REPEATED] += int(twice.sum())
        table = table[~twice]
    chain = Chain(name, path, table, quotes.roots, rate, accept, read, left_out, notes)
    if not {"bid", "ask"} <= quotes.has:
        which = "mark" if "mark" in quotes.has else "last" if "last" in quotes.has else None
        chain.notes.append(f"no bid and ask: the {which} price is used" if which else "no prices: its own volatilities")
    if not_judged := calendar.not_judged(date_of(one) for one in np.unique(table["day"])):
        chain.notes.append(not_judged)
    return chain


def _open_day(number: int, calendar: Calendar) -> int:
    """The last trading day up to that one: quotes that are fetched on a weekend are those of the Friday before."""
    while number > 0 and calendar.closed(date_of(number)):
        number -= 1
    return number


def _days(quotes: Quotes, date: dt.date | None, calendar: Calendar) -> np.ndarray:
    table, path = quotes.table, quotes.path
    moments, codes = np.unique(table["moment"], return_inverse=True)
    opened = np.array([_open_day(int(one), calendar) if one != UNKNOWN_DAY else UNKNOWN_DAY for one in moments])
    day = np.where(table["day"] != UNKNOWN_DAY, table["day"], opened[codes])
    if quotes.moments and (day != UNKNOWN_DAY).any():
        # Times of one snapshot: it is of the newest.
        day = np.full(len(day), day.max())
    if (day == UNKNOWN_DAY).all():
        given = date or day_in_name(path)
        if given is None:
            raise PipelineError(
                f"{path}: of which day are its quotes? Add --date YYYY-MM-DD, or call it spy_2024-03-04.csv"
            )
        day = np.full(len(day), (given - dt.date(1970, 1, 1)).days)
    elif date is not None and set(np.unique(day)) - {UNKNOWN_DAY} != {(date - dt.date(1970, 1, 1)).days}:
        raise PipelineError(f"{path}: has a day of its own, {date_of(day.max())}; leave --date out")
    if (day == UNKNOWN_DAY).any():
        raise PipelineError(f"{path}: {int((day == UNKNOWN_DAY).sum())} quotes have no day; fill it in")
    if date_of(day.max()) > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):
        raise PipelineError(f"{path}: {date_of(day.max())} lies in the future")
    return day.astype(np.int32)


def _symbol(quotes: Quotes, asked: str | None) -> tuple[str, np.ndarray, np.ndarray]:
    """The symbol, which quotes are its, and which of those are adjusted contracts."""
    table = quotes.table
    roots = [same_symbol(root) for root in quotes.roots]
    stems = {root[:-1] if root[-1:].isdigit() else root for root in roots if root}
    named = [name for name in quotes.underlyings if name] or (
        [quotes.shared_underlying] if quotes.shared_underlying else []
    )
    if named:
        named = list(dict.fromkeys(same_symbol(name.lstrip("^_")) for name in named))
        named = [name for name in named if not (name[-1:].isdigit() and name[:-1] in named)]
    else:
        known = {root for root in roots if root and not (root[-1:].isdigit() and root[:-1] in stems and len(stems) > 0)}
        named = sorted(known) or sorted(stems)
    everything = np.ones(len(table), dtype=np.bool_)
    adjusted_root = np.array([bool(root) and root[-1].isdigit() and root[:-1] in stems for root in roots] or [False])
    if asked is None and not named:
        word = re.split(r"[_ .]", quotes.path.name)[0]
        named = [word.upper()] if re.fullmatch(r"[A-Za-z^]{1,6}", word) and word.lower() not in _WORDS else []
        if not named:
            raise PipelineError(f"{quotes.path}: names no symbol; add --symbol")
    if asked is None and len(named) > 1:
        more = ", ..." if len(named) > _NAMED else ""
        raise PipelineError(
            f"{quotes.path}: {len(named)} symbols in one file: {', '.join(named[:_NAMED])}{more}; "
            "name one with --symbol"
        )
    name = (asked or named[0]).upper()
    if named and _letters(name) not in [_letters(one) for one in named]:
        raise PipelineError(f"{quotes.path}: holds no quote of {name}; it is of {', '.join(named[:_NAMED])}")
    if len(named) > 1:
        if quotes.underlyings:
            mine = {i for i, one in enumerate(quotes.underlyings) if same_symbol(one.lstrip("^_")) == name}
            everything = table["underlying"].isin(mine).to_numpy()
        else:
            mine = {i for i, one in enumerate(roots) if one in (name, *(name + d for d in "0123456789"))}
            everything = table["root"].isin(mine).to_numpy()
    return name, everything, adjusted_root[table["root"].to_numpy()]


def _letters(symbol: str) -> str:
    """BRK-B is BRK.B and BRKB."""
    return re.sub(r"[^A-Z0-9]", "", symbol)


_WORDS = {"chain", "chains", "option", "options", "quotes", "data", "export", "download"}


def _units(quotes: Quotes, table: pd.DataFrame) -> None:
    """Strikes in thousandths, volatilities in percent; settled by the whole file."""
    strike, spot = table["strike"].to_numpy(), table["spot"].to_numpy()
    if quotes.thousandths is None and np.isfinite(spot).any():
        ratio = float(np.nanmedian(strike / spot))
        quotes.thousandths = ratio > 200.0
    if quotes.thousandths is None and strike.size and np.nanmin(strike) >= 1000.0 and (strike % 500.0 == 0.0).all():
        raise PipelineError(
            f"{quotes.path}: its strikes can be read as dollars and as thousandths, and neither a contract's symbol "
            "nor a spot price settles which; add a column spot"
        )
    if quotes.thousandths and "contract" not in quotes.has:
        table["strike"] = strike / 1000.0
        quotes.notes.append("strikes are read as thousandths")
    for name in ("volume", "interest"):
        counts = table[name].to_numpy()
        if (counts < 0.0).any():
            table[name] = np.where(counts < 0.0, np.nan, counts)
    model = table["model"].to_numpy()
    if (model > 0.0).any() and np.median(model[model > 0.0]) > _PERCENT_FROM:
        table["model"] = model / 100.0
        quotes.notes.append("the model's volatilities are read as percent")
    iv = table["iv"].to_numpy()
    good = iv[iv > 0.0]
    if quotes.coin or (len(good) and np.median(good) > _PERCENT_FROM and not quotes.percent):
        table["iv"] = iv / 100.0
