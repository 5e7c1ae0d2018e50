"""Spellings, units and left-out days; `runtime/tests/plausible_files.rs` shows the same through the binary."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data import make_spellings
from tests.support.places import ROOT
from train.core.cells import Spelling, decimal_commas, read_number
from train.core.errors import PipelineError
from train.core.tables.dates import classify
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.store.known_days import days_of_file
from train.volatility_predictor.store.observe import Reading
from train.volatility_predictor.store.short_forecast import newest_window
from train.volatility_predictor.surfaces.file_name import symbol_of
from train.volatility_predictor.surfaces.plausible.quotes import exponential
from train.volatility_predictor.surfaces.surface_days import read_days

SPELLINGS = ROOT / "tests/data/spellings"
EXPECTED = json.loads((ROOT / "tests/data/surfaces/expected.json").read_text())
OTHER_ANSWER = {"header_expiry.csv", "volume_null.csv", "volume_dash.csv", "volume_na.csv", "percent_rounded.csv"}


@pytest.mark.parametrize("name", [name for name, _ in make_spellings.spelled() if name not in OTHER_ANSWER])
def test_every_spelling_of_a_file_gives_its_answer(name: str) -> None:
    base, found = read_days(SPELLINGS / "base.csv"), read_days(SPELLINGS / name)
    assert (found.symbol, found.dates, found.dropped) == (base.symbol, base.dates, base.dropped)
    assert np.allclose(found.features, base.features, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", [name for name, _ in make_spellings.doubtful()])
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    assert "error" in EXPECTED[f"spellings/{name}"], name


@pytest.mark.parametrize("name", [name for name, _ in make_spellings.odd()])
def test_what_is_odd_is_read_and_said(name: str) -> None:
    assert EXPECTED[f"spellings/{name}"]["notes"], name


@pytest.mark.parametrize("name", [name for name, _ in make_spellings.readable()])
def test_what_tells_enough_of_itself_is_read(name: str) -> None:
    found = read_days(SPELLINGS / name)
    assert len(found.dates) >= 7
    assert not any("variance" in note for note in found.notes)


def test_a_file_newest_first_gives_the_days_oldest_first() -> None:
    assert read_days(SPELLINGS / "newest_first.csv").dates == read_days(SPELLINGS / "base.csv").dates


def test_days_that_are_too_few_because_most_were_left_out_say_why(tmp_path: Path) -> None:
    rows = [row for row in make_spellings.base() if row["Date"] == make_spellings.DAYS[0]]
    path = tmp_path / "abc.csv"
    path.write_bytes(make_spellings.table([row | {"Date": day} for day in make_spellings.DAYS for row in rows]))
    known = days_of_file(path, store=tmp_path / "none.sqlite")
    with pytest.raises(PipelineError, match="found 1; left out: 6 days: a copy of the day before, the first is 2024"):
        newest_window(known, window_days=60, minimum_days=10)


def test_what_was_refused_can_be_accepted_and_is_noted() -> None:
    with pytest.raises(PipelineError, match="add --accept"):
        read_days(SPELLINGS / "refused_price.csv")
    assert read_days(SPELLINGS / "refused_price.csv", accept=True).notes[0].startswith("accepted: date,close may be")


def test_one_symbol_of_several_is_read_by_name() -> None:
    found = read_days(SPELLINGS / "refused_two_symbols.csv", symbol="abc")
    assert np.array_equal(found.features, read_days(SPELLINGS / "base.csv").features, equal_nan=True)
    with pytest.raises(PipelineError, match="holds no row of DEF; it is of ABC, XYZ"):
        read_days(SPELLINGS / "refused_two_symbols.csv", symbol="DEF")


def test_a_forecast_for_an_older_day_names_the_days_left_out(tmp_path: Path) -> None:
    known = days_of_file(SPELLINGS / "last_day_stale.csv", store=tmp_path / "none.sqlite")
    assert known.warnings[0].startswith("the forecast rests on 2024-03-18: the days after it were left out: 2024-03-19")
    assert known.notes[0].startswith("left out: 1 day: 8 of 10 quotes")


def test_a_jump_is_a_warning_and_another_unit_a_refusal(tmp_path: Path) -> None:
    for factor, store in ((2.0, tmp_path / "a"), (9.0, tmp_path / "b")):
        last = make_spellings.on(make_spellings.LAST)
        change = make_spellings.put("ImpliedVol", lambda iv, factor=factor: f"{iv * factor:.4f}")
        path = tmp_path / "abc.csv"
        path.write_bytes(make_spellings.table(make_spellings.changed(change, only=last)))
        if factor < 5.0:
            assert "on 2024-03-19 (+10" in days_of_file(path, store=store).warnings[0]
            continue
        with pytest.raises(PipelineError, match="does its unit change"):
            days_of_file(path, store=store)
        assert days_of_file(path, store=store, accept=True).warnings


def test_what_is_replaced_is_said_or_refused(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        assert store.observe(SPELLINGS / "base.csv")[2] == []
        assert store.observe(SPELLINGS / "header_snake.csv", no_replace=True)[2] == []
        other = SPELLINGS / "refused_two_symbols.csv"
        assert store.observe(other, reading=Reading(symbol="XYZ"), no_replace=True)[2] == []
        with pytest.raises(PipelineError, match="7 days of ABC would be replaced, the first is 2024-03-11"):
            store.observe(SPELLINGS / "header_expiry.csv", no_replace=True)
        assert store.observe(SPELLINGS / "header_expiry.csv")[2][-1] == "7 days of ABC replaced"


def test_an_observed_day_is_held_against_those_in_the_store(tmp_path: Path) -> None:
    change = {
        name: make_spellings.put("ImpliedVol", lambda iv, factor=factor: f"{iv * factor:.4f}")
        for name, factor in (("odd", 1.7), ("drastic", 4.0))
    }
    last = make_spellings.on(make_spellings.LAST)
    rows = make_spellings.base()
    (tmp_path / "abc.csv").write_bytes(make_spellings.table([row for row in rows if not last(row)]))
    for name in change:
        odd = [row for row in make_spellings.changed(change[name]) if last(row)]
        (tmp_path / f"{name}.csv").write_bytes(make_spellings.table(odd))
    short = [row for row in rows if last(row) and row["TimeToExpiry"] == "0.08"][1:4]
    (tmp_path / "short.csv").write_bytes(make_spellings.table(short))
    with HistoryStore(tmp_path / "h.sqlite") as store:
        assert store.observe(tmp_path / "abc.csv")[2] == []
        with pytest.raises(PipelineError, match=r"on 2024-03-19; does its unit change\? If .* nothing is stored"):
            store.observe(tmp_path / "drastic.csv")
        assert len(store.days("ABC", 99).dates) == 6
        assert "(+7" in store.observe(tmp_path / "odd.csv")[2][0]
        assert "has 3 clean quotes, the days before it 10" in store.observe(tmp_path / "short.csv")[2][0]
        accepted = store.observe(tmp_path / "drastic.csv", reading=Reading(accept=True))[2]
        assert accepted[0].startswith("ABC: average implied volatility goes from")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("vol_surface_TSLA.csv", "TSLA"),
        ("tsla_vol_surface.csv", "TSLA"),
        ("iv_KO.csv", "KO"),
        ("KO-iv.csv", "KO"),
        ("BRK.A_iv.csv", "BRK.A"),
        ("0700.HK.csv", "0700.HK"),
        ("0700.TW.csv.gz", "0700.TW"),
        ("vix_1990_2019.csv", "VIX"),
        ("2024-03-04_vix.csv", "VIX"),
        ("20241104_TSLA.csv", "TSLA"),
        ("2024_vix.csv", "VIX"),
        ("VIX (1).csv", "VIX"),
        ("BTC-USD.csv", "BTC-USD"),
        ("export.csv", "UNKNOWN"),
    ],
)
def test_a_symbol_is_what_the_name_of_its_file_says(name: str, symbol: str) -> None:
    assert symbol_of(Path(name)) == symbol


def test_a_gzip_bomb_is_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(make_spellings.table(make_spellings.base()))
        for _ in range(70):
            stream.write(b"2024-03-19,ABC,100,0.25,0.3,1.0,Call,1\n" * (1 << 15))
    with pytest.raises(PipelineError, match="unpacks to more than 200 times its size"):
        read_days(path)


@given(st.floats(-3, 3))
def test_the_exponential_is_that_of_the_library(x: float) -> None:
    assert exponential(x) == pytest.approx(np.exp(x), rel=1e-13)


@given(st.text(max_size=30), st.booleans())
def test_any_cell_is_a_number_or_missing_or_neither(text: str, comma: bool) -> None:
    found = read_number(text.strip(), comma=comma)
    assert found is None or isinstance(found[0], float)
    spelling = Spelling()
    spelling.see(text)
    assert len(decimal_commas([spelling])) == 1


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = classify(text)
    assert found is None or len(found[1]) == 3
