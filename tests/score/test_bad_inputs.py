"""`verify score` and what is wrong with its input, its output or the machine: named, and the finished part stays."""

import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.places import ROOT
from tests.support.scoring import MODEL, answers, command, files, quotes, score, write_days
from verify.score.finished import LOCK, RECORD
from verify.score.model import folder_of


def test_a_corrupt_file_among_good_ones_is_set_aside_and_the_others_are_scored(tmp_path: Path) -> None:
    days, output = write_days(tmp_path / "in", 4, 300), tmp_path / "out"
    header = days / "date=2024-01-02" / "quotes.parquet"
    header.write_bytes(header.read_bytes()[:-20])
    page = days / "date=2024-01-03" / "quotes.parquet"
    content = bytearray(page.read_bytes())
    content[200:1200] = bytes(1000)
    page.write_bytes(content)
    result, said = score(days, output, code=1)
    aside = ["date=2024-01-02/quotes.parquet", "date=2024-01-03/quotes.parquet"]
    assert sorted(result["set_aside"]) == aside
    assert all(name in said for name in aside)
    assert result["rows"] == 600
    assert sorted(json.loads((output / RECORD).read_text())["set_aside"]) == aside
    assert set(answers(output)["date"].to_pylist()) == {"2024-01-01", "2024-01-04"}
    parquet.write_table(quotes(300, 1), header)
    parquet.write_table(quotes(300, 2), page)
    result, _ = score(days, output)
    assert (result["rows"], result["set_aside"]) == (1200, {})


def test_half_of_a_file_has_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.score.parts.PART_ROWS", 500)
    from verify.score.command import run_score, score_parser

    (tmp_path / "in").mkdir()
    parquet.write_table(quotes(300, 0), tmp_path / "in" / "good.parquet")
    bad = tmp_path / "in" / "bad.parquet"
    parquet.write_table(quotes(2000, 1), bad, row_group_size=500)
    group = parquet.read_metadata(bad).row_group(3).column(1)
    content = bytearray(bad.read_bytes())
    content[group.dictionary_page_offset or group.data_page_offset :][:1] = b""
    start = group.dictionary_page_offset or group.data_page_offset
    content[start : start + 64] = bytes(64)
    bad.write_bytes(content)
    arguments = [str(MODEL), "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert run_score(score_parser().parse_args([*arguments, "--processes", "1"])) == 1
    assert list(files(tmp_path / "out")) == ["good.parquet.00000.parquet"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.drop_columns(["vega"]), "column 'vega' is missing, which other files have"),
        (lambda table: table.append_column("more", table["id"]), "column 'more' is in no other file"),
        (
            lambda table: table.set_column(1, "edge_percent", table["edge_percent"].cast(pa.string())),
            "column 'edge_percent' is string, in other files double",
        ),
    ],
)
def test_a_file_of_another_schema_is_set_aside(change, reason: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    days = write_days(tmp_path / "in", 3, 50)
    # The first one, which must not decide for the others.
    path = days / "date=2024-01-01" / "quotes.parquet"
    parquet.write_table(change(parquet.ParquetFile(path).read()), path)
    result, _ = score(days, tmp_path / "out", code=1)
    assert result["rows"] == 100
    assert reason in result["set_aside"]["date=2024-01-01/quotes.parquet"]


def test_columns_in_another_order_are_the_same_schema(tmp_path: Path) -> None:
    days = write_days(tmp_path / "in", 2, 50)
    path = days / "date=2024-01-01" / "quotes.parquet"
    table = parquet.ParquetFile(path).read()
    parquet.write_table(table.select(table.column_names[::-1]), path)
    score(days, tmp_path / "out")
    assert len(answers(tmp_path / "out")) == 100


def test_an_output_of_another_run_or_of_nobody_is_refused(tmp_path: Path) -> None:
    days, other = write_days(tmp_path / "in", 1, 50), write_days(tmp_path / "other", 1, 50)
    output = tmp_path / "out"
    score(days, output)
    wanted = files(output)
    for source, more, field in ((other, (), "input was"), (days, ("--keep", "id"), "keep was")):
        _, said = score(source, output, *more, code=2)
        assert f"is of another run: {field}" in said
    record = json.loads((output / RECORD).read_text())
    record["run"]["version"] = "0123456789ab"
    (output / RECORD).write_text(json.dumps(record))
    _, said = score(days, output, code=2)
    assert f"version was 0123456789ab, now {folder_of(MODEL).name}" in said
    assert files(output) == wanted
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    _, said = score(days, foreign, code=2)
    assert "holds thesis.txt, and no run of ours" in said


def test_a_damaged_artifact_is_refused_before_a_row_is_read(tmp_path: Path) -> None:
    shutil.copytree(folder_of(MODEL), tmp_path / "signal_classifier" / folder_of(MODEL).name)
    graph = tmp_path / "signal_classifier" / folder_of(MODEL).name / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    days = write_days(tmp_path / "in", 1, 50)
    words = command(days, tmp_path / "out")
    words[words.index(str(MODEL))] = str(graph.parent)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert "graph.sha256" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--keep", "id,nothing"), "--keep: no column 'nothing'"),
        (("--key", "/nowhere.pem"), "is not signed, and --key asks for a signature"),
    ],
)
def test_what_is_asked_and_cannot_be(more: tuple[str, ...], said: str, tmp_path: Path) -> None:
    days = write_days(tmp_path / "in", 1, 50)
    assert said in score(days, tmp_path / "out", *more, code=2)[1]
    assert not (tmp_path / "out").exists()


