"""The history store: what is accepted is kept, what is not is refused."""

import datetime as dt
import multiprocessing
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.surfaces.surface_days import read_days

SURFACES = ROOT / "tests/data/surfaces"
SNAPSHOT = SURFACES / "snapshot.csv"
MONDAY = dt.date(2024, 3, 4)


def test_an_observed_day_comes_back_to_the_bit(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        store.observe(SNAPSHOT, MONDAY)
    with HistoryStore(tmp_path / "h.sqlite") as store:
        days = store.days("ABC", 10)
    assert days.dates == (MONDAY,)
    assert np.array_equal(days.features, read_days(SNAPSHOT).features, equal_nan=True)


def test_observing_a_day_again_replaces_it(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        store.observe(SNAPSHOT, MONDAY)
        store.observe(SNAPSHOT, MONDAY)
        assert len(store.days("ABC", 10).dates) == 1


def test_every_day_of_a_dated_file_is_observed_and_the_newest_days_are_asked_for(tmp_path: Path) -> None:
    history = read_days(SURFACES / "dated.csv")
    with HistoryStore(tmp_path / "h.sqlite") as store:
        assert len(store.observe(SURFACES / "dated.csv")[0]) == len(history.dates)
        newest = store.days("ABC", 3)
    assert newest.dates == history.dates[-3:]
    assert np.array_equal(newest.features, history.features[-3:], equal_nan=True)


def test_a_symbol_never_observed_has_no_days(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        assert store.days("XYZ", 10).features.shape == (0, 7)


@pytest.mark.parametrize(
    ("date", "word"),
    [
        (dt.date(2024, 3, 9), "Saturday"),
        (dt.date(2999, 3, 1), "future"),
        (dt.date(1969, 12, 31), "before 1970-01-01"),
    ],
)
def test_no_trading_day_and_the_future_are_refused(tmp_path: Path, date: dt.date, word: str) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        with pytest.raises(PipelineError, match=word):
            store.observe(SNAPSHOT, date)
        assert store.days("ABC", 10).dates == ()


def test_a_forgotten_day_is_gone_and_one_that_never_was_is_an_error(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        store.observe(SNAPSHOT, MONDAY)
        with pytest.raises(PipelineError, match="holds no 2024-03-05 of ABC"):
            store.forget("abc", MONDAY + dt.timedelta(days=1))
        store.forget("abc", MONDAY)
        assert store.days("ABC", 10).dates == ()


def test_a_snapshot_that_was_not_renewed_is_named(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite") as store:
        first, *_ = store.observe(SNAPSHOT, MONDAY)
        again, *_ = store.observe(SNAPSHOT, MONDAY + dt.timedelta(days=1))
        assert store.copies(first) == []
        assert store.copies(again) == ["ABC: 2024-03-05 is a copy of 2024-03-04; was the snapshot not renewed?"]


def test_a_symbol_is_stored_in_capitals(tmp_path: Path) -> None:
    snapshot = tmp_path / "abc.csv"
    snapshot.write_text(SNAPSHOT.read_text(encoding="utf-8-sig").replace("ABC", "abc"))
    with HistoryStore(tmp_path / "h.sqlite") as store:
        store.observe(snapshot, MONDAY)
        assert store.days("abc", 10).dates == store.days("ABC", 10).dates == (MONDAY,)


def test_a_newer_a_foreign_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    newer, foreign, text = (tmp_path / name for name in ("newer", "foreign", "text"))
    HistoryStore(newer).__exit__()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 2")
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (x)")
    untouched = foreign.read_bytes()
    text.write_text("not a database, and long enough to be looked at as if it were one " * 9)
    for path, word in ((newer, "newer version"), (foreign, "another program"), (text, "not a SQLite file")):
        with pytest.raises(PipelineError, match=word):
            HistoryStore(path)
    assert foreign.read_bytes() == untouched


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be opened"):
        HistoryStore(tmp_path / "no" / "h.sqlite")


def test_a_rust_written_store_has_the_same_table(tmp_path: Path) -> None:
    with HistoryStore(tmp_path / "h.sqlite"):
        pass
    with sqlite3.connect(tmp_path / "h.sqlite") as connection:
        columns = [row[1:4] for row in connection.execute("PRAGMA table_info(day)")]
    source = (ROOT / "runtime/src/store/history.rs").read_text()
    statement = source.split('const TABLE: &str = "')[1].split('";')[0]
    with sqlite3.connect(":memory:") as connection:
        connection.execute(statement)
        assert [row[1:4] for row in connection.execute("PRAGMA table_info(day)")] == columns


def observe_many(path: Path, symbol: str) -> None:
    text = SNAPSHOT.read_text(encoding="utf-8-sig").replace("ABC", symbol)
    snapshot = path.parent / f"{symbol}.csv"
    snapshot.write_text(text)
    with HistoryStore(path) as store:
        for week in range(10):
            store.observe(snapshot, MONDAY + dt.timedelta(weeks=week))


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=observe_many, args=(path, symbol)) for symbol in ("AAA", "BBB")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with HistoryStore(path) as store:
        assert [len(store.days(symbol, 99).dates) for symbol in ("AAA", "BBB")] == [10, 10]


@contextmanager
def folder_that_may_not_be_written() -> Iterator[Path]:
    """A folder of days observed; root, whom no permission holds back, becomes nobody for as long."""
    folder = Path(tempfile.mkdtemp())
    user = os.geteuid()
    try:
        with HistoryStore(folder / "h.sqlite") as store:
            store.observe(SNAPSHOT, MONDAY)
            shutil.copy(folder / "h.sqlite-wal", folder / "log")
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_store_in_a_folder_that_may_not_be_written_is_read_and_not_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with folder_that_may_not_be_written() as folder, HistoryStore(folder / "h.sqlite") as store:
        assert store.days("ABC", 10).dates == (MONDAY,)
        with pytest.raises(PipelineError, match="is read-only"):
            store.forget("ABC", MONDAY)
    assert "warning" not in capsys.readouterr().err


def test_days_that_stand_in_the_log_alone_are_missed_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    with folder_that_may_not_be_written() as folder:
        os.seteuid(os.getuid())
        folder.chmod(0o755)
        (folder / "log").rename(folder / "h.sqlite-wal")
        folder.chmod(0o555)
        if os.getuid() == 0:
            os.seteuid(65534)
        with HistoryStore(folder / "h.sqlite"):
            pass
    assert "the newest days may be missing" in "".join(capsys.readouterr().err.split("\n"))
