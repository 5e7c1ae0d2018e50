"""Joint novelty: is a row unlike the training rows although each of its values lies within the range seen?

The squared Mahalanobis distance (P. C. Mahalanobis, "On the generalised distance in statistics", 1936) of the row with
its long tails pulled in:

    y = asinh(x / scale),   z = whitening (y - centre),   d2 = z . z

`scale` is the median of |x| in training (1 where that is 0), `centre` the mean of y, and `whitening` the inverse of the
lower Cholesky factor of the covariance of y, so that d2 = (y - centre)' covariance^-1 (y - centre). The covariance is
shrunk towards its diagonal by a thousandth, which keeps it invertible when two columns say the same; a column that
never varied has the variance 1. A row is novel when d2 is above `threshold`, the 99.9 % quantile of the training rows.
"""

import numpy as np
import numpy.typing as npt

from train.core.records.record import Novelty

Floats = npt.NDArray[np.float64]

QUANTILE = 0.999
SHRINKAGE = 1e-3


def fit_novelty(rows: Floats) -> Novelty:
    """What the novelty of a row is measured against, from finite float64 training rows [row, column]."""
    typical = np.median(np.abs(rows), axis=0)
    scale = np.where(typical > 0.0, typical, 1.0)
    bent = np.arcsinh(rows / scale)
    centre = bent.mean(axis=0)
    covariance = np.cov(bent, rowvar=False, ddof=0)
    variance = np.diag(covariance)
    diagonal = np.diag(np.where(variance > 0.0, variance, 1.0))
    shrunk = (1.0 - SHRINKAGE) * covariance + SHRINKAGE * diagonal + np.diag(np.where(variance > 0.0, 0.0, 1.0))
    whitening = np.linalg.inv(np.linalg.cholesky(shrunk))
    found = Novelty(
        scale=scale.tolist(),
        centre=centre.tolist(),
        whitening=[row[: index + 1].tolist() for index, row in enumerate(whitening)],
        threshold=1.0,
    )
    threshold = float(np.quantile(squared_distance(found, rows), QUANTILE))
    return found.model_copy(update={"threshold": max(threshold, np.finfo(np.float64).tiny)})


def squared_distance(novelty: Novelty, rows: Floats) -> Floats:
    """d2 of each row [row, column]: float64 [row], 0 at the centre, NaN where the row holds NaN."""
    bent = np.arcsinh(rows / np.array(novelty.scale)) - np.array(novelty.centre)
    whitening = np.zeros((len(novelty.centre), len(novelty.centre)))
    for index, row in enumerate(novelty.whitening):
        whitening[index, : index + 1] = row
    distance: Floats = ((bent @ whitening.T) ** 2).sum(axis=1)
    return distance
