"""Writes chains/<format>/: generated chains and what is read from them. `python -m tests.data.make_chains`.

What is expected is computed here by `chain_truth`, which shares no code with the readers.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tests.data.chain_truth import World, expected

HERE = Path(__file__).parent / "chains"
SPY = World("SPY", 450.0, 0.04, 0.013, "2024-01-05", ("2024-02-16", "2024-03-15", "2024-06-21"), 5.0, 10)
BTC = World("BTC", 61234.5, 0.0, -0.05, "2024-05-03", ("2024-05-31", "2024-09-27"), 2000.0, 7, level=0.6, tick=0.0005)
Row = dict[str, Any]


def table(rows: Sequence[Row], delimiter: str = ",") -> str:
    """CSV text with the keys of the first row as header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def yfinance() -> tuple[str, str, Row]:
    rows = [
        {
            "contractSymbol": q.occ,
            "lastTradeDate": "2023-12-20 15:30:01+00:00",
            "strike": q.strike,
            "lastPrice": q.bid,
            "bid": q.bid,
            "ask": q.ask,
            "change": 0.0,
            "volume": q.volume or "",
            "openInterest": q.interest,
            "impliedVolatility": f"{q.iv:.6f}",
            "inTheMoney": q.in_the_money,
            "contractSize": "REGULAR",
            "currency": "USD",
        }
        for q in SPY.quotes()
    ]
    return "spy_2024-01-05.csv", table(rows), expected(SPY, spot=None)


def yfinance_parquet() -> tuple[str, bytes, Row]:
    """The same as a data frame keeps it: numbers as numbers, expiries none, a time with its zone."""
    name, text, truth = yfinance()
    frame = pd.read_csv(io.StringIO(text), parse_dates=["lastTradeDate"])
    return name.replace(".csv", ".parquet"), frame.to_parquet(), truth


def cboe_csv() -> tuple[str, str, Row]:
    side = "Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest"
    lines = ["", "Some Trust,Last: 450.00,Change: 0.33"]
    lines.append('"Date: January 5, 2024 at 4:15 PM EST",Bid: 449.98,Ask: 450.02,Size: 13*4,"Volume: 58,026,427"')
    lines.append(f"Expiration Date,Calls,{side},Strike,Puts,{side}")
    quotes = {(q.expiry, q.strike, q.side): q for q in SPY.quotes()}
    for expiry, strike in sorted({(e, k) for e, k, _ in quotes}):
        both = []
        for kind in "CP":
            q = quotes[expiry, strike, kind]
            both.append(f"{q.occ},{q.bid},0,{q.bid},{q.ask},{q.volume},{q.iv:.4f},0.5,0.01,{q.interest}")
        lines.append(f"{q.day_name},{both[0]},{strike:.2f},{both[1]}")
    return "quotedata.csv", "\n".join(lines) + "\n", expected(SPY)


def cboe_json() -> tuple[str, str, Row]:
    options = [
        {"option": q.occ, "bid": q.bid, "bid_size": 1.0, "ask": q.ask, "ask_size": 2.0, "iv": round(q.iv, 4)}
        | {"open_interest": float(q.interest), "volume": float(q.volume), "delta": 0.5, "last_trade_price": q.bid}
        | {"last_trade_time": "2023-12-20T15:59:59"}
        for q in SPY.quotes()
    ]
    data = {"options": options, "symbol": "SPY", "security_type": "stock", "current_price": 450.0, "bid": 449.9}
    # The clock of this document is UTC's: a Saturday there, the evening of Friday in New York.
    document = {"timestamp": "2024-01-06 02:15:02", "data": data, "symbol": "SPY"}
    return "SPY.json", json.dumps(document, indent=0), expected(SPY)


def _deribit() -> list[Row]:
    return [
        {
            "instrument_name": q.deribit,
            "bid_price": q.coin_bid,
            "ask_price": q.coin_ask,
            "mark_iv": round(q.iv * 100.0, 2),
            "underlying_price": q.forward,
            "underlying_index": "SYN.BTC",
            "estimated_delivery_price": 61234.5,
            "quote_currency": "BTC",
            "base_currency": "BTC",
            "volume": q.volume / 10,
            "open_interest": q.interest / 10,
            "creation_timestamp": 1714755600000,
        }
        for q in BTC.quotes()
    ]


