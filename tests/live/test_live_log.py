"""What is no answer of the model is left out with a count, and named; what is one is read once, in its order."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.live import signal_lines, write_log
from tests.support.verified import signals
from train.core.errors import PipelineError
from train.core.records.live_files import is_live_log, log_files
from train.core.records.live_log import read_live_log
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_NAMES

V = "0123456789ab"


def lines(rows: int = 6, **more):
    return signal_lines(signals(rows), np.full(rows, 0.5), V, **more)


def read(*paths: Path, columns=SIGNAL_NAMES):
    return read_live_log(paths, model=SIGNAL_CLASSIFIER, columns=columns)


def test_a_log_is_read_as_it_was_written(tmp_path):
    rows = signals(6)
    log = read(write_log(tmp_path / "live.ndjson", lines()))
    assert np.array_equal(log.table(SIGNAL_NAMES), rows)
    assert [row.tag for row in log.rows] == [f"order {i}" for i in range(6)]
    assert log.rows[0].version == V
    assert log.skipped.report() == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"log": 1, "ti\n', "broken"),
        ('{"log": 1, "ti', "broken, cut off"),
        ("\x00\x00\x00\n", "broken"),
        ('{"log": 1, "x": NaN}\n', "broken"),
        ("[" * 100_000 + "\n", "broken"),
        ('"log"\n', "of no log"),
        ('{"event": "start"}\n', "of no log"),
        ('{"log": 2, "seq": 1}\n', "of format '2', not 1"),
        ('{"log": true}\n', "of format 'True', not 1"),
    ],
)
def test_a_line_that_is_none_is_skipped_with_a_count(tmp_path, bad, reason):
    log = read(write_log(tmp_path / "live.ndjson", [*lines(), bad]))
    assert len(log.rows) == 6
    assert log.skipped.lines == {reason: 1}
    assert "live.ndjson line 7" in log.skipped.report()[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("time", "yesterday"), ("time", 5), ("seq", "1"), ("seq", True), ("inputs", []), ("answer", None), ("source", "x"),
     ("warnings", "x"), ("run", 7)],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(tmp_path, field, value):
    made = lines()
    made[2][field] = value
    log = read(write_log(tmp_path / "live.ndjson", made))
    assert len(log.rows) == 5
    assert list(log.skipped.lines) == [f"broken: field {field!r}"]


def test_answers_of_other_models_and_contracts_are_counted_by_name(tmp_path):
    made = lines()
    made[1]["model"] = "churn"
    del made[2]["inputs"]["delta"]
    made[3]["inputs"]["spread"] = 1.0
    log = read(write_log(tmp_path / "live.ndjson", made))
    assert len(log.rows) == 3
    assert log.skipped.lines == {"of the model 'churn'": 1, "of another contract: other inputs than the version's": 2}


def test_a_log_without_an_answer_is_refused_and_says_why(tmp_path):
    other = [one | {"model": "churn"} for one in lines()]
    for made, said in (([], "it is empty"), (other, "of the model 'churn'"), (["{\n"], "broken")):
        with pytest.raises(PipelineError, match=f"holds no answer of {SIGNAL_CLASSIFIER}.*{said}"):
            read(write_log(tmp_path / "live.ndjson", made))
    with pytest.raises(PipelineError, match="cannot read"):
        read(tmp_path / "absent.ndjson")
    (tmp_path / "none").mkdir()
    with pytest.raises(PipelineError, match="no log here"):
        read(tmp_path / "none")


def test_closed_packed_and_other_processes_files_are_read_with_it_each_answer_once(tmp_path):
    made = lines(10)
    write_log(tmp_path / "live.ndjson", made[8:])
    write_log(tmp_path / "live.000002.ndjson", made[5:8])
    packed = "".join(json.dumps(one) + "\n" for one in made[:6])
    (tmp_path / "live.000001.ndjson.gz").write_bytes(gzip.compress(packed.encode()))
    write_log(tmp_path / "live-2.ndjson", [one | {"run": "other"} for one in lines(2)])
    write_log(tmp_path / "lives.ndjson", ["not this one\n"])
    log = read(tmp_path / "live.ndjson")
    assert len(log.rows) == 12
    assert log.skipped.lines == {"twice in these files": 1}
    assert log.skipped.gaps == 0
    assert [path.name for path in log_files(tmp_path / "live.000002.ndjson")] == ["live.000002.ndjson"]
    assert len(read(tmp_path / "live.000001.ndjson.gz").rows) == 6
    assert len(read(tmp_path / "live.000001.ndjson.gz", tmp_path / "live.000002.ndjson").rows) == 8


def test_a_packed_file_that_is_cut_short_is_refused(tmp_path):
    whole = gzip.compress("".join(json.dumps(one) + "\n" for one in lines(50)).encode())
    (tmp_path / "live.000001.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PipelineError, match="cut short or damaged"):
        read(tmp_path / "live.000001.ndjson.gz")


def test_a_clock_that_goes_back_changes_no_order_and_is_counted(tmp_path):
    made = lines()
    made[3]["time"] = "2020-01-01T00:00:00.000000Z"
    log = read(write_log(tmp_path / "live.ndjson", made[::-1]))
    assert [row.tag for row in log.rows] == [f"order {i}" for i in range(6)]
    assert log.skipped.clock_back == 1
    assert any("clock went back" in one for one in log.skipped.report())


def test_rows_that_the_runtime_dropped_are_told(tmp_path):
    made = lines(10)
    event = {"log": 1, "time": made[0]["time"], "run": made[0]["run"], "event": "loss", "process": 1, "written": 6}
    kept = [*made[:3], event | {"dropped": 2, "lost": 1}, *made[6:], event | {"dropped": 3, "lost": 1}]
    log = read(write_log(tmp_path / "live.ndjson", kept))
    assert (log.skipped.dropped, log.skipped.lost, log.skipped.gaps) == (3, 1, 3)
    assert sum("missing" in one for one in log.skipped.report()) == 2


def test_what_is_a_log_is_told_from_other_files(tmp_path):
    assert is_live_log(write_log(tmp_path / "a.ndjson", lines()))
    renamed = tmp_path / "renamed.txt"
    renamed.write_text('{"log":1,"time":""}\n')
    assert is_live_log(renamed)
    trades = tmp_path / "trades.csv"
    trades.write_text("edge_percent,delta\n")
    assert not is_live_log(trades)
    assert not is_live_log(tmp_path / "absent.csv")
