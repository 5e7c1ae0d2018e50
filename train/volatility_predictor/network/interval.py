"""The interval: how far its bounds lie from the forecast, each a positive combination of the moves (`network.gaps`).

One combination a side, horizon and amount of history: the quantile of the errors that lies `TAIL` from the end, by
regression (Koenker and Bassett 1978) with coefficients that are not negative, on errors out of sample: of the folds of
the real series (`network.combination`), and of simulated symbols that no fit saw, every series weighing alike and the
simulator as one. Then conformal (Vovk et al. 2005; Romano et al. 2019): all are multiplied by what the bounds lacked on
the real errors.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.combination import Combination, Pooled, Source, errors_out_of_sample
from train.volatility_predictor.network.gaps import (
    MOVES,
    REGIME_DAYS,
    SPANS,
    changes_ahead,
    gap_table,
    move_table,
    own_moves,
)

Floats = NDArray[np.float64]

COVERAGE = 0.8
TAIL = (1.0 - COVERAGE) / 2.0
ENOUGH = 250
"""Errors on real days from which on the bounds follow them."""
_YEAR = len(SPANS) - 1


def fit_interval(
    pooled: Pooled, unseen: Sequence[Source], combination: Combination, *, rows: int, seed: int
) -> tuple[Floats, Floats]:
    """Coefficients of the lower and of the upper side, float64 [regime, move, horizon] each, not negative.

    Args:
        pooled: see `fit_combination`.
        unseen: simulated symbols that the combination was not fitted to.
        combination: what forecasts.
        rows: errors at most of each series, and of all simulated ones together.
        seed: of their choice.
    """
    low, high = (np.zeros((len(REGIME_DAYS), MOVES, len(HORIZONS))) for _ in range(2))
    for regime, known in enumerate(REGIME_DAYS):
        moves = [move_table(one.log_iv, known) for one in pooled.real]
        strange = [move_table(one.log_iv, known) for one in unseen]
        for column in range(len(HORIZONS)):
            own = own_moves(column, regime)
            real: list[list[tuple[Floats, Floats]]] = [[] for _ in pooled.real]
            for series, first, left in errors_out_of_sample(pooled, combination.weights, regime, column):
                real[series].append((moves[series][first : first + len(left)][:, own], left))
            groups = [_joined(parts) for parts in real if parts]
            simulated = _joined(
                [
                    _simulated(one, table[:, own], combination, regime, column)
                    for one, table in zip(unseen, strange, strict=True)
                ]
            )
            rng = np.random.default_rng(seed)
            chosen = [_some(group, rows, rng) for group in (*groups, simulated)]
            judges = groups if sum(len(left) for _, left in groups) >= ENOUGH else [simulated]
            for side, sign in ((low, -1.0), (high, 1.0)):
                found = _regress(chosen, sign)
                lack = [sign * left / (table @ found) for table, left in judges]
                side[regime, own, column] = found * conformal_factor(np.concatenate(lack))
    return low, high


def conformal_factor(scores: Floats) -> float:
    """What bounds must be multiplied by to hold new errors with probability 1 - `TAIL`: a score is error over bound."""
    count = len(scores)
    rank = min(int(np.ceil((count + 1) * (1.0 - TAIL))), count) - 1
    return max(float(np.sort(scores)[rank]), 1e-3)


def quantile_regression(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Coefficients, not negative, of the quantile 1 - `TAIL` of `y`: a linear programme, solved exactly.

    Args:
        x: float64 [row, column], positive.
        y: float64 [row].
        weight: float64 [row].
    """
    count, columns = x.shape
    costs = np.concatenate([np.zeros(columns), weight * (1.0 - TAIL), weight * TAIL])
    whole = sparse.hstack([sparse.csr_matrix(x), sparse.eye(count), -sparse.eye(count)]).tocsr()
    found = linprog(costs, A_eq=whole, b_eq=y, bounds=(0.0, None), method="highs")
    return np.asarray(found.x[:columns])


def _regress(groups: Sequence[tuple[Floats, Floats]], sign: float) -> Floats:
    """In units of a year's moves, so that wild and calm series weigh alike."""
    x = np.concatenate([table / table[:, _YEAR : _YEAR + 1] for table, _ in groups])
    y = np.concatenate([sign * left / table[:, _YEAR] for table, left in groups])
    weight = np.concatenate([np.full(len(left), 1000.0 / len(left)) for _, left in groups])
    # The last share is never none: a bound is beyond the forecast whatever the days were like.
    return quantile_regression(x, y, weight) + 1e-3


def _simulated(one: Source, table: Floats, combination: Combination, regime: int, column: int) -> tuple[Floats, Floats]:
    days = slice(REGIME_DAYS[-1], one.stop - HORIZONS[column])
    said = gap_table(one.log_iv, REGIME_DAYS[regime])[days] @ combination.linear[regime, :, column]
    return table[days], changes_ahead(one.log_iv)[days, column] - said


def _joined(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([table for table, _ in parts]), np.concatenate([left for _, left in parts])


def _some(group: tuple[Floats, Floats], rows: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    table, left = group
    chosen = rng.permutation(len(left))[:rows]
    return table[chosen], left[chosen]
