"""Option chains in the place of surface files: read, observed, forecast from, trained on."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.chain_truth import World
from tests.data.make_chains import FORMATS, HERE, SPY, table
from train.core.errors import PipelineError
from train.volatility_predictor.network.pool import SeriesFile, read_pool
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.store.known_days import days_of_file
from train.volatility_predictor.surfaces.chain_rows import open_chain
from train.volatility_predictor.surfaces.surface_days import read_days

OF_SPY = [name for name in FORMATS if name not in ("deribit_json", "deribit_csv", "engine", "optionmetrics", "junk")]


def file_of(name: str) -> Path:
    return next(path for path in (HERE / name).iterdir() if path.name != "expected.json")


def write(path: Path, world: World) -> None:
    rows = [
        {"contractSymbol": q.occ, "bid": q.bid, "ask": q.ask, "volume": q.volume, "spot": world.spot}
        for q in world.quotes()
    ]
    path.write_text(table(rows))


def worlds(count: int) -> list[World]:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(2 * count)]
    days = [day for day in days if day.weekday() < 5][:count]
    return [replace(SPY, day=str(day), spot=450.0 + n, level=0.18 + 0.002 * n) for n, day in enumerate(days)]


@pytest.mark.parametrize("name", OF_SPY)
def test_the_same_chain_in_each_format_is_the_same_day(name: str) -> None:
    exact, found = (read_days(file_of(one)) for one in ("exact", name))
    assert (found.symbol, found.dates) == (exact.symbol, exact.dates)
    # Prices are rounded to the cent.
    assert np.allclose(found.features[0, :5], exact.features[0, :5], atol=5e-4)


def test_the_grid_is_the_surface_that_the_chain_was_made_from() -> None:
    history = read_days(file_of("exact"))
    assert history.grids is not None
    at = history.grids[0, 1, 2]
    truth = [SPY.volatility(450.0, expiry) for expiry in SPY.expiries]
    assert at == pytest.approx(np.mean(truth), abs=0.004)


def test_what_was_left_out_of_a_chain_is_noted() -> None:
    assert read_days(file_of("junk")).notes[0].startswith("left out: 11 of 129 quotes: 3 repeated")


def test_a_folder_of_chains_is_observed_and_a_chain_is_the_newest_day(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    made = worlds(12)
    for world in made[:11]:
        write(tmp_path / "days" / f"spy_{world.day}.csv", world)
    with HistoryStore(tmp_path / "store.sqlite") as store:
        found, _, _ = store.observe(tmp_path / "days")
    assert [str(day.date) for day in found] == [world.day for world in made[:11]]
    write(tmp_path / "newest.csv", made[11])
    known = days_of_file(
        tmp_path / "newest.csv", store=tmp_path / "store.sqlite", date=dt.date.fromisoformat(made[11].day)
    )
    assert [str(day) for day in known.dates] == [world.day for world in made]
    levels = known.features[:, 0]
    assert (np.diff(levels) > 0).all()


def test_chains_of_one_symbol_are_one_history_to_train_on(tmp_path: Path) -> None:
    made = worlds(4)
    paths = [tmp_path / f"spy_{world.day}.csv" for world in made]
    for path, world in zip(paths, made, strict=True):
        write(path, world)
    with pytest.raises(PipelineError, match="at least 300 dated days, found 4"):
        read_pool([SeriesFile(path) for path in paths], lambda _: None)
    again = tmp_path / f"again_{made[0].day}.csv"
    write(again, made[0])
    with pytest.raises(PipelineError, match="stands in another file, too"):
        read_pool([SeriesFile(path) for path in [*paths, again]], lambda _: None)


def test_moneyness_is_over_the_spot_not_over_the_forward(tmp_path: Path) -> None:
    world = replace(SPY, dividend=0.3, expiries=("2024-06-21",))
    write(tmp_path / "spy_2024-01-05.csv", world)
    file = open_chain(tmp_path / "spy_2024-01-05.csv", symbol=None, date=None, accept=False)
    assert file is not None
    ((_, rows),) = file.days()
    assert np.allclose([row.quote.strike / row.quote.moneyness for row in rows], 450.0)
