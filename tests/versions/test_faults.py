"""A crash at any step, kill -9 at any moment, a full disk, two at once: a reader always sees one whole version."""

import itertools
import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CURRENT, changing, read_pointer
from export.versions.promotion import promote
from export.versions.proof import PARITY_FILE, proof_of
from export.versions.signing import keygen, signer
from export.versions.steps import history, signature_path
from export.versions.switch import prune, put_into_use, roll_back, sign_again
from export.versions.trust.chain import Keys, require_as_signed
from tests.support.crash import Faults, disk_full, in_child, killed
from tests.support.versions import Versions, build_versions
from train.config import config_type
from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from verify.check.promote import write_proof
from verify.comparison.parity import ParityResult, Tolerance
from verify.proof.split_evidence import SplitProof

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "40"))
"""KILLS=300 is the long form."""
MOST_CHANGES, NO_FAULT = 200, 42
RESULTS = {"python": ParityResult(rows=1)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("versions"), ("weak", "good", "worse", "better"))


@pytest.fixture
def house(built: Versions, tmp_path: Path) -> Versions:
    """`weak` is in use, and after it `good`; `better` is the candidate."""
    house = built.copied(tmp_path / "house")
    for name in ("weak", "good"):
        use(house, name)
    return house


def use(house: Versions, name: str) -> None:
    with changing(house.folder):
        put_into_use(house.folder, house.version[name], event="promote", why="a test")


def gated(house: Versions) -> None:
    promote(
        house.folder,
        house.version["better"],
        source=house.source / SIGNAL_CLASSIFIER,
        config=config_type()(),
        why="a test",
        force=True,
    )


def seen(house: Versions) -> str:
    """What a reader gets: the name of a version whose every hash fits, and whose history is whole."""
    version = history(house.folder)[-1].version  # `current.json` is read once: it may be another's a moment later
    read_manifest(house.folder / version)
    return {version: name for name, version in house.version.items()}[version]


def signed_again(house: Versions) -> None:
    """A step of its own, signed; where a step is in use that signs, its signature is whole."""
    sign_again(house.folder, why="a test", sign=signer(house.root / "private.pem"))


