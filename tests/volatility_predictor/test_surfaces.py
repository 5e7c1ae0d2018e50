"""Surface files: what is read, what is skipped with a reason, what is refused by row and column."""

import datetime as dt
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.make_surfaces import HEADER, describe
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.surfaces.daily_features import (
    CALL,
    NO_TENOR,
    NO_VOLUME,
    NODES,
    PUT,
    TENORS,
    UNKNOWN,
    Quote,
    daily_features,
)
from train.volatility_predictor.surfaces.surface_days import read_days

DATA = ROOT / "tests/data"
SHARED = ROOT / "../shared/data"
EXPECTED = json.loads((DATA / "surfaces/expected.json").read_text())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_file_reads_as_written_down_to_the_last_bit(name: str) -> None:
    assert describe(DATA / name) == EXPECTED[name]


def test_every_broken_surface_file_is_refused_with_its_name() -> None:
    broken = sorted(DATA.glob("broken/surface_*"))
    assert len(broken) > 30
    for path in broken:
        with pytest.raises(PipelineError) as refusal:
            read_days(path)
        assert path.name in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "days"),
    [("spx_surface_1996_2015.csv.gz", 5032), ("vix_1990_2019.csv", 7556)]
    + [(f"dollarbill/{symbol}_vol_surface.csv", 1) for symbol in ("tsla", "spy", "gld")],
)
def test_the_shared_files_are_read_and_every_feature_is_within_the_contract(name: str, days: int) -> None:
    features = read_days(SHARED / name).features
    assert features.shape == (days, len(DAILY_FEATURES))
    assert np.isfinite(features[:, 0]).all()
    for index, column in enumerate(DAILY_FEATURES):
        known = features[~np.isnan(features[:, index]), index]
        assert ((column.minimum <= known) & (known <= column.maximum)).all(), column.name


def full_grid(iv: float = 0.3) -> list[Quote]:
    return [Quote(t, 100 * m, CALL if m >= 1 else PUT, iv, 10.0, m) for t in TENORS for m in NODES]


def test_a_flat_surface_is_its_level_with_no_skew_curvature_or_slope() -> None:
    average, atm, skew, curvature, slope, volume, quotes = daily_features(full_grid()) or ()
    assert average == pytest.approx(0.3, abs=1e-15)
    assert atm == pytest.approx(0.3, abs=1e-15)
    assert (skew, curvature) == (0.0, 0.0)
    assert slope == pytest.approx(0.0, abs=1e-15)
    assert (volume, quotes) == (250.0, 25.0)


def test_features_of_a_sloped_smile_are_what_the_formulas_say() -> None:
    quotes = [q._replace(iv=0.4 - 0.5 * (q.moneyness - 1) + 2 * (q.moneyness - 1) ** 2) for q in full_grid()]
    _, atm, skew, curvature, *_ = daily_features(quotes) or ()
    assert atm == pytest.approx(0.4)
    assert skew == pytest.approx(0.05)
    assert curvature == pytest.approx(0.005)


def test_one_expiry_stands_for_all_and_tells_no_slope() -> None:
    features = daily_features([q for q in full_grid(0.5) if q.tenor == TENORS[1]]) or ()
    assert features[0] == pytest.approx(0.5)
    assert math.isnan(features[4])


def test_unknown_expiry_and_volume_are_missing_and_not_zero() -> None:
    quotes = [Quote(NO_TENOR, 100 * m, UNKNOWN, 0.5, NO_VOLUME, m) for m in NODES]
    features = daily_features(quotes) or ()
    assert features[0] == 0.5
    assert math.isnan(features[4])
    assert math.isnan(features[5])


@pytest.mark.parametrize(
    "junk",
    [
        Quote(0.1, 100.5, CALL, 0.01, 5.0, 1.005),
        Quote(0.1, 100.5, CALL, 5.0, 5.0, 1.005),
        Quote(0.0001, 100.5, CALL, 2.0, 5.0, 1.005),
        Quote(0.1, 90.5, CALL, 2.0, 5.0, 0.905),
        Quote(0.1, 109.5, PUT, 2.0, 5.0, 1.095),
        Quote(0.1, 50.0, PUT, 2.0, 5.0, 0.5),
    ],
    ids=["lower bound", "upper bound", "expires today", "deep call", "deep put", "far out"],
)
def test_junk_changes_the_volume_and_nothing_else(junk: Quote) -> None:
    clean = daily_features(full_grid()) or ()
    dirty = daily_features(sorted([*full_grid(), junk])) or ()
    assert (*dirty[:5], *dirty[6:]) == (*clean[:5], *clean[6:])
    assert dirty[5] == clean[5] + 5.0


def test_one_wild_quote_among_many_hardly_moves_the_average() -> None:
    quotes = [Quote(0.1, k, UNKNOWN, 0.3, 1.0, k / 100) for k in (float(k) for k in range(88, 113))]
    wild = sorted([*quotes, Quote(0.1, 100.0, UNKNOWN, 4.0, 1.0, 1.0)])
    assert daily_features(wild) == pytest.approx(daily_features(quotes), abs=1.0001, nan_ok=True)
    assert (daily_features(wild) or ())[0] == pytest.approx(0.3)


quotes_of_a_day = st.lists(
    st.builds(
        lambda tenor, strike, kind, iv, volume: Quote(tenor, strike, kind, iv, volume, strike / 100),
        st.sampled_from([0.002, 0.01, 0.08, 0.25, 1.0, 2.0]),
        st.floats(85, 115),
        st.sampled_from([UNKNOWN, CALL, PUT]),
        st.floats(0.005, 6.0),
        st.sampled_from([NO_VOLUME, 0.0, 3.0]),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(quotes_of_a_day)
def test_features_of_any_quotes_lie_within_the_contract(quotes: list[Quote]) -> None:
    features = daily_features(sorted(quotes))
    if features is not None:
        assert not math.isnan(features[0])
        for value, column in zip(features, DAILY_FEATURES, strict=True):
            assert math.isnan(value) or column.minimum <= value <= column.maximum, column.name


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_within_a_day_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, draw: random.Random
) -> None:
    rows = [
        line for line in (DATA / "surfaces/dated.csv").read_text().splitlines()[1:] if line.startswith("2024-03-07")
    ]
    expected = write_and_read(tmp_path_factory.mktemp("order") / "x.csv", rows)
    draw.shuffle(rows)
    assert np.array_equal(write_and_read(tmp_path_factory.mktemp("order") / "x.csv", rows), expected, equal_nan=True)


def write_and_read(path: Path, rows: list[str]) -> np.ndarray:
    path.write_text("\n".join([HEADER, *rows]))
    return read_days(path).features


def test_a_snapshot_takes_the_date_it_is_given_and_a_dated_file_takes_none() -> None:
    day = dt.date(2024, 3, 4)
    assert read_days(DATA / "surfaces/snapshot.csv", date=day).dates == (day,)
    with pytest.raises(PipelineError, match="dates of its own"):
        read_days(DATA / "surfaces/dated.csv", date=day)


def test_plain_and_gzip_read_alike() -> None:
    plain, packed = (read_days(DATA / f"surfaces/dated.csv{end}") for end in ("", ".gz"))
    assert np.array_equal(plain.features, packed.features, equal_nan=True)


def test_a_missing_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"cannot read .*no_such\.csv"):
        read_days(tmp_path / "no_such.csv")
