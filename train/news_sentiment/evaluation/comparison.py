"""Accuracy beside the rivals, with intervals by bootstrap over headlines."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from train.core.records.record import QualityRow
from train.news_sentiment.contract import CLASSES

Labels = npt.NDArray[np.int64]
DRAWS = 2_000


def brier(chances: npt.NDArray[np.float64], truth: Labels) -> npt.NDArray[np.float64]:
    """Brier's score of each row, 0 to 2: squared distance of probabilities [row, class] from the truth (-1, 0, 1)."""
    squares: npt.NDArray[np.float64] = (chances - (truth[:, None] == np.array(CLASSES))) ** 2
    return np.asarray(squares.sum(axis=1))


def interval(right: npt.NDArray[np.bool_], *, seed: int) -> tuple[float, float]:
    """The 95 % interval of the share that is right: percentiles of `DRAWS` resamples of the rows."""
    random = np.random.default_rng(seed)
    drawn = random.binomial(len(right), right.mean(), DRAWS) / len(right)  # resampling of 0 and 1 is a binomial draw
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def accuracy_rows(
    what: str, truth: Labels, found: Labels, rivals: Mapping[str, Labels], *, seed: int
) -> list[QualityRow]:
    """One row for each rival: the share of labels that are right."""
    right = found == truth
    low, high = interval(right, seed=seed)
    return [
        QualityRow(
            metric=f"accuracy, {what}",
            value=float(right.mean()),
            low=low,
            high=high,
            baseline=name,
            baseline_value=float((answer == truth).mean()),
            higher_is_better=True,
        )
        for name, answer in rivals.items()
    ]
