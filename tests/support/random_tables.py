"""Random surface tables in the spellings of spreadsheets and vendors, some of them damaged.

What a table means does not matter here: both languages must find the same in it, or refuse it.
"""

import datetime as dt
import gzip
import io
import random
from collections.abc import Callable, Sequence

import pyarrow
import zstandard
from pyarrow import parquet

NAMES = {
    "date": ("Date", "date", "Quote Date", "trade_date", "asOf", "DATE", "quote-date", "timestamp", "data_date", "day"),
    "symbol": ("Symbol", "symbol", "Ticker", "underlying", "Underlying Symbol", "root", "ticker "),
    "strike": ("Strike", "strike", "Strike Price", "strikePrice", "K", "STRIKE", "exercise_price"),
    "tenor": ("TimeToExpiry", "time_to_expiry", "Time To Expiry (years)", "tte", "ttm", "T", "tau", "tenor"),
    "days": ("dte", "DTE", "days_to_expiry", "Days To Expiration", "days"),
    "expiry": ("expiry", "Expiration", "expiration_date", "exdate", "Maturity", "expire_date"),
    "iv": (
        "ImpliedVol",
        "implied_vol",
        "Implied Volatility",
        "iv",
        "IV",
        "mid_iv",
        "sigma",
        "impliedVolatility",
        "vol",
    ),
    "moneyness": ("Moneyness", "moneyness", "MONEYNESS", "strike_over_spot", "log_moneyness", "moneyness_pct"),
    "kind": ("OptionType", "option_type", "Type", "cp_flag", "Call/Put", "right", "put_call"),
    "volume": ("Volume", "volume", "Trade Volume", "vol", "VOLUME", "contract volume"),
    "spot": ("spot", "underlying_price", "Spot Price", "stock_price"),
}
EXTRA = (
    "",
    "id",
    "note",
    "open_interest",
    "exchange",
    "Unnamed: 0",
    "delta",
    "bid",
    "ask",
    "mid",
    "dte",
    "expiry",
    "vol",
)
MISSING = (
    "",
    "NaN",
    "nan",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "null",
    "NULL",
    "None",
    "-",
    "--",
    ".",
    "\\N",
    "n.a.",
    "?",
)
KINDS = (("Call", "Put"), ("C", "P"), ("call", "put"), ("CALL", "PUT"), ("CE", "PE"), ("Calls", "Puts"), ("c", "p"))
DATES: tuple[Callable[[dt.date], str], ...] = (
    lambda day: day.isoformat(),
    lambda day: day.strftime("%Y%m%d"),
    lambda day: day.strftime("%Y/%m/%d"),
    lambda day: day.strftime("%d.%m.%Y"),
    lambda day: day.strftime("%d-%b-%Y"),
    lambda day: f"{day.month}/{day.day}/{day.year}",
    lambda day: f"{day.day}/{day.month}/{day.year}",
    lambda day: f"{day.isoformat()} 16:00:00",
    lambda day: f"{day.isoformat()}T16:00:00.000+01:00",
    lambda day: f"{day.isoformat()}T21:00:00Z",
    lambda day: str((day - dt.date(1899, 12, 30)).days),
    lambda day: day.strftime("%b %d, %Y"),
    lambda day: day.strftime("%A %d %B %Y"),
    lambda day: day.strftime("%d%b%y"),
    lambda day: day.strftime("%Y-%b-%d"),
    lambda day: day.strftime("%m/%d/%y"),
    lambda day: day.strftime("%d/%m/%y 9:30 AM"),
    lambda day: day.strftime("%y/%m/%d"),
    lambda day: f"{day.month}/{day.day}/{day.year} 04:00:00 PM ET",
    lambda day: day.strftime("%Y%m%d 16:00 EST"),
    lambda day: f"{(day - dt.date(1970, 1, 1)).days * 86400 + 72000}",
    lambda day: f"{(day - dt.date(1970, 1, 1)).days * 86400}.0",
    lambda day: f"{(day - dt.date(1970, 1, 1)).days * 86400 + 3600}000",
    lambda day: f"{(day - dt.date(1899, 12, 30)).days}.5",
    lambda day: f"{day.year}-{day.month}-{day.day}",
    lambda day: f"{day.isoformat()} 4pm",
)
ODD_NUMBERS = (
    *("1,200", "1 200", "1'200", "$100", "100 USD", "(12)", "+5", "5-", "1e3", "1_000", "\uff10.5", "0x10", "1.", ".5"),
    *("1e400", "inf", "Infinity", "-5", "\u22125", "\u0663", "1,2,3", "1.200,5", "12 %", "25%", "--5", "1e", "e5", "0"),
    *("1.5 CR", "1.5DR", "EUR 3", "nan%", "%", "$", "1\u202f200", "1\u0130", "+-5", "( 5 )", "(-5)", "-$1,234.50"),
    *("0,5", "00.25", "0.25 ", "1E+2", "1d3", "1.0f", "\u00bd", "12345678901234567890123", "1,234,5678", "\u00a05"),
)


