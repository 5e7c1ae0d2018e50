"""`verify compare` on many rows: flat memory, the same from the same seed, files of rows, Ctrl-C, mismatches saved."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn
from tests.support.faults import in_row, with_fault
from tests.support.places import ROOT
from tests.support.verified import run_verify
from train.core.skops_files import save_skops
from verify.compare.compare_model import Watch, compare_pair
from verify.compare.on_cores import on_all_cores
from verify.compare.onnx_file import open_foreign
from verify.proof.probes import CHUNK_ROWS, GIVEN
from verify.runtimes.original import sklearn_original

RANDOM = np.random.default_rng(0)
NAMES = ["alpha", "beta", "gamma", "<b>delta"]
X = pd.DataFrame(RANDOM.normal(size=(200, 4)), columns=NAMES)
Y = (X["alpha"] * X["beta"] > 0).astype(int)
FOREST = RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, Y)
GRAPH = compile_sklearn(FOREST, name="forest")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stream")
    save_skops(FOREST, folder / "model.skops")
    (folder / "model.onnx").write_bytes(to_bytes(GRAPH))
    (folder / "wrong.onnx").write_bytes(to_bytes(with_fault(GRAPH, in_row(1, 1.001))))
    return folder


@pytest.fixture
def compare(files, monkeypatch, capsys):
    def run(*more, graph="model.onnx"):
        arguments = ["--original", str(files / "model.skops"), "--onnx", str(files / graph), *map(str, more)]
        return run_verify(["compare", *arguments], monkeypatch, capsys)

    return run


def test_memory_does_not_grow_with_the_rows() -> None:
    original, graph = sklearn_original(FOREST, name="forest"), open_foreign(to_bytes(GRAPH))
    peaks = []
    for chunks in (6, 30):
        tracemalloc.start()
        assert compare_pair(original, graph, rows=chunks * CHUNK_ROWS).in_parity
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.8 * peaks[0]  # how many chunks wait at once differs; kept ones would make it 5


def test_memory_does_not_grow_with_the_mismatches() -> None:
    stump = RandomForestClassifier(2, max_depth=2, random_state=1).fit(X, Y)
    original, graph = sklearn_original(stump, name="forest"), open_foreign(to_bytes(GRAPH))
    peaks = []
    for chunks in (6, 30):
        tracemalloc.start()
        found = compare_pair(original, graph, rows=chunks * CHUNK_ROWS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.total.result.mismatched > chunks * CHUNK_ROWS // 4
    assert peaks[1] < 1.8 * peaks[0]  # how many chunks wait at once differs; kept ones would make it 5


def test_the_same_seed_gives_the_same_report_and_another_seed_other_rows(compare, tmp_path) -> None:
    reports = []
    for number, seed in enumerate((5, 5, 6)):
        path = tmp_path / f"{number}.json"
        ended = compare("--rows", 130_000, "--seed", seed, "--report", path, graph="wrong.onnx")
        assert ended.code == 1
        reports.append(path.read_bytes())
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_a_wrong_row_at_the_end_of_every_chunk_is_counted_and_saved(compare, tmp_path) -> None:
    path = tmp_path / "off.csv"
    ended = compare(
        "--rows", 3 * CHUNK_ROWS, "--save-mismatches", path, "--report", tmp_path / "r.json", graph="wrong.onnx"
    )
    assert ended.code == 1
    saved = pd.read_csv(path)
    report = json.loads((tmp_path / "r.json").read_text())
    assert len(saved) == report["total"]["mismatched"]
    assert (saved["rows from"] == "random rows").sum() == 3
    assert list(saved.columns) == ["rows from", *NAMES, "original 0", "original 1", "onnx 0", "onnx 1"]
    expected = FOREST.predict_proba(saved[NAMES])
    assert np.allclose(expected, saved[["original 0", "original 1"]], rtol=0, atol=1e-15)
    assert (saved["original 0"] != saved["onnx 0"]).all() | (saved["original 1"] != saved["onnx 1"]).all()


def test_mismatches_as_parquet_and_none_at_all(compare, tmp_path) -> None:
    assert compare("--rows", 100, "--save-mismatches", tmp_path / "off.parquet", graph="wrong.onnx").code == 1
    assert len(pd.read_parquet(tmp_path / "off.parquet")) > 0
    for name in ("none.csv", "none.parquet"):
        assert compare("--rows", 100, "--save-mismatches", tmp_path / name).code == 0
    assert len(pd.read_csv(tmp_path / "none.csv")) == len(pd.read_parquet(tmp_path / "none.parquet")) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none.csv", "none.parquet", "off.parquet"]


@pytest.mark.parametrize("place", ["off.txt", "nowhere/off.csv"])
def test_a_place_for_mismatches_that_is_none_is_exit_2_before_any_work(compare, tmp_path, place) -> None:
    ended = compare("--save-mismatches", tmp_path / place)
    assert ended.code == 2
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("place", ["r.txt", "nowhere/r.json"])
def test_a_place_for_the_report_that_is_none_is_exit_2_before_any_work(compare, tmp_path, place) -> None:
    assert compare("--report", tmp_path / place).code == 2


LONG = pd.concat([X] * 600, ignore_index=True).head(110_000)


def written(path, table: pd.DataFrame):
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.name.endswith("columns.npz"):
        np.savez(path, **{name: table[name].to_numpy() for name in table})
    elif path.name.endswith("packed.npz"):
        np.savez_compressed(path, rows=np.asfortranarray(table[NAMES].to_numpy()))
    elif path.suffix == ".npz":
        np.savez(path, np.ascontiguousarray(table[NAMES].to_numpy(dtype=np.float32)))
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.parquet", "r.npz", "packed.npz", "columns.npz"])
def test_rows_of_a_file_are_all_compared_whatever_its_kind(compare, tmp_path, name) -> None:
    path = written(tmp_path / name, LONG)
    ended = compare("--data", path, "--rows", 0, "--report", tmp_path / "r.json")
    assert ended.code == 0, ended.err
    families = {family["rows_from"]: family for family in json.loads((tmp_path / "r.json").read_text())["families"]}
    assert families[GIVEN]["rows"] == len(LONG)


@pytest.mark.parametrize("name", ["r.csv", "r.parquet", "columns.npz"])
def test_columns_of_a_file_are_found_by_name(compare, tmp_path, name) -> None:
    table = LONG.head(300)[NAMES[::-1]].assign(other=1.0)
    assert compare("--data", written(tmp_path / name, table), "--rows", 0).code == 0
    lacking = compare("--data", written(tmp_path / name, table.drop(columns="beta")), "--rows", 0)
    assert lacking.code == 2
    assert "column 'beta' of the model is missing" in lacking.err


def late(column, value):
    table = LONG.astype({column: object})
    table.loc[len(LONG) - 1, column] = value
    return table


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


BAD = {
    "a word far down": (
        "r.csv",
        late("beta", "x").to_csv(index=False).encode(),
        "column 'beta' holds something that is",
    ),
    "an infinity far down": ("r.csv", late("alpha", "inf").to_csv(index=False).encode(), "infinite number"),
    "no Parquet": ("r.parquet", b"hello", "not a Parquet file"),
    "an empty Parquet": ("r.parquet", b"", "not a Parquet file"),
    "no NPZ": ("r.npz", b"hello", "not an NPZ file"),
    "another ending": ("r.xlsx", b"hello", "names a .csv, .csv.gz, .parquet or .npz file"),
    "no gzip": ("r.csv.gz", b"hello", "r.csv.gz"),
    "arrays of different lengths": ("r.npz", npz(alpha=np.ones(3), beta=np.ones(2)), "arrays of different lengths"),
    "two tables": ("r.npz", npz(a=np.ones((3, 4)), b=np.ones((3, 4))), "expected one array [row, column]"),
    "no array": ("r.npz", npz(), "expected one array"),
    "texts": ("r.npz", npz(a=np.array([["a"] * 4])), "not numbers"),
    "objects": ("r.npz", npz(a=np.array([[None] * 4], dtype=object)), "not numbers"),
    "no rows": ("r.npz", npz(a=np.ones((0, 4))), "no rows"),
    "another width": ("r.npz", npz(a=np.ones((3, 5))), "column 'alpha' of the model is missing"),
    "cut off": ("r.npz", npz(a=np.ones((3000, 4)))[:-3000], "not an NPZ file"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_exit_2_and_leaves_nothing(compare, tmp_path, what) -> None:
    name, content, message = BAD[what]
    (tmp_path / name).write_bytes(content)
    ended = compare("--data", tmp_path / name, "--rows", 10, "--save-mismatches", tmp_path / "off.csv")
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


class StopAfter(Watch):
    """Presses Ctrl-C when some rows were compared."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def compared(self, rows: int) -> None:
        self.left -= rows
        if self.left <= 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, CHUNK_ROWS, 3 * CHUNK_ROWS])
