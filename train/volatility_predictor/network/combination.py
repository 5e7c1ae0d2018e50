"""The linear path: a combination of simple forecasts, each linear in the gaps (`network.gaps`), fitted to many series.

Members, each a regression without intercept of the log change on some gaps, one a horizon and amount of history:

- base: yesterday's change and the means of a week, two weeks, a month, a quarter and a year;
- HAR (Corsi 2009) and AR(1) towards the means that the answer's own HAR and AR look at; EWMA of the best decay;
- none: no change.

They are fitted to the pool: every real series counts as one, all simulated symbols together as `SIMULATOR`, and days by
the inverse of the series' mean squared daily change. The simulator is the prior that holds them steady.

Their weights, none negative, add up to one, and are fitted out of sample: from one `FOLD` to the next (rolling origin)
everything is fitted to the days before, and forecasts the days within. What is minimised is a soft maximum over the
folds of each series' error relative to persistence, so that no single crisis sets the weights and no quiet fold is
given up, plus the distance from `PRIOR`. All of it then folds into one set of coefficients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.network.gaps import GAPS, MEANS, REGIME_DAYS, changes_ahead, gap_table

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]

SIMULATOR = 5.0
"""So many real series the simulated symbols count as."""
RIDGE = 1e-3
"""Of the mean square of each gap."""
BASE, HAR, EWMA, AR, NONE = MEMBERS = ("base", "HAR", "EWMA", "AR", "none")
_FIRST_DECAY = 1 + len(MEANS)
_COLUMNS = {BASE: [*range(_FIRST_DECAY)], HAR: [1 + MEANS.index(span) for span in (5, 22, 252)], AR: [len(MEANS)]}
PRIOR = np.array([[0.7, 0.15, 0.15, 0.0, 0.0], [0.4, 0.2, 0.3, 0.1, 0.0], [0.3, 0.3, 0.25, 0.15, 0.0]])
"""[horizon, member]: what the weights are drawn to; found good over all folds of the pool together."""
SHRINK, SOFTNESS = 0.5, 10.0
FOLD, START = np.timedelta64(2 * 365, "D"), np.timedelta64(3 * 365, "D")
LEAST_FOLD = 200
"""Days of a series within a fold."""
FIRST_DAY = 22


@dataclass(frozen=True)
class Source:
    """One series: logs of avg_iv, float64 [day]; `dates` None for simulated ones; fits see the days before `stop`."""

    log_iv: Floats
    stop: int
    dates: Dates | None = None


@dataclass(frozen=True)
class Fold:
    """Days `first` .. `stop` of real series number `series`, forecast by what was fitted before `origin`."""

    series: int
    origin: np.datetime64
    first: int
    stop: int


@dataclass(frozen=True)
class Combination:
    """`linear` float64 [regime, gap, horizon]; `weights` [regime, horizon, member]."""

    linear: Floats
    weights: Floats


class Pooled:
    """Moments of the gaps and of what came, of the simulated symbols once and of the real series up to any day."""

    def __init__(self, simulated: Sequence[Source], real: Sequence[Source]) -> None:
        self.real = real
        self.tables = [[gap_table(one.log_iv, known) for known in REGIME_DAYS] for one in real]
        self.changes = [changes_ahead(one.log_iv) for one in real]
        self._prior = [[_sum_up(simulated, known, column) for column in range(len(HORIZONS))] for known in REGIME_DAYS]

    def at(self, origin: np.datetime64 | None, regime: int, column: int) -> Floats:
        """[gap + 1, gap + 1], the last being the change; of days known at `origin`, None: at the stop."""
        total = SIMULATOR * self._prior[regime][column]
        for one, tables, changes in zip(self.real, self.tables, self.changes, strict=True):
            stop = _stop(one, origin) - HORIZONS[column]
            first = max(REGIME_DAYS[regime], FIRST_DAY)
            if stop - first >= LEAST_FOLD:
                total = total + _moments(tables[regime][first:stop], changes[first:stop, column], _usual(one, origin))
        return np.asarray(total)

    def folds(self) -> list[Fold]:
        """Every fold of every real series, in order of time."""
        dated = [(number, one, one.dates[: one.stop]) for number, one in enumerate(self.real) if one.dates is not None]
        found: list[Fold] = []
        if not dated:
            return found
        origin = min(dates[0] for _, _, dates in dated) + START
        while origin < max(dates[-1] for _, _, dates in dated):
            for number, _, dates in dated:
                first, stop = (int(np.searchsorted(dates, day)) for day in (origin, origin + FOLD))
                first = max(first, REGIME_DAYS[-1])
                if stop - first >= LEAST_FOLD:
                    found.append(Fold(number, origin, first, stop))
            origin = origin + FOLD
        return found


def fit_combination(pooled: Pooled, unseen: Sequence[Source]) -> Combination:
    """Members, weights, and the coefficients that they amount to.

    Args:
        pooled: what the members are fitted to.
        unseen: simulated symbols that they are not fitted to; they stand in where no real series has a fold.
    """
    folds = pooled.folds()
    linear = np.zeros((len(REGIME_DAYS), GAPS, len(HORIZONS)))
    weights = np.zeros((len(REGIME_DAYS), len(HORIZONS), len(MEMBERS)))
    for regime in range(len(REGIME_DAYS)):
        for column in range(len(HORIZONS)):
            last = members(pooled.at(None, regime, column))
            if folds:
                cells = [_cell(pooled, fold, regime, column) for fold in folds]
            else:
                cells = [_unseen_cell(one, last, regime, column) for one in unseen]
            weights[regime, column] = fit_weights(cells, PRIOR[column])
            linear[regime, :, column] = last @ weights[regime, column]
    return Combination(linear, weights)


def members(moments: Floats) -> Floats:
    """Coefficients of each member, float64 [gap, member]."""
    square, product = moments[:-1, :-1], moments[:-1, -1]
    result = np.zeros((GAPS, len(MEMBERS)))
    for name, columns in _COLUMNS.items():
        own = square[np.ix_(columns, columns)]
        penalty = np.diag(RIDGE * np.diag(own) + 1e-12)
        result[columns, MEMBERS.index(name)] = np.linalg.solve(own + penalty, product[columns])
    losses = np.diag(square)[_FIRST_DECAY:] - 2.0 * product[_FIRST_DECAY:]
    best = int(np.argmin(losses))
    if losses[best] < 0.0:
        result[_FIRST_DECAY + best, MEMBERS.index(EWMA)] = 1.0
    return result


def fit_weights(cells: Sequence[Floats], prior: Floats) -> Floats:
    """Weights of the members, float64 [member], from what they and each other's errors are like in each cell.

    Args:
        cells: float64 [member, member], mean products of errors over persistence's mean square.
        prior: float64 [member].
    """
    if not cells:
        return prior
    stack = np.stack(cells)

    def loss(weights: Floats) -> float:
        relative = np.einsum("i,kij,j->k", weights, stack, weights)
        most = float(relative.max())
        soft = most + float(np.log(np.mean(np.exp(SOFTNESS * (relative - most))))) / SOFTNESS
        return soft + SHRINK * float(((weights - prior) ** 2).sum())

    whole: Any = {"type": "eq", "fun": lambda weights: weights.sum() - 1.0}
    found = minimize(loss, prior, bounds=[(0.0, 1.0)] * len(prior), constraints=whole, method="SLSQP")
    weights = np.clip(found.x, 0.0, 1.0)
    return np.asarray(weights / weights.sum())


def errors_out_of_sample(pooled: Pooled, weights: Floats, regime: int, column: int) -> list[tuple[int, int, Floats]]:
    """Of each fold: the series, its first day, and errors of the log change, float64 [day]."""
    found = []
    for fold in pooled.folds():
        coefficients = members(pooled.at(fold.origin, regime, column)) @ weights[regime, column]
        days = slice(fold.first, fold.stop - HORIZONS[column])
        left = pooled.changes[fold.series][days, column] - pooled.tables[fold.series][regime][days] @ coefficients
        found.append((fold.series, fold.first, np.asarray(left)))
    return found


def _stop(one: Source, origin: np.datetime64 | None) -> int:
    if origin is None or one.dates is None:
        return one.stop
    return min(one.stop, int(np.searchsorted(one.dates, origin)))


def _usual(one: Source, origin: np.datetime64 | None) -> float:
    return max(float(np.mean(np.diff(one.log_iv[: _stop(one, origin)]) ** 2)), 1e-12)


def _moments(gaps: Floats, change: Floats, usual: float) -> Floats:
    rows = np.column_stack([gaps, change])
    return np.asarray(rows.T @ rows / (len(rows) * usual))


def _sum_up(simulated: Sequence[Source], known: int, column: int) -> Floats:
    total = np.zeros((GAPS + 1, GAPS + 1))
    for one in simulated:
        days = slice(REGIME_DAYS[-1], one.stop - HORIZONS[column])
        gaps, change = gap_table(one.log_iv, known), changes_ahead(one.log_iv)[:, column]
        total += _moments(gaps[days], change[days], _usual(one, None)) / len(simulated)
    return total


def _cell(pooled: Pooled, fold: Fold, regime: int, column: int) -> Floats:
    one, days = pooled.real[fold.series], slice(fold.first, fold.stop - HORIZONS[column])
    coefficients = members(pooled.at(fold.origin, regime, column))
    table, change = pooled.tables[fold.series][regime][days], pooled.changes[fold.series][days, column]
    return _products(one.log_iv[days], table @ coefficients, change)


def _unseen_cell(one: Source, coefficients: Floats, regime: int, column: int) -> Floats:
    days = slice(REGIME_DAYS[-1], one.stop - HORIZONS[column])
    table = gap_table(one.log_iv, REGIME_DAYS[regime])[days]
    return _products(one.log_iv[days], table @ coefficients, changes_ahead(one.log_iv)[days, column])


def _products(log_iv: Floats, said: Floats, change: Floats) -> Floats:
    """Mean products of the members' errors in volatility, over persistence's mean square."""
    iv = np.exp(log_iv)[:, None]
    errors = iv * (np.exp(said) - np.exp(change)[:, None])
    still = iv[:, 0] * np.expm1(change)
    return np.asarray(errors.T @ errors / max(float(still @ still), 1e-300))
