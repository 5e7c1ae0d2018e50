"""Writes `novelty.json` beside this script: rows and their squared distances, for the tests of Python and of Rust.

Run from the repository's root: `python tests/data/make_novelty.py`. The distances are computed here by the inverse of
the covariance, not by the whitening that both sides use.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from train.core.novelty import SHRINKAGE, fit_novelty  # noqa: E402
from train.signal_classifier.simulator.market import simulate  # noqa: E402


def main() -> None:
    """Ordinary rows, rows with columns from different signals, and the corners of the contract."""
    training = simulate(2_000, seed=11).features
    novelty = fit_novelty(training)
    random = np.random.default_rng(0)
    mixed = np.column_stack([random.permutation(column) for column in training.T])[:12]
    corners = np.array([[0.0] * 8, [-100.0, -1, 0, 0, -1e8, 0, 0, 0], [1e6, 1, 1e4, 1e7, 1e8, 1e12, 1e12, 3650]])
    rows = np.concatenate([training[:12], mixed, corners])
    bent = np.arcsinh(training / novelty.scale)
    covariance = np.cov(bent, rowvar=False, ddof=0)
    covariance = (1.0 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(np.diag(covariance))
    away = np.arcsinh(rows / novelty.scale) - bent.mean(axis=0)
    distances = np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariance), away)
    cases = {"novelty": novelty.model_dump(), "rows": rows.tolist(), "squared_distances": distances.tolist()}
    (HERE / "novelty.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
