"""Is the challenger no worse than the champion? Paired losses on the same rows, with the doubt that chance leaves.

The question is one of non-inferiority: the challenger passes a measure when the upper confidence bound of the mean
difference of the losses (challenger less champion) is at most `margin` times the champion's mean loss. Where moments
are independent, the bound is the quantile of a bootstrap of whole moments (Efron and Tibshirani 1993, ch. 8); where
forecasts overlap, it is that of Diebold and Mariano (1995) with Newey-West weights over horizon - 1 lags, on the mean
over the rows of each moment (Driscoll and Kraay 1998), with the factor and Student's t of Harvey, Leybourne and
Newbold (1997).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from export.versions.finding import Finding, number
from train.core.records.window import Floats, Window

RESAMPLES = 4000
_CHUNK = 1 << 24


def findings_of_skill(
    window: Window,
    losses: dict[str, Floats],
    champion: dict[str, Floats] | None,
    *,
    margin: float,
    confidence: float,
) -> list[Finding]:
    """A finding for each measure against each baseline, and against the champion if there is one.

    Args:
        window: whose rows the losses are of.
        losses: the challenger's: measure -> float64 [row], NaN where there is no outcome.
        champion: the champion's on the same rows.
        margin: see above.
        confidence: of the bound, one-sided.
    """
    found = []
    for measure, horizon in window.measures.horizons.items():
        mine = losses[measure]
        for baseline, rivals in window.baselines.items():
            if measure in rivals:
                found.append(_against_baseline(measure, mine, baseline, rivals[measure]))
        if champion is not None:
            found.append(
                _against_champion(
                    measure, window.moments, mine, champion[measure], horizon, margin=margin, confidence=confidence
                )
            )
    return found


def _against_baseline(measure: str, mine: Floats, baseline: str, rival: Floats) -> Finding:
    both = np.isfinite(mine) & np.isfinite(rival)
    check, rows = f"{measure}: better than {baseline}", int(both.sum())
    if not rows:
        return Finding(check, "-", "-", "refused", "no row of the window has an outcome; bring more data")
    ours, theirs = float(mine[both].mean()), float(rival[both].mean())
    return Finding(check, number(ours), number(theirs), "good" if ours < theirs else "refused", f"{rows:,} rows")


def _against_champion(
    measure: str,
    moments: NDArray[np.int64],
    mine: Floats,
    theirs: Floats,
    horizon: int,
    *,
    margin: float,
    confidence: float,
) -> Finding:
    both = np.isfinite(mine) & np.isfinite(theirs)
    check = f"{measure}: not worse than the champion"
    if not both.any():
        return Finding(check, "-", "-", "refused", "no row of the window has an outcome; bring more data")
    ours, champion = float(mine[both].mean()), float(theirs[both].mean())
    difference, at = (mine - theirs)[both], moments[both]
    if horizon:
        bound, test = diebold_mariano_bound(by_moment(difference, at), horizon, confidence), "Diebold-Mariano"
    else:
        bound, test = bootstrap_bound(difference, at, confidence), "paired bootstrap"
    allowed = margin * champion
    good = bound <= allowed
    note = (
        f"{test}, {int(both.sum()):,} rows of {len(np.unique(at)):,} moments: difference at most {number(bound)} "
        f"({confidence:.0%} sure), allowed {number(allowed)}"
    )
    return Finding(check, number(ours), number(champion), "good" if good else "refused", note)


def by_moment(values: Floats, moments: NDArray[np.int64]) -> Floats:
    """The mean over the rows of each moment, in order of the moments."""
    _, which = np.unique(moments, return_inverse=True)
    return np.asarray(np.bincount(which, values) / np.bincount(which))


def bootstrap_bound(difference: Floats, moments: NDArray[np.int64], confidence: float, *, seed: int = 0) -> float:
    """Upper bound of the mean of `difference` float64 [row]: the quantile over resamples of whole moments."""
    _, which = np.unique(moments, return_inverse=True)
    sums, counts = np.bincount(which, difference), np.bincount(which).astype(np.float64)
    if len(sums) < 2:
        return float("inf") if difference.any() else 0.0
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(-(-RESAMPLES // (batch := max(1, min(RESAMPLES, _CHUNK // len(sums)))))):
        drawn = rng.integers(0, len(sums), (batch, len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return float(np.quantile(np.concatenate(means), confidence))


def diebold_mariano_bound(difference: Floats, horizon: int, confidence: float) -> float:
    """Upper bound of the mean of `difference`, float64 [moment] in order; infinite for fewer than two horizons."""
    count = len(difference)
    mean = float(difference.mean())
    centred = difference - mean
    if not centred.any():
        return mean
    factor = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    if count < 2 * horizon or factor <= 0.0:
        return float("inf")
    variance = float(centred @ centred) / count
    for lag in range(1, horizon):
        variance += 2.0 * (1.0 - lag / horizon) * float(centred[lag:] @ centred[:-lag]) / count
    error = np.sqrt(max(variance, 0.0) / count / factor)
    return float(mean + stats.t.ppf(confidence, df=count - 1) * error)
