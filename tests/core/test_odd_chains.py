"""Chains with something wrong or unusual: refused with the cause, or read right and said."""

import datetime as dt
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.make_chains import HERE, SPY, table
from train.core.chains.black import implied_volatility, price
from train.core.chains.chain import Chain, read_chain
from train.core.chains.columns import NAMES, parse_contract
from train.core.chains.day import ChainDay
from train.core.chains.parity import violations
from train.core.errors import PipelineError

Row = dict[str, object]


def rows(**more: object) -> list[Row]:
    return [
        {"underlying": "SPY", "quote_date": q.day, "expiration": q.expiry, "type": q.side, "strike": q.strike}
        | {"bid": q.bid, "ask": q.ask, "spot": 450.0}
        | more
        for q in SPY.quotes()
    ]


def read(path: Path, text: str | bytes, **asked: object) -> tuple[Chain, list[ChainDay]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    chain = read_chain(path, **asked)  # type: ignore[arg-type]
    return chain, list(chain.days())


def renamed(**names: str) -> str:
    return table([{names.get(key, key): value for key, value in row.items()} for row in rows()])


def without(*names: str) -> str:
    return table([{key: value for key, value in row.items() if key not in names} for row in rows()])


def changed(at: int, **cells: object) -> str:
    made = rows()
    made[at] |= cells
    return table(made)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("date,close\n2024-01-05,13\n", "not an option chain"),
        (
            "Stock quote and option quote for SPY on 1/5/24 12:00:00\n\nUNDERLYING\n",
            "thinkorswim's export is a table for",
        ),
        ("strike,bid,ask,expiration,type\n", "no rows"),
        (without("type"), "no column for the side"),
        (without("bid", "ask"), "not an option chain"),
        (without("quote_date"), "of which day are its quotes"),
        (changed(3, type="X"), "row 5: column type: must be Call or Put, found 'X'"),
        (changed(3, strike="ten"), "row 5: column strike: must be a number, found 'ten'"),
        (changed(3, bid="1.2.3"), "row 5: column bid: must be a number"),
        (changed(3, expiration="soon"), "row 5: column expiration: must be a date"),
        (changed(3, expiration="16/02/2024"), "another format"),
        (changed(3, quote_date=""), "1 quotes have no day"),
        (changed(3, underlying="QQQ"), "2 symbols in one file: SPY, QQQ; name one with --symbol"),
        (table(rows(quote_date="2999-01-05")), "lies in the future"),
        (table(rows(quote_date="01/05/2024", expiration="02/04/2024")), "can be read as"),
        (table(rows(spot=200.0)), "spot is 200, but put-call parity says 451"),
        (table(rows()).replace("400.0,", "400.0,1,", 1), "the header has 8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_cause(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PipelineError) as refused:
        read(tmp_path / "file.csv", text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_json_that_is_packed_cut_short_too_deep_or_a_bomb(tmp_path: Path) -> None:
    text = (HERE / "cboe_json" / "SPY.json").read_bytes()
    _, (day,) = read(tmp_path / "SPY.json.gz", gzip.compress(text))
    assert day.spot == 450.0
    for content, says in (
        (gzip.compress(text)[:-200], "cut short or damaged"),
        (gzip.compress(b"[" + b" " * (1 << 27)), "more than 50331648 bytes"),
        (text[:-200], "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
    ):
        with pytest.raises(PipelineError, match=says):
            read(tmp_path / "SPY.json", content)


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"options": 3}', '{"options": [1, 2]}', "[[1]]", "null", '{"results": [{}]}']
)
def test_another_json_document_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PipelineError, match="not an option chain"):
        read(tmp_path / "file.json", text)


@pytest.mark.parametrize(
    "text",
    [
        renamed(expiration="Expiry Date", type="Call/Put", strike="Strike Price", bid="Best Bid", ask="Best Offer"),
        renamed(type="cp_flag", expiration="exdate", quote_date="data_date", spot="underlying_last"),
        renamed(type="right", bid="bid_eod", ask="ask_eod", underlying="act_symbol"),
        table(rows()).replace(",C,", ",calls,").replace(",P,", ",PE,"),
        table(rows(last=77.7, gamma=3, note="a, b")),
        table(rows(quote_date="05-Jan-2024")),
        table(rows(quote_date="2024-01-05T16:00:00-05:00")),
        table(rows(quote_date="Fri Jan 5 2024")),
        table(rows(quote_date="45296")),
        table(rows(), "\t"),
        ("\ufeff" + table(rows())).encode(),
        table(rows()).encode("utf-16"),
        gzip.compress(table(rows()).encode()),
        table(rows()).replace("\n", "\r\n"),
        table([{**row, "strike": f"{float(str(row['strike'])) * 1000:.0f}"} for row in rows()]),
        table([{**row, "spot": "$450.00", "bid": f"${row['bid']}"} for row in rows()]),
    ],
)
def test_another_spelling_is_the_same_chain(tmp_path: Path, text: str | bytes) -> None:
    _, (base,) = read(tmp_path / "base.csv", table(rows()))
    chain, (day,) = read(tmp_path / "file.csv", text)
    assert (chain.symbol, day.date, day.spot) == ("SPY", dt.date(2024, 1, 5), 450.0)
    assert day.expiries == base.expiries
    assert np.array_equal(day.quotes["iv"], base.quotes["iv"])


def test_what_a_file_does_not_say_is_asked_for_and_never_overruled(tmp_path: Path) -> None:
    asked = dt.date(2024, 1, 5)
    _, (day,) = read(tmp_path / "f.csv", without("quote_date"), date=asked)
    assert day.date == asked
    _, (named,) = read(tmp_path / "spy_2024-01-05.csv", without("quote_date"))
    assert named.date == asked
    with pytest.raises(PipelineError, match="has a day of its own"):
        read(tmp_path / "f.csv", table(rows()), date=dt.date(2024, 1, 4))
    with pytest.raises(PipelineError, match="holds no quote of QQQ; it is of SPY"):
        read(tmp_path / "f.csv", table(rows()), symbol="QQQ")
    with pytest.raises(PipelineError, match="names no symbol"):
        read(tmp_path / "chain.csv", without("underlying"))
    chain, _ = read(tmp_path / "f.csv", table(rows(spot=200.0)), accept=True)
    assert any("accepted: 2024-01-05: spot is 200" in line for line in chain.said())


def test_volatilities_of_another_unit_than_the_prices_are_said(tmp_path: Path) -> None:
    said = []
    for factor in (1.0, 100.0, 0.1):
        made = [row | {"iv": f"{factor * q.iv:.6f}"} for row, q in zip(rows(), SPY.quotes(), strict=True)]
        chain, _ = read(tmp_path / "f.csv", table(made))
        said.append([line for line in chain.said() if line.startswith("warning")])
    assert (said[0], said[1], len(said[2])) == ([], [], 1)
    assert "volatilities are 0.1 times" in said[2][0]


def test_a_file_without_prices_gives_its_own_volatilities(tmp_path: Path) -> None:
    made = [
        {k: v for k, v in row.items() if k not in ("bid", "ask")} | {"iv": f"{q.iv:.6f}"}
        for row, q in zip(rows(), SPY.quotes(), strict=True)
    ]
    chain, (day,) = read(tmp_path / "f.csv", table(made))
    assert "no prices: its own volatilities" in chain.said()
    assert np.allclose(day.quotes["iv"].sort_values(), sorted(q.iv for q in SPY.quotes()), atol=1e-6)


def test_contracts_in_every_spelling() -> None:
    may = dt.date(2024, 1, 19)
    for text in ("SPY240119C00450000", "O:SPY240119C00450000", "SPY   240119C00450000", "SPY 240119C450000"):
        assert parse_contract(text) == ("SPY", may, 1, 450.0, False), text
    assert parse_contract("BTC-27JUN25-60000-C") == ("BTC", dt.date(2025, 6, 27), 1, 60000.0, True)
    assert parse_contract("XRP_USDC-30JAN26-2d5-P") == ("XRP_USDC", dt.date(2026, 1, 30), -1, 2.5, False)
    for text in ("SPY", "SPY241319C00450000", "BTC-31FEB25-60000-C", "BTC-27XXX25-60000-C", ""):
        assert parse_contract(text) is None, text


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("shift", [3.0, -3.0])
def test_the_one_quote_that_breaks_the_smile_is_left_out_and_its_neighbours_stay(side: int, shift: float) -> None:
    strike = np.arange(80.0, 121.0, 2.0)
    clean = price(np.full(21, 0.3), np.full(21, 100.0), strike, np.full(21, 0.5), np.full(21, side))
    for at in range(21):
        middle = clean.copy()
        middle[at] += shift
        found = np.flatnonzero(violations(strike, side, middle, np.full(21, 0.02)))
        if 2 <= at <= 18:
            assert found.tolist() == [at]
        else:
            # At the ends nobody can tell which of two neighbours is wrong.
            assert all(abs(one - at) <= 2 for one in found), (at, found)
    assert not violations(strike, side, clean, np.full(21, 0.0)).any()


def test_volatilities_are_exact_to_1e_9() -> None:
    rng = np.random.default_rng(0)
    count = 20_000
    strike, years = 100 * np.exp(rng.normal(0, 0.2, count)), rng.uniform(0.01, 2, count)
    volatility, forward = rng.uniform(0.05, 1.2, count), np.full(count, 100.0)
    side = np.where(strike >= 100.0, 1, -1)
    paid = price(volatility, forward, strike, years, side)
    worth = paid > 1e-6
    args = (paid[worth], forward[worth], strike[worth], years[worth], side[worth])
    assert np.abs(implied_volatility(*args) / volatility[worth] - 1).max() < 1e-9


CELL = st.one_of(
    st.sampled_from(
        ["", "NaN", "0", "-1", "C", "P", "450", "2024-01-05", "2024-02-16", "1e308", "inf", "SPY240216C00450000"]
    ),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.text(max_size=6),
)
NAME = st.sampled_from([name for names in NAMES.values() for name in names.split()])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_random_table_is_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    header = data.draw(st.lists(NAME, min_size=1, max_size=9, unique=True))
    usual = rows()
    made = [
        [str(usual[n].get(name, "")) if data.draw(st.booleans()) else data.draw(CELL) for name in header]
        for n in range(data.draw(st.integers(0, 6)))
    ]
    text = table([dict(zip(header, cells, strict=True)) for cells in made]) if made else ",".join(header)
    check(tmp_path / "spy_2024-01-05.csv", text)
    document = {"options": [dict(zip(header, cells, strict=True)) for cells in made], "symbol": "SPY"}
    check(tmp_path / "spy_2024-01-05.json", json.dumps(document))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_chain_is_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    made = rows(volume=3, iv=0.2)[: data.draw(st.integers(2, 40))]
    for _ in range(data.draw(st.integers(1, 8))):
        made[data.draw(st.integers(0, len(made) - 1))][data.draw(st.sampled_from(list(made[0])))] = data.draw(CELL)
    check(tmp_path / "f.csv", table(made))


def check(path: Path, text: str) -> None:
    try:
        chain, days = read(path, text.encode(errors="replace"))
    except PipelineError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        # The file, and of its cells, which the command shows in one line, no more than the reason asks.
        assert refused.startswith(str(path))
        assert "\n" not in refused or '"' in text
        return
    total = sum(chain.left_out.values()) + sum(len(day.quotes) for day in days)
    assert total == chain.read
    for day in days:
        assert day.spot > 0
        assert np.isfinite(day.quotes[["strike", "forward", "discount", "years"]]).all().all()
        assert (day.surface["iv"] > 0).all()


def test_the_junk_chain_says_everything_it_left_out() -> None:
    chain = read_chain(HERE / "junk" / "junk.csv")
    list(chain.days())
    assert chain.said()[0].startswith("left out: 11 of 129 quotes: 3 repeated, 1 expired")


def test_a_chain_of_which_no_quote_is_left_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "spy_2024-01-05.csv"
    header, *rows = (HERE / "exact/exact.csv").read_text().splitlines()
    names = header.split(",")
    bid, ask = names.index("bid"), names.index("ask")
    crossed = [row.split(",") for row in rows]
    for cells in crossed:
        cells[bid], cells[ask] = cells[ask] + "9", cells[bid]
    path.write_text("\n".join([header, *(",".join(cells) for cells in crossed)]) + "\n")
    chain = read_chain(path)
    assert list(chain.days()) == []
    assert chain.left_out["crossed"] == len(rows)


def test_prices_that_no_volatility_gives_are_refused_unless_accepted(tmp_path: Path) -> None:
    path = tmp_path / "spy_2024-01-05.csv"
    header, *rows = (HERE / "exact/exact.csv").read_text().splitlines()
    names = header.split(",")
    cents = [row.split(",") for row in rows]
    for cells in cents:
        for at in (names.index("bid"), names.index("ask")):
            cells[at] = str(float(cells[at]) * 100)
        cells[names.index("spot")] = ""
    path.write_text("\n".join([header, *(",".join(cells) for cells in cents)]) + "\n")
    with pytest.raises(PipelineError, match="its prices are 99 times too large"):
        list(read_chain(path).days())
    assert list(read_chain(path, accept=True).days())
