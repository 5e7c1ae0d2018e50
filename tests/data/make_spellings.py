"""Surface files as spreadsheets and vendors write them: `tests/data/make_surfaces.py` writes and describes them.

Every file is the same seven days in another spelling (read: the same answer), in another unit (read and said, or
refused), or with something wrong in it that must not pass without a word.
"""

import csv
import datetime as dt
import gzip
import io
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow
import zstandard
from pyarrow.compute import assume_timezone
from pyarrow.parquet import write_table

DAYS = ("2024-03-11", "2024-03-12", "2024-03-13", "2024-03-14", "2024-03-15", "2024-03-18", "2024-03-19")
LAST = DAYS[-1]
ENGINE = ("Date", "Symbol", "Strike", "TimeToExpiry", "ImpliedVol", "Moneyness", "OptionType", "Volume")
SNAKE = ("date", "symbol", "strike", "time_to_expiry", "implied_vol", "moneyness", "option_type", "volume")
TITLE = (
    "Quote Date",
    "Ticker",
    "Strike Price",
    "Time To Expiration",
    "Implied Volatility",
    "Moneyness",
    "Type",
    "Volume",
)
CAMEL = (
    "tradeDate",
    "underlyingSymbol",
    "strikePrice",
    "timeToExpiry",
    "impliedVolatility",
    "moneyness",
    "optionType",
    "volume",
)

Record = dict[str, str]
Change = Callable[[Record], None]


def zstd(text: bytes) -> bytes:
    """One frame with its checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


def zstd_window(text: bytes, window: int) -> bytes:
    """A frame of one raw block that asks to look back so many 8 MiB (12 is 96 MiB)."""
    exponent = 16 if window >= 8 else 13
    eighth = (window << 3 >> (exponent - 13)) - 8
    header = b"\x28\xb5\x2f\xfd\x00" + bytes([exponent << 3 | eighth])
    return header + (len(text) << 3 | 1).to_bytes(3, "little") + text


def parquet(columns: dict[str, pyarrow.Array], **how: Any) -> bytes:
    """A table in Parquet."""
    sink = pyarrow.BufferOutputStream()
    write_table(pyarrow.table(columns), sink, **how)
    return bytes(sink.getvalue())


def in_columns(rows: Sequence[Record]) -> dict[str, pyarrow.Array]:
    """The engine's columns, numbers as numbers."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    numbers = {"Strike", "TimeToExpiry", "ImpliedVol", "Moneyness", "Volume"}
    return {
        name: pyarrow.array([float(cell) for cell in cells] if name in numbers else cells)
        for name, cells in columns.items()
    }


