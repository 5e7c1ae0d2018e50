"""`python -m verify drift` as a user calls it: nothing moved, something moved and is named, nothing can be told."""

import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from export.artifact.manifest import version_of
from export.versions.served import Served
from tests.support.live import signal_lines, write_log, write_outcomes
from tests.support.verified import Ended, run_verify, signals
from tests.support.versions import Versions, build_versions, outcomes, run_export
from train.core.files import json_bytes
from train.core.records.live_pack import pack
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_INPUT, SIGNAL_NAMES
from verify.drift.facts import DriftReport

pytestmark = pytest.mark.slow
ROWS = 800
Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("versions"), ("good", "better"))


@pytest.fixture
def house(built: Versions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    house = built.copied(tmp_path / "house")
    promoted = ["promote", SIGNAL_CLASSIFIER, house.version["good"], "--artifacts", str(house.artifacts)]
    assert run_export([*promoted, "--from", str(house.source)], monkeypatch, capsys).code == 0
    return house


@pytest.fixture
def call(house: Versions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*more: object) -> Ended:
        return run_verify(["drift", *map(str, more), "--artifacts", str(house.artifacts)], monkeypatch, capsys)

    return run


def answers(house: Versions, X, name: str = "good"):
    served = Served(house.folder / house.version[name])
    return served.answer({SIGNAL_INPUT.name: X})["confidence"].reshape(-1)


def log_of(house: Versions, path: Path, X, **more) -> Path:
    return write_log(path, signal_lines(X, answers(house, X), house.version["good"], **more))


def test_a_log_like_training_has_not_moved(house, call, tmp_path):
    done = call(log_of(house, tmp_path / "live.ndjson", signals(ROWS, seed=5)))
    assert done.code == 0, done.err
    assert "moved:" not in done.err
    assert "confidence" in done.out


def test_the_same_log_as_parquet_has_the_same_report(house, call, tmp_path):
    X = signals(ROWS, seed=5)
    came = write_outcomes(tmp_path / "came.csv", outcomes(X, seed=6))
    log = log_of(house, tmp_path / "live.000001.ndjson", X)
    texts = []
    for path in (log, pack(log).target):
        done = call(path, "--outcomes", came, "--json", tmp_path / "drift.json")
        assert done.code == 0, done.err
        texts.append((tmp_path / "drift.json").read_text())
    assert texts[0] == texts[1]


def test_whole_lines_that_are_no_answers_are_left_out_with_a_count(house, call, tmp_path):
    X = signals(ROWS, seed=5)
    lines = signal_lines(X, answers(house, X), house.version["good"])
    lines[0]["answer"] = {}
    lines[1]["answer"]["confidence"] = None
    lines[2]["inputs"]["delta"] = "<img src=x>"
    lines[3]["inputs"]["delta"] = 10**400
    lines[4]["seq"] = 10**30
    lines[5]["version"] = [1]
    lines[6]["tag"] = {"a": 1}
    lines[7]["seq"] = -1
    done = call(write_log(tmp_path / "live.ndjson", lines), "--json", tmp_path / "drift.json")
    assert done.code == 0, done.err
    report = DriftReport.model_validate_json((tmp_path / "drift.json").read_text()).models[0]
    assert report.rows == ROWS - 8
    assert [column.missing for column in report.columns if column.name == "delta"] == [0.0]
    for said in (
        "the answer holds none of the version's outputs", "answer 'confidence' is null",
        "2 lines skipped: broken: input 'delta' is no number", "2 lines skipped: broken: field 'seq'",
        "field 'version'", "field 'tag'",
    ):  # fmt: skip
        assert any(said in line for line in report.skipped), (said, report.skipped)


def test_answers_of_one_day_have_no_interval(house, call, tmp_path):
    X = signals(ROWS, seed=5)
    came = write_outcomes(tmp_path / "came.csv", outcomes(X, seed=6))
    lines = [
        line | {"time": "2026-03-02T15:00:00+00:00"}
        for line in signal_lines(X, answers(house, X), house.version["good"])
    ]
    done = call(write_log(tmp_path / "live.ndjson", lines), "--outcomes", came, "--json", tmp_path / "drift.json")
    quality = DriftReport.model_validate_json((tmp_path / "drift.json").read_text()).models[0].quality
    assert not any(one.known or one.off for one in quality.calibration)
    assert "not known" in done.out


def test_a_shift_is_found_and_named_and_nothing_else_is(house, call, tmp_path):
    X = signals(ROWS, seed=5)
    X[:, 3] = np.minimum(X[:, 3] * 0.4 + 140, 199)  # vega
    page, data = tmp_path / "drift.html", tmp_path / "drift.json"
    done = call(log_of(house, tmp_path / "live.ndjson", X), "--html", page, "--json", data)
    assert done.code == 1, done.err
    moved = [line for line in done.err.splitlines() if line.startswith("moved: ")]
    assert len(moved) == 1
    assert "input vega: PSI" in moved[0]
    report = DriftReport.model_validate(json.loads(data.read_text()))
    assert [column.name for column in report.models[0].columns if column.moved] == ["vega"]
    assert "input vega" in page.read_text()
    assert page.read_text().count("<svg") >= 3


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("outside", "rows with a value outside training's range: 30.0%"),
        ("novelty", "rows unlike training"),
        ("fallback", "answers of a fallback: 25.0%"),
        ("missing", "input delta"),
        ("confidence", "answer confidence"),
    ],
)
def test_everything_that_can_move_is_named(house, call, tmp_path, what, said):
    X = signals(ROWS, seed=6)
    sure = answers(house, X)
    change = None
    if what == "outside":
        X[: int(0.3 * ROWS), 2] = 0.5
    elif what == "novelty":
        # Each within its range, and no two as they were together: all at their ends.
        high = X.max(axis=0)
        X[: ROWS // 2] = np.where(np.arange(8) % 2 == 0, high, X.min(axis=0))
    elif what == "missing":
        change = lambda seq, one: one["inputs"].update(delta=None) if seq % 2 else None  # noqa: E731
    elif what == "confidence":
        sure = np.clip(sure + 0.45, 0.0, 1.0)
    lines = signal_lines(X, sure, house.version["good"], change=change)
    if what == "fallback":
        for one in lines[: ROWS // 4]:
            one.update(version=None, engine=None, source="fallback", warnings=["fallback: the model was refused"])
    done = call(write_log(tmp_path / "live.ndjson", lines))
    assert done.code == 1, done.out
    assert said in done.err


def test_outcomes_tell_skill_and_calibration_in_time(house, call, tmp_path):
    X = signals(ROWS, seed=7)
    log = log_of(house, tmp_path / "live.ndjson", X)
    data = tmp_path / "drift.json"
    came = write_outcomes(tmp_path / "came.csv", outcomes(X, seed=8))
    done = call(log, "--outcomes", came, "--json", data, "--html", tmp_path / "drift.html")
    assert done.code == 0, done.err
    quality = DriftReport.model_validate(json.loads(data.read_text())).models[0].quality
    assert quality is not None
    assert quality.rows == ROWS
    assert len(quality.periods) >= 2
    assert sum(period.rows for period in quality.periods) == ROWS
    mean = np.average([period.losses["Brier"] for period in quality.periods], weights=[p.rows for p in quality.periods])
    assert mean == pytest.approx(quality.skill[0].loss)
    expected = ((answers(house, X) - outcomes(X, seed=8)) ** 2).mean()
    assert quality.skill[0].loss == pytest.approx(expected, abs=1e-12)


def test_answers_that_do_not_come_true_are_worse_than_the_base_rate_and_off(house, call, tmp_path):
    X = signals(ROWS, seed=7)
    log = log_of(house, tmp_path / "live.ndjson", X)
    lost = write_outcomes(tmp_path / "came.csv", 1 - outcomes(X, seed=8))
    done = call(log, "--outcomes", lost)
    assert done.code == 1
    assert "worse than base rate of these outcomes" in done.err
    never = write_outcomes(tmp_path / "never.csv", np.zeros(ROWS))
    done = call(log, "--outcomes", never)
    assert done.code == 1
    assert "share profitable less confidence" in done.err


def test_outcomes_find_their_answers_by_id_tag_and_features(house, call, tmp_path):
    X = signals(ROWS, seed=7)
    won = outcomes(X, seed=8)
    log = log_of(house, tmp_path / "live.ndjson", X)
    table = tmp_path / "trades.csv"
    rows = [
        ",".join([*(repr(float(value)) for value in row), "1.5" if w else "-2"]) for row, w in zip(X, won, strict=True)
    ]
    table.write_text("\n".join([",".join([*SIGNAL_NAMES, "P/L"]), *rows[:400], ""]))
    for number, (came, count) in enumerate(
        [
            (write_outcomes(tmp_path / "id.csv", won, by="id", rows=range(100, 300)), 200),
            (write_outcomes(tmp_path / "tag.csv", won, rows=range(600)), 600),
            (table, 400),
        ]
    ):
        data = tmp_path / f"{number}.json"
        call(log, "--outcomes", came, "--json", data)
        report = json.loads(data.read_text())
        assert report["models"][0]["quality"]["rows"] == count, came


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tag\norder 1\n", "no outcome"),
        ("is_profitable\n1\n", "names no answer"),
        ("tag,is_profitable\nnobody,1\n", "no outcome is of an answer"),
        ("tag,is_profitable\norder 1,\norder 2,\n", "none of the 2 trades has an outcome yet"),
        ("tag,is_profitable\norder 1,\nnobody,1\n", "1 are of others, 1 trades have none yet"),
        ("tag,is_profitable\norder 1,2\n", "must be 0 or 1"),
        ("tag,is_profitable\norder 1,1\norder 1,0\n", "contradict each other"),
        ("tag,pnl\norder 1,much\n", "must be a number"),
        ("tag,pnl\norder 1\n", "1 cells, expected 2"),
        ("", "the file is empty"),
    ],
)
def test_files_that_are_none_of_outcomes_are_refused_by_name(house, call, tmp_path, content, said):
    log = log_of(house, tmp_path / "live.ndjson", signals(ROWS, seed=7))
    came = tmp_path / "came.csv"
    came.write_text(content)
    done = call(log, "--outcomes", came)
    assert done.code == 2
    assert said in done.err
    assert "came.csv" in done.err


