"""One day of a chain: forwards, discounts and volatilities of its quotes."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from train.core.chains.black import implied_volatility
from train.core.chains.cells import date_of
from train.core.chains.columns import CALL, PUT
from train.core.chains.parity import forward_of, outside_bounds, violations
from train.core.chains.rules import ARBITRAGE, NO_FORWARD, NO_VOLATILITY
from train.core.errors import PipelineError

LEVEL_FROM, LEVEL_TO = 0.8, 1.25
"""Forward of the nearest expiry over spot: outside, one of them is of something else."""
LOWEST_IV, HIGHEST_IV = 0.01, 5.0
"""Between them lies a volatility; what a file without prices says else is a placeholder."""
ONE_UNIT = 3.0
"""A dollar of strike that is worth so many dollars of price, or so few, is of another unit than the price."""
HOW_FORWARD = "no forward: an expiry needs a call and a put of one strike, or a spot price"
ODD_RATIO, ODD_POINTS = 0.25, 0.03


@dataclass(frozen=True)
class Expiry:
    """`years` to it, forward in dollars, discount factor, and whether the discount is the chain's own."""

    date: dt.date
    root: str
    years: float
    forward: float
    discount: float
    own_discount: bool
    slope: float = np.nan
    """What put-call parity makes of the discount, whether it can be one or not; NaN: too few pairs."""


@dataclass(frozen=True)
class ChainDay:
    """One day; `quotes` are the tradeable ones.

    Their columns: expiry (days since 1970), root (name), side (1 call), strike, bid, ask, middle, own_iv (the chain's,
    NaN unknown), volume, interest (NaN unknown), years, forward, discount, iv (float64, decimal a year, NaN where the
    middle has none), out (of the money: those of the surface).
    """

    date: dt.date
    spot: float
    spot_stated: bool
    expiries: list[Expiry]
    quotes: pd.DataFrame

    @property
    def surface(self) -> pd.DataFrame:
        """The quotes out of the money that have a volatility."""
        return self.quotes[self.quotes["out"] & self.quotes["iv"].notna()]


class Asked(Protocol):
    """What a day asks of its chain."""

    path: Path
    rate: float
    accept: bool
    roots: list[str]
    left_out: Counter[str]
    notes: list[str]


def make_day(table: pd.DataFrame, chain: Asked, date: dt.date) -> ChainDay | None:
    """The day; None where nothing is tradeable. Counts what it leaves out in `chain.left_out`."""
    stated = table["spot"].to_numpy()
    known = stated[stated > 0.0]
    spot = float(np.median(known)) if len(known) else np.nan
    group = table["expiry"].to_numpy().astype(np.int64) * 65536 + table["root"].to_numpy()
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    expiries, parts = [], []
    for first, last in zip(starts, [*starts[1:], len(table)], strict=True):
        part = table.iloc[first:last].drop(columns="spot")
        years = (int(part["expiry"].iloc[0]) - (date - dt.date(1970, 1, 1)).days) / 365
        expiry, part = _expiry(part, chain, spot, years)
        if expiry is not None and len(part):
            expiries.append(expiry)
            parts.append(part)
    if not expiries:
        return None
    _check_unit(expiries, chain, date)
    nearest = expiries[0].forward
    if np.isnan(spot):
        spot = nearest * expiries[0].discount
        chain.notes.append("no spot price: put-call parity of the nearest expiry gives it")
        has_spot = False
    else:
        has_spot = True
        _check_level(spot, nearest, chain, date)
    quotes = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)
    # Names, because each file counts its roots anew.
    quotes["root"] = [chain.roots[code] if chain.roots else "" for code in quotes["root"]]
    with_price = quotes["middle"].notna().to_numpy()
    undiscounted = (quotes["middle"] / quotes["discount"]).to_numpy()
    iv = quotes["iv"].to_numpy().copy()
    iv[~(iv > 0.0)] = np.nan
    quotes["own_iv"] = iv
    if with_price.any():
        iv = implied_volatility(undiscounted, *(quotes[n].to_numpy() for n in ("forward", "strike", "years", "side")))
        _compare(iv, quotes["own_iv"].to_numpy(), chain)
    quotes["iv"] = iv
    without = np.isnan(iv)
    if not with_price.any():
        without |= (iv <= LOWEST_IV) | (iv >= HIGHEST_IV)
    if without.any():
        chain.left_out[NO_VOLATILITY] += int(without.sum())
        quotes = quotes[~without].reset_index(drop=True)
        if quotes.empty:
            return None
    quotes["out"] = (quotes["strike"] >= quotes["forward"]) == (quotes["side"] == CALL)
    return ChainDay(date, spot, has_spot, expiries, quotes)


