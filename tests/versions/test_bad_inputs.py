"""What is wrong in a model's folder, through the commands and the Rust binary: named, and nothing is built on it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export.artifact.manifest import manifest_json, read_manifest, version_of
from export.versions.steps import history
from tests.support.verified import Ended
from tests.support.versions import Versions, build_versions, run_export
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from verify.runtimes.open import BINARY, onnxruntime_environment

pytestmark = pytest.mark.slow
Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("versions"), ("weak", "good", "better"))


@pytest.fixture
def house(built: Versions, tmp_path: Path, call: Call) -> Versions:
    """`weak` is in use, and after it `good`; `better` is the candidate."""
    house = built.copied(tmp_path / "house")
    for name in ("weak", "good"):
        assert call(house, "promote", house.version[name], "--force", "--reason", "a test").code == 0
    return house


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(house: Versions, command: str, *more: str) -> Ended:
        arguments = [command, SIGNAL_CLASSIFIER, *more, "--artifacts", str(house.artifacts)]
        arguments += ["--from", str(house.source)] if command == "promote" else []
        return run_export(arguments, monkeypatch, capsys)

    return run


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """`dollarbill-ml check FOLDER`."""
    return subprocess.run(
        [str(BINARY), "check", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | onnxruntime_environment(),
    )


def another_model(house: Versions) -> str:
    """A version of another model, sound by itself, that lies in this one's folder; its name."""
    folder = house.folder / house.version["good"]
    content = manifest_json(read_manifest(folder).model_copy(update={"model": "other"}))
    other = house.folder / version_of(content)
    shutil.copytree(folder, other)
    (other / "manifest.json").write_bytes(content)
    return other.name


POINTERS: dict[str, Callable[[Versions], str]] = {
    "empty": lambda _: "",
    "cut": lambda house: (house.folder / "current.json").read_text()[:20],
    "no JSON": lambda _: "version",
    "a list": lambda _: "[]",
    "a path": lambda _: '{"version": "../signal_classifier"}',
    "step 0": lambda house: json.dumps({"version": house.version["good"], "step": 0}),
    "step as text": lambda house: json.dumps({"version": house.version["good"], "step": "2"}),
    "missing version": lambda _: '{"version": "0123456789ab", "step": 2}',
    "another version than its step": lambda house: json.dumps({"version": house.version["better"], "step": 2}),
    "missing step": lambda house: json.dumps({"version": house.version["good"], "step": 9}),
    "another model": lambda house: json.dumps({"version": another_model(house), "step": 2}),
}
UNSIGNED_PASSES = {"another version than its step", "missing step"}
"""Only a signature says which step put which version into use: without one the runtime takes what is sound."""


@pytest.mark.parametrize("name", POINTERS)
def test_a_bad_pointer_is_named_by_both_and_nothing_is_built_on_it(house: Versions, call: Call, name: str) -> None:
    content = POINTERS[name](house)
    (house.folder / "current.json").write_text(content)
    for command, more in (("rollback", ()), ("promote", (house.version["better"], "--force", "--reason", "x"))):
        done = call(house, command, *more)
        assert done.code == 2, (command, done.out)
        assert len(done.err.splitlines()) == 1
        assert str(house.folder) in done.err
    assert (house.folder / "current.json").read_text() == content
    served = checked(house.folder)
    if name in UNSIGNED_PASSES:
        assert served.returncode == 0, served.stderr
        return
    assert served.returncode == 2, served.stdout
    assert served.stderr.startswith("error: ")
    assert "panicked" not in served.stderr


def test_a_half_written_version_is_named_and_never_promoted(house: Versions, call: Call) -> None:
    whole = house.folder / house.version["better"]
    files = [Path(name) for name in ("manifest.json", "model.onnx", "golden/cases.json", "parity.json")]
    kept = house.root / "kept"
    shutil.move(whole, kept)
    for file in files:
        shutil.rmtree(whole, ignore_errors=True)
        shutil.copytree(kept, whole)
        (whole / file).unlink()
        promoted = call(house, "promote", whole.name)
        assert promoted.code == (1 if file.name == "parity.json" else 2), (file, promoted.err)
        assert house.name_in_use() == "good"
        rows = {row["version"]: row for row in json.loads(call(house, "list", "--json").out)}
        assert rows[whole.name].get("problem") or rows[whole.name]["parity"] == "not proven", file
        if file.name != "parity.json":
            served = checked(whole)
            assert served.returncode == 2, (file, served.stdout)
    shutil.rmtree(whole)
    whole.mkdir()
    assert call(house, "promote", whole.name, "--force", "--reason", "x").code == 2
    assert checked(whole).returncode == 2
    assert checked(house.folder).returncode == 0
    graph = house.folder / house.version["good"] / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    done = call(house, "promote", house.version["good"])
    assert done.code == 2, "what is in use and damaged is not well"
    assert "changed after it was written" in done.err


def test_a_version_of_another_contract_is_refused_by_the_gate(house: Versions, call: Call) -> None:
    folder = house.folder / house.version["better"]
    fields = read_manifest(folder).model_dump(mode="json")
    fields["inputs"][0]["columns"][0]["unit"] = "pounds"
    content = manifest_json(type(read_manifest(folder)).model_validate(fields))
    other = house.folder / version_of(content)
    shutil.copytree(folder, other)
    (other / "manifest.json").write_bytes(content)
    done = call(house, "promote", other.name)
    assert done.code == 1
    assert "contract: as the champion's" in " ".join(done.out.split())
    assert house.name_in_use() == "good"
    served = checked(other)
    assert served.returncode == 2
    assert "pounds" in served.stderr


def test_a_clock_that_went_back_changes_no_order(house: Versions, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
            return datetime(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("export.versions.steps.datetime", Earlier)
    assert call(house, "promote", house.version["better"], "--force", "--reason", "x").code == 0
    steps = history(house.folder)
    assert [step.number for step in steps] == [1, 2, 3]
    assert steps[-1].when < steps[0].when
    assert call(house, "rollback").code == 0
    assert house.name_in_use() == "good"
    assert call(house, "list").code == 0
    for name, version in house.version.items():  # nor do the times of files
        seconds = {"weak": 3, "good": 2, "better": 1}[name] * 10**8
        os.utime(house.folder / version, (seconds, seconds))
    assert call(house, "prune", "--keep", "0").code == 0
    assert (house.folder / house.version["good"]).is_dir()
    assert call(house, "rollback").code == 0
    assert house.name_in_use() == "weak"
