"""The mistakes of unit that an engine makes, as changes of signals (float64 [row, feature] in contract order)."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from train.signal_classifier.contract import SIGNAL_NAMES

Floats = npt.NDArray[np.float64]
WARNINGS = ("VegaPerPoint", "ThetaPerDay", "PutDeltaUnsigned")


def scaled(features: Floats, **factors: float) -> Floats:
    """The signals with some fields multiplied."""
    changed = features.copy()
    for name, factor in factors.items():
        changed[:, SIGNAL_NAMES.index(name)] *= factor
    return changed


def unsigned_puts(features: Floats) -> Floats:
    """The puts alone, with deltas that have lost their sign."""
    return scaled(features[features[:, SIGNAL_NAMES.index("delta")] < 0.0], delta=-1.0)


MISTAKES: dict[str, Callable[[Floats], Floats]] = {
    "vega per point": lambda rows: scaled(rows, vega=1 / 100),
    "theta per calendar day": lambda rows: scaled(rows, theta=1 / 365),
    "theta per trading day": lambda rows: scaled(rows, theta=1 / 252),
    "vega per point and theta per day": lambda rows: scaled(rows, vega=1 / 100, theta=1 / 365),
    "put delta without its sign": unsigned_puts,
}
