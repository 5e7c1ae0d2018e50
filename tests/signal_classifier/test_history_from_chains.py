"""From a folder of dated chains to a trained classifier: the outcome is what the hedge earned, nothing looks ahead."""

import csv
import datetime as dt
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.chain_truth import World, black
from tests.data.make_chains import table
from train import history_from_chains
from train.core.cli import EXIT_GOOD
from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.history.labelled_signals import hold_out, read_history

EXPIRIES = ("2024-02-16", "2024-03-15", "2024-06-21")


def weekdays(count: int) -> list[str]:
    days = [dt.date(2024, 1, 2) + dt.timedelta(days=n) for n in range(3 * count)]
    return [str(day) for day in days if day.weekday() < 5][:count]


def market(count: int, *, seed: int = 1) -> list[World]:
    """A level of volatility that is torn back to .18 each day: the model that knows it has an edge."""
    rng = np.random.default_rng(seed)
    spot, level, worlds = 450.0, 0.18, []
    for day in weekdays(count):
        worlds.append(World("SPY", spot, 0.04, 0.013, day, EXPIRIES, 10.0, 5, level=level))
        spot *= math.exp(0.18 / math.sqrt(252) * rng.standard_normal())
        level = 0.18 * math.exp(0.06 * rng.standard_normal())
    return worlds


def write(folder: Path, worlds: list[World]) -> None:
    folder.mkdir(exist_ok=True)
    for world in worlds:
        calm = replace(world, level=0.18)
        rows = [
            {"contractSymbol": q.occ, "quote_date": q.day, "expiration": q.expiry, "strike": q.strike, "bid": q.bid}
            | {"ask": q.ask, "volume": q.volume, "open_interest": q.interest, "spot": f"{world.spot:.2f}"}
            | {"my_iv": f"{calm.volatility(q.strike, q.expiry):.6f}"}
            for q in world.quotes()
        ]
        (folder / f"spy_{world.day}.csv").write_text(table(rows))


def make(folder: Path, out: Path, *more: str) -> list[dict[str, str]]:
    assert history_from_chains.main([str(folder), "-o", str(out), *more]) == EXIT_GOOD
    with out.open() as stream:
        return list(csv.DictReader(stream))


def test_the_profit_is_what_the_hedged_position_earned_over_night(tmp_path: Path) -> None:
    worlds = market(3)
    write(tmp_path / "days", worlds)
    trades = make(tmp_path / "days", tmp_path / "trades.csv", "--model-iv", "my_iv")
    quotes = [{q.occ: q for q in world.quotes()} for world in worlds]
    assert len(trades) > 60
    for trade in trades:
        today = next(n for n, world in enumerate(worlds) if trade["timestamp"].startswith(world.day))
        now, then, world = quotes[today][trade["contract"]], quotes[today + 1][trade["contract"]], worlds[today]
        middle, later = (now.bid + now.ask) / 2, (then.bid + then.ask) / 2
        # Delta by a difference in the price itself, at the volatility that it was made with.
        years, discount = world.years(now.expiry), math.exp(-0.04 * world.years(now.expiry))
        up, down = (
            discount * black(now.forward * f, now.strike, now.iv * math.sqrt(years), now.side) for f in (1.0001, 0.9999)
        )
        delta = (up - down) / (0.0002 * world.spot)
        sign = 1 if float(trade["edge_percent"]) > 0 else -1
        moved = round(worlds[today + 1].spot, 2) - round(world.spot, 2)
        pnl = 100 * (sign * (later - middle - delta * moved) - (now.ask - now.bid) / 2)
        # Prices are rounded to the cent, which moves the volatility and so the delta.
        assert float(trade["delta"]) == pytest.approx(delta, abs=0.02)
        assert float(trade["pnl"]) == pytest.approx(pnl, abs=100 * 0.02 * abs(moved) + 0.05)


def test_nothing_of_the_next_day_is_in_the_features_of_a_day(tmp_path: Path) -> None:
    worlds = market(4)
    write(tmp_path / "one", worlds)
    write(tmp_path / "other", [*worlds[:3], replace(worlds[3], spot=worlds[3].spot * 1.05, level=0.4)])
    for more in ((), ("--model-iv", "my_iv")):
        one, other = (make(tmp_path / name, tmp_path / f"{name}.csv", *more) for name in ("one", "other"))
        found = [{(t["timestamp"], t["contract"]): t for t in trades} for trades in (one, other)]
        both = found[0].keys() & found[1].keys()
        assert len(both) > 50
        for key in both:
            first, second = found[0][key], found[1][key]
            assert [first[name] for name in SIGNAL_NAMES] == [second[name] for name in SIGNAL_NAMES]
        last = [key for key in both if key[0].startswith(worlds[2].day)]
        assert any(found[0][key]["pnl"] != found[1][key]["pnl"] for key in last)