def in_parquet() -> Iterator[tuple[str, bytes]]:
    """The same seven days as columns of every kind that a table has, packed in every way."""
    columns = in_columns(base())
    for how in ("none", "snappy", "gzip", "brotli", "lz4", "zstd"):
        yield f"parquet_{how}.parquet", parquet(columns, compression=how, data_page_version="2.0", row_group_size=30)
    plain = {"use_dictionary": False, "compression": "none", "write_page_checksum": True}
    yield "parquet_plain.parquet", parquet(columns, **plain)
    yield "parquet_split.parquet", parquet(columns, use_byte_stream_split=["ImpliedVol"], **plain)
    encoding = {"Date": "DELTA_BYTE_ARRAY", "Symbol": "DELTA_LENGTH_BYTE_ARRAY", "ImpliedVol": "PLAIN"}
    yield "parquet_delta.parquet", parquet(columns, column_encoding=encoding, **plain)
    dates = columns["Date"].cast(pyarrow.date32())
    yield "parquet_day.parquet", parquet(columns | {"Date": dates})
    for unit in ("s", "ms", "us", "ns"):
        yield f"parquet_moment_{unit}.parquet", parquet(columns | {"Date": dates.cast(pyarrow.timestamp(unit))})
    old = {"Date": dates.cast(pyarrow.timestamp("ns"))}
    yield "parquet_moment_96.parquet", parquet(columns | old, use_deprecated_int96_timestamps=True)
    for number, zone in enumerate(("UTC", "Asia/Tokyo", "America/New_York", "+05:30")):
        moments = assume_timezone(dates.cast(pyarrow.timestamp("ms")), zone)
        yield f"parquet_zone_{number}.parquet", parquet(columns | {"Date": moments})
    compact = pyarrow.array([int(str(day).replace("-", "")) for day in dates.to_pylist()])
    yield "parquet_compact.parquet", parquet(columns | {"Date": compact})
    yield "parquet_compact_float.parquet", parquet(columns | {"Date": compact.cast(pyarrow.float64())})
    words = {name: columns[name].dictionary_encode() for name in ("Date", "Symbol", "OptionType")}
    yield "parquet_dictionary.parquet", parquet(columns | words)
    whole = {name: columns[name].cast(pyarrow.int32()) for name in ("Strike", "Volume")}
    yield "parquet_whole.parquet", parquet(columns | whole)
    unsigned = {"Strike": columns["Strike"].cast(pyarrow.uint16()), "Volume": columns["Volume"].cast(pyarrow.uint64())}
    yield "parquet_unsigned.parquet", parquet(columns | unsigned)
    decimals = {name: columns[name].cast(pyarrow.decimal128(12, 4)) for name in ("Strike", "ImpliedVol", "Moneyness")}
    yield "parquet_decimal.parquet", parquet(columns | decimals)
    short = {"Strike": columns["Strike"].cast(pyarrow.float32()), "Volume": columns["Volume"].cast(pyarrow.float16())}
    yield "parquet_short.parquet", parquet(columns | short)
    volumes = [None if at % 3 else float(at) for at in range(len(base()))]
    volatilities = [math.nan if at == 7 else cell for at, cell in enumerate(columns["ImpliedVol"].to_pylist())]
    missing = {"Volume": pyarrow.array(volumes), "ImpliedVol": pyarrow.array(volatilities)}
    yield "parquet_missing.parquet", parquet(columns | missing)
    others = {
        "legs": pyarrow.array([[1, 2]] * len(base())),
        "note": pyarrow.array([{"a": 1}] * len(base())),
        "live": pyarrow.array([True] * len(base())),
        "at": pyarrow.array([dt.time(16, 0)] * len(base())),
        "none": pyarrow.nulls(len(base())),
    }
    yield "parquet_others.parquet", parquet(others | columns)
    yield (
        "refused_parquet_percent.parquet",
        parquet(columns | {"ImpliedVol": pyarrow.array([cell * 100 for cell in columns["ImpliedVol"].to_pylist()])}),
    )
    yield (
        "refused_parquet_zone.parquet",
        parquet(columns | {"Date": dates.cast(pyarrow.timestamp("ms")).cast(pyarrow.timestamp("ms", "Mars/Olympus"))}),
    )


def base() -> list[Record]:
    """Seven days of two expiries and five strikes around a spot of 1000."""
    rows = []
    for number, day in enumerate(DAYS):
        for tenor in (0.08, 0.25):
            for strike in (900, 950, 1000, 1050, 1100):
                moneyness = strike / 1000
                iv = 0.25 + 0.004 * number - 0.2 * (moneyness - 1) + 0.01 * tenor
                cells = (day, "ABC", f"{strike}", f"{tenor}", f"{iv:.4f}", f"{moneyness}", "Put", "1200")
                row = dict(zip(ENGINE, cells, strict=True))
                rows.append(row | {"OptionType": "Put" if moneyness < 1 else "Call"})
    return rows


def changed(change: Change, *, only: Callable[[Record], bool] = lambda _: True) -> list[Record]:
    """The rows with a change in those that are meant."""
    rows = base()
    for row in filter(only, rows):
        change(row)
    return rows


def table(rows: Sequence[Record], *, names: Sequence[str] = ENGINE, delimiter: str = ",") -> bytes:
    """CSV with these names in place of the engine's."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*names, *list(rows[0])[len(ENGINE) :]])
    writer.writerows(list(row.values()) for row in rows)
    return text.getvalue().encode()


def put(column: str, make: Callable[[float], str]) -> Change:
    """Another spelling of one column's numbers."""
    return lambda row: row.update({column: make(float(row[column]))})


