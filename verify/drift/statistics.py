"""How far live values are from those of training: two distances, each with what chance alone would give.

The population stability index over training's deciles (Siddiqi, Credit Risk Scorecards, 2006; its size under no change:
Yurdakul, Statistical Properties of Population Stability Index, 2018), and Kolmogorov and Smirnov's distance with its
p-value, by SciPy. Training is known by quantiles that are values themselves, so ties count as ties on both sides.
Both need of the live values only how many lie below each quantile and at it, so that a log of any length is counted
exactly in bounded memory.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from train.core.records.distribution import ColumnDistribution, Floats

BINS = 10
SAMPLE = 20_000
"""Live values of a column that are kept for its quantiles; of more they are those of so many drawn at random."""
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


class Counted:
    """The live values of one column, a part at a time: counts that are exact, and a sample for quantiles."""

    def __init__(self, training: ColumnDistribution | None) -> None:
        """`training`: what they will be held against; None where it is not known."""
        self.training = training
        self.points = np.unique(training.quantiles if training is not None else np.empty(0))
        self.below = np.zeros(len(self.points), dtype=np.int64)
        self.up_to = np.zeros(len(self.points), dtype=np.int64)
        self.rows = self.known = 0
        self._low, self._high = np.inf, -np.inf
        self._values: Floats = np.empty(0)
        self._keys: Floats = np.empty(0)
        # The same log gives the same report.
        self._random = np.random.default_rng(0)

    def add(self, values: Floats) -> None:
        """More values, float64 [row], NaN where missing."""
        known = np.sort(values[np.isfinite(values)])
        self.rows += len(values)
        self.known += len(known)
        self.below += np.searchsorted(known, self.points, side="left")
        self.up_to += np.searchsorted(known, self.points, side="right")
        if len(known):
            self._low, self._high = min(self._low, float(known[0])), max(self._high, float(known[-1]))
        self._values = np.append(self._values, known)
        self._keys = np.append(self._keys, self._random.random(len(known)))
        if len(self._values) > SAMPLE:
            # Those with the smallest keys of all so far: every value is as likely as any other.
            kept = np.argpartition(self._keys, SAMPLE)[:SAMPLE]
            self._values, self._keys = self._values[kept], self._keys[kept]

    @property
    def missing(self) -> float:
        """The share of values that are."""
        return 1.0 - self.known / self.rows

    def quantiles(self, count: int) -> list[float]:
        """So many from the smallest to the largest value, these two exact; empty where every value is missing."""
        if not self.known:
            return []
        found = np.quantile(self._values, np.linspace(0.0, 1.0, count))
        found[0], found[-1] = self._low, self._high
        return [float(value) for value in found]

    def distance(self) -> Distance:
        """From training; at least one row, and training known."""
        training = self.training
        assert training is not None
        missing = self.missing
        points = np.array(training.quantiles)
        edges = np.unique(points[np.linspace(0, len(points) - 1, BINS + 1).astype(int)][1:-1])
        expected = _shares(points, edges) * (1.0 - training.missing)
        within = np.diff(self.up_to[np.searchsorted(self.points, edges)], prepend=0, append=self.known)
        counts = np.append(within, self.rows - self.known)
        wanted = np.append(expected, training.missing)
        used = (counts > 0) | (wanted > 0.0)
        counts, wanted = counts[used], wanted[used]
        # Half a row in every bin: an empty one is no infinite distance.
        mine = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
        theirs = (wanted * training.rows + 0.5) / (training.rows + 0.5 * len(wanted))
        psi = float(((mine - theirs) * np.log(mine / theirs)).sum())
        by_chance = (len(counts) - 1) * (1.0 / self.rows + 1.0 / training.rows)
        if not self.known:
            return Distance(psi, by_chance, float("nan"), float("nan"), missing)
        trained = training.rows * (1.0 - training.missing)
        size = max(1, round(self.known * trained / (self.known + trained)))
        ks = self._farthest(points)
        return Distance(psi, by_chance, ks, float(stats.kstwo.sf(ks, size)), missing)

    def _farthest(self, points: Floats) -> float:
        """Kolmogorov and Smirnov's distance: between two quantiles training's share stands still, and live's rises."""
        at = np.searchsorted(points, self.points, side="right") / len(points)
        before = np.append(0.0, at[:-1])
        return float(max(np.abs(self.up_to / self.known - at).max(), np.abs(self.below / self.known - before).max()))


def distance(training: ColumnDistribution, live: Floats) -> Distance:
    """Between training and live values, float64 [row], NaN where missing; at least one row."""
    counted = Counted(training)
    counted.add(live)
    return counted.distance()


def _shares(points: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, points, side="left"), minlength=len(edges) + 1)
    return np.asarray(counts / counts.sum(), dtype=np.float64)