def test_inputs_that_are_none(tmp_path: Path) -> None:
    days = write_days(tmp_path / "in", 1, 50)
    assert "no file found" in score(tmp_path / "nothing", tmp_path / "out", code=2)[1]
    assert "lies in the input" in score(days, days / "out", code=2)[1]
    (days / "more.csv").write_text("delta\n1\n")
    assert "files of several kinds" in score(days, tmp_path / "out", code=2)[1]
    assert score(f"{days}/**/*.parquet", tmp_path / "out")[0]["rows"] == 50


def test_a_model_of_windows_is_refused(tmp_path: Path) -> None:
    days = write_days(tmp_path / "in", 1, 50)
    words = command(days, tmp_path / "out")
    words[words.index(str(MODEL))] = "volatility_predictor"
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert (done.returncode, "is no row of named columns" in done.stderr) == (2, True)


def test_two_runs_do_not_write_in_one_folder(tmp_path: Path) -> None:
    days, output = write_days(tmp_path / "in", 1, 50), tmp_path / "out"
    output.mkdir()
    with (output / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another process is scoring here" in score(days, output, code=2)[1]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_ends_the_run_in_one_line_and_the_finished_part_stays(processes: str, tmp_path: Path) -> None:
    days, output = write_days(tmp_path / "in", 3, 300), tmp_path / "out"
    large = days / "date=2024-01-03" / "quotes.parquet"
    parquet.write_table(quotes(60_000, 5), large)

    def small_files() -> None:
        # No file may grow beyond this, as no file does on a disk that is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    words = command(days, output, "--processes", processes)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100, preexec_fn=small_files)
    assert done.returncode == 2
    assert done.stderr.count("error: cannot write") == 1, done.stderr
    assert len(files(output)) == (2 if processes == "1" else len(files(output)))
    assert "quotes.parquet.00000.parquet: File too large" in done.stderr
    result, _ = score(days, output)
    assert result["rows"] == 60_600


def test_ctrl_c_ends_the_run_in_one_line_and_it_goes_on(tmp_path: Path) -> None:
    days, output = write_days(tmp_path / "in", 8, 60_000), tmp_path / "out"
    process = subprocess.Popen(
        command(days, output), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    last = time.monotonic() + 60
    while not list(output.rglob("*.parquet")) and time.monotonic() < last:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith("error: interrupted; what is finished in")
    assert "Traceback" not in said
    before = files(output)
    assert 0 < len(before) < 8
    result, _ = score(days, output)
    assert result["rows"] == 480_000
    assert files(output).items() >= before.items()
