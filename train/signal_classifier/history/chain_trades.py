"""Two days of a chain -> trades of the first with the next day's delta-hedged profit (docs/option_chains.md)."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from train.core.chains.black import greeks, price
from train.core.chains.cells import date_of
from train.core.chains.columns import occ_symbol
from train.core.chains.day import ChainDay
from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES
from train.signal_classifier.history.model_surface import ModelSurface

LONGEST_NIGHT = 5
"""Calendar days to the next trading day; more are a hole in the folder."""
CLOSE = dt.time(21, 0, tzinfo=dt.UTC)
NO_QUOTE, NO_VOLATILITY = "without bid and ask", "without an implied volatility"
NO_MODEL, NO_EDGE = "without a model's volatility", "without an edge"
LAST_DAY, VANISHED, LIMITS = "without a next day", "not quoted the next day", "outside the limits of a signal"
_KEY = ["expiry", "root", "side", "strike"]
COLUMNS = ("timestamp", "closed", "symbol", "contract", *SIGNAL_NAMES, "pnl")


@dataclass(frozen=True)
class Terms:
    """How a trade is accounted: `cost` in half spreads, `multiplier` in dollars per dollar of price."""

    cost: float = 1.0
    multiplier: float = 100.0
    by_column: bool = False


def signals_of(day: ChainDay, model: ModelSurface | None, terms: Terms, left_out: Counter[str]) -> pd.DataFrame:
    """The tradeable quotes of a day with the eight features of the contract; only this day and the model are looked at.

    Args:
        day: the day.
        model: a surface known before it; None: there is none yet.
        terms: whether the model's volatility is a column of the file.
        left_out: counts what is no signal.
    """
    quotes = day.quotes
    quoted, solved = quotes["bid"].notna(), quotes["iv"].notna()
    _count(left_out, NO_QUOTE, ~quoted)
    _count(left_out, NO_VOLATILITY, quoted & ~solved)
    quotes = quotes[quoted & solved].copy()
    f, d, k, t, s = (quotes[name].to_numpy() for name in ("forward", "discount", "strike", "years", "side"))
    if terms.by_column:
        volatility = quotes["model"].to_numpy()
    elif model is None:
        volatility = np.full(len(quotes), np.nan)
    else:
        volatility = model.volatility(np.log(k / f), t)
    middle = quotes["middle"].to_numpy()
    quotes["edge_percent"] = (d * price(volatility, f, k, t, s) - middle) / middle * 100.0
    for name, values in greeks(quotes["iv"].to_numpy(), day.spot, f, d, k, t, s).items():
        quotes[name] = values
    quotes["volume"] = np.floor(quotes["volume"].fillna(0.0))
    quotes["open_interest"] = np.floor(quotes["interest"].fillna(0.0))
    quotes["days_to_expiry"] = np.round(t * 365.0)
    has_model = np.isfinite(volatility) & (volatility > 0.0)
    _count(left_out, NO_MODEL, ~has_model)
    quotes = quotes[has_model].copy()
    inside = np.ones(len(quotes), dtype=np.bool_)
    for column in SIGNAL_FEATURES:
        low = -np.inf if column.minimum is None else column.minimum
        high = np.inf if column.maximum is None else column.maximum
        inside &= quotes[column.name].between(low, high).to_numpy()
    _count(left_out, LIMITS, ~inside)
    kept: pd.DataFrame = quotes[inside].copy()
    return kept


def trades_of(
    signals: pd.DataFrame, symbol: str, today: ChainDay, tomorrow: ChainDay, terms: Terms, left_out: Counter[str]
) -> pd.DataFrame:
    """The trades that the edges ask for, with their outcome: the columns `COLUMNS`, pnl in $.

    pnl = sign x (m1 - m0 - delta x (S1 - S0)) x multiplier - cost x half spread x multiplier.
    """
    moved = signals["edge_percent"] != 0.0
    _count(left_out, NO_EDGE, ~moved)
    signals = signals[moved]
    if (tomorrow.date - today.date).days > LONGEST_NIGHT:
        left_out[LAST_DAY] += len(signals)
        return signals.iloc[:0].reindex(columns=COLUMNS)
    after = tomorrow.quotes[[*_KEY, "middle"]].rename(columns={"middle": "next"})
    both = signals.merge(after, on=_KEY, how="left", validate="one_to_one")
    vanished = both["next"].isna()
    _count(left_out, VANISHED, vanished)
    both = both[~vanished]
    hedged = both["next"] - both["middle"] - both["delta"] * (tomorrow.spot - today.spot)
    half = (both["ask"] - both["bid"]) / 2.0
    pnl = (np.sign(both["edge_percent"]) * hedged - terms.cost * half) * terms.multiplier
    stamps = [dt.datetime.combine(day.date, CLOSE).isoformat() for day in (today, tomorrow)]
    contracts = [
        occ_symbol(root or symbol, date_of(expiry), side, strike)
        for expiry, root, side, strike in zip(*(both[name] for name in _KEY), strict=True)
    ]
    return both.assign(timestamp=stamps[0], closed=stamps[1], symbol=symbol, contract=contracts, pnl=pnl)[[*COLUMNS]]


def _count(left_out: Counter[str], reason: str, where: "pd.Series[bool] | np.ndarray") -> None:
    if count := int(np.sum(where)):
        left_out[reason] += count
