"""What is observed, refused and counted as the newest day: the same in Python and in the Rust binary."""

import datetime as dt
import os
from pathlib import Path

import pytest

from tests.support import ROOT
from train.errors import PipelineError
from train.history import HistoryStore
from train.known_days import days_of_file, days_of_symbol
from verify.round_trip import House
from verify.runtimes import BINARY

HEADER = "Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume"


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, ROOT / BINARY)
    made.configure(ROOT / "artifacts/volatility_predictor", horizon=1)
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
        found, skipped = store.observe(folder)
        mine = store.days("ABC", 99)
    assert (len(found), skipped) == (12, [f"{folder / 'notes.txt'}: neither .csv nor .csv.gz"])
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
    "negative IV": ("abc_2024-03-04.csv", HEADER + "\nABC,100,0.1,-0.3,1.0,Call,1\n"),
    "NaN time": ("abc_2024-03-04.csv", HEADER + "\nABC,100,nan,0.3,1.0,Call,1\n"),
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