def test_what_cannot_be_told_is_exit_2(house, call, tmp_path):
    few = log_of(house, tmp_path / "few.ndjson", signals(20))
    assert "fewer than 100 say nothing" in call(few).err
    assert call(few).code == 2
    other = write_log(
        tmp_path / "other.ndjson", [one | {"model": "churn"} for one in signal_lines(signals(9), [0.5] * 9, None)]
    )
    done = call(other)
    assert done.code == 2
    assert "9 lines skipped: of the model 'churn'; the first: " in done.err
    assert "--model FOLDER" in done.err
    done = call(other, "--model", SIGNAL_CLASSIFIER)
    assert done.code == 2
    assert "of the model 'churn'" in done.err
    assert call(tmp_path / "absent.ndjson").code == 2
    log = log_of(house, tmp_path / "live.ndjson", signals(ROWS))
    assert call(log, "--model", SIGNAL_CLASSIFIER, "--version", "0123456789ab").code == 2
    assert call(log, "--psi", "x").code == 2
    done = call(log, "--from", "2030-01-01")
    assert done.code == 2
    assert f"from 2030-01-01 to the end: {ROWS} are of 2026-" in done.err


def _each(change):
    lines = signal_lines(signals(300), [0.5] * 300, "0123456789ab")
    for line in lines:
        change(line)
    return lines


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (_each(lambda line: line.update(log=2)), "300 lines skipped: of format '2', not 1; the first: "),
        (["{\n"] * 300, "300 lines skipped: broken; the first: "),
        (
            _each(lambda line: line["inputs"].update(vega="much")),
            "can be used: 300 lines skipped: broken: input 'vega'",
        ),
        (_each(lambda line: line["inputs"].pop("vega")), "300 lines skipped: of another contract"),
        (_each(lambda line: line.update(seq="1")), "300 lines skipped: broken: field 'seq'"),
        (_each(lambda line: line["inputs"].update(vega="much") if line["seq"] > 9 else None), "; 290 lines skipped: "),
        ([{"log": 1, "time": "2026-01-02T00:00:00Z", "run": "a", "event": "start"}], "it is empty, or says only"),
        ([], "it is empty"),
    ],
)
def test_a_log_without_a_usable_answer_says_how_many_were_looked_at_and_why_not(call, tmp_path, lines, said):
    done = call(write_log(tmp_path / "live.ndjson", lines))
    assert done.code == 2
    assert said in done.err
    assert "live.ndjson" in done.err