def _expiry(part: pd.DataFrame, chain: Asked, spot: float, years: float) -> tuple[Expiry | None, pd.DataFrame]:
    strike, side, middle = (part[name].to_numpy() for name in ("strike", "side", "middle"))
    priced = np.isfinite(middle)
    forward, discount, own, slope = forward_of(
        strike[priced], side[priced], middle[priced], years=years, rate=chain.rate
    )
    if not forward > 0.0:
        forward = spot / discount
    if not forward > 0.0:
        chain.left_out[NO_FORWARD] += len(part)
        chain.notes.append(HOW_FORWARD)
        return None, part
    bad = priced & outside_bounds(strike, side, middle / discount, forward)
    half = (part["ask"].to_numpy() - part["bid"].to_numpy()) / 2.0
    for one in (CALL, PUT):
        at = np.flatnonzero((side == one) & priced & ~bad)
        bad[at] = violations(strike[at], one, middle[at], half[at])
    if bad.any():
        chain.left_out[ARBITRAGE] += int(bad.sum())
        part = part[~bad]
    part = part.assign(years=years, forward=forward, discount=discount)
    date = date_of(part["expiry"].iloc[0]) if len(part) else dt.date(1970, 1, 1)
    root = chain.roots[int(part["root"].iloc[0])] if len(part) and chain.roots else ""
    return Expiry(date, root, years, forward, discount, own, slope), part


def _check_unit(expiries: list[Expiry], chain: Asked, date: dt.date) -> None:
    slopes = sorted(expiry.slope for expiry in expiries if np.isfinite(expiry.slope))
    slope = slopes[len(slopes) // 2] if slopes else 1.0
    if 1.0 / ONE_UNIT < slope < ONE_UNIT:
        return
    words = f"{slope:.0f} times too large" if slope > 1.0 else f"{1.0 / slope:.0f} times too small"
    if slope <= 0.0:
        words = "of the wrong sign (calls and puts swapped?)"
    problem = (
        f"{date}: by put-call parity its prices are {words} for its strikes: is one of them in cents, thousandths or "
        "for a whole contract?"
    )
    if not chain.accept:
        raise PipelineError(f"{chain.path}: {problem} If it is right, add --accept")
    chain.notes.append(f"accepted: {problem}")


def _check_level(spot: float, forward: float, chain: Asked, date: dt.date) -> None:
    if LEVEL_FROM <= forward / spot <= LEVEL_TO:
        return
    problem = f"{date}: spot is {spot:.6g}, but put-call parity says {forward:.6g}; are both of this symbol and day?"
    if not chain.accept:
        raise PipelineError(f"{chain.path}: {problem} If it is right, add --accept")
    chain.notes.append(f"accepted: {problem}")


def _compare(iv: np.ndarray, own: np.ndarray, chain: Asked) -> None:
    both = np.isfinite(iv) & np.isfinite(own)
    if not both.any():
        return
    with np.errstate(over="ignore"):  # far from each other, whatever the ratio
        ratios = own / np.where(both, iv, 1.0)
    far = both & (np.abs(ratios - 1.0) > ODD_RATIO) & (np.abs(own - iv) > ODD_POINTS)
    if 2 * far.sum() > both.sum():
        ratio = float(np.median(ratios[both]))
        chain.notes.append(
            f"warning: the file's own volatilities are {ratio:.3g} times those of its prices: units, days or spot may "
            "be other than they say"
        )