def deribit_json() -> tuple[str, str, Row]:
    document = {"jsonrpc": "2.0", "result": _deribit(), "usIn": 1, "testnet": False}
    return "btc.json", json.dumps(document, indent=0), expected(BTC)


def deribit_csv() -> tuple[str, str, Row]:
    return "btc.csv", table(_deribit()), expected(BTC)


def tradier() -> tuple[str, str, Row]:
    options = [
        {"symbol": q.occ, "description": "SPY", "exch": "Z", "type": "option", "last": None, "volume": q.volume}
        | {"open": None, "close": None, "bid": q.bid, "ask": q.ask, "underlying": "SPY", "strike": q.strike}
        | {"trade_date": 1703086200000, "bid_date": 1704488399000, "ask_date": 1704488398000}
        | {"open_interest": q.interest, "contract_size": 100, "expiration_date": q.expiry, "root_symbol": "SPY"}
        | {"option_type": {"C": "call", "P": "put"}[q.side], "greeks": {"delta": 0.5, "mid_iv": round(q.iv, 4)}}
        for q in SPY.quotes()
    ]
    return "tradier.json", json.dumps({"options": {"option": options}}, indent=0), expected(SPY, spot=None)


def polygon() -> tuple[str, str, Row]:
    results = [
        {
            "day": {"close": q.bid, "volume": q.volume, "last_updated": 1703134800000000000},
            "details": {"contract_type": {"C": "call", "P": "put"}[q.side], "expiration_date": q.expiry}
            | {"strike_price": q.strike, "ticker": f"O:{q.occ}", "shares_per_contract": 100},
            "implied_volatility": round(q.iv, 6),
            "last_quote": {"ask": q.ask, "bid": q.bid, "last_updated": 1704488399000000000, "midpoint": q.bid},
            "open_interest": q.interest,
            "underlying_asset": {"price": 450.0, "ticker": "SPY", "last_updated": 1704488399000000000},
        }
        for q in SPY.quotes()
    ]
    return "polygon.json", json.dumps({"status": "OK", "results": results}, indent=0), expected(SPY)


def optionmetrics() -> tuple[str, str, Row]:
    days = [SPY.on(day, spot) for day, spot in (("2024-01-05", 450.0), ("2024-01-08", 455.5), ("2024-01-09", 452.25))]
    rows = [
        {"secid": 109820, "date": q.day.replace("-", ""), "symbol": f"SPY {q.occ[3:9]}{q.side}{q.strike * 1000:.0f}"}
        | {
            "exdate": q.expiry.replace("-", ""),
            "last_date": "",
            "cp_flag": q.side,
            "strike_price": f"{q.strike * 1000:.0f}",
        }
        | {"best_bid": q.bid, "best_offer": q.ask, "volume": q.volume, "open_interest": q.interest}
        | {"impl_volatility": -99.99 if number % 7 == 0 else f"{q.iv:.6f}", "optionid": number}
        for world in days
        for number, q in enumerate(world.quotes(every=2))
    ]
    return "optionmetrics.csv", table(rows), expected(*days, spot=None, every=2)


def engine() -> tuple[str, str, Row]:
    world = World("TSLA", 396.73, 0.0, 0.0, "2024-03-08", ("2024-04-19",), 10.0, 12, level=0.5)
    options = [
        {"strike": q.strike, "bid": q.bid, "ask": q.ask, "volume": q.volume, "open_interest": q.interest}
        | {"option_type": {"C": "Call", "P": "Put"}[q.side]}
        for q in world.quotes()
    ]
    # Fetched on the Saturday after.
    document = {"symbol": "TSLA", "spot_price": 396.73, "expiration_date": "2024-04-19", "time_to_expiry": 0.112}
    document |= {"fetched_at": "2024-03-09T17:52:55.567104", "options": options}
    return "tsla_options_live.json", json.dumps(document, indent=2), expected(world)