def test_thresholds_come_from_the_config_and_the_command_line(house, call, tmp_path):
    X = signals(ROWS, seed=5)
    X[:, 3] = np.minimum(X[:, 3] * 0.4 + 140, 199)
    log = log_of(house, tmp_path / "live.ndjson", X)
    assert call(log, "--psi", "9", "--ks", "1").code == 0
    config = tmp_path / "ml_config.json"
    config.write_text(json.dumps({"drift": {"psi": 9.0, "ks": 1.0}}))
    assert call(log, "--config", config).code == 0
    assert call(log, "--config", config, "--ks", "0.2").code == 1


def test_a_version_without_a_distribution_is_told_as_not_known(house, call, tmp_path):
    pointer = house.folder / "current.json"
    folder = house.folder / house.in_use()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["training"]["distribution"]
    content = json_bytes(manifest)
    (folder / "manifest.json").write_bytes(content)
    folder.rename(folder.with_name(version_of(content)))
    pointer.write_text(json.dumps({"version": version_of(content)}))
    X = signals(ROWS, seed=5)
    X[:80, 2] = 0.9
    done = call(write_log(tmp_path / "live.ndjson", signal_lines(X, np.full(ROWS, 0.5), version_of(content))))
    assert done.code == 1
    assert "outside training's range" in done.err
    assert "no distribution" in done.err


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.tags += [name for name, _ in attrs if name.startswith("on")]


