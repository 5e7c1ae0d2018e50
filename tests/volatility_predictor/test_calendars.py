"""Days on which an exchange has no session: left out wherever days are read, as in `runtime/tests/chains.rs`."""

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.data.make_calendars import HERE, files
from train.core.chains.chain import read_chain
from train.core.cli import EXIT_GOOD
from train.core.tables.calendar import calendar_of
from train.volatility_predictor.network import pool
from train.volatility_predictor.store.__main__ import main as observe
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.store.kept_days import days_of_file
from train.volatility_predictor.surfaces.surface_days import read_days

CASES = json.loads((HERE / "cases.json").read_text())


def test_the_files_are_those_that_the_script_writes() -> None:
    for path, text in files().items():
        assert path.read_text() == text, path


@pytest.mark.parametrize("name", CASES["days"])
@pytest.mark.parametrize("file", ["surface.csv", "chain.csv"])
def test_surfaces_and_chains_keep_the_days_of_the_calendar(name: str, file: str) -> None:
    history = read_days(HERE / file, calendar=calendar_of(name))
    assert [str(day) for day in history.dates] == CASES["days"][name]
    if name == "XNYS":
        assert any("no session of XNYS" in line or " holiday" in line for line in history.notes), history.notes


@pytest.mark.parametrize("name", CASES["days"])
def test_quotes_fetched_on_a_closed_day_are_of_the_last_trading_day_before_it(name: str) -> None:
    day = next(read_chain(HERE / "fetched.csv", calendar=calendar_of(name)).days()).date
    assert str(day) == CASES["fetched"][name]


@pytest.mark.parametrize("name", CASES["days"])
def test_training_sees_the_days_of_the_calendar_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LEAST_DAYS", 3)
    said: list[str] = []
    found = pool.read_pool([pool.SeriesFile(HERE / "surface.csv")], said.append, calendar=calendar_of(name))
    assert [str(day) for day in found.dates[0]] == CASES["days"][name]
    assert found.dates[0][-1] == dt.date(2024, 4, 3)
    assert bool(said) == (name != "24/7")


@pytest.mark.parametrize("name", CASES["days"])
@pytest.mark.parametrize("configured", [True, False])
def test_the_store_and_outcomes_go_by_the_calendar(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, configured: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    config = {"runtime": {"calendar": name if configured else "weekdays"}}
    (tmp_path / "config/ml_config.json").write_text(json.dumps(config))
    asked = [] if configured else ["--calendar", name]
    assert observe([str(HERE / "surface.csv"), "--store", "days.sqlite", *asked]) == EXIT_GOOD
    with HistoryStore(tmp_path / "days.sqlite") as store:
        symbol = store.symbols()[0]
        assert [str(day) for day in store.days(symbol, 99).dates] == CASES["days"][name]
    if configured:
        assert [str(day) for day in days_of_file(HERE / "surface.csv")[symbol]] == CASES["days"][name]
