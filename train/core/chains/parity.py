"""Forward and discount of one expiry by put-call parity, and what violates static arbitrage (docs/option_chains.md)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.core.chains.columns import CALL

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
NEAR, MOST, LEAST = 0.1, 10, 3
HIGHEST_RATE, LOWEST_RATE = 0.15, -0.05
NO_SPOT = math.nan


class Forward(NamedTuple):
    """`own`: the discount is the chain's; `slope`: what parity makes of it, NaN where too few pairs tell."""

    forward: float
    discount: float
    own: bool
    slope: float = math.nan


def forward_of(strike: Floats, side: NDArray[np.int8], middle: Floats, *, years: float, rate: float) -> Forward:
    """C - P = D (F - K) over the pairs near the money; a forward of NaN where there is no pair.

    Args:
        strike: float64 [quote], in dollars.
        side: int8 [quote], 1 call, -1 put; no contract twice.
        middle: float64 [quote], in dollars, no NaN.
        years: time to expiry.
        rate: for the discount where the chain does not tell it.
    """
    calls = dict(zip(strike[side == CALL].tolist(), middle[side == CALL].tolist(), strict=True))
    puts = dict(zip(strike[side != CALL].tolist(), middle[side != CALL].tolist(), strict=True))
    fallback = math.exp(-rate * years)
    pairs = [(k, calls[k] - puts[k]) for k in sorted(calls.keys() & puts.keys())]
    if not pairs:
        return Forward(math.nan, fallback, False)
    at = min(pairs, key=lambda pair: (abs(pair[1]), pair[0]))[0]
    near = [pair for pair in pairs if abs(pair[0] - at) <= NEAR * at]
    near = sorted(sorted(near, key=lambda pair: (abs(pair[0] - at), pair[0]))[:MOST])
    k, y = np.array([pair[0] for pair in near]), np.array([pair[1] for pair in near])
    if len(near) >= LEAST:
        one, other = np.triu_indices(len(near), 1)
        discount = -float(np.median((y[other] - y[one]) / (k[other] - k[one])))
        if math.exp(-HIGHEST_RATE * years) <= discount <= math.exp(-LOWEST_RATE * years):
            return Forward(float(np.median(k + y / discount)), discount, True, discount)
        return Forward(float(np.median(k + y / fallback)), fallback, False, discount)
    return Forward(float(np.median(k + y / fallback)), fallback, False)


def outside_bounds(strike: Floats, side: NDArray[np.int8], price: Floats, forward: float) -> Bools:
    """Undiscounted prices that no volatility gives."""
    value = np.maximum(side * (forward - strike), 0.0)
    return (price <= value) | (price >= np.where(side == CALL, forward, strike))


def violations(strike: Floats, side: int, middle: Floats, half: Floats) -> Bools:
    """Quotes of one side that break convexity or monotonicity by more than half their spread, more than those beside.

    Too high: above the chord of the neighbours. Too low: below both lines through the next two on either side, or below
    the next quote out of the money. Of neighbours that blame each other the one that is worst off is meant.

    Args:
        strike: float64 [quote], ascending, none twice.
        side: 1 call, -1 put.
        middle: float64 [quote].
        half: half the spread, float64 [quote]; NaN where nobody knows it: never a violation.
    """
    if side != CALL:
        return violations(-strike[::-1], CALL, middle[::-1], half[::-1])[::-1]
    count = len(strike)
    if count < 2:
        return np.zeros(count, dtype=np.bool_)
    worst = np.zeros(count)
    worst[:-1] = middle[1:] - middle[:-1]
    worst[-1] = middle[-1] - middle[-2]
    if count >= 3:
        weight = (strike[1:-1] - strike[:-2]) / (strike[2:] - strike[:-2])
        chord = middle[:-2] + (middle[2:] - middle[:-2]) * weight
        worst[1:-1] = np.maximum(worst[1:-1], middle[1:-1] - chord)
    if count >= 5:
        slope = (middle[1:] - middle[:-1]) / (strike[1:] - strike[:-1])
        left = middle[1:-3] + slope[:-3] * (strike[2:-2] - strike[1:-3])
        right = middle[3:-1] - slope[3:] * (strike[3:-1] - strike[2:-2])
        worst[2:-2] = np.maximum(worst[2:-2], np.minimum(left, right) - middle[2:-2])
    padded = np.concatenate([[-np.inf] * 2, worst, [-np.inf] * 2])
    beside = np.max([padded[:-4], padded[1:-3], padded[3:-1], padded[4:]], axis=0)
    with np.errstate(invalid="ignore"):
        found: Bools = (worst > half + 1e-9 * middle) & (worst >= beside)
    return found
