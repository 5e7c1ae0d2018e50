"""Makes tests/data/surfaces and the broken surface files, with what the Python reader says of each.

Run from the repository root after a change of the reader or of the daily features, and look at the difference:

    python -m tests.data.make_surfaces

expected.json holds, for every file, each day's features in shortest round-trip form (null = missing), the days left out
and the notes, or the error. The Python and the Rust tests both compare with it to the last bit.
"""

import datetime as dt
import gzip
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path

from tests.data import make_spellings
from train.core.errors import PipelineError
from train.volatility_predictor.surfaces.surface_days import read_days

HERE = Path(__file__).parent
SURFACES = HERE / "surfaces"
BROKEN = HERE / "broken"
SPELLINGS = HERE / "spellings"
HEADER = "Date,Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume"
SNAPSHOT_HEADER = HEADER.removeprefix("Date,")
GOOD = """\
2024-03-04,ABC,95,0.25,0.31,0.95,Put,10
2024-03-04,ABC,100,0.25,0.30,1.0,Call,7
2024-03-04,ABC,105,0.25,0.29,1.05,Call,5
"""


def main() -> None:
    """Write every file and what is expected of it."""
    SURFACES.mkdir(exist_ok=True)
    for name, content in good_files():
        (SURFACES / name).write_bytes(content)
    for old in BROKEN.glob("surface_*"):
        old.unlink()
    for name, content in broken_files():
        (BROKEN / name).write_bytes(content)
    SPELLINGS.mkdir(exist_ok=True)
    for old in SPELLINGS.iterdir():
        old.unlink()
    for name, content in make_spellings.files():
        (SPELLINGS / name).write_bytes(content)
    files = sorted([*SURFACES.glob("*.csv*"), *BROKEN.glob("surface_*"), *SPELLINGS.iterdir()])
    expected = {str(path.relative_to(HERE)): describe(path) for path in files}
    (SURFACES / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def describe(path: Path) -> dict[str, object]:
    """What `read_days` says of a file, for JSON; the message without the folder."""
    try:
        # Its levels jump as no market's do.
        history = read_days(path, accept=path.name == "random.csv")
    except PipelineError as error:
        return {"error": str(error).replace(str(path), path.name)}
    days = [
        [None if date is None else date.isoformat(), *(None if math.isnan(v) else v for v in features)]
        for date, features in zip(history.dates, history.features.tolist(), strict=True)
    ]
    notes = {"notes": list(history.notes)} if history.notes and path.parent.name != SURFACES.name else {}
    return {"symbol": history.symbol, "days": days, "dropped": list(history.dropped)} | notes


def good_files() -> Iterator[tuple[str, bytes]]:
    """Files that are read, junk and all."""
    draw = random.Random(7)
    dated = "\n".join([HEADER, *dated_rows(draw)]) + "\n"
    yield "dated.csv", dated.encode()
    yield "dated.csv.gz", gzip.compress(dated.encode(), mtime=0)
    chain = [",".join(row.split(",")[1:]) for row in smile(draw, "2024-03-04", 0.01369, 0.5, wide=True)]
    yield "snapshot.csv", ("\ufeff" + "\r\n".join([SNAPSHOT_HEADER, *chain]) + "\r\n").encode()
    yield (
        "old.csv",
        (
            "date,strike,implied_vol,volume,moneyness\n"
            + "".join(
                f"{day},{strike},{0.3 + 0.002 * day_number - 0.2 * (strike / 100 - 1):.4f},{strike},{strike / 100}\n"
                for day_number, day in enumerate(trading_days(12))
                for strike in range(80, 125, 5)
            )
        ).encode(),
    )
    level = "".join(f"{day},{15 + draw.random():.2f}\n" for day in trading_days(30))
    yield "vix_index.csv", ("DATE,CLOSE\n" + level).encode()
    american = "".join(f"{day:%m/%d/%Y},1,1,1,{15 + draw.random():.2f}\n" for day in trading_days(14))
    yield "us_index.csv", ("DATE,OPEN,HIGH,LOW,CLOSE\n" + american).encode()
    yield "random.csv", "\n".join([HEADER, *random_rows(draw)]).encode()


def trading_days(count: int) -> list[dt.date]:
    """Weekdays from 2024-03-04."""
    days = (dt.date(2024, 3, 4) + dt.timedelta(days=i) for i in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def smile(draw: random.Random, day: str, tenor: float, level: float, *, wide: bool = False) -> Iterator[str]:
    """Quotes of one expiry around a spot of 100."""
    for strike in [float(k) for k in (range(70, 135, 3) if wide else range(80, 125, 5))]:
        x = strike / 100 - 1
        for kind in ("Call", "Put"):
            iv = level - 0.3 * x + 1.5 * x * x + 0.002 * draw.random()
            yield f"{day},ABC,{strike:g},{tenor},{iv:.4f},{strike / 100:.4f},{kind},{draw.randrange(0, 5000)}"


def dated_rows(draw: random.Random) -> Iterator[str]:
    """Four weeks of chains with what live chains hold: see the comments."""
    for number, day in enumerate(trading_days(20)):
        level = 0.3 + 0.01 * math.sin(number)
        rows = [row for t in (0.02, 0.1, 0.25, 0.75) for row in smile(draw, f"{day}", t, level)]
        if number == 1:  # quotes twice
            rows += rows[:20]
        if number == 2:  # one expiry only
            rows = list(smile(draw, f"{day}", 0.1, level))
        if number == 3:  # solver bounds, and expired today
            rows += [f"{day},ABC,{k},0.1,{iv},{k / 100},Call,0" for k, iv in ((99, 0.01), (101, 5.0), (102, 7.5))]
            rows += [f"{day},ABC,100,0.0001,3.2,1.0,Put,9"]
        if number == 4:  # no volume
            rows = [row.rsplit(",", 1)[0] + "," + draw.choice(["", "NaN", "na", "None"]) for row in rows]
        if number == 5:  # a spike at one strike
            rows += [f"{day},ABC,100,0.1,2.5,1.0,Call,1"]
        if number == 6:  # too few strikes
            rows = [f"{day},ABC,{k},0.1,0.3,{k / 100},Call,1" for k in (100, 105)]
        if number == 7:  # nothing near the money
            rows = [f"{day},ABC,{k},0.1,0.3,{k / 100},Put,1" for k in (88, 89, 90, 91)]
        if number == 8:  # only calls, order mixed
            rows = [row for row in rows if "Call" in row]
            draw.shuffle(rows)
        yield from rows
        if number == 4:  # copies on the weekend
            for extra in (1, 2):
                yield from (row.replace(f"{day}", f"{day + dt.timedelta(days=extra)}") for row in rows)
    holiday = dt.date(2024, 4, 1)  # the day after it is a copy
    for repeat in (0, 1):
        draw_copy = random.Random(11)
        for t in (0.1, 0.3):
            yield from smile(draw_copy, f"{holiday + dt.timedelta(days=repeat)}", t, 0.33)


def random_rows(draw: random.Random) -> Iterator[str]:
    """Forty days of everything that a row may hold."""
    for day in trading_days(40):
        spot = draw.uniform(0.5, 5000)
        tenors = [
            draw.choice([0.001, 0.0027, 0.0822, 0.25, 1.0, 2.5]) * draw.uniform(0.5, 1.5)
            for _ in range(draw.randrange(1, 7))
        ]
        for _ in range(draw.randrange(3, 80)):
            strike = round(spot * draw.uniform(0.8, 1.2), 2)
            iv = draw.choice([0.01, 5.0, draw.uniform(0.005, 6), draw.lognormvariate(-1, 0.5)])
            kind = draw.choice(["Call", "Put", "c", "P", "PUT"])
            volume = draw.choice(["", "0", "12", "3.5", "1e3"])
            yield f"{day},X-1, {strike} ,{draw.choice(tenors):.7g},{iv:.9g},{strike / spot:.7g},{kind},{volume}"


def broken_files() -> Iterator[tuple[str, bytes]]:
    """One file per rejection."""

    def dated(row: str) -> bytes:
        return f"{HEADER}\n{GOOD}{row}\n".encode()

    yield "surface_empty.csv", b""
    yield "surface_blank.csv", b" \n\n"
    yield "surface_header_only.csv", (HEADER + "\n").encode()
    yield "surface_not_csv.csv", b"\x89PNG\r\n\x1a\n\xff\xfe"
    yield "surface_nul.csv", (HEADER + "\n\0\0\0\n").encode()
    yield "surface_wrong_header.csv", b"a,b,c\n1,2,3\n"
    yield "surface_price_file.csv", b"Date,Open,High,Low,Close,Volume\n2024-03-04,1,2,3,4,5\n"
    yield "surface_column_twice.csv", (HEADER + ",strike\n").encode()
    whole = gzip.compress(dated("2024-03-05,ABC,100,0.25,0.3,1.0,Call,1"), mtime=0)
    yield "surface_truncated.csv.gz", whole[: len(whole) // 2]
    whole = make_spellings.zstd(dated("2024-03-05,ABC,100,0.25,0.3,1.0,Call,1"))
    yield "surface_truncated.csv.zst", whole[: len(whole) // 2]
    yield "surface_without_checksum.csv.zst", whole[:-2]
    yield "surface_other_checksum.csv.zst", whole[:-4] + bytes(4)
    yield "surface_zstd_and_more.csv.zst", whole + b"more"
    row = b"2024-03-05,ABC,100,0.25,0.3,1.0,Call,1\n"
    yield "surface_bomb.csv.zst", make_spellings.zstd(dated("") + row * (70_000_000 // len(row)))
    yield "surface_window.csv.zst", make_spellings.zstd_window(dated("2024-03-05,ABC,100,0.25,0.3,1.0,Call,1"), 13)
    # The row that is named is the line that an editor shows, whatever ends a line.
    yield "surface_windows_lines.csv", dated("2024-03-05,ABC,100,0.25,x,1.0,Call,1").replace(b"\n", b"\r\n")
    yield "surface_empty_lines.csv", dated("\n\n2024-03-05,ABC,100,0.25,x,1.0,Call,1")
    yield "surface_quoted_line_end.csv", dated('2024-03-05,"A\nB",100,0.25,0.3,1.0,Call,1')
    yield "surface_short_line.csv", dated("2024-03-05,ABC,100,0.2")
    yield "surface_long_line.csv", dated("2024-03-05,ABC,100,0.25,0.3,1.0,Call,1,1")
    yield "surface_iv_text.csv", dated("2024-03-05,ABC,100,0.25,high,1.0,Call,1")
    yield "surface_iv_digits.csv", dated("2024-03-05,ABC,100,0.25,0_3,1.0,Call,1")
    yield "surface_time_text.csv", dated("2024-03-05,ABC,100,soon,0.3,1.0,Call,1")
    yield "surface_strike_zero.csv", dated("2024-03-05,ABC,0,0.25,0.3,1.0,Call,1")
    yield "surface_moneyness_zero.csv", dated("2024-03-05,ABC,100,0.25,0.3,0,Call,1")
    yield (
        "surface_moneyness_order.csv",
        dated("2024-03-05,ABC,95,0.25,0.3,1.05,Call,1\n2024-03-05,ABC,105,0.25,0.3,0.95,Put,1"),
    )
    yield "surface_option_type.csv", dated("2024-03-05,ABC,100,0.25,0.3,1.0,Straddle,1")
    yield "surface_date_mixed.csv", dated("03/05/2024,ABC,100,0.25,0.3,1.0,Call,1")
    yield "surface_date_text.csv", dated("yesterday,ABC,100,0.25,0.3,1.0,Call,1")
    yield "surface_date_calendar.csv", dated("2024-02-30,ABC,100,0.25,0.3,1.0,Call,1")
    later = "2024-03-05,ABC,100,0.25,0.3,1.0,Call,1\n"
    yield "surface_date_order.csv", dated(f"{later}2024-03-01,ABC,100,0.25,0.3,1.0,Call,1")
    yield "surface_date_1969.csv", f"{HEADER}\n1969-12-31,ABC,95,0.25,0.31,0.95,Put,10\n".encode()
    yield "surface_date_future.csv", dated("2999-03-01,ABC,100,0.25,0.3,1.0,Call,1")
    yield "surface_two_symbols.csv", dated("2024-03-05,XYZ,100,0.25,0.3,1.0,Call,1")
    yield "surface_symbol.csv", dated("2024-03-05,../etc,100,0.25,0.3,1.0,Call,1")
    yield (
        "surface_percent.csv",
        f"{HEADER}\n{GOOD.replace('0.31', '31').replace('0.30', '30').replace('0.29', '29')}".encode(),
    )
    yield "surface_two_levels.csv", b"date,close\n2024-03-04,15\n2024-03-04,16\n"
    yield "surface_level.csv", b"date,close\n2024-03-04,0.15\n"


if __name__ == "__main__":
    main()