def semicolon() -> tuple[str, str, Row]:
    def comma(number: float) -> str:
        return f"{number:.2f}".replace(".", ",")

    rows = [
        {"Underlying": "SPY", "Trade Date": "05.01.2024", "Expiry": "{2}.{1}.{0}".format(*q.expiry.split("-"))}
        | {"Put/Call": {"C": "CE", "P": "PE"}[q.side], "Strike Price": comma(q.strike), "Bid": comma(q.bid)}
        | {"Ask": comma(q.ask), "Implied Volatility": comma(q.iv * 100) + "%", "Underlying Price": "450,00", "OI": ""}
        for q in SPY.quotes()
    ]
    return "chain.csv", table(rows, ";"), expected(SPY, with_iv=True)


def _plain(world: World) -> Iterator[Row]:
    for q in world.quotes():
        yield {
            "contractSymbol": q.occ,
            "quote_date": q.day,
            "expiration": q.expiry,
            "strike": q.strike,
            "bid": q.bid,
        } | {
            "ask": q.ask,
            "iv": f"{q.iv:.6f}",
            "volume": q.volume,
            "open_interest": q.interest,
            "spot": 450.0,
            "last_updated": f"{q.day}T15:59:00",
        }


def exact() -> tuple[str, str, Row]:
    world = World("SPY", 450.0, 0.04, 0.013, "2024-01-05", SPY.expiries, 5.0, 10, tick=0.0)
    return "exact.csv", table(list(_plain(world))), expected(world)


def junk() -> tuple[str, str, Row]:
    """Each fault on a quote in the money, so that what is kept stays."""
    rows = list(_plain(SPY))
    place = {row["contractSymbol"]: number for number, row in enumerate(rows)}
    faults: dict[str, tuple[str, Row]] = {
        "expired": ("SPY240105C00400000", {"expiration": "2024-01-05"}),
        "no price": ("SPY240621C00400000", {"bid": "", "ask": ""}),
        "no bid": ("SPY240621C00405000", {"bid": 0}),
        "crossed": ("SPY240621C00410000", {"bid": 99.0, "ask": 55.0}),
        "wide": ("SPY240621P00500000", {"bid": 5.0, "ask": 95.0}),
        "stale": ("SPY240621P00495000", {"last_updated": "2024-01-03T15:59:00"}),
        "adjusted": ("SPY1240621P00490000", {}),
        "arbitrage": ("SPY240621P00485000", {"bid": 900.0, "ask": 901.0}),
    }
    without = set()
    for contract, change in faults.values():
        like = contract.replace("SPY1", "SPY", 1) if contract not in place and "SPY1" in contract else contract
        if like in place:
            rows[place[like]] |= change | {"contractSymbol": contract}
            without.add(like)
        else:
            rows.append(rows[0] | change | {"contractSymbol": contract})
    both = rows[place["SPY240315C00400000"]]
    rows.append(both | {"bid": both["bid"] - 1, "ask": both["ask"] + 0.5})
    without.add(both["contractSymbol"])
    rows.append(dict(rows[place["SPY240315C00450000"]]))  # the same twice: one of them is read
    for number, bad in enumerate(("", "0", "NaN", "-99.99")):
        rows[place[f"SPY240216P00{430 + 5 * number}000"]]["iv"] = bad
    counts = dict.fromkeys(faults, 1) | {"repeated": 3}
    return "junk.csv", table(rows), expected(SPY, without=without, left_out=counts)


FORMATS = {
    f.__name__: f
    for f in (
        yfinance,
        yfinance_parquet,
        cboe_csv,
        cboe_json,
        deribit_json,
        deribit_csv,
        tradier,
        polygon,
        optionmetrics,
        engine,
    )
} | {f.__name__: f for f in (semicolon, exact, junk)}


def files() -> dict[Path, bytes]:
    """Path -> content of every file."""
    out = {}
    for name, make in FORMATS.items():
        file, text, answer = make()
        out[HERE / name / file] = text if isinstance(text, bytes) else text.encode()
        out[HERE / name / "expected.json"] = (json.dumps({"file": file} | answer, indent=1) + "\n").encode()
    return out


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
