"""The same table plain, as gzip, zstd and Parquet; what is damaged, too large or a bomb."""

import contextlib
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from train.core.errors import PipelineError
from train.core.tables.table import Table
from train.signal_classifier.history.history_file import open_history
from train.volatility_predictor.surfaces.surface_days import read_days

SURFACE = Path(__file__).parents[1] / "data/surfaces/dated.csv"
CHAIN = Path(__file__).parents[1] / "data/chains/yfinance/spy_2024-01-05.csv"
HISTORY = "edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry,pnl\n" + "".join(
    f"{at}.5,0.25,0.01,{at},-3.0,{at * 7},50,30,{at - 3}\n" for at in range(8)
)


def packed(text: bytes, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(text)
    if how == "zstd":
        return zstandard.ZstdCompressor(write_checksum=True).compress(text)
    if how == "two frames and one to skip":
        skip = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
        return zstandard.compress(text[:100]) + skip + zstandard.compress(text[100:])
    return text


def test_a_surface_is_the_same_however_it_is_packed(tmp_path: Path) -> None:
    plain = read_days(SURFACE)
    for how in ("gzip", "zstd", "two frames and one to skip"):
        path = tmp_path / "dated.csv.zst"
        path.write_bytes(packed(SURFACE.read_bytes(), how))
        found = read_days(path)
        assert (found.dates, found.symbol) == (plain.dates, plain.symbol)
        assert found.features.tobytes() == plain.features.tobytes()


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "none"])
@pytest.mark.parametrize("dates", ["text", "day", "nanoseconds", "with a zone"])
def test_a_surface_in_parquet_is_that_of_its_table(tmp_path: Path, compression: str, dates: str) -> None:
    table = pd.read_csv(SURFACE)
    if dates != "text":
        table["Date"] = pd.to_datetime(table["Date"])
    if dates == "day":
        table["Date"] = table["Date"].dt.date
    if dates == "with a zone":
        table["Date"] = table["Date"].dt.tz_localize("Asia/Tokyo")
    path = tmp_path / "dated.parquet"
    table.to_parquet(path, compression=None if compression == "none" else compression, index=False)
    found, plain = read_days(path), read_days(SURFACE)
    assert found.dates == plain.dates
    assert found.features.tobytes() == plain.features.tobytes()


def test_a_chain_is_the_same_however_it_is_packed(tmp_path: Path) -> None:
    plain = read_days(CHAIN)
    zstd, parquet = tmp_path / "spy_2024-01-05.csv.zst", tmp_path / "spy_2024-01-05.parquet"
    zstd.write_bytes(zstandard.compress(CHAIN.read_bytes()))
    pd.read_csv(CHAIN).to_parquet(parquet)
    for path in (zstd, parquet):
        assert read_days(path).features.tobytes() == plain.features.tobytes()


def test_a_history_is_the_same_however_it_is_packed(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text(HISTORY)
    plain = open_history(tmp_path / "trades.csv")
    for how in ("gzip", "zstd"):
        path = tmp_path / f"trades.{how}"
        path.write_bytes(packed(HISTORY.encode(), how))
        assert list(open_history(path).lines()) == list(plain.lines())
    pd.read_csv(tmp_path / "trades.csv").to_parquet(tmp_path / "trades.parquet")
    found = open_history(tmp_path / "trades.parquet")
    assert found.header == plain.header
    assert [[float(cell) for cell in cells] for _, cells in found.lines()] == [
        [float(cell) for cell in cells] for _, cells in plain.lines()
    ]


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_bomb_is_refused_early_and_a_cut_or_damaged_file_by_name(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.csv.gz"
    row = b"1,2," + b"3" * 20_000 + b"\n"
    for header, read in (
        (b"Date,Symbol,Strike\n", lambda: list(Table(path).records())),
        (HISTORY.encode().split(b"\n")[0] + b"\n", lambda: open_history(path)),
    ):
        path.write_bytes(packed(header + row * 4_000, how))
        with pytest.raises(PipelineError, match="unpacks to more than 200 times its size"):
            read()
    whole = packed(SURFACE.read_bytes(), how)
    for damaged in (whole[:-9], whole[: len(whole) // 2], whole[:200] + bytes(60) + whole[260:], whole + b"abcd"):
        path.write_bytes(damaged)
        with pytest.raises(PipelineError, match=r"damaged|not a CSV file"):
            list(Table(path).records())


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_bomb_of_short_rows_is_refused_before_a_row_is_read(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(packed(b"Date,Symbol\n1,2,3\n" + b"1,2\n" * (20 << 20), how))
    for read in (lambda: Table(path), lambda: open_history(path), lambda: read_days(path)):
        with pytest.raises(PipelineError, match="unpacks to more than 200 times its size"):
            read()


def test_a_bomb_in_parquet_is_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(20_000, np.int32)), ["x" * 10_000])
    parquet.write_table(pyarrow.table({"Date": texts}), path)
    with pytest.raises(PipelineError, match="unpacks to more than 200 times its size"):
        list(Table(path).records())


def test_a_page_that_is_not_as_it_was_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"Strike": pyarrow.array([1.5, 2.5, 3.5] * 50)})
    parquet.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    whole = path.read_bytes()
    at = whole.index(np.float64(2.5).tobytes())
    path.write_bytes(whole[:at] + np.float64(9.5).tobytes() + whole[at + 8 :])
    with pytest.raises(PipelineError, match="data is damaged"):
        list(Table(path).records())


def test_parquet_that_is_cut_or_damaged_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "dated.parquet"
    pd.read_csv(SURFACE).to_parquet(path)
    whole = path.read_bytes()
    for damaged in (whole[:-9], whole[: len(whole) // 2], b"PAR1", whole[:200] + bytes(300) + whole[500:]):
        path.write_bytes(damaged)
        with pytest.raises(PipelineError, match=r"dated\.parquet") as caught:
            list(Table(path).records())
        assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3000), st.sampled_from(["gzip", "zstd", "parquet"]))
@example(b"\x80", 14644, "parquet")  # a name that is no UTF-8
@example(b"\x18", 224, "parquet")  # a place beyond the dictionary
def test_no_damage_is_more_than_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int, how: str
) -> None:
    path = tmp_path_factory.mktemp("junk") / "a.csv"
    if how == "parquet":
        pd.read_csv(SURFACE).to_parquet(path)
        whole = path.read_bytes()
    else:
        whole = packed(SURFACE.read_bytes(), how)
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    with contextlib.suppress(PipelineError):  # anything else fails the test
        list(Table(path).records())


def test_a_long_text_in_every_row_of_parquet_is_in_memory_once(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    codes = pyarrow.array(np.zeros(100_000, np.int32))
    texts = pyarrow.DictionaryArray.from_arrays(codes, ["x" * (1 << 20)])
    parquet.write_table(pyarrow.table({"Date": texts}), path)
    assert path.stat().st_size < 1 << 21
    with pytest.raises(PipelineError, match="a cell is longer than"):
        list(Table(path).records())


def test_without_pyarrow_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "dated.parquet"
    pd.read_csv(SURFACE).to_parquet(path)
    code = (
        "import sys, pathlib; sys.modules['pyarrow'] = None\n"
        "from train.core.tables.table import Table\n"
        f"next(Table(pathlib.Path({str(path)!r})).records())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "reading Parquet needs pyarrow" in done.stderr