def dated(make: Callable[[dt.date], str]) -> list[Record]:
    """Another spelling of the dates."""
    return changed(lambda row: row.update(Date=make(dt.date.fromisoformat(row["Date"]))))


def on(*days: str) -> Callable[[Record], bool]:
    """Rows of these days."""
    return lambda row: row["Date"] in days


def first(row: Record) -> bool:
    """The far row of the first day."""
    return row["Date"] == DAYS[0] and row["Strike"] == "900" and row["TimeToExpiry"] == "0.08"


def comma(row: Record) -> None:
    """Decimal commas in every number."""
    row.update({name: row[name].replace(".", ",") for name in ("TimeToExpiry", "ImpliedVol", "Moneyness")})


FORWARDS = {"0.08": 1004.0, "0.25": 1040.0}
EXPIRIES = {"0.08": 29, "0.25": 91}


def by_forward(make: Callable[[float], str]) -> list[Record]:
    """Moneyness by the forward of each expiry."""
    return changed(
        lambda row: row.update(Moneyness=make(float(row["Strike"]) / FORWARDS[row["TimeToExpiry"]])),
    )


def with_expiry(*, factor: float = 1.0) -> list[Record]:
    """The date of expiry beside a time to expiry that is so many times what it should be."""
    rows = base()
    for row in rows:
        days = EXPIRIES[row["TimeToExpiry"]]
        row["Expiration"] = str(dt.date.fromisoformat(row["Date"]) + dt.timedelta(days=days))
        row["TimeToExpiry"] = f"{days / 365 * factor:.6f}"
    return rows


def with_price(*, power: float = 1.0, factor: float = 1.0) -> list[Record]:
    """The price of each option, whose volatility is multiplied, beside its implied volatility to a power."""
    rows = base()
    for row in rows:
        strike, years, iv = (float(row[name]) for name in ("Strike", "TimeToExpiry", "ImpliedVol"))
        iv *= factor
        deviation = iv * math.sqrt(years)
        d = math.log(1000 / strike) / deviation + deviation / 2
        normal = statistics.NormalDist().cdf
        call = 1000 * normal(d) - strike * normal(d - deviation)
        row["Mid"] = f"{call if row['OptionType'] == 'Call' else call - 1000 + strike:.2f}"
        row["ImpliedVol"] = f"{iv**power:.6f}"
    return rows


def seconds(day: dt.date, hour: int) -> int:
    """Since 1970 to an hour by UTC."""
    return int(dt.datetime(day.year, day.month, day.day, hour, tzinfo=dt.UTC).timestamp())


def with_three_expiries(year: float) -> list[Record]:
    """Times to expiry as 21, 63 and 126 days of such a year."""
    rows = [row | {"TimeToExpiry": f"{days / year:.6f}"} for row in base()[::2] for days in (21, 61, 126)]
    return [row | {"ImpliedVol": f"{float(row['ImpliedVol']) + at / 10_000:.4f}"} for at, row in enumerate(rows)]


def with_expiries(
    count: int = 7, *, unit: Callable[[float, int], float] = lambda years, _: years, move: float = 0.01
) -> list[Record]:
    """Weekdays of four listed expiries, a spot that moves by twice `move` a day, and times as `unit` writes them."""
    rows, day = [], dt.date(2024, 3, 4)
    for number in range(count):
        spot = 1000 * (1 + move if number % 2 else 1 - move)
        for expiry in (25, 60, 120, 300):
            years = (expiry - (day - dt.date(2024, 3, 4)).days) / 365
            for strike in (900, 950, 1000, 1050, 1100):
                iv = 0.29 + 0.002 * number - 0.1 * (strike / spot - 1) + 0.01 * years
                cells = (
                    str(day),
                    "ABC",
                    f"{strike}",
                    f"{unit(years, number):.6f}",
                    f"{iv:.6f}",
                    f"{strike / spot:.6f}",
                )
                row = dict(zip(ENGINE, (*cells, "Put" if strike < spot else "Call", "1200"), strict=True))
                rows.append(row)
        day += dt.timedelta(days=3 if day.weekday() == 4 else 1)
    return rows


