"""The compiled predictor is no farther from a float64 evaluation of the same weights than Keras itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact.manifest import GRAPH_FILE, read_manifest
from tests.support.tiny_volatility import loud_keras, simulated_windows
from tests.support.volatility_house import loud_version, trained_version
from train.volatility_predictor.original import predict_original
from verify.figures.volatility_predictor.float64_network import Weights, forecast64, weights_of
from verify.figures.volatility_predictor.numbers import FARTHER, Distance, distances, graph_answer, probes

pytestmark = pytest.mark.slow

NAMES = ("predicted", "lower", "upper")


@pytest.fixture(scope="module")
def weights() -> Weights:
    return weights_of(loud_keras())


def measured(version: Path, original: Any) -> dict[str, Distance]:
    weights = weights_of(original)
    rows = distances(
        probes(read_manifest(version), simulated_windows(6)),
        reference=lambda windows: forecast64(windows, weights),
        keras=lambda windows: predict_original(original, windows),
        graph=graph_answer((version / GRAPH_FILE).read_bytes(), NAMES),
    )
    return {row.probe: row for row in rows}


@pytest.fixture(scope="module")
def found() -> dict[str, Distance]:
    return measured(*trained_version())


PROBES = (
    "golden inputs",
    "constant and extreme IV",
    "tiny and huge IV",
    "spikes",
    "missing days",
    "missing features",
    "short histories",
    "long sequences, batch of 1",
    "long sequences, batch of 2",
    "long sequences, batch of 1000",
)


@pytest.mark.parametrize("probe", PROBES)
def test_the_graph_is_no_farther_from_float64_than_keras_on(probe: str, found: dict[str, Distance]) -> None:
    assert set(found) == set(PROBES)
    assert found[probe].ratio <= FARTHER, found[probe]
    # The yardstick is the same function: what is left is float32's rounding.
    assert found[probe].keras < 1e-6


def test_where_the_lstm_is_loud_the_graph_is_no_farther_over_all_probes_together() -> None:
    rows = measured(*loud_version()).values()
    keras, graph = sum(row.keras for row in rows), sum(row.graph for row in rows)
    assert keras > 1e-7
    assert graph <= FARTHER * keras


def test_a_wrong_weight_is_farther_than_rounding(weights: Weights) -> None:
    history = simulated_windows(4)
    exact = forecast64(history, weights)["predicted"]
    for name in ("linear", "low", "kernel", "recurrent", "bias"):
        changed = getattr(weights, name).copy()
        changed[(-1,) * changed.ndim] += 1e-2
        wrong = forecast64(history, replace(weights, **{name: changed}))["predicted"]
        assert np.abs(wrong / exact - 1.0).max() > 1e-6, name


def test_an_answer_that_is_missing_on_one_side_is_infinitely_far(weights: Weights) -> None:
    def silent(windows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.full((len(windows), 3), np.nan) for name in NAMES}

    reference = lambda windows: forecast64(windows, weights)  # noqa: E731
    row = distances({"any": simulated_windows(2)}, reference=reference, keras=reference, graph=silent)[0]
    assert row.ratio > FARTHER
