"""Chains in another unit than they say, and of more vendors: the same in both languages."""

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest

from tests.data.make_chains import SPY, table
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.volatility_predictor.surfaces.surface_days import read_days
from verify.runtimes.open import BINARY

pytestmark = pytest.mark.slow

Row = dict[str, object]


def rows() -> list[Row]:
    return [
        {"symbol": "SPY", "date": q.day, "expiry": q.expiry, "type": q.side, "strike": q.strike}
        | {"bid": q.bid, "ask": q.ask, "iv": f"{q.iv:.4f}"}
        for q in SPY.quotes()
    ]


def without_prices() -> list[Row]:
    return [{key: value for key, value in row.items() if key not in ("bid", "ask")} | {"spot": 450.0} for row in rows()]


def percent(row: Row) -> str:
    return f"{float(str(row['iv'])) * 100:.1f}"


def by_both(path: Path, text: str) -> tuple[str, str]:
    """What Python and what Rust say of a file; of a refusal what they say after its name."""
    path.write_text(text)
    done = subprocess.run([ROOT / BINARY, "surface", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 2)
    rust = done.stderr if done.returncode == 0 else done.stderr.removeprefix("error: ")
    try:
        python = "\n".join(read_days(path).notes)
    except PipelineError as error:
        python, refused = str(error), 2
    else:
        refused = 0
    assert done.returncode == refused, f"Python: {python}; Rust: {rust}"
    return python.replace(f"{path}: ", ""), rust.replace(f"{path}: ", "").replace("note: ", "").strip()


UNITS = {
    "cents": (
        table([row | {"bid": float(str(row["bid"])) * 100, "ask": float(str(row["ask"])) * 100} for row in rows()]),
        "2024-01-05: by put-call parity its prices are 99 times too large for its strikes",
    ),
    "thousandths": (
        table([row | {"strike": int(float(str(row["strike"])) * 1000) + 1} for row in rows()]),
        "its prices are 1008 times too small for its strikes",
    ),
    "swapped": (
        table([row | {"type": "P" if row["type"] == "C" else "C"} for row in rows()]),
        "its prices are of the wrong sign (calls and puts swapped?)",
    ),
    "twice": (
        table(rows()).replace("bid,ask", "bid,bid", 1),
        "column 'bid' stands twice; keep one",
    ),
    "percent beside plain": (
        table([row | {"iv": percent(row) + "%" * (at % 2)} for at, row in enumerate(rows())]),
        "column iv: row 3 stands in percent, and row 2 without it; write one unit",
    ),
    "percent of a price": (
        table([row | {"bid": f"{row['bid']}%"} for row in rows()]),
        "row 2: column bid: must be a number, found '51.05%'",
    ),
    "first day 1904": (
        table([row | {"date": 43834} for row in rows()]),
        "column date: its day numbers fall on Saturdays and never on a Monday: does the spreadsheet count from 1904?",
    ),
    "two zones": (
        table(
            [
                row | {"quote_datetime": f"2024-01-05 15:00{'-05:00' if at % 2 else '+01:00'}"}
                for at, row in enumerate(rows())
            ]
        ),
        "is of another time zone than '2024-01-05 15:00+01:00'; write the days of one clock",
    ),
    "one side": (
        table([row for row in rows() if row["type"] == "C"]),
        "no quote is left; left out: 63 of 63 quotes: 63 no forward; no forward: an expiry needs a call and a put",
    ),
    "no bids": (
        table([row | {"bid": 0.0} for row in rows()]),
        "no quote is left; left out: 126 of 126 quotes: 126 no bid",
    ),
}


@pytest.mark.parametrize("name", UNITS)
def test_another_unit_is_refused_by_name_in_both_languages(tmp_path: Path, name: str) -> None:
    text, says = UNITS[name]
    python, rust = by_both(tmp_path / "spy.csv", text)
    assert says in python
    assert says in rust


def test_summer_time_is_no_other_zone(tmp_path: Path) -> None:
    """What yfinance writes of a span over March or November."""
    text = table([row | {"quote_datetime": f"2024-01-05 15:00-0{4 + at % 2}:00"} for at, row in enumerate(rows())])
    assert by_both(tmp_path / "spy.csv", text)[0].startswith("no spot price")


def test_volatilities_that_are_placeholders_are_counted(tmp_path: Path) -> None:
    made = [row | {"iv": ("1e-05", "0", "")[at % 3]} if at % 2 else row for at, row in enumerate(without_prices())]
    python, rust = by_both(tmp_path / "spy.csv", table(made))
    assert "left out: 21 rows with an implied volatility of 0.01 or less" in python
    assert "left out: 42 rows without an implied volatility" in python
    assert rust.startswith("left out: 63 of 126 quotes: 63 no volatility")


def vendors() -> dict[str, tuple[str, str]]:
    quotes = list(SPY.quotes())
    brokers = [
        {"symbol": "SPY", "lastTradeDateOrContractMonth": q.expiry.replace("-", ""), "strike": q.strike}
        | {"right": q.side, "localSymbol": f"SPY   {q.occ[3:]}", "bid": q.bid, "ask": q.ask, "undPrice": 450.0}
        for q in quotes
    ]
    page = [
        {"Contract Name": q.occ, "Last Trade Date (EDT)": "1/5/2024 4:14 PM", "Strike": q.strike, "Bid": q.bid}
        | {"Ask": q.ask, "Volume": f"{q.volume:,}", "Open Interest": "-", "Implied Volatility": f"{q.iv * 100:.2f}%"}
        for q in quotes
    ]
    halves: dict[str, dict[str, dict[str, list[Row]]]] = {"callExpDateMap": {}, "putExpDateMap": {}}
    for q in quotes:
        days = (dt.date.fromisoformat(q.expiry) - dt.date(2024, 1, 5)).days
        half = halves["callExpDateMap" if q.side == "C" else "putExpDateMap"]
        half.setdefault(f"{q.expiry}:{days}", {})[f"{q.strike:.1f}"] = [
            {"putCall": "CALL" if q.side == "C" else "PUT", "symbol": f"SPY   {q.occ[3:]}", "bid": q.bid, "ask": q.ask}
            | {"volatility": round(q.iv * 100, 3), "strikePrice": q.strike, "quoteTimeInLong": 1704488400000}
            | {"expirationDate": f"{q.expiry}T21:00:00.000+00:00", "totalVolume": q.volume}
        ]
    lines = [{**row, "quote_date": "2024-01-05"} for row in brokers]
    return {
        "brokers": ("spy_2024-01-05.csv", table(brokers)),
        "page": ("spy_2024-01-05.csv", table(page)),
        "schwab": ("chain.json", json.dumps({"symbol": "SPY", "underlyingPrice": 450.0, **halves})),
        "lines": ("chain.ndjson", "\n".join(json.dumps(line) for line in lines) + "\n"),
    }


@pytest.mark.parametrize("name", vendors())
def test_chains_of_more_vendors_are_the_same_day(tmp_path: Path, name: str) -> None:
    file, text = vendors()[name]
    python, rust = by_both(tmp_path / file, text)
    assert python == rust
    found, known = read_days(tmp_path / file), read_days(ROOT / "tests/data/chains/exact/exact.csv")
    assert (found.symbol, found.dates) == (known.symbol, known.dates)
    assert abs(found.features[0, 0] - known.features[0, 0]) < 5e-4
