"""Engineered features of a trade signal, as expressions that the compiler lowers bit for bit.

Each one has a name and a formula, and earns its place in the ablation table (`evaluation.comparison`).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from train.core.columns.column_expressions import (
    Expression,
    absolute,
    column,
    const,
    evaluate_all,
    maximum,
    minimum,
    sign,
    sqrt,
)
from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_NAMES

Floats = npt.NDArray[np.float64]

SCORE = "linear_score"
"""Log-odds of profit by a logistic regression on the raw columns, without its constant; learned in `fit`."""

_RAW = {name: column(index) for index, name in enumerate(SIGNAL_NAMES)}

# Decay is -vega x volatility / (2 x time) but for interest: proportional to the volatility quoted.
_VOL = absolute(_RAW["theta"]) * _RAW["days_to_expiry"] / maximum(_RAW["vega"], const(1e-9))
# The edge is a share of the price, which falls with |delta|: their product is nearer to relative volatility.
_EDGE = _RAW["edge_percent"] * absolute(_RAW["delta"])
# The delta of the call at the same strike, so that calls and puts share what is learned about a strike.
_CALL = _RAW["delta"] - minimum(sign(_RAW["delta"]), const(0.0))

FORMULAS: Mapping[str, Expression] = MappingProxyType(
    {
        "edge_by_delta": _EDGE,
        "implied_vol": _VOL,
        "call_delta": _CALL,
        "edge_in_vol": _EDGE * _VOL,  # nearer to volatility points, in which spreads are quoted
        "call_delta_held": sign(_RAW["edge_percent"]) * _CALL,  # a buyer's odds differ from a seller's
        # For estimators that measure distances, the long tails are pulled in.
        "bounded_edge": _RAW["edge_percent"] / (absolute(_RAW["edge_percent"]) + const(20.0)),
        "root_volume": sqrt(_RAW["volume"]),
        "root_open_interest": sqrt(_RAW["open_interest"]),
        "root_days": sqrt(_RAW["days_to_expiry"]),
    }
)
"""Name -> formula in raw columns; finite on every signal that the contract admits."""

_NAMED = {**_RAW, **FORMULAS}

FOR_TREES = ("edge_by_delta", "edge_in_vol", "call_delta_held", SCORE)
FOR_DISTANCES = (
    *("bounded_edge", "edge_by_delta", "implied_vol", "delta", "call_delta", "call_delta_held"),
    *("root_volume", "root_open_interest", "root_days", SCORE),
)


class TradeFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Engineered columns, behind the raw ones (in contract order) if those are kept.

    Args:
        names: of `FORMULAS` or the contract, or `SCORE`, in output order.
        raw: whether the raw columns come first.

    Attributes:
        weights_: float64 [feature]; what the score multiplies the raw columns by. Each is a float32, so that the last
            bits of a solver do not reach the model.
    """

    def __init__(self, names: Sequence[str] = FOR_TREES, raw: bool = True) -> None:
        self.names = names
        self.raw = raw

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> "TradeFeatures":
        """Learn the score's weights from finite float64 `X` [row, feature] and outcomes `y` [row], 0/1.

        Raises:
            PipelineError: wrong number of columns, unknown name, or a score is asked for without outcomes.
        """
        shape = np.shape(X)
        if len(shape) != 2 or shape[1] != len(SIGNAL_NAMES):
            raise PipelineError(f"signal features: expected rows of {len(SIGNAL_NAMES)} columns, got shape {shape}")
        known = (*_RAW, *FORMULAS, SCORE)
        unknown = [name for name in self.names if name not in known]
        if unknown:
            raise PipelineError(f"signal features: no feature {unknown[0]!r}; known: {', '.join(known)}")
        self.n_features_in_ = len(SIGNAL_NAMES)
        if SCORE in self.names:
            if y is None:
                raise PipelineError(f"signal features: {SCORE!r} needs outcomes to learn from")
            scaler = StandardScaler()
            model = LogisticRegression(max_iter=1000).fit(scaler.fit_transform(X), y)
            self.weights_ = (model.coef_[0] / scaler.scale_).astype(np.float32).astype(np.float64)
        return self

    def transform(self, X: npt.ArrayLike) -> Floats:
        """Float64 [row, raw and engineered column] from float64 [row, feature]; NaN flows through."""
        return evaluate_all(self.column_expressions(), X)

    def column_expressions(self) -> tuple[Expression, ...]:
        """One expression per output column, in terms of the raw columns."""
        engineered = (self._score() if name == SCORE else _NAMED[name] for name in self.names)
        return (*(_RAW.values() if self.raw else ()), *engineered)

    def _score(self) -> Expression:
        # From left to right: the compiler keeps this order of sums.
        first, *rest = (
            value * const(float(weight)) for value, weight in zip(_RAW.values(), self.weights_, strict=True)
        )
        total = first
        for term in rest:
            total = total + term
        return total
