"""One day's quotes -> the seven daily features (`train.core.contract.DAILY_FEATURES`). The one definition in Python.

`runtime/src/surface/features.rs` repeats it operation by operation: only + - * / and square root, which IEEE 754 rounds
correctly, on sorted values and in the order written here. That is why there is no log, no power and no library mean.

1. *Clean quotes.* IV strictly between the bounds at which solvers give up (0.01 and 5.0), at least one day to expiry,
   moneyness (strike / spot) 0.875 to 1.125, and not deep in the money: a call from 0.98 up, a put up to 1.02. In the
   money, early exercise and wide spreads make IV unreliable, so volatility indices use out-of-the-money quotes, too
   (Cboe, "Volatility Index Methodology", 2023).
2. *Nodes.* In each expiry, the node m of 0.90, 0.95, 1.00, 1.05, 1.10 is the median IV of the quotes within 0.025 of m.
   A node without quotes is interpolated linearly between its neighbours, beyond the last one it equals it. An expiry
   needs three strikes and a quote within 0.075 of the money.
3. *Tenors.* Each node is interpolated linearly in total variance IV^2 T to 30, 60, 91, 182 and 365 days (constant
   maturity as in Cboe's VIX; linear in T is free of calendar arbitrage when the quotes are: Gatheral, "The Volatility
   Surface", 2006), and kept constant beyond the first and the last expiry. A single expiry therefore stands for all.
4. *Features.* avg_iv: mean of the 25 values. atm_iv: node 1.00 at 30 days. skew: node 0.95 less node 1.05, curvature:
   their mean less node 1.00, each from the expiries that quote those nodes, linear in T at 30 days. term_slope: node
   1.00 at 91 less 30 days, when expiries reach from 45 days or less to 73 days or more. volume: sum over all quotes,
   also those not clean. quotes: clean quotes in the expiries used.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from train.volatility_predictor.contract import GRID_MONEYNESS, GRID_TENOR_DAYS

IV_BOUNDS = (0.01, 5.0)
SHORTEST = 0.0027
"""Years: a little less than one day. What expires today has no meaningful IV."""
EDGES = (0.875, 0.925, 0.975, 1.025, 1.075, 1.125)
NODES = GRID_MONEYNESS
CALL_FROM, PUT_TO = 0.98, 1.02
TENORS = tuple(days / 365.0 for days in GRID_TENOR_DAYS)
SLOPE_FROM, SLOPE_TO = 0.125, 0.2
"""Years: term_slope needs an expiry up to the first and one from the second."""
MIN_STRIKES = 3

NO_TENOR, NO_VOLUME = -1.0, -1.0
UNKNOWN, CALL, PUT = 0, 1, 2


class Quote(NamedTuple):
    """One row of a surface file; the field order is the sort order. `tenor` in years, `volume` in contracts."""

    tenor: float  # NO_TENOR where the file has none
    strike: float
    kind: int  # UNKNOWN, CALL or PUT
    iv: float
    volume: float  # NO_VOLUME where it is empty
    moneyness: float


Grid = tuple[tuple[float, ...], ...]
"""Values by tenor and node, on `TENORS` x `NODES`."""


class Expiry(NamedTuple):
    """The nodes of one expiry; `seen`: which of them have quotes of their own."""

    tenor: float
    nodes: tuple[float, ...]
    seen: tuple[bool, ...]
    quotes: int


def daily_features(quotes: Sequence[Quote]) -> tuple[float, ...] | None:
    """The seven features in contract order (float64, NaN = the quotes do not tell); None when no expiry is usable.

    Args:
        quotes: one day of one symbol, sorted, no row twice.
    """
    day = describe_day(quotes)
    return day[0] if day else None


def describe_day(quotes: Sequence[Quote]) -> tuple[tuple[float, ...], Grid] | None:
    """The seven features, and the grid that they stand on where quotes reach: NaN where rules 2 and 3 extrapolate.

    The grid is for training and evaluation; Rust has no use for it. A tenor is reached when it lies between two usable
    expiries (or within a day of one), a node when both of them quote it.

    Args:
        quotes: one day of one symbol, sorted, no row twice.

    Returns:
        None when no expiry is usable.
    """
    expiries = _expiries(quotes)
    if not expiries:
        return None
    grid = [[_at_tenor(expiries, node, tenor) for node in range(len(NODES))] for tenor in TENORS]
    total = 0.0
    for row in grid:
        for iv in row:
            total += iv
    atm, month = grid[0][2], TENORS[0]
    wings = [e for e in expiries if e.seen[1] and e.seen[3]]
    skews = [(e.tenor, e.nodes[1] - e.nodes[3]) for e in wings]
    bends = [(e.tenor, (e.nodes[1] + e.nodes[3]) / 2.0 - e.nodes[2]) for e in wings if e.seen[2]]
    sloped = expiries[0].tenor <= SLOPE_FROM and expiries[-1].tenor >= SLOPE_TO
    features = (
        total / (len(TENORS) * len(NODES)),
        atm,
        _linear(skews, month),
        _linear(bends, month),
        grid[2][2] - atm if sloped else math.nan,
        _volume(quotes),
        float(sum(e.quotes for e in expiries)),
    )
    reached = tuple(
        tuple(iv if _is_reached(expiries, node, tenor) else math.nan for node, iv in enumerate(row))
        for tenor, row in zip(TENORS, grid, strict=True)
    )
    return features, reached


def is_clean(quote: Quote) -> bool:
    """Whether rule 1 keeps the quote."""
    m = quote.moneyness
    return (
        IV_BOUNDS[0] < quote.iv < IV_BOUNDS[1]
        and (quote.tenor == NO_TENOR or quote.tenor >= SHORTEST)
        and EDGES[0] <= m < EDGES[-1]
        and (quote.kind != CALL or m >= CALL_FROM)
        and (quote.kind != PUT or m <= PUT_TO)
    )


def _expiries(quotes: Sequence[Quote]) -> list[Expiry]:
    """The usable expiries, shortest first."""
    groups: dict[float, list[Quote]] = {}
    for quote in quotes:
        if is_clean(quote):
            groups.setdefault(quote.tenor, []).append(quote)
    found = [_expiry(tenor, group) for tenor, group in groups.items()]
    return [expiry for expiry in found if expiry is not None]


def _expiry(tenor: float, quotes: list[Quote]) -> Expiry | None:
    if len({quote.strike for quote in quotes}) < MIN_STRIKES:
        return None
    buckets: list[list[float]] = [[] for _ in NODES]
    for quote in quotes:
        bucket = 0
        while quote.moneyness >= EDGES[bucket + 1]:
            bucket += 1
        buckets[bucket].append(quote.iv)
    seen = tuple(bool(bucket) for bucket in buckets)
    if not (seen[1] or seen[2] or seen[3]):
        return None
    known = [(NODES[i], _median(bucket)) for i, bucket in enumerate(buckets) if bucket]
    return Expiry(tenor, tuple(_linear(known, node) for node in NODES), seen, len(quotes))


def _median(values: list[float]) -> float:
    values.sort()
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2.0


def _linear(points: Sequence[tuple[float, float]], x: float) -> float:
    """Piecewise linear through `points` (x ascending), constant beyond the ends; NaN without points."""
    if not points:
        return math.nan
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            # At x1 itself y1, not y1 with a rounding error.
            return y1 if x == x1 else y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
    return points[-1][1]


def _at_tenor(expiries: Sequence[Expiry], node: int, tenor: float) -> float:
    """IV of `node` at `tenor`, linear in total variance, constant beyond the ends."""
    if tenor <= expiries[0].tenor:
        return expiries[0].nodes[node]
    if tenor >= expiries[-1].tenor:
        return expiries[-1].nodes[node]
    variances = [(e.tenor, e.nodes[node] * e.nodes[node] * e.tenor) for e in expiries]
    return math.sqrt(_linear(variances, tenor) / tenor)


def _is_reached(expiries: Sequence[Expiry], node: int, tenor: float) -> bool:
    """Whether quotes of this node stand on both sides of the tenor, or within a day of it."""
    near = [e for e in expiries if abs(e.tenor - tenor) < SHORTEST]
    below = [e for e in expiries if e.tenor <= tenor]
    above = [e for e in expiries if e.tenor >= tenor]
    around = near[:1] or (below[-1:] + above[:1] if below and above else [])
    return bool(around) and all(e.seen[node] for e in around)


def _volume(quotes: Sequence[Quote]) -> float:
    known = [quote.volume for quote in quotes if quote.volume != NO_VOLUME]
    total = 0.0
    for volume in known:
        total += volume
    return total if known else math.nan
