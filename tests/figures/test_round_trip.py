"""From CSV to JSON: the Rust binary, the Keras original and onnxruntime in Python give the same four keys."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.places import ROOT, SHARED
from tests.support.volatility_house import loud_version, trained_version
from train.volatility_predictor.store.short_forecast import ShortForecast
from verify.figures.volatility_predictor.round_trip import (
    SIX_DIGITS,
    House,
    daily_snapshots,
    file_trip,
    round_trip,
    sixth_digits,
)
from verify.runtimes.open import BINARY

pytestmark = pytest.mark.slow

SPX, VIX = SHARED / "spx_surface_1996_2015.csv.gz", SHARED / "vix_1990_2019.csv"
NAMES = ("dated.csv", "dated.csv.gz", "old.csv", "random.csv", "us_index.csv", "vix_index.csv")
FIXTURES = [*(ROOT / "tests/data/surfaces" / name for name in NAMES), VIX]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, ROOT / BINARY)


def test_thirty_real_days_observed_through_rust_are_forecast_alike_by_rust_keras_and_onnx(house: House) -> None:
    version, original = trained_version()
    trips = round_trip(house, daily_snapshots(SPX, 30), version=version, original=original, horizon=1)
    assert [trip.known_days for trip in trips] == list(range(10, 31))
    assert {trip.rust.direction for trip in trips} == {"UP", "DOWN"}
    for trip in trips:
        assert set(trip.others) == {"Keras", "ONNX"}
        assert trip.difference() <= SIX_DIGITS, trip


@pytest.mark.parametrize("horizon", [1, 5, 21])
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_key_of_every_dated_fixture_agrees_from_csv_to_json(house: House, path: Path, horizon: int) -> None:
    version, original = trained_version()
    trip = file_trip(house, path, version=version, original=original, horizon=horizon)
    assert trip.difference() <= SIX_DIGITS, trip


@pytest.mark.parametrize("path", [*FIXTURES, SPX], ids=lambda path: path.name)
def test_volatilities_and_direction_agree_where_the_lstm_is_loud(house: House, path: Path) -> None:
    version, original = loud_version()
    trip = file_trip(house, path, version=version, original=original, horizon=21)
    for other in trip.others.values():
        # Of a change of a tenth of a percent, float32 settles the fourth digit: Keras itself is as far from the truth.
        assert sixth_digits(trip.rust, replace(other, change_percent=trip.rust.change_percent)) <= SIX_DIGITS, trip
        assert trip.rust.change_percent == pytest.approx(other.change_percent, abs=1e-4)


def test_a_seventh_digit_may_differ_a_sixth_and_a_direction_may_not() -> None:
    one = ShortForecast(0.2, 0.21, 5.0, "UP")
    assert sixth_digits(one, replace(one, predicted_avg_iv=0.2100004)) <= SIX_DIGITS
    assert sixth_digits(one, replace(one, predicted_avg_iv=0.210001)) > SIX_DIGITS
    assert sixth_digits(one, replace(one, change_percent=5.00001)) > SIX_DIGITS
    assert sixth_digits(one, replace(one, direction="DOWN")) > SIX_DIGITS
