"""Engineered features of a trade signal, as expressions that the compiler lowers bit for bit.

Each one is named, has a formula and earns its place in the ablation table (`train.evaluation`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from train.contract import SIGNAL_NAMES
from train.errors import PipelineError
from train.expressions import Expression, absolute, column, const, evaluate_all, maximum

Floats = npt.NDArray[np.float64]

_RAW = {name: column(index) for index, name in enumerate(SIGNAL_NAMES)}
_EDGE, _DELTA, _VEGA, _THETA = (_RAW[name] for name in ("edge_percent", "delta", "vega", "theta"))
_YEARS = maximum(_RAW["days_to_expiry"], const(1.0)) / const(365.0)

CATALOGUE: dict[str, Expression] = {
    # Decay is -vega x vol / (2 years) but for interest, so this is the volatility that the option is quoted at.
    "implied_vol": const(2.0) * absolute(_THETA) * _YEARS / maximum(_VEGA, const(1e-9)),
    # The edge is a share of the price, and the price falls with |delta|: their product is nearer to dollars.
    "edge_by_delta": _EDGE * absolute(_DELTA),
}
"""Name -> formula in raw columns; all finite on every signal that the contract admits."""

DEFAULT = tuple(CATALOGUE)


class TradeFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The raw columns, in contract order, followed by the named engineered ones.

    Args:
        names: of `CATALOGUE`, in output order.
    """

    def __init__(self, names: Sequence[str] = DEFAULT) -> None:
        self.names = names

    def fit(self, X: npt.ArrayLike, y: Any = None) -> "TradeFeatures":
        """Learn nothing; check the width of float64 `X` [row, feature] and the names."""
        del y
        shape = np.shape(X)
        if len(shape) != 2 or shape[1] != len(SIGNAL_NAMES):
            raise PipelineError(f"signal features: expected rows of {len(SIGNAL_NAMES)} columns, got shape {shape}")
        self.column_expressions()
        self.n_features_in_ = len(SIGNAL_NAMES)
        return self

    def transform(self, X: npt.ArrayLike) -> Floats:
        """Float64 [row, raw and engineered column] from float64 [row, feature]; NaN flows through."""
        return evaluate_all(self.column_expressions(), X)

    def column_expressions(self) -> tuple[Expression, ...]:
        """One expression per output column, in terms of the raw columns."""
        unknown = [name for name in self.names if name not in CATALOGUE]
        if unknown:
            raise PipelineError(f"signal features: no feature {unknown[0]!r}; known: {', '.join(CATALOGUE)}")
        return (*_RAW.values(), *(CATALOGUE[name] for name in self.names))
