"""What is observed, refused and counted as the newest day: the same in Python and in the Rust binary."""

import contextlib
import datetime as dt
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.store.known_days import days_of_file, days_of_symbol
from train.volatility_predictor.store.short_forecast import newest_window
from verify.figures.volatility_predictor.round_trip import House
from verify.runtimes.open import BINARY, onnxruntime_environment

pytestmark = pytest.mark.slow

MODEL = ROOT / "runtime/tests/fixtures/artifacts/volatility_predictor"
NOBODY = 65534
HEADER = "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume"


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, ROOT / BINARY)
    made.configure(MODEL, horizon=1)
    return made


def flat(iv: float, *, symbol: str = "ABC") -> str:
    rows = [(90, "Put"), (95, "Put"), (100, "Call"), (105, "Call"), (110, "Call")]
    lines = (f"{symbol},{strike},0.0833,{iv},{strike / 100},{kind},10" for strike, kind in rows)
    return "\n".join([HEADER, *lines]) + "\n"


def weekdays(count: int) -> list[dt.date]:
    monday = dt.date(2024, 3, 4)
    return [monday + dt.timedelta(days=7 * (i // 5) + i % 5) for i in range(count)]


def folder_of_snapshots(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number, day in enumerate(weekdays(count)):
        (folder / f"abc_{day}.csv").write_text(flat(0.2 + number / 1000))
    return folder


def test_a_folder_observed_by_python_and_by_rust_gives_the_same_store(house: House, tmp_path: Path) -> None:
    folder = folder_of_snapshots(tmp_path / "days", 12)
    (folder / "notes.txt").write_text("nothing")
    with HistoryStore(tmp_path / "python.sqlite") as store:
        found, skipped, _ = store.observe(folder)
        mine = store.days("ABC", 99)
    assert (len(found), skipped) == (
        12,
        [f"{folder / 'notes.txt'}: neither .csv, .json nor .parquet (packed: .gz, .zst)"],
    )
    house.run("observe", str(folder))
    with HistoryStore(house.store) as store:
        theirs = store.days("ABC", 99)
    assert mine.dates == theirs.dates == tuple(weekdays(12))
    assert mine.features.tobytes() == theirs.features.tobytes()


def one_message(house: House, arguments: list[str], store: Path) -> tuple[str, str]:
    """The refusals of both languages; the store's own path is the only thing in which they may differ."""
    with pytest.raises(PipelineError) as rust:
        house.run("observe", *arguments)
    path, *date = arguments
    with pytest.raises(PipelineError) as python, HistoryStore(store) as opened:
        opened.observe(Path(path), dt.date.fromisoformat(date[1]) if date else None)
    text = str(rust.value).split("error: ", 1)[1]
    return text.replace(str(house.store), "STORE"), str(python.value).replace(str(store), "STORE")


OLD_ROWS = "".join(f"2024-03-04,{strike},0.3,1,{strike / 100}\n" for strike in (95, 100, 105))
WRONG = {
    "IV in words": ("abc_2024-03-04.csv", HEADER + "\nABC,100,0.1,high,1.0,Call,1\n"),
    "time in words": ("abc_2024-03-04.csv", HEADER + "\nABC,100,soon,0.3,1.0,Call,1\n"),
    "zero strike": ("abc_2024-03-04.csv", HEADER + "\nABC,0,0.1,0.3,1.0,Call,1\n"),
    "empty": ("abc_2024-03-04.csv", ""),
    "no day of the calendar": ("abc_2024-02-30.csv", flat(0.3)),
    "two dates": ("abc_2024-03-04_2024-03-05.csv", flat(0.3)),
    "the future": ("abc_2999-03-01.csv", flat(0.3)),
    "before 1970": ("abc_1969-12-31.csv", flat(0.3)),
    "weekend": ("abc_2024-03-09.csv", flat(0.3)),
    "no date": ("abc.csv", flat(0.3)),
    "no symbol": ("2024-03-04.csv", "date,strike,implied_vol,volume,moneyness\n" + OLD_ROWS),
    "another date": ("abc_2024-03-04.csv", "Date," + flat(0.3).replace("ABC", "2024-03-05,ABC")),
    "rows before 1970": ("abc.csv", "Date," + flat(0.3).replace("ABC", "1969-12-31,ABC")),
    "junk": ("abc_2024-03-04.csv", flat(5.0)),
    "prices": ("abc_2024-03-04.csv", "Date,Open,Close,Volume\n2024-03-04,1,2,3\n"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_by_both_languages_in_the_same_words(case: str, house: House, tmp_path: Path) -> None:
    name, content = WRONG[case]
    (tmp_path / name).write_text(content)
    rust, python = one_message(house, [str(tmp_path / name)], tmp_path / "python.sqlite")
    assert rust == python


@pytest.mark.parametrize("case", [case for case in WRONG if case not in ("weekend", "no date", "junk", "prices")])
def test_a_folder_with_a_wrong_file_is_refused_whole_by_both_in_the_same_words(
    case: str, house: House, tmp_path: Path
) -> None:
    name, content = WRONG[case]
    folder = folder_of_snapshots(tmp_path / "days", 3)
    (folder / name).write_text(content)
    try:
        rust, python = one_message(house, [str(folder)], tmp_path / "python.sqlite")
    finally:
        for store in (house.store, tmp_path / "python.sqlite"):
            if store.exists():
                with HistoryStore(store) as opened:
                    assert opened.days("ABC", 99).dates == ()
    assert rust == python


def test_a_day_in_two_files_is_refused_by_both_in_the_same_words(house: House, tmp_path: Path) -> None:
    folder = folder_of_snapshots(tmp_path / "days", 3)
    (folder / "2024-03-05.csv").write_text(flat(0.4))
    rust, python = one_message(house, [str(folder)], tmp_path / "python.sqlite")
    assert rust == python
    assert "holds 2024-03-05 of ABC, and so does" in rust


@pytest.mark.parametrize(
    ("modified", "day"),
    [
        ("2024-03-15T22:00:00+00:00", "2024-03-15"),
        ("2024-03-16T04:59:59+00:00", "2024-03-15"),
        ("2024-03-17T20:00:00+00:00", "2024-03-15"),
        ("2024-03-18T05:00:00+00:00", "2024-03-18"),
    ],
)
def test_the_engines_undated_file_is_the_newest_day_in_python_as_in_rust(
    modified: str, day: str, house: House, tmp_path: Path
) -> None:
    house.run("observe", str(folder_of_snapshots(tmp_path / "days", 9)))
    file = tmp_path / "data/abc_vol_surface.csv"
    file.write_text(flat(0.5))
    time = dt.datetime.fromisoformat(modified).timestamp()
    os.utime(file, (time, time))
    for known in (
        days_of_symbol("abc", store=house.store, data_dir=file.parent),
        days_of_file(file, store=house.store),
    ):
        assert str(known.dates[-1]) == day
        assert (len(known.dates), known.features[-1, 0]) == (10, pytest.approx(0.5))
    assert f'"date":"{day}"' in house.run("predict", "--symbol", "ABC", "--json")


def refusal_of_rust(house: House, *arguments: str) -> str:
    with pytest.raises(PipelineError) as rust:
        house.run("predict", *arguments)
    return str(rust.value).split("error: ", 1)[1]


@pytest.mark.parametrize("date", ["2024-03-14", "2024-03-16", "1969-12-31", "2999-03-01"])
def test_a_day_that_the_engines_file_cannot_be_of_is_refused_in_the_same_words(
    date: str, house: House, tmp_path: Path
) -> None:
    house.run("observe", str(folder_of_snapshots(tmp_path / "days", 11)))
    file = tmp_path / "data/abc_vol_surface.csv"
    file.write_text(flat(0.5))
    day = dt.date.fromisoformat(date)
    with pytest.raises(PipelineError) as of_file:
        days_of_file(file, store=house.store, date=day)
    with pytest.raises(PipelineError) as of_symbol:
        days_of_symbol("ABC", store=house.store, data_dir=file.parent, date=day)
    assert refusal_of_rust(house, str(file), "--date", date) == str(of_file.value)
    assert Path(refusal_of_rust(house, "--symbol", "ABC", "--date", date)).name == Path(str(of_symbol.value)).name


def test_a_snapshot_older_than_the_newest_day_is_left_out_with_a_warning_by_both(house: House, tmp_path: Path) -> None:
    house.run("observe", str(folder_of_snapshots(tmp_path / "days", 11)))
    file = tmp_path / "data/abc_vol_surface.csv"
    file.write_text(flat(0.5))
    time = dt.datetime(2024, 3, 15, 22, tzinfo=dt.UTC).timestamp()
    os.utime(file, (time, time))
    known = days_of_symbol("ABC", store=house.store, data_dir=file.parent)
    assert (len(known.dates), str(known.dates[-1])) == (11, "2024-03-18")
    warning = known.warnings[0].removeprefix(f"{file}: ")
    assert warning.endswith("older than the newest day observed, 2024-03-18; it is left out")
    assert warning in house.run("predict", "--symbol", "ABC", "--json")


def test_days_that_were_only_copied_do_not_count_in_either_language(house: House, tmp_path: Path) -> None:
    folder = folder_of_snapshots(tmp_path / "days", 11)
    (folder / "abc_2024-03-06.csv").write_text((folder / "abc_2024-03-05.csv").read_text())
    house.run("observe", str(folder))
    known = days_of_symbol("ABC", store=house.store, data_dir=tmp_path / "data")
    assert len(known.dates) == 10
    assert dt.date(2024, 3, 6) not in known.dates
    assert '"known_days":10' in house.run("predict", "--symbol", "ABC", "--json")


def python_refusal(known_from: str, house: House, file: Path) -> str:
    """What Python says to a forecast of too few days, in Rust's words of the paths."""
    if known_from == "symbol":
        known = days_of_symbol("ABC", store=house.store, data_dir=file.parent)
    else:
        known = days_of_file(file, store=house.store)
    with pytest.raises(PipelineError) as refusal:
        newest_window(known, window_days=252, minimum_days=10)
    return str(refusal.value).replace(f"{house.folder}/", "")


@pytest.mark.parametrize("days", [0, 4])
@pytest.mark.parametrize("snapshot", [False, True])
def test_too_few_days_and_a_symbol_never_observed_are_told_what_to_do_in_the_same_words(
    days: int, snapshot: bool, house: House, tmp_path: Path
) -> None:
    if days:
        house.run("observe", str(folder_of_snapshots(tmp_path / "days", days)))
    file = tmp_path / "data/abc_vol_surface.csv"
    if snapshot:
        file.parent.mkdir(exist_ok=True)
        file.write_text(flat(0.5))
        rust = refusal_of_rust(house, str(file)).replace(f"{house.folder}/", "")
        assert rust == python_refusal("file", house, file)
    rust = refusal_of_rust(house, "--symbol", "ABC").replace(f"{house.folder}/", "")
    assert rust == python_refusal("symbol", house, file)
    assert f"needs 10 known days, found {days + snapshot}; run `dollarbill-ml observe" in rust
    assert ("never observed" in rust) == (not days and not snapshot)


def newer(path: Path) -> None:
    HistoryStore(path).__exit__()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")


def text(path: Path) -> None:
    path.write_text("not a database, and long enough to be looked at as if it were one " * 9)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (newer, "was written by a newer version (schema 2, this one knows 1); update dollarbill-ml"),
        (foreign, "is another program's database (id 0, version 0); name a different file"),
        (text, "is not a SQLite file"),
        (folder, "cannot be opened; is its folder there and writable?"),
    ],
)
def test_what_is_no_store_of_ours_is_refused_by_both_in_the_same_words(
    make: object, word: str, house: House, tmp_path: Path
) -> None:
    house.store.parent.mkdir(parents=True)
    assert callable(make)
    make(house.store)
    (tmp_path / "abc_2024-03-04.csv").write_text(flat(0.3))
    rust, python = one_message(house, [str(tmp_path / "abc_2024-03-04.csv")], house.store)
    assert rust == python == f"history store STORE: {word}"


def test_a_locked_store_is_waited_for_and_then_refused_by_both_in_the_same_words(house: House, tmp_path: Path) -> None:
    file = tmp_path / "abc_2024-03-04.csv"
    file.write_text(flat(0.3))
    house.run("observe", str(file))
    with sqlite3.connect(house.store, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        command = [str((ROOT / BINARY).resolve()), "observe", str(file)]
        with subprocess.Popen(
            command, cwd=tmp_path, env=onnxruntime_environment(), stderr=subprocess.PIPE, text=True
        ) as waiting:
            with pytest.raises(PipelineError) as python, HistoryStore(house.store) as store:
                store.observe(file)
            rust = waiting.communicate(timeout=30)[1]
    assert waiting.returncode == 2
    # Rust names the path as the config does.
    assert rust.strip().split(": ")[-1] == str(python.value).split(": ")[-1]
    assert "is locked by another process for more than ten seconds" in rust


@pytest.fixture
def sealed() -> Iterator[Path]:
    """A folder whose store nobody may write; where tests run as root, the commands run as another user."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        (made / "abc_2024-03-04.csv").write_text(flat(0.3))
        (made / "data").mkdir()
        with HistoryStore(made / "data/vol_history.sqlite") as store:
            store.observe(made / "abc_2024-03-04.csv")
        House(made).configure(MODEL, horizon=1)
        for path in (made, made / "config"):
            path.chmod(0o755)
        for path in (made / "data").iterdir():
            path.chmod(0o444)
        (made / "data").chmod(0o555)
        yield made
        (made / "data").chmod(0o755)


@contextlib.contextmanager
def not_as_root() -> Iterator[dict[str, int]]:
    """Root may write everything: this process is somebody else in here, and so are commands with these arguments."""
    if os.geteuid() != 0:
        yield {}
        return
    os.seteuid(NOBODY)
    try:
        yield {"user": NOBODY, "group": NOBODY}
    finally:
        os.seteuid(0)


def test_a_store_that_may_not_be_written_is_refused_by_both_in_the_same_words(sealed: Path) -> None:
    file, store = sealed / "abc_2024-03-04.csv", sealed / "data/vol_history.sqlite"
    with not_as_root() as somebody, HistoryStore(store) as read_only, pytest.raises(PipelineError) as python:
        read_only.observe(file)
    command = [str((ROOT / BINARY).resolve()), "observe", str(file)]
    rust = subprocess.run(
        command, cwd=sealed, env=onnxruntime_environment(), capture_output=True, text=True, check=False, **somebody
    )
    assert rust.returncode == 2
    assert rust.stderr.strip().split(": ")[-1] == str(python.value).split(": ")[-1]
    assert "is read-only" in rust.stderr or "cannot be opened; is its folder there and writable?" in rust.stderr
