"""How far live values are from those of training: two distances, each with what chance alone would give.

The population stability index over training's deciles (Siddiqi, Credit Risk Scorecards, 2006; its size under no change:
Yurdakul, Statistical Properties of Population Stability Index, 2018), and Kolmogorov and Smirnov's distance with its
p-value, by SciPy. Training is known by quantiles that are values themselves, so ties count as ties on both sides.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from train.core.records.distribution import ColumnDistribution, Floats

BINS = 10
SURE = 0.01
"""A distance of Kolmogorov and Smirnov that chance gives more often than that says nothing."""


@dataclass(frozen=True)
class Distance:
    """Of one column. `psi_by_chance`: its mean where nothing has changed; `ks_p`: how often chance gives so much.

    `missing` is the share of live values that are; KS looks at the others alone, and is NaN where there is none.
    """

    psi: float
    psi_by_chance: float
    ks: float
    ks_p: float
    missing: float


def distance(training: ColumnDistribution, live: Floats) -> Distance:
    """Between training and live values, float64 [row], NaN where missing; at least one row."""
    known = live[np.isfinite(live)]
    missing = 1.0 - len(known) / len(live)
    points = np.array(training.quantiles)
    edges = np.unique(points[np.linspace(0, len(points) - 1, BINS + 1).astype(int)][1:-1])
    expected = _shares(points, edges) * (1.0 - training.missing)
    counts = np.append(
        np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1), len(live) - len(known)
    )
    wanted = np.append(expected, training.missing)
    used = (counts > 0) | (wanted > 0.0)
    counts, wanted = counts[used], wanted[used]
    # Half a row in every bin: an empty one is no infinite distance.
    mine = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    theirs = (wanted * training.rows + 0.5) / (training.rows + 0.5 * len(wanted))
    psi = float(((mine - theirs) * np.log(mine / theirs)).sum())
    by_chance = (len(counts) - 1) * (1.0 / len(live) + 1.0 / training.rows)
    if not len(known):
        return Distance(psi, by_chance, float("nan"), float("nan"), missing)
    ks = float(stats.ks_2samp(known, points, method="asymp").statistic)
    trained = training.rows * (1.0 - training.missing)
    size = max(1, round(len(known) * trained / (len(known) + trained)))
    return Distance(psi, by_chance, ks, float(stats.kstwo.sf(ks, size)), missing)


def _shares(points: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, points, side="left"), minlength=len(edges) + 1)
    return np.asarray(counts / counts.sum(), dtype=np.float64)
