"""Quotes that are left out, each for one reason (docs/option_chains.md)."""

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from train.core.chains.cells import UNKNOWN_DAY, date_of
from train.core.tables.calendar import Calendar

EXPIRED, NO_PRICE, NO_BID, CROSSED, WIDE, STALE = "expired", "no price", "no bid", "crossed", "wide", "stale"
ADJUSTED, REPEATED, ARBITRAGE, NO_FORWARD = "adjusted", "repeated", "arbitrage", "no forward"
NO_VOLATILITY = "no volatility"
WEEKEND, HOLIDAY = "weekend", "holiday"
NO_STRIKE = "no strike"
KEY = ("day", "expiry", "root", "strike", "side")


def leave_out(
    table: pd.DataFrame, adjusted: NDArray[np.bool_], *, calendar: Calendar
) -> tuple[Counter[str], NDArray[np.bool_]]:
    """Count what is left out by the first reason that fits, add the column `middle`, and say what stays.

    Args:
        table: see `train.core.chains.quotes.Quotes`.
        adjusted: which contracts are adjusted.
        calendar: which days are trading days.
    """
    bid, ask = table["bid"].to_numpy(), table["ask"].to_numpy()
    has_quotes = bool(np.isfinite(bid).any() and np.isfinite(ask).any())
    single = np.where(np.isnan(table["mark"]), table["last"], table["mark"])
    middle = (bid + ask) / 2.0 if has_quotes else single
    table["middle"] = middle
    strike, day = table["strike"].to_numpy(), table["day"].to_numpy()
    closed = np.isin(day, [one for one in np.unique(day) if calendar.closed(date_of(one))])
    reasons: list[tuple[str, NDArray[np.bool_]]] = [
        (WEEKEND, closed & ((day + 3) % 7 >= 5)),
        (HOLIDAY, closed),
        (EXPIRED, table["expiry"].to_numpy() <= table["day"].to_numpy()),
        (NO_STRIKE, ~(strike > 0.0)),
    ]
    if has_quotes:
        reasons += [
            (NO_PRICE, np.isnan(ask)),
            (NO_BID, ~(bid > 0.0)),
            (CROSSED, bid > ask),
            (WIDE, ask - bid > middle),
        ]
    elif np.isfinite(single).any():
        reasons.append((NO_PRICE, ~(single > 0.0)))
    reasons += [(STALE, _stale(table)), (ADJUSTED, adjusted)]
    keep = np.ones(len(table), dtype=np.bool_)
    counts: Counter[str] = Counter()
    for reason, where in reasons:
        found = keep & where
        if found.any():
            counts[reason] += int(found.sum())
            keep &= ~found
    return counts, keep


def _stale(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Quoted two days or more before the newest quote of its day."""
    quoted = table["quoted"]
    if (quoted == UNKNOWN_DAY).all():
        return np.zeros(len(table), dtype=np.bool_)
    newest = quoted.groupby(table["day"]).transform("max")
    found: NDArray[np.bool_] = ((quoted != UNKNOWN_DAY) & (quoted < newest - 1)).to_numpy()
    return found


def repeated(table: pd.DataFrame) -> NDArray[np.bool_]:
    """All of a contract that has several prices; of one that stands twice with the same price all but the first.

    Args:
        table: sorted by day, expiry, root, strike and side, with a column `middle`.
    """
    same = np.ones(len(table), dtype=np.bool_)
    same[:1] = False
    for name in KEY:
        values = table[name].to_numpy()
        same[1:] &= values[1:] == values[:-1]
    found = same.copy()
    if not same.any():
        return found
    starts = np.flatnonzero(~same)
    middle = table["middle"].to_numpy()
    differ = np.minimum.reduceat(middle, starts) != np.maximum.reduceat(middle, starts)
    sizes = np.diff([*starts, len(table)])
    differ &= (sizes > 1) & np.isfinite(middle[starts])
    found |= np.repeat(differ, sizes)
    return found
