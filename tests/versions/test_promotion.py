"""Promotion, rollback, list, compare and prune as a user calls them; what is refused leaves everything as it was."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.verified import Ended
from tests.support.versions import Versions, build_versions, run_export
from train.signal_classifier.contract import SIGNAL_CLASSIFIER

pytestmark = pytest.mark.slow
Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("versions"))


@pytest.fixture
def house(built: Versions, tmp_path: Path) -> Versions:
    return built.copied(tmp_path / "house")


@pytest.fixture
def call(house: Versions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`python -m export COMMAND` on the house."""

    def run(command: str, *more: str) -> Ended:
        arguments = [command, SIGNAL_CLASSIFIER, *more, "--artifacts", str(house.artifacts)]
        if command == "promote":
            arguments += ["--from", str(house.source)]
        return run_export(arguments, monkeypatch, capsys)

    return run


def promote(house: Versions, call: Call, name: str, *more: str) -> Ended:
    """The gate's window must go with the version: all of the house share one."""
    return call("promote", house.version[name], *more)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_first_promotion_is_decided_by_the_baselines_alone(house: Versions, call: Call) -> None:
    done = promote(house, call, "weak")
    assert done.code == 0, done.err
    assert "better than base rate" in done.out
    assert "champion" not in done.out
    assert house.name_in_use() == "weak"


def test_a_better_challenger_is_promoted_and_a_worse_one_refused_with_a_table(house: Versions, call: Call) -> None:
    promote(house, call, "weak")
    assert promote(house, call, "better").code == 0
    assert house.name_in_use() == "better"
    before = snapshot(house.folder)
    done = promote(house, call, "worse")
    assert done.code == 1
    assert "not worse than the champion" in done.out
    assert "refused" in done.out
    assert snapshot(house.folder) == before


def test_force_needs_a_reason_and_is_kept_in_the_history(house: Versions, call: Call) -> None:
    promote(house, call, "better")
    assert promote(house, call, "worse", "--force").code == 2
    assert promote(house, call, "worse", "--force", "--reason", " ").code == 2
    assert house.name_in_use() == "better"
    done = promote(house, call, "worse", "--force", "--reason", "the exchange changed its fees")
    assert done.code == 0
    assert "forced" in done.err
    rows = json.loads(call("list", "--json").out)
    step = next(row for row in rows if row["version"] == house.version["worse"])["history"][0]
    assert step["forced"] is True
    assert step["why"] == "the exchange changed its fees"
    assert step["who"]
    assert any(finding["verdict"] == "refused" for finding in step["gate"])


def test_a_rollback_goes_back_and_a_second_one_further_back(house: Versions, call: Call) -> None:
    for name in ("weak", "good", "better"):
        assert promote(house, call, name, "--force", "--reason", "a test").code == 0
    assert call("rollback", "--reason", "spread widened").code == 0
    assert house.name_in_use() == "good"
    assert call("rollback").code == 0
    assert house.name_in_use() == "weak"
    done = call("rollback")
    assert done.code == 2
    assert "no way back" in done.err
    assert house.name_in_use() == "weak"


def test_a_rollback_never_goes_to_a_version_that_is_gone_or_damaged(house: Versions, call: Call) -> None:
    promote(house, call, "weak")
    promote(house, call, "better")
    graph = house.folder / house.version["weak"] / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert call("rollback").code == 2
    shutil.rmtree(graph.parent)
    done = call("rollback")
    assert done.code == 2
    assert "not there any more" in done.err
    assert house.name_in_use() == "better"


def test_promoting_what_is_in_use_changes_nothing(house: Versions, call: Call) -> None:
    promote(house, call, "good")
    before = snapshot(house.folder)
    done = promote(house, call, "good")
    assert done.code == 0
    assert "in use already" in done.err
    assert snapshot(house.folder) == before


def test_a_version_without_its_proof_is_refused(house: Versions, call: Call) -> None:
    path = house.folder / house.version["good"] / "parity.json"
    whole = json.loads(path.read_text())
    other = json.loads((house.folder / house.version["better"] / "parity.json").read_text())
    differs = json.loads(path.read_text())
    differs["runtimes"]["python"]["mismatched"] = 1
    none = whole | {"runtimes": {}}
    empty = json.loads(path.read_text())
    empty["runtimes"]["python"]["rows"] = 0
    for proof in (other, differs, none, empty, []):
        path.write_text(json.dumps(proof))
        assert promote(house, call, "good").code == 1, proof
    path.unlink()
    done = promote(house, call, "good")
    assert done.code == 1
    assert "not proven" in done.out
    assert house.in_use() is None


def test_a_window_of_another_training_or_none_refuses(house: Versions, call: Call) -> None:
    window = house.source / SIGNAL_CLASSIFIER / "window.zip"
    window.write_bytes(window.read_bytes()[:-30])
    assert promote(house, call, "good").code == 1
    window.unlink()
    done = promote(house, call, "good")
    assert done.code == 1
    assert "no window for the gate here" in " ".join(done.out.split())
    assert house.in_use() is None


@pytest.mark.parametrize("which", ["model.onnx", "manifest.json", "golden/cases.json"])
def test_a_damaged_version_could_not_be_promoted_even_by_force(house: Versions, call: Call, which: str) -> None:
    path = house.folder / house.version["good"] / which
    path.write_bytes(path.read_bytes() + b" ")
    assert promote(house, call, "good", "--force", "--reason", "x").code == 2
    assert house.in_use() is None