def test_what_was_compared_before_ctrl_c_stays_and_is_no_verdict(after) -> None:
    original, graph = sklearn_original(FOREST, name="forest"), open_foreign(to_bytes(GRAPH))
    found = compare_pair(original, graph, rows=10**9, watch=StopAfter(after))
    assert found.stopped
    assert not found.in_parity
    assert not found.differs
    assert found.total.result.rows < found.planned == found.planned


def start(files, folder, *more):
    """The command in a process of its own, which gets a real signal."""
    command = [sys.executable, "-m", "verify", "compare", "--original", files / "model.skops", *more]
    command += ["--rows", "2_000_000_000", "--report", folder / "r.json", "--save-mismatches", folder / "off.csv"]
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell starts what runs in the background without Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "code", "verdict"), [("model.onnx", 2, "not finished"), ("wrong.onnx", 1, "not in parity")]
)
def test_ctrl_c_leaves_a_partial_report_that_says_so(files, tmp_path, graph, code, verdict) -> None:
    running = start(files, tmp_path, "--onnx", files / graph)
    assert b"comparing 2,0" in running.stderr.readline()
    time.sleep(4)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    assert b"PARTIAL: stopped after" in out
    assert b"Traceback" not in err
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["complete"] is False
    assert report["verdict"] == verdict
    assert 0 < report["total"]["rows"] < report["rows_planned"]
    assert len(pd.read_csv(tmp_path / "off.csv")) == report["total"]["mismatched"]