def _number(rng: random.Random, value: float) -> str:
    return rng.choice((f"{value:.6g}", f"{value:.4f}", f"{value!r}", f"{value:e}", f" {value:.5f} "))


def _rows(rng: random.Random) -> list[dict[str, object]]:
    """Days of a plausible surface."""
    spot, level = rng.choice((8.5, 100.0, 4321.0)), rng.choice((0.09, 0.25, 0.8))
    first = dt.date(2024, rng.randint(1, 11), rng.randint(1, 28))
    rows: list[dict[str, object]] = []
    for number in range(rng.randint(1, 9)):
        day = first + dt.timedelta(days=number * rng.choice((1, 1, 1, 2)))
        level *= rng.uniform(0.95, 1.05)
        for tenor in rng.sample((7, 30, 61, 91, 182, 400), rng.randint(1, 4)):
            for step in range(-3, 4):
                moneyness = round(1 + step * rng.choice((0.03, 0.05)), 4)
                iv = level * (1 - 0.4 * (moneyness - 1)) + rng.gauss(0, 0.001)
                row: dict[str, object] = {"date": day, "tenor": tenor, "iv": iv, "moneyness": moneyness, "spot": spot}
                row |= {"strike": round(spot * moneyness, 2), "call": moneyness >= 1, "volume": rng.randint(0, 5000)}
                rows.append(row)
    rows.sort(key=lambda row: str(row["date"]), reverse=rng.random() < 0.1)
    return rows


def random_table(seed: int) -> tuple[str, bytes]:
    """A name and a file."""
    rng = random.Random(seed)
    rows = _rows(rng)
    meanings = ["date", "strike", rng.choice(("tenor", "tenor", "days", "expiry")), "iv", "moneyness", "kind", "volume"]
    if rng.random() < 0.8:
        meanings.insert(1, "symbol")
    if rng.random() < 0.1:
        meanings.append("spot")
    if rng.random() < 0.15:
        meanings.append("expiry" if "expiry" not in meanings else "days")
    for unwanted in ("moneyness", "kind", "volume", "date", "tenor"):
        if rng.random() < 0.04 and unwanted in meanings:
            meanings.remove(unwanted)
    style = rng.randrange(8)
    header = [NAMES[one][style % len(NAMES[one])] if rng.random() < 0.8 else rng.choice(NAMES[one]) for one in meanings]
    cells = [_cells(rng, rows, meaning, name) for meaning, name in zip(meanings, header, strict=True)]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        at = rng.randint(0, len(header))
        header.insert(at, rng.choice(EXTRA))
        cells.insert(at, [rng.choice(("", "1", "x", "0.25", "caf\u00e9", "a;b", "3,5")) for _ in rows])
    if rng.random() < 0.3:
        order = rng.sample(range(len(header)), len(header))
        header, cells = [header[at] for at in order], [cells[at] for at in order]
    table = [list(record) for record in zip(*cells, strict=True)]
    if rng.random() < 0.08:
        return f"abc_{seed}.parquet", _parquet(rng, header, cells)
    return _written(rng, seed, header, table)


def _cells(rng: random.Random, rows: Sequence[dict[str, object]], meaning: str, name: str) -> list[str]:
    """A column in one spelling, with odd cells here and there."""
    date, kinds = rng.choice(DATES[:23]) if rng.random() < 0.9 else rng.choice(DATES), rng.choice(KINDS)
    unit = rng.choice((1.0, 1.0, 1.0, 100.0)) if meaning in ("iv", "moneyness") else 1.0
    sign = "%" if unit == 100.0 and rng.random() < 0.6 else ""
    log = "log" in name

    def cell(row: dict[str, object]) -> str:
        day, tenor = row["date"], row["tenor"]
        assert isinstance(day, dt.date)
        assert isinstance(tenor, int)
        if meaning == "date":
            return date(day)
        if meaning == "expiry":
            return date(day + dt.timedelta(days=tenor))
        if meaning == "symbol":
            return "ABC"
        if meaning == "kind":
            return kinds[0] if row["call"] else kinds[1]
        if meaning == "tenor":
            return _number(rng, tenor / 365)
        if meaning == "days":
            return str(tenor)
        if meaning == "volume":
            return str(row["volume"]) if rng.random() < 0.95 else rng.choice(MISSING)
        value = row[meaning]
        assert isinstance(value, float)
        if log:
            return f"{value - 1:.4f}"
        return _number(rng, value * unit).strip() + sign if sign else _number(rng, value * unit)

    column = [cell(row) for row in rows]
    if rng.random() < 0.12:
        for _ in range(rng.randint(1, 3)):
            column[rng.randrange(len(column))] = rng.choice((*ODD_NUMBERS, *MISSING))
    if meaning in ("date", "expiry") and rng.random() < 0.08:
        at, other = rng.randrange(len(column)), rng.choice("0129:/-. ,TZamPM")
        place = rng.randrange(len(column[at]) + 1)
        column[at] = column[at][:place] + other + column[at][place + rng.randrange(2) :]
    return column


