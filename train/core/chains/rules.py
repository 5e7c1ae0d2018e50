"""Quotes that are left out, each for one reason (docs/option_chains.md)."""

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from train.core.chains.cells import UNKNOWN_DAY

EXPIRED, NO_PRICE, NO_BID, CROSSED, WIDE, STALE = "expired", "no price", "no bid", "crossed", "wide", "stale"
ADJUSTED, REPEATED, ARBITRAGE, NO_FORWARD, WEEKEND = "adjusted", "repeated", "arbitrage", "no forward", "weekend"
NO_STRIKE = "no strike"
_KEY = ["day", "expiry", "root", "side", "strike"]


def leave_out(
    table: pd.DataFrame, adjusted: NDArray[np.bool_], *, weekends: bool
) -> tuple[Counter[str], NDArray[np.bool_]]:
    """Count what is left out by the first reason that fits, add the column `middle`, and say what stays.

    Args:
        table: see `train.core.chains.quotes.Quotes`.
        adjusted: which contracts are adjusted.
        weekends: whether Saturdays and Sundays are trading days.
    """
    bid, ask = table["bid"].to_numpy(), table["ask"].to_numpy()
    has_quotes = bool(np.isfinite(bid).any() and np.isfinite(ask).any())
    single = np.where(np.isnan(table["mark"]), table["last"], table["mark"])
    middle = (bid + ask) / 2.0 if has_quotes else single
    table["middle"] = middle
    strike = table["strike"].to_numpy()
    reasons: list[tuple[str, NDArray[np.bool_]]] = [
        (WEEKEND, ((table["day"].to_numpy() + 3) % 7 >= 5) & (not weekends)),
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
    repeated = _repeated(table.loc[keep])
    if repeated.any():
        counts[REPEATED] += int(repeated.sum())
        keep[np.flatnonzero(keep)[repeated]] = False
    return counts, keep


def _stale(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Quoted two days or more before the newest quote of its day."""
    quoted = table["quoted"]
    if (quoted == UNKNOWN_DAY).all():
        return np.zeros(len(table), dtype=np.bool_)
    newest = quoted.groupby(table["day"]).transform("max")
    found: NDArray[np.bool_] = ((quoted != UNKNOWN_DAY) & (quoted < newest - 1)).to_numpy()
    return found


def _repeated(table: pd.DataFrame) -> NDArray[np.bool_]:
    """All of a contract that has several prices; of one that stands twice with the same price all but the first."""
    twice = table.duplicated(_KEY, keep=False).to_numpy()
    found = np.zeros(len(table), dtype=np.bool_)
    if not twice.any():
        return found
    some = table.loc[twice, [*_KEY, "bid", "ask", "middle"]]
    prices = some.groupby(_KEY)["middle"].agg(["min", "max"])
    differ = prices["min"] != prices["max"]
    contradicts = differ.reindex(pd.MultiIndex.from_frame(some[_KEY])).to_numpy(dtype=np.bool_)
    found[np.flatnonzero(twice)] = contradicts | some.duplicated(_KEY).to_numpy()
    return found
