"""A log as Parquet is the same log: for every reader, beside the files it was made of, and where it is none by name."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from tests.support.live import signal_lines, write_log, write_outcomes
from tests.support.verified import signals
from train.core.errors import PipelineError
from train.core.records.live_files import is_live_log, log_files
from train.core.records.live_log import read_live_log
from train.core.records.live_pack import finished_files, pack
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_NAMES
from train.signal_classifier.history.live_trades import history_of_log
from verify.__main__ import main

V = "0123456789ab"


def lines(rows: int = 60, **more):
    return signal_lines(signals(rows), np.linspace(0.1, 0.9, rows), V, shadow=("cafe", np.full(rows, 1 / 3)), **more)


def read(*paths: Path, columns=SIGNAL_NAMES, model=SIGNAL_CLASSIFIER):
    return read_live_log(paths, model=model, columns=columns)


def packed(tmp_path: Path, made=None) -> Path:
    return pack(write_log(tmp_path / "live.000001.ndjson", lines() if made is None else made)).target


def test_what_was_packed_is_the_same_log_in_every_field(tmp_path):
    made = lines()
    made[3]["inputs"]["delta"] = None
    made[4]["warnings"] = ["fallback: a", "b"]
    made[5] |= {"source": "fallback", "version": None, "engine": None, "about": {"symbol": "TSLA"}}
    target = packed(tmp_path, made)
    assert target.name == "live.000001.parquet"
    one, other = read(tmp_path / "live.000001.ndjson"), read(target)
    assert one.rows == other.rows
    assert other.skipped.report() == []
    assert [list(row.inputs) for row in one.rows] == [list(row.inputs) for row in other.rows]


def test_answers_of_lists_words_and_several_models_come_back(tmp_path):
    made = lines(4)
    made[1] |= {
        "model": "churn",
        "inputs": {"rows": [[1.5, None], [2, 3]], "delta": "x"},
        "answer": {"label": "no", "count": 7, "big": 2**70, "odd": True, "nothing": None, "horizons": [1, 5]},
    }
    made[2]["answer"]["recommendation"] = 5  # a word elsewhere
    target = packed(tmp_path, made)
    assert read(target, columns=None).rows == read(tmp_path / "live.000001.ndjson", columns=None).rows
    theirs = read(target, model="churn", columns=None)
    assert theirs.rows == read(tmp_path / "live.000001.ndjson", model="churn", columns=None).rows
    assert theirs.rows[0].answer["odd"] is True
    assert theirs.skipped.lines == {f"of the model {SIGNAL_CLASSIFIER!r}": 3}


def test_broken_lines_are_left_out_with_a_count_and_losses_stay_told(tmp_path):
    made = lines(10)
    event = {"log": 1, "time": made[0]["time"], "run": made[0]["run"], "event": "loss", "process": 1, "written": 6}
    made[4] = '{"log": 1, "ti\n'
    made[6] = made[6] | {"time": "yesterday"}
    made.insert(8, event | {"dropped": 3, "lost": 1})
    done = pack(write_log(tmp_path / "live.000001.ndjson", made))
    assert (done.rows, done.skipped) == (9, {"broken": 1, "broken: field 'time'": 1})
    found = read(done.target)
    assert len(found.rows) == 8
    assert (found.skipped.dropped, found.skipped.lost, found.skipped.gaps) == (3, 1, 2)


def test_parquet_is_read_with_the_log_and_each_answer_once(tmp_path):
    made = lines(30)
    packed(tmp_path, made[:10])
    write_log(tmp_path / "live.000002.ndjson", made[10:20])
    write_log(tmp_path / "live.ndjson", made[20:])
    for asked in (tmp_path / "live.ndjson", tmp_path):
        found = read(asked)
        assert [row.seq for row in found.rows] == list(range(30))
        assert found.skipped.lines == {"twice in these files": 10}
    (tmp_path / "live.000001.ndjson").unlink()
    assert len(read(tmp_path / "live.ndjson").rows) == 30
    assert read(tmp_path).skipped.report() == []


def test_the_command_packs_finished_files_alone_and_removes_what_it_proved(tmp_path, capsys):
    made = lines(30)
    write_log(tmp_path / "live.000001.ndjson", made[:10])
    text = "".join(json.dumps(one) + "\n" for one in made[10:20]).encode()
    (tmp_path / "live.000002.ndjson.gz").write_bytes(gzip.compress(text[: len(text) // 2].rsplit(b"\n", 1)[0] + b"\n"))
    (tmp_path / "live.000003.ndjson.zst").write_bytes(zstandard.compress(text))
    write_log(tmp_path / "live.ndjson", made[20:])
    assert main(["parquet", str(tmp_path / "live.ndjson")]) == 0
    assert main(["parquet", str(tmp_path), "--remove"]) == 0
    assert "there already" in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "live.000001.parquet", "live.000002.parquet", "live.000003.parquet", "live.ndjson",
    ]  # fmt: skip
    assert len(read(tmp_path).rows) == 30
    with pytest.raises(PipelineError, match="no finished file"):
        finished_files(tmp_path / "live.ndjson")


def test_a_number_that_the_runtime_gives_again_writes_over_nothing(tmp_path):
    first = packed(tmp_path, lines(5))
    kept = first.read_bytes()
    second = pack(write_log(tmp_path / "live.000001.ndjson", [one | {"run": "later"} for one in lines(5)])).target
    assert second.name == "live.000001-2.parquet"
    assert first.read_bytes() == kept
    (tmp_path / "live.000001.ndjson").unlink()
    assert len(read(tmp_path).rows) == len(read(tmp_path / "live.ndjson").rows) == 10


@pytest.mark.parametrize("cut", [4, 100, 0.5, 0.9, -1])
def test_a_parquet_file_that_is_cut_short_is_refused_by_name(tmp_path, cut):
    target = packed(tmp_path)
    whole = target.read_bytes()
    target.write_bytes(whole[: int(len(whole) * cut) if isinstance(cut, float) else cut])
    with pytest.raises(PipelineError, match=r"live\.000001\.parquet: .*(cut short or damaged)"):
        read(target)
    assert not is_live_log(target)


def test_a_damaged_page_is_refused_and_never_read_as_other_values(tmp_path):
    target = packed(tmp_path)
    whole = bytearray(target.read_bytes())
    sound, refused = read(target).rows, []
    for place in range(4, len(whole) - 12, max(1, len(whole) // 60)):
        whole[place] ^= 0xFF
        target.write_bytes(whole)
        try:
            found = read(target, columns=None).rows
        except PipelineError as error:
            refused.append(str(error))
        else:
            assert found == sound  # a byte that nothing stands in, as of statistics
        whole[place] ^= 0xFF
    assert len(refused) > 30
    assert all(target.name in one for one in refused)


def test_a_parquet_file_of_another_schema_is_refused_by_name(tmp_path):
    other = tmp_path / "live.000001.parquet"
    parquet.write_table(pyarrow.table({"edge": [1.0], "delta": [0.5]}), other)
    assert not is_live_log(other)
    for asked in (other, tmp_path, tmp_path / "live.ndjson"):
        with pytest.raises(PipelineError, match=r"live\.000001\.parquet: is no log: .*docs/live_log\.md"):
            read(asked)


def test_rows_that_another_tool_spoiled_are_counted(tmp_path):
    target = packed(tmp_path, lines(6))
    table = parquet.read_table(target)
    spoil = {
        "input_names": ["[", None, '["delta"]', '["absent"]', *table["input_names"].to_pylist()[4:]],
        "warnings": [*table["warnings"].to_pylist()[:4], "{", table["warnings"].to_pylist()[5]],
    }
    for name, values in spoil.items():
        table = table.set_column(table.schema.names.index(name), name, pyarrow.array(values, pyarrow.large_string()))
    parquet.write_table(table.replace_schema_metadata(None), target)
    assert is_live_log(target)
    found = read(target)
    assert [row.seq for row in found.rows] == [5]
    assert found.skipped.lines == {
        "broken: field 'inputs'": 3, "of another contract: other inputs than the version's": 1,
        "broken: field 'warnings'": 1,
    }  # fmt: skip
    wrong = table.set_column(table.schema.names.index("seq"), "seq", pyarrow.array(["a"] * 6))
    parquet.write_table(wrong, target)
    with pytest.raises(PipelineError, match="6 lines skipped: broken: field 'seq'"):
        read(target, columns=None)


def test_other_files_named_parquet_are_no_part_of_a_folder(tmp_path):
    write_log(tmp_path / "live.ndjson", lines(3))
    (tmp_path / "surfaces.parquet").write_bytes(b"PAR1")
    assert [file.name for file in log_files(tmp_path)] == ["live.ndjson"]


def test_a_trading_history_is_the_same_of_both(tmp_path):
    target = packed(tmp_path)
    came = write_outcomes(tmp_path / "came.csv", np.arange(60) % 3 == 0)
    assert history_of_log([target], [came]) == history_of_log([tmp_path / "live.000001.ndjson"], [came])
