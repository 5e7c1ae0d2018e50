"""Retraining as one job; the same inputs give the same bytes; a version is trained again from its manifest."""

import argparse
import fcntl
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import verify.retrain
from export.artifact.manifest import manifest_json, read_manifest
from export.artifact.version_folder import write_artifact
from export.compile_model import draft_of
from tests.support.places import ROOT
from tests.support.verified import Ended, run_verify
from train.core.files import json_bytes
from train.core.records.record import read_record, write_record
from train.provenance import age, is_due, machine, source_commit
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from train.signal_classifier.model import MODEL

Run = Callable[..., Ended]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "long"),
    [("7d", timedelta(days=7)), ("12h", timedelta(hours=12)), ("30m", timedelta(minutes=30)), ("2w", timedelta(14))],
)
def test_an_age_is_a_number_and_a_unit(text: str, long: timedelta) -> None:
    assert age(text) == long


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 days", "1.5d", "7y", "9999999d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be an age such as 7d"):
        age(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history, and what `retrain` made of it: the first version, in use."""
    root = tmp_path_factory.mktemp("retrained")
    shutil.copy(ROOT / "examples" / "trades.csv", root / "trades.csv")
    (root / "config.json").write_text(json.dumps({"training": {"cv_folds": 2}}))
    return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def retrain(root: Path, *more: str, data: str = "trades.csv", command: str = "retrain") -> Ended:
        arguments = [
            command,
            SIGNAL_CLASSIFIER,
            *more,
            "--data",
            str(root / data),
            "--artifacts",
            str(root / "artifacts"),
        ]
        if command == "retrain":
            arguments += ["--from", str(root / "models"), "--config", str(root / "config.json")]
            arguments += ["--rows", "200", "--runtime", "python"]
        return run_verify(arguments, monkeypatch, capsys)

    return retrain


def in_use(root: Path) -> str | None:
    pointer = root / "artifacts" / SIGNAL_CLASSIFIER / "current.json"
    return json.loads(pointer.read_text())["version"] if pointer.is_file() else None


@pytest.mark.parametrize(
    ("trained_at", "due", "says"),
    [
        (NOW - timedelta(days=6, hours=23), False, "7.0 days ago"),
        (NOW - timedelta(days=7), True, "7.0 days ago"),
        (NOW + timedelta(minutes=1), True, "a clock went back"),
        (None, True, "no time"),
        ("yesterday", True, "no time"),
        ("2026-02-28T12:00:00", False, "0.5 days ago"),
    ],
)
def test_age_decides_and_a_clock_that_went_back_decides_nothing(
    trained_at: datetime | str | None, due: bool, says: str, tmp_path: Path
) -> None:
    text = trained_at.isoformat() if isinstance(trained_at, datetime) else trained_at
    record = _record(tmp_path)
    found, why = is_due(record.model_copy(update={"trained_at": text}), timedelta(days=7), now=NOW)
    assert found is due
    assert says in why
    assert is_due(None, timedelta(days=7)) == (True, "no trained model yet")


def _record(folder: Path):  # type: ignore[no-untyped-def]
    from tests.support.versions import write_training

    write_training(folder / "model.skops", 2, 0.0, 0)
    return read_record(folder)


@pytest.mark.slow
def test_one_call_trains_exports_proves_gates_and_promotes_and_the_next_has_nothing_to_do(
    trained: Path, run: Run
) -> None:
    done = run(trained, "--if-older-than", "7d", "--reason", "the first")
    assert done.code in (0, 1), done.err
    assert "== promote" in done.err
    journal = json.loads((trained / "models" / f"{SIGNAL_CLASSIFIER}.retrain.json").read_text())
    assert journal["ended"] is True
    assert journal["done"] == ["train", "export", "verify", "promote"]
    assert done.code == 0, done.out
    assert in_use(trained) == journal["version"]
    step = json.loads((trained / "artifacts" / SIGNAL_CLASSIFIER / "steps" / "00000001.json").read_text())
    assert step["why"] == "the first"
    again = run(trained, "--if-older-than", "7d")
    assert again.code == 0
    assert "trained 0.0 days ago" in again.err
    assert "== train" not in again.err


@pytest.mark.slow
def test_the_same_inputs_give_the_same_version_and_the_manifest_says_what_they_were(trained: Path, run: Run) -> None:
    before = in_use(trained)
    assert before is not None, "the job above made it"
    shutil.copytree(trained, elsewhere := trained.parent / "elsewhere")
    shutil.rmtree(elsewhere / "models")
    shutil.rmtree(elsewhere / "artifacts")
    assert run(elsewhere).code == 0
    assert in_use(elsewhere) == before
    for path in sorted((trained / "artifacts" / SIGNAL_CLASSIFIER / before).rglob("*")):
        if path.is_file():
            assert (elsewhere / path.relative_to(trained)).read_bytes() == path.read_bytes(), path.name
    made = read_manifest(trained / "artifacts" / SIGNAL_CLASSIFIER / before).training
    assert made.provenance is not None
    assert made.provenance.parameters["training"]["cv_folds"] == 2
    assert made.provenance.libraries["scikit-learn"]
    assert made.provenance.source == source_commit(ROOT)
    assert made.provenance.machine == machine()
    assert made.data.sha256
    assert made.random_state == 42
    assert made.window


@pytest.mark.slow
def test_a_version_is_reproduced_and_other_data_or_parameters_are_found(trained: Path, run: Run) -> None:
    before = in_use(trained)
    assert before is not None
    done = run(trained, command="reproduce")
    assert done.code == 0, done.err
    assert "the same version comes, byte for byte" in done.err
    (trained / "fewer.csv").write_text("\n".join((trained / "trades.csv").read_text().splitlines()[:-5]) + "\n")
    other = run(trained, command="reproduce", data="fewer.csv")
    assert other.code == 2
    assert "other files than" in other.err
    folder = trained / "artifacts" / SIGNAL_CLASSIFIER
    record = read_record(trained / "models" / SIGNAL_CLASSIFIER)
    assert record.provenance is not None
    parameters = json.loads(json.dumps(record.provenance.parameters))
    parameters["training"]["random_state"] = 7
    lied = record.model_copy(update={"provenance": record.provenance.model_copy(update={"parameters": parameters})})
    shutil.copytree(trained / "models", trained / "lied")
    write_record(trained / "lied" / SIGNAL_CLASSIFIER, lied)
    version = write_artifact(trained / "artifacts", draft_of(MODEL, trained / "lied" / SIGNAL_CLASSIFIER)).name
    found = run(trained, version, command="reproduce")
    assert found.code == 1
    assert "NOT the same" in found.err
    assert "differs: graph.sha256" in found.err
    (folder / "candidate.json").unlink()


@pytest.mark.slow
def test_a_job_that_is_broken_off_goes_on_and_does_not_train_again(
    trained: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, root := tmp_path / "house")
    whole = verify.retrain.check_model

    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify.retrain, "check_model", broken)
    assert run(root, "--reason", "again").code == 2
    journal = root / "models" / f"{SIGNAL_CLASSIFIER}.retrain.json"
    assert json.loads(journal.read_text())["done"] == ["train", "export"]
    first = read_record(root / "models" / SIGNAL_CLASSIFIER).trained_at
    monkeypatch.setattr(verify.retrain, "check_model", whole)
    # Even where the model is young by now: what was begun is ended.
    done = run(root, "--if-older-than", "7d")
    assert done.code == 0, done.err
    assert "goes on after 'export'" in done.err
    assert "== train" not in done.err
    assert read_record(root / "models" / SIGNAL_CLASSIFIER).trained_at == first
    assert json.loads(journal.read_text())["ended"] is True


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"asked": {}, "done": ["promote"], "version": null, "ended": false}',
        '{"asked": {"data": "of yesterday"}, "done": ["train", "export"], "version": "000000000000", "ended": false}',
    ],
)
def test_a_broken_journal_or_one_of_another_job_begins_anew(
    trained: Path, run: Run, tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, root := tmp_path / "house")
    (root / "models" / f"{SIGNAL_CLASSIFIER}.retrain.json").write_text(content)
    called = []
    monkeypatch.setattr(verify.retrain, "_train", lambda *_: called.append("train") or 2)
    # Also where the training that it left is young.
    done = run(root, "--if-older-than", "7d")
    assert done.code == 2
    assert "begins anew" in done.err
    assert called == ["train"]


@pytest.mark.slow
def test_two_jobs_never_run_at_once(trained: Path, run: Run) -> None:
    with (trained / "models" / f".{SIGNAL_CLASSIFIER}.retrain.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(trained)
    assert done.code == 2
    assert f"another process is retraining {SIGNAL_CLASSIFIER} here" in done.err


@pytest.mark.slow
def test_what_could_not_be_is_exit_2_and_what_is_in_use_stays(trained: Path, run: Run) -> None:
    before = in_use(trained)
    (trained / "broken.csv").write_text("a,b\n1,2\n")
    assert run(trained, data="broken.csv").code == 2
    assert run(trained, data="nowhere.csv").code == 2
    assert run(trained, "--key", str(trained / "nowhere.pem")).code == 2
    assert in_use(trained) == before


def test_a_version_of_an_earlier_release_cannot_be_reproduced(tmp_path: Path, run: Run) -> None:
    from tests.support.versions import build_versions

    house = build_versions(tmp_path, ("weak",))
    manifest = read_manifest(house.folder / house.version["weak"])
    assert b"provenance" not in manifest_json(manifest)
    (house.folder / "current.json").write_bytes(json_bytes({"version": house.version["weak"]}))
    (tmp_path / "trades.csv").write_text("")
    done = run(tmp_path, command="reproduce")
    assert done.code == 2
    assert "records no provenance" in done.err


def units() -> dict[str, str]:
    """The systemd units of the page, by name."""
    page = (ROOT / "docs" / "retraining.md").read_text()
    return dict(re.findall(r"```ini\n# (\S+)\n(.*?)```", page, re.DOTALL))


def test_the_units_of_the_page_are_ones_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    assert set(units()) == {"dollarbill-retrain.service", "dollarbill-retrain.timer"}
    for name, text in units().items():
        # The page's folder and user are not on this machine.
        here = text.replace("/srv/dollarbill/.venv/bin/python", sys.executable).replace("User=dollarbill\n", "")
        (tmp_path / name).write_text(here.replace("WorkingDirectory=/srv/dollarbill", f"WorkingDirectory={tmp_path}"))
    paths = [str(tmp_path / name) for name in units()]
    done = subprocess.run(
        ["systemd-analyze", "verify", *paths], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if "dollarbill" in line]
    assert done.returncode == 0, done.stderr
    assert said == []
    (tmp_path / "dollarbill-retrain.timer").write_text("[Timer]\nOnCalendar=Whenever\n")
    wrong = subprocess.run(
        ["systemd-analyze", "verify", paths[1]], capture_output=True, text=True, timeout=60, check=False
    )
    assert "dollarbill-retrain.timer" in wrong.stderr, "the check cannot fail"


def test_the_commands_of_units_and_cron_are_ones_that_the_code_takes() -> None:
    from verify.__main__ import retrain_parser

    page = (ROOT / "docs" / "retraining.md").read_text()
    calls = re.findall(r"python -m verify retrain (signal_classifier --data \S+ --if-older-than 6d)", page)
    assert len(calls) == 2
    for call in calls:
        assert retrain_parser().parse_args(call.split()).if_older_than == timedelta(days=6)
