"""Joint novelty: the distance, what is measured in training, and what the manifest admits."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.places import ROOT
from train.core.novelty import fit_novelty, squared_distance
from train.core.records.record import Novelty
from train.signal_classifier.simulator.market import simulate

CASES = json.loads((ROOT / "tests/data" / "novelty.json").read_text())


def test_the_distance_is_mahalanobis() -> None:
    found = squared_distance(Novelty(**CASES["novelty"]), np.array(CASES["rows"]))
    np.testing.assert_allclose(found, CASES["squared_distances"], rtol=1e-9, atol=1e-9)


def test_one_in_a_thousand_ordinary_signals_is_called_novel_and_mixed_ones_far_more_often() -> None:
    novelty = fit_novelty(simulate(10_000, seed=42).features)
    fresh = simulate(20_000, seed=43).features
    random = np.random.default_rng(0)
    mixed = np.column_stack([random.permutation(column) for column in fresh.T])

    rate = np.mean(squared_distance(novelty, fresh) > novelty.threshold)

    assert 0.0002 < rate < 0.003
    assert np.mean(squared_distance(novelty, mixed) > novelty.threshold) > 50 * rate


def test_columns_that_never_vary_or_say_the_same_do_no_harm() -> None:
    column = np.random.default_rng(0).normal(size=(500, 1))
    rows = np.hstack([column, 2.0 * column, np.zeros((500, 1)), np.full((500, 1), 7.0)])
    novelty = fit_novelty(rows)
    distances = squared_distance(novelty, rows)
    assert np.isfinite(distances).all()
    assert np.mean(distances > novelty.threshold) <= 0.002
    assert squared_distance(novelty, np.array([[1.0, -2.0, 0.0, 7.0]]))[0] > novelty.threshold


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"scale": []}, "scale"),
        ({"scale": [0.0] * 8}, "scale"),
        ({"centre": [0.0] * 7}, "centre"),
        ({"whitening": [[1.0]] * 8}, "whitening"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_block_is_refused_by_name(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Novelty(**{**CASES["novelty"], **change})
