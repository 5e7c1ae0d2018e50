"""`verify score`: the answers are those of one session, whatever the files are, and a run goes on where it was."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from export.versions.served import Served
from tests.support.scoring import MODEL, NUMBERS, answers, files, quotes, score, write_days
from train.core.contract import Column, check_value
from train.core.errors import PipelineError
from verify.score.finished import LOCK, RECORD
from verify.score.model import ScoringModel, folder_of
from verify.score.rows import outside, refused
from verify.score.work import same_bits


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_days(tmp_path_factory.mktemp("days") / "in", 4, 3000)


@pytest.fixture(scope="module")
def scored(days: Path) -> Path:
    output = days.parent / "out"
    result, said = score(days, output)
    assert (result["rows"], result["parts"], result["set_aside"]) == (12_000, 4, {}), said
    assert result["sampled_rows"] == 3000
    return output


def confidence_of(table: pa.Table) -> np.ndarray:
    rows = np.column_stack([table[name].to_numpy().astype(np.float64) for name in NUMBERS])
    return Served(folder_of(MODEL)).answer({"features": rows})["confidence"]


def test_every_row_has_the_answer_of_one_session_to_the_bit_and_its_own_columns(scored: Path, days: Path) -> None:
    found = answers(scored).sort_by("id")
    wanted = answers(days).sort_by("id")
    assert found.select(wanted.column_names).equals(wanted)
    assert found["confidence"].to_numpy().tobytes() == confidence_of(wanted).tobytes()
    assert set(found["model_version"].to_pylist()) == {folder_of(MODEL).name}
    assert found.schema.field("date").type == wanted.schema.field("date").type


def test_one_process_gives_the_same_bytes_as_several(scored: Path, days: Path, tmp_path: Path) -> None:
    score(days, tmp_path / "out", "--processes", "1")
    assert files(tmp_path / "out") == files(scored)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "ndjson"])
def test_text_gives_the_answers_of_parquet(ending: str, tmp_path: Path) -> None:
    table = quotes(2000, 7)
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / f"quotes.{ending}"
    if ending == "ndjson":
        path.write_text("\n".join(json.dumps(row) for row in table.to_pylist()))
    else:
        with pa.output_stream(path) as stream:
            csv.write_csv(table, stream)
    result, _ = score(tmp_path / "in", tmp_path / "out")
    assert result["rows"] == 2000
    found = answers(tmp_path / "out")
    assert found["confidence"].to_numpy().tobytes() == confidence_of(table).tobytes()
    assert found["symbol"].to_pylist() == table["symbol"].to_pylist()


def test_row_groups_are_parts_and_no_row_is_twice_or_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.score.parts.PART_ROWS", 1000)
    from verify.score.command import run_score, score_parser

    parquet.write_table(quotes(5500, 1), tmp_path / "in.parquet", row_group_size=700)
    arguments = [str(MODEL), "--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out")]
    assert run_score(score_parser().parse_args([*arguments, "--processes", "1"])) == 0
    assert len(files(tmp_path / "out")) == 4
    assert answers(tmp_path / "out").sort_by("id")["id"].to_pylist() == quotes(5500, 1)["id"].to_pylist()


def test_a_restart_does_nothing_twice_and_only_what_is_missing(scored: Path, days: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in scored.rglob("*.parquet")}
    gone = sorted(before)[2]
    wanted = files(scored)
    gone.unlink()
    result, said = score(days, scored)
    assert (result["rows_now"], result["rows"]) == (3000, 12_000)
    assert "3 of 4 parts are finished already" in said
    assert files(scored) == wanted
    assert [path for path, at in before.items() if path.stat().st_mtime_ns != at] == [gone]


def test_an_output_that_was_cut_short_is_made_anew(scored: Path, days: Path) -> None:
    wanted = files(scored)
    first = sorted(scored.rglob("*.parquet"))[0]
    first.write_bytes(first.read_bytes()[:-100])
    score(days, scored)
    assert files(scored) == wanted


def test_a_file_that_changed_is_scored_anew_and_a_new_one_is_added(tmp_path: Path) -> None:
    days, output = write_days(tmp_path / "in", 2, 200), tmp_path / "out"
    score(days, output)
    parquet.write_table(quotes(300, 9), days / "date=2024-01-02" / "quotes.parquet")
    (days / "date=2024-01-03").mkdir()
    parquet.write_table(quotes(50, 10), days / "date=2024-01-03" / "quotes.parquet")
    result, said = score(days, output)
    assert (result["rows"], result["rows_now"], result["parts"]) == (550, 350, 3)
    assert "1 outputs removed whose input has changed since" in said
    assert len(answers(output)) == 550


def test_a_sample_with_other_bits_is_found_and_its_output_removed(tmp_path: Path) -> None:
    days, output = write_days(tmp_path / "in", 1, 200), tmp_path / "out"
    score(days, output)
    path = next(output.rglob("*.parquet"))
    table = parquet.ParquetFile(path).read()
    answer = table["confidence"].to_numpy().copy()
    answer[7] = np.nextafter(answer[7], 2.0)
    place = table.schema.get_field_index("confidence")
    parquet.write_table(table.set_column(place, "confidence", pa.array(answer)), path, compression="zstd")
    record = json.loads((output / RECORD).read_text())
    record["done"][path.relative_to(output).as_posix()]["bytes"] = path.stat().st_size
    (output / RECORD).write_text(json.dumps(record))
    result, said = score(days, output, code=1)
    assert result["sample_differs"] == ["date=2024-01-01/quotes.parquet.00000.parquet"]
    assert "other bits" in said


def test_rows_that_the_model_does_not_take_are_written_without_an_answer_and_counted(tmp_path: Path) -> None:
    table = quotes(100, 3)
    delta = table["delta"].to_numpy().copy()
    delta[3], delta[4], delta[5] = 1.5, np.nan, np.inf
    place = table.schema.get_field_index("delta")
    (tmp_path / "in").mkdir()
    parquet.write_table(table.set_column(place, "delta", pa.array(delta)), tmp_path / "in" / "a.parquet")
    result, said = score(tmp_path / "in", tmp_path / "out", code=1)
    assert result["without_answer"] == 3
    assert "3 of 100 rows have no answer" in said
    found = answers(tmp_path / "out")
    assert [place for place, one in enumerate(found["confidence"].to_pylist()) if one is None] == [3, 4, 5]
    assert found["warnings"][3].as_py() == "no answer: delta must be a number in -1..1 per $1 of spot"
    others = [place for place in range(100) if place not in (3, 4, 5)]
    wanted = confidence_of(table.take(others))
    assert found["confidence"].take(pa.array(others)).to_numpy().tobytes() == wanted.tobytes()


def test_the_rules_for_columns_are_those_for_single_values() -> None:
    values = np.array([-2.0, -1.0, -0.0, 0.5, 1.0, 1.0 + 1e-15, 2.0, np.nan, np.inf, -np.inf, 1e300])
    columns = ScoringModel(folder_of(MODEL)).manifest.inputs[0].columns
    for entry in columns:
        column = Column(entry.name, entry.unit, entry.minimum, entry.maximum, entry.integer)

        def taken(value: float, column: Column = column) -> bool:
            try:
                check_value(float(value), column, "here")
            except PipelineError:
                return False
            return True

        assert (~refused(values, entry, whole=False)).tolist() == [taken(value) for value in values], entry.name
        low, high = entry.trained_minimum, entry.trained_maximum
        assert low is not None
        assert high is not None
        edges = np.array([low, np.nextafter(low, -np.inf), high, np.nextafter(high, np.inf), np.nan])
        assert outside(edges, entry).tolist() == [False, True, False, True, False]


def test_only_the_columns_asked_for_are_kept(days: Path, tmp_path: Path) -> None:
    score(days, tmp_path / "out", "--keep", "id")
    names = ["id", "confidence", "model_version", "warnings", "date"]
    assert answers(tmp_path / "out").column_names == names


def test_bits_are_compared_and_not_numbers() -> None:
    def batch(value: float) -> pa.RecordBatch:
        return pa.record_batch({"x": np.array([value])})

    assert same_bits(batch(np.nan), batch(np.nan))
    assert not same_bits(batch(0.0), batch(-0.0))
    assert not same_bits(batch(1.0), batch(np.nextafter(1.0, 2.0)))
    assert not same_bits(pa.record_batch({"x": pa.array([None], pa.float64())}), batch(0.0))


def test_the_lock_and_the_record_are_passed_over_by_readers_of_folders() -> None:
    assert RECORD.startswith("_")
    assert LOCK.startswith(".")