def _written(rng: random.Random, seed: int, header: list[str], table: list[list[str]]) -> tuple[str, bytes]:
    separator = rng.choice(",,,,;;\t|")
    comma = rng.random() < (0.08 if separator == "," else 0.4)
    always = rng.random() < 0.15
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r"))

    def record(cells: Sequence[str]) -> str:
        return separator.join(_quoted(cell, separator, always=always) for cell in cells)

    if comma:
        plain = [[cell.replace(".", "", 1).strip().isdigit() for cell in row] for row in table]
        table = [
            [cell.replace(".", ",") if known else cell for cell, known in zip(row, places, strict=True)]
            for row, places in zip(table, plain, strict=True)
        ]
    lines = [record(header), *(record(row) for row in table)]
    _damage(rng, lines, separator)
    if rng.random() < 0.06:
        lines.insert(0, rng.choice((f"sep={separator}", "", "# exported", " ", "SEP=" + separator)))
    text = end.join(lines) + (end if rng.random() < 0.9 else "")
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"))
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    data = mark + text.encode(encoding, errors="replace")
    if rng.random() < 0.05:
        at = rng.randrange(len(data))
        data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    return f"{rng.choice(('abc', 'vol_surface_ABC', 'ABC_iv', '2024'))}_{seed}.csv", _packed(rng, data)


def _quoted(cell: str, separator: str, *, always: bool) -> str:
    return '"' + cell.replace('"', '""') + '"' if always or separator in cell or '"' in cell else cell


def _damage(rng: random.Random, lines: list[str], separator: str) -> None:
    """Something that goes wrong with one file in five."""
    at, kind = rng.randrange(len(lines)), rng.randrange(60)
    damage: dict[int, Callable[[], object]] = {
        0: lambda: lines.__setitem__(-1, lines[-1][: rng.randint(0, len(lines[-1]))]),
        1: lambda: lines.__setitem__(at, lines[at] + separator),
        2: lambda: lines.__setitem__(at, lines[at].rpartition(separator)[0]),
        3: lambda: lines.insert(at, ""),
        4: lambda: lines.insert(at, lines[0]),
        5: lambda: lines.insert(at, '"'),
        6: lambda: lines.append("Total" + separator * lines[0].count(separator)),
        7: lambda: lines.__setitem__(slice(None), [line + separator for line in lines]),
        8: lambda: lines.reverse(),
        9: lambda: lines.append(lines[-1]),
        10: lambda: lines.__delitem__(slice(1, None)),
        11: lambda: lines.__setitem__(at, lines[at] + "\0"),
        12: lambda: lines.__setitem__(at, lines[at].replace(separator, '"' + separator, 1)),
        13: lambda: lines.__setitem__(at, " " + lines[at]),
        14: lambda: lines.insert(at, "   "),
        15: lambda: lines.insert(at, separator * lines[0].count(separator)),
    }
    if kind in damage:
        damage[kind]()


def _packed(rng: random.Random, data: bytes) -> bytes:
    how = rng.randrange(20)
    if how == 0:
        return gzip.compress(data)
    if how == 1:
        return zstandard.compress(data)
    if how == 2:
        half = len(data) // 2
        return gzip.compress(data[:half]) + gzip.compress(data[half:])
    if how == 3:
        packed = gzip.compress(data) if rng.random() < 0.5 else zstandard.compress(data)
        return packed[: rng.randrange(len(packed))]
    return data


def _parquet(rng: random.Random, header: list[str], cells: list[list[str]]) -> bytes:
    columns = []
    for column in cells:
        try:
            columns.append(
                pyarrow.array([float(cell) for cell in column]) if rng.random() < 0.8 else pyarrow.array(column)
            )
        except ValueError:
            columns.append(pyarrow.array(column))
    sink = io.BytesIO()
    how = rng.choice(("none", "snappy", "gzip", "zstd", "lz4", "brotli"))
    parquet.write_table(pyarrow.Table.from_arrays(columns, names=header), sink, compression=how)
    return sink.getvalue()