Action = Callable[[Versions], object]
ACTIONS: dict[str, tuple[Action, str]] = {
    "promote": (gated, "better"),
    "rollback": (lambda house: roll_back(house.folder, why="a test"), "weak"),
    "prune": (lambda house: prune(house.folder, keep=0), "good"),
    "sign": (signed_again, "good"),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("what", [killed, disk_full])
def test_a_fault_at_every_single_change_leaves_the_old_version_or_the_new_one(
    built: Versions, tmp_path: Path, action: str, what: Callable[[], None]
) -> None:
    if action == "sign":
        pytest.importorskip("model_signing", reason="the extra `sign` is not installed")
        if not (built.root / "private.pem").is_file():
            keygen(built.root / "private.pem", built.root / "public.pem")
    act, after = ACTIONS[action]
    outcomes = []
    for number in range(1, MOST_CHANGES):
        house = built.copied(tmp_path / str(number))
        for name in ("weak", "good"):
            use(house, name)

        def faulty(house: Versions = house, number: int = number) -> None:
            faults = Faults(house.folder, number, what)
            act(house)
            if faults.count < number:
                os._exit(NO_FAULT)

        code = in_child(faulty)
        outcomes.append(seen(house))
        assert outcomes[-1] in ("good", after), (number, outcomes)
        last = history(house.folder)[-1]
        if last.event == "sign":
            require_as_signed(house.folder, last.version, [last], Keys(trusted=(house.root / "public.pem",)))
            assert signature_path(house.folder, last.number).is_file()
        # The next one to come finds a sound house, and nothing half written is left.
        use(house, "better")
        assert seen(house) == "better"
        assert not [path for path in house.folder.rglob(".*") if path.name != ".lock"]
        if code == NO_FAULT:
            break
    assert code == NO_FAULT, "the action has more changes than were tried"
    assert number > {"promote": 10, "rollback": 8, "prune": 4, "sign": 10}[action], "the faults were not injected"
    if action != "prune" and what is killed:  # a folder that is there already needs no room on the disk
        assert set(outcomes) == {"good", after}
        assert outcomes == sorted(outcomes, key=("good", after).index), "it went back and forth"


@pytest.mark.parametrize("what", [killed, disk_full])
def test_a_proof_is_there_with_all_its_papers_or_not_at_all(
    built: Versions, tmp_path: Path, what: Callable[[], None]
) -> None:
    """Whoever is killed while a proof is written leaves none, and the next one writes all of it."""
    names = {path.name for path in (built.folder / built.version["good"]).iterdir()}
    assert {PARITY_FILE, "model_card.html"} <= names
    proven = []
    for number in range(1, MOST_CHANGES):
        house = built.copied(tmp_path / str(number))
        folder = house.folder / house.version["good"]
        for path in (folder / PARITY_FILE, folder / "model_card.html"):
            path.unlink()

        def faulty(folder: Path = folder, number: int = number) -> None:
            faults = Faults(folder, number, what)
            write_proof(folder, RESULTS, tolerance=Tolerance(0.0, 0.0), proof=SplitProof())
            if faults.count < number:
                os._exit(NO_FAULT)

        code = in_child(faulty)
        proven.append(not isinstance(proof_of(folder, read_manifest(folder)), str))
        assert not proven[-1] or {path.name for path in folder.iterdir()} >= names
        write_proof(folder, RESULTS, tolerance=Tolerance(0.0, 0.0), proof=SplitProof())
        assert {path.name for path in folder.iterdir()} == names
        if code == NO_FAULT:
            break
    assert code == NO_FAULT
    assert number > 8, "the faults were not injected"
    assert set(proven) == {False, True}


def test_kill_9_at_any_moment_while_a_reader_reads(house: Versions) -> None:
    """A child promotes and rolls back as fast as it can until it is killed; the parent is the reader."""
    generator = random.Random(7)
    reads = 0
    for _ in range(KILLS):
        child = os.fork()
        if child == 0:
            try:
                while True:
                    use(house, "better")
                    roll_back(house.folder, why="a test")
            finally:
                os._exit(1)
        ends = time.monotonic() + generator.uniform(0.0, 0.05)
        while time.monotonic() < ends:
            seen(house)
            reads += 1
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert seen(house) in ("good", "better")
    use(house, "better")
    assert seen(house) == "better"
    assert reads >= KILLS
    numbers = [step.number for step in history(house.folder)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 4


def test_a_full_disk_is_an_error_that_names_the_file_and_changes_nothing(house: Versions) -> None:
    """RLIMIT_FSIZE: no byte can be written any more."""
    before = (house.folder / CURRENT).read_bytes()

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        with pytest.raises(PipelineError, match=r"cannot write .*steps"):
            use(house, "better")

    assert in_child(full) == 0
    assert (house.folder / CURRENT).read_bytes() == before
    assert not [path for path in house.folder.rglob(".*") if path.name != ".lock"]
    assert seen(house) == "good"


def test_a_folder_that_cannot_be_written_is_named(house: Versions) -> None:
    (house.folder / "steps").rename(house.folder / "kept")
    (house.folder / "steps").write_text("")
    with pytest.raises(PipelineError, match="steps"):
        use(house, "better")
    (house.folder / "steps").unlink()
    (house.folder / "kept").rename(house.folder / "steps")
    assert seen(house) == "good"


def test_two_at_once_come_one_after_the_other(house: Versions) -> None:
    children = []
    for name in ("weak", "better", "good", "better"):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for _ in range(10):
                    use(house, name)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    steps = history(house.folder)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all(later.replaces == earlier.version for earlier, later in itertools.pairwise(steps))
    assert seen(house) == {v: k for k, v in house.version.items()}[steps[-1].version]


def test_whoever_waits_too_long_for_the_lock_is_told(house: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr("export.artifact.version_folder.LOCK_SECONDS", 0.1)
    with (house.folder / ".lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PipelineError, match="another process is changing versions here"):
            use(house, "better")
    use(house, "better")


def test_a_step_that_was_never_reached_is_passed_over(house: Versions) -> None:
    """What a crash leaves between the step and `current.json`."""
    before = (house.folder / CURRENT).read_bytes()
    use(house, "better")
    (house.folder / CURRENT).write_bytes(before)
    assert [step.number for step in history(house.folder)] == [1, 2]
    use(house, "weak")
    pointer = read_pointer(house.folder, CURRENT)
    assert pointer is not None
    assert pointer.step == 4
    assert [step.number for step in history(house.folder)] == [1, 2, 4]
    assert json.loads((house.folder / "steps" / "00000004.json").read_text())["previous"] == 2