def test_a_model_that_knows_wins_more_often_and_its_trades_train(tmp_path: Path) -> None:
    worlds = market(24)
    write(tmp_path / "days", worlds)
    trades = make(tmp_path / "days", tmp_path / "trades.csv", "--model-iv", "my_iv")
    edge = np.array([float(trade["edge_percent"]) for trade in trades])
    won = np.array([float(trade["pnl"]) > 0 for trade in trades])
    strong = np.abs(edge) > np.median(np.abs(edge))
    assert won[strong].mean() > won[~strong].mean() + 0.1
    history = read_history([tmp_path / "trades.csv"])
    assert history.rejected == ()
    # The outcome is known the next day: expiry months away keeps nothing from the training.
    training, test = hold_out(history, share=0.2, random_state=0)
    assert len(training) + len(test) > 0.9 * len(trades)
    assert history.times is not None
    assert history.closes is not None
    assert history.closes[training].max() <= history.times[test].min()


def test_without_a_models_column_the_surface_of_the_day_before_is_the_model(tmp_path: Path) -> None:
    worlds = market(4)
    write(tmp_path / "days", worlds)
    trades = make(tmp_path / "days", tmp_path / "trades.csv")
    assert {trade["timestamp"][:10] for trade in trades} == {worlds[1].day, worlds[2].day}
    for trade in trades:
        today = next(n for n, world in enumerate(worlds) if trade["timestamp"].startswith(world.day))
        rose = worlds[today].level > worlds[today - 1].level
        if abs(worlds[today].level / worlds[today - 1].level - 1) > 0.05:
            assert (float(trade["edge_percent"]) < 0) == rose, trade


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no trade"),
        (["--model-iv", "nothing"], "has no column nothing"),
        (["--cost", "-1"], "must not be negative"),
        (["--symbol", "QQQ"], "holds no quote of QQQ; it is of SPY"),
    ],
)
def test_what_makes_no_history_is_refused(tmp_path: Path, arguments: list[str], says: str) -> None:
    write(tmp_path / "days", market(1))
    with pytest.raises(PipelineError, match=says):
        history_from_chains.main([str(tmp_path / "days"), "-o", str(tmp_path / "trades.csv"), *arguments])
    assert not (tmp_path / "trades.csv").exists()


def test_a_contract_is_found_again_by_its_root_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    for number, world in enumerate(market(3)):
        rows = []
        for root, level in (("SPX", 0.18), ("SPXW", 0.3))[:: -1 if number % 2 else 1]:
            series = replace(world, symbol=root, level=level)
            rows += [{"contractSymbol": q.occ, "bid": q.bid, "ask": q.ask, "spot": world.spot} for q in series.quotes()]
        (folder / f"spx_{world.day}.csv").write_text(table(rows))
    trades = make(folder, tmp_path / "trades.csv")
    assert {trade["contract"][:4] for trade in trades} == {"SPX2", "SPXW"}
    # Of the other root the price is another by far.
    assert max(abs(float(trade["pnl"])) for trade in trades) < 1500


def test_a_folder_may_hold_other_files_and_a_day_stands_in_one_file_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "days", market(4))
    (tmp_path / "days" / "vix.csv").write_text("date,close\n2024-01-05,13.3\n")
    (tmp_path / "days" / "notes.md").write_text("nothing")
    assert len(make(tmp_path / "days", tmp_path / "trades.csv")) > 50
    said = capsys.readouterr().err
    assert "left out: vix.csv: not an option chain" in said
    assert "quotes without a model's volatility" in said
    before = (tmp_path / "trades.csv").read_bytes()
    (tmp_path / "days" / f"again_{weekdays(4)[1]}.csv").write_bytes(
        (tmp_path / "days" / f"spy_{weekdays(4)[1]}.csv").read_bytes()
    )
    with pytest.raises(PipelineError, match=f"{weekdays(4)[1]} of SPY comes after {weekdays(4)[1]}"):
        make(tmp_path / "days", tmp_path / "trades.csv")
    assert (tmp_path / "trades.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_models_volatility_in_percent_is_the_same_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "one", market(3))
    (tmp_path / "other").mkdir()
    for path in (tmp_path / "one").iterdir():
        head, *lines = path.read_text().splitlines()
        cells = [line.rsplit(",", 1) for line in lines]
        text = "\n".join([head, *(f"{left},{100 * float(iv):.4f}" for left, iv in cells)])
        (tmp_path / "other" / path.name).write_text(text + "\n")
    one, other = (make(tmp_path / name, tmp_path / f"{name}.csv", "--model-iv", "MY IV") for name in ("one", "other"))
    assert [trade["contract"] for trade in one] == [trade["contract"] for trade in other]
    edges = [[float(trade["edge_percent"]) for trade in trades] for trades in (one, other)]
    assert edges[0] == pytest.approx(edges[1], rel=1e-9, abs=1e-9)
    assert "the model's volatilities are read as percent" in capsys.readouterr().err