def test_pieces_come_back_in_order_and_the_first_failure_ends_them() -> None:
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        if number == 20:
            raise ValueError("no")
        return number * number

    done = []
    with pytest.raises(ValueError, match="no"):
        done.extend(on_all_cores(work, ((str(n), n) for n in range(1000))))
    assert done == [(str(n), n * n) for n in range(20)]
    assert len(begun) < 20 + 4 * (os.cpu_count() or 1) + 4


def test_more_than_one_thread_works() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    meeting = threading.Barrier(2, timeout=30)
    assert [r for _, r in on_all_cores(lambda _: meeting.wait() >= 0, [("a", 1), ("b", 2)])] == [True, True]


def test_names_in_a_file_are_no_markup(compare, tmp_path) -> None:
    path = written(tmp_path / "r.csv", LONG.head(50).rename(columns={"<b>delta": "[red]x\x1b[31m"}))
    ended = compare("--data", path)
    assert ended.code == 2
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_of_an_npz_file_is_read_as_numpy_reads_it(tmp_path, order, packed) -> None:
    from verify.compare.npz_rows import npz_chunks

    table = np.asarray(RANDOM.normal(size=(1001, 3)), order=order)
    (np.savez_compressed if packed else np.savez)(tmp_path / "r.npz", table)
    chunks = list(npz_chunks(tmp_path / "r.npz", None, 100))
    assert [len(chunk) for chunk in chunks] == [100] * 10 + [1]
    assert np.array_equal(pd.concat(chunks).to_numpy(), table)