def with_terms(power: float) -> list[Record]:
    """Volatilities times a power of the time to expiry, which runs from a month to a year."""
    rows = [row | {"TimeToExpiry": f"{years}"} for row in base()[::2] for years in (0.08, 0.25, 0.5, 1.0)]
    make = lambda row: float(row["ImpliedVol"]) * float(row["TimeToExpiry"]) ** power  # noqa: E731
    return [row | {"ImpliedVol": f"{make(row):.6f}"} for row in rows]


def spelled() -> Iterator[tuple[str, bytes]]:
    """Files that say what the base says."""
    yield "base.csv", table(base())
    for name, names in (("snake", SNAKE), ("title", TITLE), ("camel", CAMEL)):
        yield f"header_{name}.csv", table(base(), names=names)
    yield (
        "header_dte.csv",
        table(changed(put("TimeToExpiry", lambda t: f"{t * 365:g}")), names=(*ENGINE[:3], "DTE", *ENGINE[4:])),
    )
    yield (
        "header_iv_percent.csv",
        table(changed(put("ImpliedVol", lambda v: f"{v * 100:.2f}")), names=(*ENGINE[:4], "IV %", *ENGINE[5:])),
    )
    yield (
        "header_spot.csv",
        table(changed(lambda row: row.update(Moneyness="1000")), names=(*ENGINE[:5], "Underlying Price", *ENGINE[6:])),
    )
    expiries = {"0.08": "2024-06-21", "0.25": "2024-09-20"}
    rows = changed(lambda row: row.update(TimeToExpiry=expiries[row["TimeToExpiry"]]))
    yield "header_expiry.csv", table(rows, names=(*ENGINE[:3], "Expiration", *ENGINE[4:]))
    yield (
        "with_expiry.csv",
        table([row | {"TimeToExpiry": b["TimeToExpiry"]} for row, b in zip(with_expiry(), base(), strict=True)]),
    )
    yield "with_price.csv", table(with_price())
    yield "with_one_price.csv", table([row | {"Bid": "1", "Ask": "2"} for row in base()])
    yield "with_spot.csv", table([row | {"Spot": "1000"} for row in base()])
    yield "extra_columns.csv", table([row | {"bid": "n/a", "": str(at)} for at, row in enumerate(base())])
    yield "semicolon.csv", table(base(), delimiter=";")
    yield "semicolon_comma.csv", table(changed(comma), delimiter=";")
    yield "comma_quoted.csv", table(changed(lambda row: row.update(ImpliedVol=row["ImpliedVol"].replace(".", ","))))
    yield "tab.csv", table(base(), delimiter="\t")
    yield "separator_line.csv", b"sep=;\n" + table(base(), delimiter=";")
    yield "mark.csv", "\ufeff".encode() + table(base())
    yield "utf_16.csv", table(base(), delimiter="\t").decode().encode("utf-16")
    yield "utf_16_big.csv", b"\xfe\xff" + table(base()).decode().encode("utf-16-be")
    yield "packed.csv.gz", gzip.compress(table(base()), mtime=0)
    yield "packed.csv.zst", zstd(table(base()))
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    yield "packed_in_frames.csv.zst", zstd(table(base())[:1000]) + skipped + zstd(table(base())[1000:])
    yield "thousands.csv", table(changed(put("Volume", lambda v: f"{v:,.0f}")))
    yield "dollars.csv", table(changed(put("Strike", lambda k: f"${k:,.2f}")))
    yield "percent_sign.csv", table(changed(put("ImpliedVol", lambda v: f"{v * 100:.2f}%")))
    yield "percent_rounded.csv", table(changed(put("ImpliedVol", lambda v: f"{v * 100:.0f}%")))
    yield (
        "calls_ce.csv",
        table(changed(lambda row: row.update(OptionType={"Put": "PE", "Call": "CE"}[row["OptionType"]]))),
    )
    for name, word in (("null", "null"), ("dash", "-"), ("na", "#N/A")):
        yield f"volume_{name}.csv", table(changed(lambda row, word=word: row.update(Volume=word)))
    for name, form in (
        ("time", "%Y-%m-%d 16:00:00"),
        ("zone", "%Y-%m-%dT00:00:00-05:00"),
        ("compact", "%Y%m%d"),
        ("year_first", "%Y/%m/%d"),
        ("month_first", "%m/%d/%Y"),
        ("month_first_short", "%m/%d/%y"),
        ("day_first_short", "%d/%m/%y"),
        ("words", "%b %d, %Y"),
        ("words_of_day", "%A %B %d %Y 16:00"),
        ("name_short", "%d-%b-%y"),
        ("name_bare", "%d%b%y"),
        ("afternoon", "%m/%d/%Y 4:00 PM ET"),
        ("compact_time", "%Y%m%d 16:00:00"),
        ("compact_float", "%Y%m%d.0"),
        ("day_first", "%d/%m/%Y"),
        ("dots", "%d.%m.%Y"),
        ("name", "%d-Mar-%Y"),
    ):
        yield f"date_{name}.csv", table(dated(lambda day, form=form: day.strftime(form)))
    yield "date_serial.csv", table(dated(lambda day: str((day - dt.date(1899, 12, 30)).days)))
    yield "date_serial_part.csv", table(dated(lambda day: f"{(day - dt.date(1899, 12, 30)).days}.6458"))
    yield "date_seconds.csv", table(dated(lambda day: f"{seconds(day, 20)}.0"))
    yield "date_milliseconds.csv", table(dated(lambda day: f"{seconds(day, 0)}000"))
    yield "newest_first.csv", table([row for day in DAYS[::-1] for row in base() if row["Date"] == day])