def test_nothing_in_a_log_escapes_into_the_page(house, call, tmp_path):
    evil = "<script>alert(1)</script>\u202e"
    lines = signal_lines(signals(ROWS, seed=5), np.full(ROWS, 0.5), house.version["good"])
    for one in lines[:200]:
        one.update(version=None, source="fallback", warnings=[f"fallback: {evil}"])
    lines[300]["model"] = evil
    page = tmp_path / "drift.html"
    assert call(write_log(tmp_path / "live.ndjson", lines), "--html", page).code == 1
    text = page.read_text()
    assert not {"script", "onerror", "onload"} & set(_Tags(text).tags)
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text


def test_a_model_of_ones_own_is_measured_by_its_folder(house, call, tmp_path):
    """No registry knows it: ranges, distributions and fallbacks are its manifest's all the same."""
    own = tmp_path / "own_model"
    folder = house.folder / house.in_use()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"] = "own_model"
    content = json_bytes(manifest)
    shutil.copytree(folder, own / version_of(content))
    (own / version_of(content) / "manifest.json").write_bytes(content)
    (own / "current.json").write_text(json.dumps({"version": version_of(content)}))
    X = signals(ROWS, seed=5)
    lines = [one | {"model": "own_model"} for one in signal_lines(X, answers(house, X), version_of(content))]
    log = write_log(tmp_path / "live.ndjson", lines)
    assert call(log, "--model", own).code == 0
    X[:, 3] = np.minimum(X[:, 3] * 0.4 + 140, 199)
    lines = [one | {"model": "own_model"} for one in signal_lines(X, answers(house, X), version_of(content))]
    done = call(write_log(log, lines), "--model", own)
    assert done.code == 1
    assert "own_model" in done.err
    assert "input vega" in done.err
    done = call(log, "--model", own, "--outcomes", write_outcomes(tmp_path / "came.csv", np.ones(ROWS)))
    assert done.code == 2
    assert "what an outcome is" in done.err