def test_what_is_not_there_is_named(house: Versions, call: Call) -> None:
    (house.folder / "candidate.json").unlink()
    assert "no candidate" in call("promote").err
    assert "no such version" in call("promote", "0" * 12).err
    assert call("promote", "../other").code == 2
    shutil.rmtree(house.folder)
    assert call("promote").code == 2
    assert call("list").code == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda step: step.unlink(),
        lambda step: step.write_text("{"),
        lambda step: step.write_text(step.read_text().replace('"number": 2', '"number": 3')),
        lambda step: step.write_text(step.read_text().replace(SIGNAL_CLASSIFIER, "other")),
        lambda step: step.write_text(step.read_text().replace('"forced": false', '"forced": 0')),
    ],
)
def test_a_history_that_was_changed_is_named_and_nothing_is_built_on_it(
    house: Versions, call: Call, spoil: Callable[[Path], object]
) -> None:
    promote(house, call, "weak")
    promote(house, call, "good")
    spoil(house.folder / "steps" / "00000002.json")
    for command, more in (("list", ()), ("rollback", ()), ("promote", (house.version["better"],))):
        done = call(command, *more)
        assert done.code == 2, command
        assert "steps" in done.err
    assert house.name_in_use() == "good"


def test_an_earlier_step_that_was_changed_is_found_by_its_hash(house: Versions, call: Call) -> None:
    promote(house, call, "weak")
    promote(house, call, "good")
    first = house.folder / "steps" / "00000001.json"
    first.write_text(first.read_text().replace('"why": ""', '"why": "audited"'))
    done = call("list")
    assert done.code == 2
    assert "was changed after step 2" in done.err


def test_a_pointer_to_another_version_than_its_step_says_is_named(house: Versions, call: Call) -> None:
    promote(house, call, "weak")
    pointer = house.folder / "current.json"
    pointer.write_text(pointer.read_text().replace(house.version["weak"], house.version["worse"]))
    done = call("list")
    assert done.code == 2
    assert "one of them was changed" in done.err


@pytest.mark.parametrize("content", ['{"version": "00"}', "{}", "[]", '{"version": "0123456789ab", "step": "1"}', ""])
def test_a_broken_pointer_is_named(house: Versions, call: Call, content: str) -> None:
    (house.folder / "current.json").write_text(content)
    for command in ("list", "rollback"):
        done = call(command)
        assert done.code == 2
        assert "current.json" in done.err


def test_a_house_without_a_history_begins_one_and_can_go_back(house: Versions, call: Call) -> None:
    """As left by an earlier release: `current.json` names a version and no step."""
    (house.folder / "current.json").write_text(json.dumps({"version": house.version["weak"]}))
    assert call("rollback").code == 2
    assert promote(house, call, "better").code == 0
    assert call("rollback").code == 0
    assert house.name_in_use() == "weak"


def test_list_shows_every_version_with_its_state(house: Versions, call: Call) -> None:
    promote(house, call, "weak")
    promote(house, call, "good")
    rows = {row["version"]: row for row in json.loads(call("list", "--json").out)}
    states = {name: rows[version]["state"] for name, version in house.version.items()}
    assert states == {"weak": "before", "good": "in use", "better": "", "worse": "candidate"}
    good = rows[house.version["good"]]
    assert good["parity"] == "proven"
    assert good["data"]["rows"] == 1500
    assert good["quality"][0]["metric"] == "Brier"
    assert good["signer"] is None
    shown = call("list").out
    for text in ("in use", "before", "candidate", "Brier 0.1000 (rate 0.2000)"):
        assert text in shown


def test_list_names_what_is_damaged_and_goes_on(house: Versions, call: Call) -> None:
    (house.folder / house.version["weak"] / "model.onnx").write_bytes(b"")
    (house.folder / ("f" * 12)).mkdir()
    rows = {row["version"]: row for row in json.loads(call("list", "--json").out)}
    assert "changed after it was written" in rows[house.version["weak"]]["problem"]
    assert rows["f" * 12]["problem"]
    assert rows[house.version["good"]]["problem"] is None
    assert call("list").code == 0


def test_compare_shows_both_side_by_side(house: Versions, call: Call) -> None:
    both = (house.version["weak"], house.version["better"])
    done = call("compare", *both)
    assert done.code == 0
    assert "forest of depth 3" in done.out
    assert "forest of depth 7" in done.out
    whole = json.loads(call("compare", *both, "--json").out)
    assert whole["same_window"] is True
    assert whole["contract_differences"] == []
    assert call("compare", both[0], "0" * 12).code == 2


@pytest.mark.parametrize("keep", ["0", "1"])
def test_prune_never_removes_what_is_in_use_or_the_way_back_or_the_candidate(
    house: Versions, call: Call, keep: str
) -> None:
    promote(house, call, "weak")
    promote(house, call, "good")
    assert call("prune", "--keep", keep).code == 0
    left = {name for name, version in house.version.items() if (house.folder / version).is_dir()}
    assert left == {"weak", "good", "worse"}
    assert call("rollback").code == 0


def test_prune_keeps_the_newest(house: Versions, call: Call) -> None:
    assert call("prune", "--keep", "4").code == 0
    assert all((house.folder / version).is_dir() for version in house.version.values())
    assert call("prune", "--keep", "2").code == 0
    left = {name for name, version in house.version.items() if (house.folder / version).is_dir()}
    assert left == {"better", "worse"}
    assert call("prune", "--keep", "-1").code == 2