def odd() -> Iterator[tuple[str, bytes]]:
    """Read, and said how, or left out, and said what."""
    yield "volume_minus_one.csv", table(changed(lambda row: row.update(Volume="-1")))
    words = iter(("many", "-5", "12%", "1e999"))
    first = lambda row: row["Date"] == DAYS[2] and row["OptionType"] == "Put"  # noqa: E731
    yield "volume_words.csv", table(changed(lambda row: row.update(Volume=next(words, row["Volume"])), only=first))
    for name, iv in (
        ("zero", "0"),
        ("nan", "NaN"),
        ("missing", ""),
        ("failed", "-99.99"),
        ("infinite", "1e999"),
        ("na", "n/a"),
        ("tiny", "1e-05"),
        ("huge", "7.5"),
    ):
        yield f"iv_{name}.csv", table(changed(lambda row, iv=iv: row.update(ImpliedVol=iv), only=first))
    for name, tenor in (("today", "0"), ("passed", "-0.002"), ("nan", "NaN")):
        yield f"time_{name}.csv", table(changed(lambda row, tenor=tenor: row.update(TimeToExpiry=tenor), only=first))
    yield "moneyness_percent.csv", table(changed(put("Moneyness", lambda m: f"{m * 100:g}")))
    yield "moneyness_logarithm.csv", table(changed(put("Moneyness", lambda m: f"{math.log(m):.6f}")))
    yield "moneyness_offset.csv", table(changed(put("Moneyness", lambda m: f"{m - 1:.4f}")))
    yield "moneyness_inverse.csv", table(changed(put("Moneyness", lambda m: f"{1 / m:.6f}")))
    yield "moneyness_forward.csv", table(by_forward(lambda m: f"{m:.6f}"))
    yield "moneyness_forward_percent.csv", table(by_forward(lambda m: f"{m * 100:.4f}"))
    yield "moneyness_forward_logarithm.csv", table(by_forward(lambda m: f"{math.log(m):.6f}"))
    yield "time_of_252_days.csv", table(with_three_expiries(252))
    yield (
        "expiry_in_two_orders.csv",
        table([row | {"Expiration": f"0{1 + at % 2}/04/2024"} for at, row in enumerate(with_expiry())]),
    )
    yield (
        "some_expiries_off.csv",
        table([row | ({"TimeToExpiry": "0.5"} if at == 3 else {}) for at, row in enumerate(with_expiry())]),
    )
    yield "time_tenfold.csv", table(changed(put("TimeToExpiry", lambda t: f"{t * 10:g}")))
    yield "iv_beside_others.csv", table([row | {"bid_iv": "0.2", "AskIV": "0.3", "iv_rank": "44"} for row in base()])
    yield "iv_over_root_of_time.csv", table(with_terms(-0.5))
    yield (
        "last_day_two_snapshots.csv",
        table(
            [
                *base(),
                *(
                    row | {"ImpliedVol": f"{float(row['ImpliedVol']) * 1.6:.4f}"}
                    for row in base()
                    if row["Date"] == LAST
                ),
            ]
        ),
    )
    stale = {(row["Strike"], row["TimeToExpiry"]): row["ImpliedVol"] for row in base() if row["Date"] == DAYS[-2]}
    at = lambda row: (row["Strike"], row["TimeToExpiry"])  # noqa: E731
    yield (
        "last_day_stale.csv",
        table(
            changed(
                lambda row: row.update(ImpliedVol=stale[at(row)]),
                only=lambda row: row["Date"] == LAST and row["Strike"] != "900",
            )
        ),
    )
    ladder = {"900": "0.0312", "950": "0.0625", "1000": "0.1250", "1050": "0.2500", "1100": "0.5000"}
    yield (
        "last_day_placeholders.csv",
        table(changed(lambda row: row.update(ImpliedVol=ladder[row["Strike"]]), only=on(LAST))),
    )
    many = [
        row | {"Strike": f"{float(row['Strike']) + k}", "Moneyness": f"{(float(row['Strike']) + k) / 1000}"}
        for row in base()
        for k in range(8)
    ]
    yield (
        "last_day_cut_off.csv",
        table(
            [row for row in many if row["Date"] != LAST]
            + [row for row in many if row["Date"] == LAST and float(row["Strike"]) in (900, 901)]
            + [row for row in many if row["Date"] == LAST and row["Strike"] == "1000.0"][:1]
        ),
    )
    yield "listed_expiries.csv", table(with_expiries(20))
    yield "vix_history.csv", b"date,close\n2024-03-11,15\n2024-03-12,.\n2024-03-13,\n2024-03-14,16\n"
    yield "federal.csv", b"observation_date,VIXCLS\n2024-03-11,15\n2024-03-12,.\n2024-03-14,16\n"


