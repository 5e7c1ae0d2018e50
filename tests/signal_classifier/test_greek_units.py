"""What mistakes of unit get: the shares of simulated signals that are warned of, ordinary and mistaken."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.unit_mistakes import MISTAKES, WARNINGS, Floats, scaled
from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.greek_units import contradictions
from train.signal_classifier.simulator.market import simulate

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ordinary() -> Floats:
    return simulate(4_000, seed=91).features


def test_no_ordinary_signal_is_warned_of(ordinary: Floats) -> None:
    assert contradictions(ordinary).any.mean() < 0.001


def test_the_trades_of_the_examples_are_not_warned_of_though_they_are_rounded() -> None:
    table = np.genfromtxt(ROOT / "examples/trades.csv", delimiter=",", names=True, dtype=None, encoding=None)
    rows = np.column_stack([table[name].astype(np.float64) for name in SIGNAL_NAMES])
    assert contradictions(rows).any.mean() < 0.001


@pytest.mark.parametrize(
    ("mistake", "warnings", "least"),
    [
        ("vega per point", ["VegaPerPoint"], 0.999),
        ("theta per calendar day", ["ThetaPerDay"], 0.97),
        ("theta per trading day", ["ThetaPerDay"], 0.97),
        ("vega per point and theta per day", ["VegaPerPoint", "ThetaPerDay"], 0.97),
        ("put delta without its sign", ["PutDeltaUnsigned"], 0.75),
    ],
)
def test_a_mistake_of_unit_is_named(ordinary: Floats, mistake: str, warnings: list[str], least: float) -> None:
    found = contradictions(MISTAKES[mistake](ordinary))
    named = np.logical_and.reduce([getattr(found, name) for name in warnings])
    others = [getattr(found, name).mean() for name in WARNINGS if name not in warnings]
    assert named.mean() > least
    assert max(others) < 0.005, "no other unit is blamed"


def test_a_right_signal_scaled_by_a_little_is_not_warned_of(ordinary: Floats) -> None:
    for factor in (0.9, 1.1):
        calls = ordinary[ordinary[:, 1] > 0.0]
        assert contradictions(scaled(calls, vega=factor)).any.mean() < 0.001


def test_the_shared_cases_are_up_to_date() -> None:
    cases = json.loads((ROOT / "tests/data/greek_units.json").read_text())["cases"]
    for case in cases:
        found = contradictions(np.array([case["row"]]))
        assert [name for name in WARNINGS if getattr(found, name)[0]] == case["warnings"], case["name"]