def doubtful() -> Iterator[tuple[str, bytes]]:
    """Refused: another unit, or two readings."""
    for name, factor in (("days", 365), ("months", 12), ("seconds", 31_536_000)):
        yield (
            f"refused_time_{name}.csv",
            table(changed(put("TimeToExpiry", lambda t, factor=factor: f"{max(round(t * factor), 1)}"))),
        )
    yield (
        "refused_time_jitter.csv",
        table(
            [row | {"TimeToExpiry": f"{float(row['TimeToExpiry']) + at * 1e-7:.7f}"} for at, row in enumerate(base())]
        ),
    )
    yield "refused_total_volatility.csv", table(with_terms(0.5))
    yield (
        "refused_total_volatility_of_two.csv",
        table(
            [
                row | {"ImpliedVol": f"{float(row['ImpliedVol']) * float(row['TimeToExpiry']) ** 0.5:.6f}"}
                for row in base()
            ]
        ),
    )
    yield (
        "refused_total_variance.csv",
        table([row | {"ImpliedVol": f"{4 * float(row['ImpliedVol']) ** 2:.6f}"} for row in with_terms(0.5)]),
    )
    changes = lambda years, number: years * (365 / 252 if number >= 4 else 1)  # noqa: E731
    yield "refused_time_from_some_day.csv", table(with_expiries(unit=changes))
    fixed = changed(lambda row: row.update(TimeToExpiry=f"{float(row['TimeToExpiry']) * 365 / 252:.4f}"), only=on(LAST))
    yield "refused_fixed_time_from_some_day.csv", table(fixed)
    yield "refused_time_tenfold.csv", table(with_expiries(unit=lambda years, _: years * 10))
    yield "refused_time_by_252.csv", table(with_expiries(unit=lambda years, _: years * 365 / 252))
    yield "refused_time_by_4.csv", table(with_expiries(unit=lambda years, _: years / 4))
    squares = [row | {"ImpliedVol": f"{float(row['ImpliedVol']) ** 2:.6f}"} for row in with_expiries(20)]
    yield "refused_iv_variance.csv", table(changed(put("ImpliedVol", lambda v: f"{v * v:.6f}")))
    yield "refused_iv_low.csv", table(changed(put("ImpliedVol", lambda v: f"{v * 0.3:.6f}")))
    yield "refused_vix_of_two.csv", vix_file("^VXN")
    yield "refused_variance_against_spot.csv", table(squares)
    both = [{**row, "bid_iv": row["ImpliedVol"], "ask_iv": row["ImpliedVol"]} for row in base()]
    only = [{name: row[name] for name in row if name != "ImpliedVol"} for row in both]
    yield "refused_bid_and_ask_iv.csv", table(only, names=tuple(only[0])[:8])
    sides = [{name.replace("bid", "call").replace("ask", "put"): row[name] for name in row} for row in only]
    yield "refused_call_and_put_iv.csv", table(sides, names=tuple(sides[0])[:8])
    yield "refused_iv_beside_mid_iv.csv", table([row | {"mid_iv": "0.2"} for row in base()])
    yield "refused_iv_percent.csv", table(changed(put("ImpliedVol", lambda v: f"{v * 100:.2f}")))
    yield "refused_iv_basis_points.csv", table(changed(put("ImpliedVol", lambda v: f"{v * 10_000:.1f}")))
    yield "refused_iv_low_percent.csv", table(changed(put("ImpliedVol", lambda v: f"{v * 12:.2f}")))
    yield "refused_iv_daily.csv", table(changed(put("ImpliedVol", lambda v: f"{v / 16:.6f}")))
    yield (
        "refused_iv_percent_from_some_day.csv",
        table(changed(put("ImpliedVol", lambda v: f"{v * 100:.2f}"), only=on(*DAYS[-3:]))),
    )
    yield (
        "refused_moneyness_percent_from_some_day.csv",
        table(changed(put("Moneyness", lambda m: f"{m * 100:g}"), only=on(*DAYS[-3:]))),
    )
    yield (
        "refused_types_swapped.csv",
        table(
            changed(
                lambda row: row.update(OptionType="Put" if row["OptionType"] == "Call" else "Call"),
                only=lambda row: row["Strike"] != "1000",
            )
        ),
    )
    yield "refused_time_against_expiry.csv", table(with_expiry(factor=365 / 252))
    yield "refused_expiry_passed.csv", table([row | {list(row)[-1]: "2024-01-02"} for row in with_expiry()])
    yield "refused_time_against_days.csv", table([row | {"dte": "30"} for row in with_expiry(factor=365 / 252)])
    yield "refused_iv_against_price.csv", table(with_price(power=2))
    yield (
        "refused_iv_against_bid_and_ask.csv",
        table([row | {"Mid": row["Mid"], "Bid": row["Mid"], "Ask": row["Mid"]} for row in with_price(power=0.5)]),
    )
    yield (
        "refused_strike_thousandths.csv",
        table([row | {"Strike": row["Strike"] + "000", "Spot": "1000"} for row in base()]),
    )
    yield "refused_moneyness_of_nothing.csv", table(changed(put("Moneyness", lambda m: f"{(m - 1) * 4 + 1.5:.4f}")))
    yield (
        "refused_variance_from_some_day.csv",
        table(changed(put("ImpliedVol", lambda v: f"{v * v:.6f}"), only=on(*DAYS[-2:]))),
    )
    fractions = [{"dte" if key == "TimeToExpiry" else key: cell for key, cell in row.items()} for row in base()]
    yield "refused_days_in_years.csv", table(fractions, names=tuple(fractions[0]))
    for number, name in enumerate(("maturity_yrs", "act_symbol", "otype")):
        rows = [
            {key: cell for key, cell in row.items() if key not in ("Symbol", "TimeToExpiry", "OptionType")}
            | {name: (row["TimeToExpiry"], "ABC", row["OptionType"])[number]}
            for row in base()
        ]
        yield f"refused_unknown_{name}.csv", table(rows, names=tuple(rows[0]))
    yield "refused_two_symbols.csv", table([*base(), *(row | {"Symbol": "XYZ"} for row in base())])
    yield (
        "refused_two_ivs.csv",
        table([row | {"mid_iv": "0.2"} for row in base()], names=(*ENGINE[:4], "iv", *ENGINE[5:])),
    )
    yield "refused_vol.csv", table(base(), names=(*ENGINE[:4], "vol", *ENGINE[5:7], "count"))
    yield "refused_no_expiry.csv", table(base(), names=(*SNAKE[:3], "x", *SNAKE[4:]))
    yield (
        "refused_date_doubt.csv",
        table(changed(lambda row: row.update(Date=f"0{1 + DAYS.index(row['Date'])}/03/2024"))),
    )
    yield (
        "refused_date_1904.csv",
        table(dated(lambda day: str((day - dt.date(1904, 1, 1)).days))),
    )
    yield (
        "refused_date_zones.csv",
        table(dated(lambda day: f"{day} 23:00:00{'-05:00' if day < dt.date(2024, 3, 14) else '+01:00'}")),
    )
    yield (
        "refused_percent_beside_plain.csv",
        table(changed(put("ImpliedVol", lambda v: f"{v * 100:.2f}%"), only=lambda row: row["OptionType"] == "Put")),
    )
    yield (
        "refused_date_short_doubt.csv",
        table(
            changed(
                lambda row: row.update(
                    Date=f"1{DAYS.index(row['Date']) % 2}/0{1 + DAYS.index(row['Date'])}/1{DAYS.index(row['Date']) % 2}"
                )
            )
        ),
    )
    yield "refused_date_seconds_of_evening.csv", table(dated(lambda day: str(seconds(day, 2))))
    yield "refused_date_month.csv", table(dated(lambda day: day.strftime("%b %Y")))
    back_and_forth = [row for day in (*DAYS[2::-1], *DAYS[3:]) for row in base() if row["Date"] == day]
    yield "refused_newest_then_oldest.csv", table(back_and_forth)
    yield (
        "refused_date_both_orders.csv",
        table([row | {"Date": "03/25/2024" if row["Date"] == LAST else "25/03/2024"} for row in base()]),
    )
    yield (
        "refused_comma_doubt.csv",
        table([row | {"Volume": "1,200", "ImpliedVol": row["ImpliedVol"].replace(".", ",")} for row in base()]),
    )
    yield "refused_vix_price.csv", b"date,close\n2024-03-11,251.5\n2024-03-12,252.1\n"
    yield "refused_price.csv", b"date,close\n2024-03-11,31.5\n2024-03-12,32.1\n2024-03-13,31.9\n"
    yield "refused_open_quote.csv", table(base()) + b'2024-03-20,"ABC,100,0.25,0.3,1.0,Call,1\n'


def vix_file(last: str = "^VIX") -> bytes:
    """Levels under the three lines of header that yfinance writes."""
    levels = "".join(f"{day},{14 + at}.5,{15 + at},{14 + at},{14 + at},0\n" for at, day in enumerate(DAYS))
    header = f"Price,Close,High,Low,Open,Volume\nTicker,^VIX,^VIX,^VIX,^VIX,{last}\nDate,,,,,\n"
    return (header + levels).encode()


def readable() -> Iterator[tuple[str, bytes]]:
    """Other days than those of the others, read without a doubt."""
    yield "vix_yfinance.csv", vix_file()
    yield "iv_low_by_price.csv", table(with_price(factor=0.3))
    calm = [row | {"ImpliedVol": f"{float(row['ImpliedVol']) * 0.3:.6f}"} for row in with_expiries(20, move=0.002)]
    yield "iv_low_by_spot.csv", table(calm)


def files() -> Iterator[tuple[str, bytes]]:
    """All of them."""
    yield from spelled()
    yield from in_parquet()
    yield "packed_window.csv.zst", zstd_window(table(base()), 12)
    yield from readable()
    yield from odd()
    yield from doubtful()
