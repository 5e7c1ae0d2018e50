"""Keys and signatures as a user makes them; what the real library and the Rust binary say to them."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from export.versions.signing import keygen
from export.versions.trust.folder import last_day
from tests.support.places import ROOT
from tests.support.verified import Ended
from tests.support.versions import Versions, build_versions, run_export
from train.core.errors import PipelineError
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from verify.runtimes.open import BINARY, onnxruntime_environment

model_signing = pytest.importorskip("model_signing", reason="the extra `sign` is not installed")
pytestmark = pytest.mark.slow
Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("versions"), ("weak", "good"))


@pytest.fixture
def house(built: Versions, tmp_path: Path) -> Versions:
    return built.copied(tmp_path / "house")


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    return lambda *arguments: run_export([str(one) for one in arguments], monkeypatch, capsys)


@pytest.fixture
def keys(tmp_path: Path, export: Call) -> Path:
    for name in ("weekly", "next"):
        assert export("keygen", tmp_path / "private" / f"{name}.pem", tmp_path / f"{name}.pub.pem").code == 0
    return tmp_path


def promote(house: Versions, export: Call, name: str, *more: str | Path) -> Ended:
    place = ("--artifacts", house.artifacts, "--from", house.source)
    return export("promote", SIGNAL_CLASSIFIER, house.version[name], *place, *more)


def config(house: Versions, keys: list[Path], *, policy: str = "require", revoked: list[Path] | None = None) -> Path:
    path = house.root / "config" / "ml_config.json"
    path.parent.mkdir(exist_ok=True)
    trust = {"policy": policy, "keys": [str(key) for key in keys], "revoked": [str(key) for key in revoked or []]}
    models = {
        name.name: {"enabled": name.name == SIGNAL_CLASSIFIER}
        for name in (ROOT / "artifacts").iterdir()
        if name.is_dir()
    }
    path.write_text(json.dumps({"trust": trust, "models": models}))
    return path


def served(config_file: Path) -> subprocess.CompletedProcess[str]:
    """`dollarbill-ml check` of what the config serves."""
    return subprocess.run(
        [str(BINARY), "--config", str(config_file), "check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | onnxruntime_environment(),
    )


def test_the_private_key_is_its_owners_alone_and_never_overwritten(keys: Path, export: Call) -> None:
    private = keys / "private" / "weekly.pem"
    assert private.stat().st_mode & 0o077 == 0
    before = private.read_bytes()
    assert export("keygen", private, keys / "new.pub.pem").code == 2
    assert export("keygen", keys / "private" / "new.pem", keys / "weekly.pub.pem").code == 2
    assert private.read_bytes() == before
    assert not (keys / "private" / "new.pem").exists()


def test_a_private_key_in_a_repository_is_refused(house: Versions, keys: Path, export: Call) -> None:
    (keys / "repository" / ".git").mkdir(parents=True)
    inside = keys / "repository" / "below" / "key.pem"
    assert "repository" in export("keygen", inside, keys / "x.pub.pem").err
    assert not inside.exists()
    inside.parent.mkdir()
    shutil.copy(keys / "private" / "weekly.pem", inside)
    done = promote(house, export, "weak", "--key", inside)
    assert done.code == 2
    assert "keep private keys outside" in done.err
    assert house.in_use() is None


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none_is_named_and_nothing_is_promoted(
    house: Versions, keys: Path, export: Call, content: str
) -> None:
    (keys / "bad.pem").write_text(content)
    for key in ("bad.pem", "nowhere.pem", "weekly.pub.pem"):
        done = promote(house, export, "weak", "--key", keys / key)
        assert done.code == 2
        assert key in done.err
    assert house.in_use() is None


def test_a_password_protects_the_private_key(
    house: Versions, keys: Path, export: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOLLARBILL_ML_KEY_PASSWORD", "quite long")
    assert export("keygen", keys / "private" / "locked.pem", keys / "locked.pub.pem").code == 0
    assert b"ENCRYPTED" in (keys / "private" / "locked.pem").read_bytes()
    assert promote(house, export, "weak", "--key", keys / "private" / "locked.pem").code == 0
    monkeypatch.setenv("DOLLARBILL_ML_KEY_PASSWORD", "wrong")
    assert promote(house, export, "good", "--key", keys / "private" / "locked.pem").code == 2
    monkeypatch.delenv("DOLLARBILL_ML_KEY_PASSWORD")
    assert promote(house, export, "good", "--key", keys / "private" / "locked.pem").code == 2
    assert house.name_in_use() == "weak"


def test_the_real_library_verifies_what_was_signed_and_finds_a_change(
    house: Versions, keys: Path, export: Call
) -> None:
    assert promote(house, export, "weak", "--key", keys / "private" / "weekly.pem").code == 0
    verifying = model_signing.verifying.Config()
    verifying.use_elliptic_key_verifier(public_key=keys / "weekly.pub.pem").set_ignore_unsigned_files(True)
    signature = house.folder / "steps" / "00000001.sig"
    verifying.verify(house.folder, signature)
    (house.folder / house.version["weak"] / "parity.json").write_text("{}")
    with pytest.raises(ValueError, match=r"mismatch|match"):
        verifying.verify(house.folder, signature)


def test_the_runtime_serves_what_is_signed_and_refuses_the_rest(house: Versions, keys: Path, export: Call) -> None:
    weekly = keys / "weekly.pub.pem"
    assert promote(house, export, "weak").code == 0
    unsigned = served(config(house, [weekly]))
    assert unsigned.returncode == 2
    assert "not signed" in unsigned.stderr
    assert served(config(house, [weekly], policy="warn")).returncode == 0
    assert promote(house, export, "good", "--key", keys / "private" / "weekly.pem").code == 0
    good = served(config(house, [weekly]))
    assert good.returncode == 0, good.stderr
    assert house.version["good"] in good.stdout
    assert served(config(house, [keys / "next.pub.pem"])).returncode == 2
    assert "revoked" in served(config(house, [weekly], revoked=[weekly])).stderr
    parity = house.folder / house.version["good"] / "parity.json"
    parity.write_text(parity.read_text() + " ")
    assert "changed after it was signed" in served(config(house, [weekly])).stderr


def test_keys_are_rotated_by_signing_anew_and_a_rollback_is_signed(house: Versions, keys: Path, export: Call) -> None:
    place = ("--artifacts", house.artifacts)
    weekly, following = keys / "private" / "weekly.pem", keys / "private" / "next.pem"
    promote(house, export, "weak", "--key", weekly)
    promote(house, export, "good", "--key", weekly)
    assert export("sign", SIGNAL_CLASSIFIER, *place).code == 2
    both = config(house, [keys / "weekly.pub.pem", keys / "next.pub.pem"])
    rotated = ("--key", following, "--config", both)
    assert export("sign", SIGNAL_CLASSIFIER, *place, *rotated, "--reason", "rotation").code == 0
    only_new = config(house, [keys / "next.pub.pem"])
    assert served(only_new).returncode == 0
    config(house, [keys / "weekly.pub.pem", keys / "next.pub.pem"])
    assert export("rollback", SIGNAL_CLASSIFIER, *place, *rotated).code == 0
    config(house, [keys / "next.pub.pem"])
    assert house.name_in_use() == "weak"
    assert served(only_new).returncode == 0
    rows = json.loads(export("list", SIGNAL_CLASSIFIER, *place, "--json").out)
    signers = {row["version"]: row["signer"] for row in rows}
    assert len(set(signers.values())) == 1
    assert len(signers[house.version["weak"]]) == 12


@pytest.mark.parametrize("spoil", ["changed", "added", "removed"])
def test_what_was_tampered_with_is_not_made_good_by_signing_it_anew(
    house: Versions, keys: Path, export: Call, spoil: str
) -> None:
    place = ("--artifacts", house.artifacts, "--key", keys / "private" / "weekly.pem")
    for name in ("weak", "good"):
        promote(house, export, name, "--key", keys / "private" / "weekly.pem")
    for name, command in (("weak", "rollback"), ("good", "sign")):
        folder = house.folder / house.version[name]
        if spoil == "changed":
            (folder / "model_card.md").write_text("# the best of all")
        elif spoil == "added":
            (folder / "more.json").write_text("{}")
        else:
            (folder / "model_card.md").unlink()
        done = export(command, SIGNAL_CLASSIFIER, *place)
        assert done.code == 2, command
        assert "00000" in done.err
    assert house.name_in_use() == "good"


def test_another_keys_version_is_signed_anew_only_where_that_key_is_trusted(
    house: Versions, keys: Path, export: Call
) -> None:
    promote(house, export, "weak", "--key", keys / "private" / "weekly.pem")
    call = (
        "sign",
        SIGNAL_CLASSIFIER,
        "--artifacts",
        house.artifacts,
        "--key",
        keys / "private" / "next.pem",
        "--config",
    )
    assert export(*call, config(house, [keys / "next.pub.pem"])).code == 2
    assert export(*call, config(house, [keys / "weekly.pub.pem", keys / "next.pub.pem"])).code == 0


def test_where_signatures_are_required_nothing_comes_into_use_without(
    house: Versions, keys: Path, export: Call
) -> None:
    required = config(house, [keys / "weekly.pub.pem"])
    done = promote(house, export, "weak", "--config", required)
    assert done.code == 2
    assert "--key" in done.err
    assert house.in_use() is None
    signed = ("--config", required, "--key", keys / "private" / "weekly.pem")
    assert promote(house, export, "weak", *signed).code == 0
    assert promote(house, export, "good", *signed).code == 0
    assert export("rollback", SIGNAL_CLASSIFIER, "--artifacts", house.artifacts, "--config", required).code == 2
    assert house.name_in_use() == "good"


def test_a_key_with_a_last_day_is_good_until_then(house: Versions, keys: Path, export: Call) -> None:
    private, public = keys / "private" / "short.pem", keys / "short.pub.pem"
    assert export("keygen", private, public, "--days", "30").code == 0
    assert public.read_text().startswith("not-after: ")
    promote(house, export, "weak", "--key", private)
    assert served(config(house, [public])).returncode == 0
    public.write_text("not-after: 2020-01-01\n" + public.read_text().split("\n", 1)[1])
    assert "expired on 2020-01-01" in served(config(house, [public])).stderr


@pytest.mark.parametrize(
    "line", ["Not-After: 2020-01-01", "not_after: 2020-01-01", "expires 2020-01-01", "not-after: 20200101"]
)
def test_a_last_day_that_is_spelled_otherwise_is_refused_by_both(line: str, tmp_path: Path) -> None:
    private, public = tmp_path / "a.pem", tmp_path / "a.pub.pem"
    keygen(private, public)
    public.write_text(f"{line}\n{public.read_text()}")
    with pytest.raises(PipelineError, match="above the key"):
        last_day(public)


def planted(house: Versions, name: str) -> str:
    """What somebody does who can write the folder and has no key: a step, unsigned, that puts a version into use."""
    pointer = json.loads((house.folder / "current.json").read_text())
    number, version = pointer["step"] + 1, house.version[name]
    before = (house.folder / "steps" / f"{number - 1:08}.json").read_bytes()
    fields = {"number": number, "event": "promote", "version": version, "replaces": pointer["version"]}
    fields |= {"previous": number - 1, "previous_sha256": hashlib.sha256(before).hexdigest()}
    (house.folder / "steps" / f"{number:08}.json").write_text(json.dumps(json.loads(before) | fields))
    (house.folder / "current.json").write_text(json.dumps({"version": version, "step": number}))
    return version


def test_no_command_signs_what_was_planted_without_a_key(house: Versions, keys: Path, export: Call) -> None:
    required = config(house, [keys / "weekly.pub.pem"])
    signed = ("--config", required, "--key", keys / "private" / "weekly.pem")
    place = (SIGNAL_CLASSIFIER, "--artifacts", house.artifacts, *signed)
    promote(house, export, "good", *signed)
    planted(house, "weak")
    assert served(required).returncode == 2
    for command in ("sign", "rollback"):
        done = export(command, *place)
        assert done.code == 2
        assert "00000002.json: nobody signed it, though step 1 is signed" in done.err
    assert not (house.folder / "steps" / "00000003.json").exists()
    # A good one over it is the way on; back to what was planted leads nothing.
    assert promote(house, export, "good", *signed).code == 0
    assert served(required).returncode == 0
    done = export("rollback", *place)
    assert done.code == 2
    assert "was never signed; promote it by its name" in done.err
    assert house.name_in_use() == "good"


def test_a_first_signature_is_asked_for_by_name_with_a_reason_and_a_proof(
    house: Versions, keys: Path, export: Call
) -> None:
    call = ("sign", SIGNAL_CLASSIFIER, "--artifacts", house.artifacts, "--key", keys / "private" / "weekly.pem")
    promote(house, export, "good")
    assert "nobody signed it: promote of" in export(*call).err
    assert "--reason" in export(*call, "--first").err
    proof = house.folder / house.version["good"] / "parity.json"
    kept = proof.read_bytes()
    proof.unlink()
    assert export(*call, "--first", "--reason", "signing begins").code == 2
    proof.write_bytes(kept)
    assert export(*call, "--first", "--reason", "signing begins").code == 0
    assert served(config(house, [keys / "weekly.pub.pem"])).returncode == 0


def test_a_key_whose_signature_no_engine_takes_signs_nothing(house: Versions, keys: Path, export: Call) -> None:
    weekly, following = keys / "weekly.pub.pem", keys / "next.pub.pem"
    place = (SIGNAL_CLASSIFIER, "--artifacts", house.artifacts, "--reason", "x", "--key")
    promote(house, export, "weak", "--key", keys / "private" / "weekly.pem")
    promote(house, export, "good", "--key", keys / "private" / "weekly.pem")
    ended = keys / "ended.pub.pem"
    ended.write_text(f"not-after: 2020-01-01\n{following.read_text()}")
    for keys_of, revoked, said in (
        ([weekly, following], [following], "is revoked"),
        ([weekly, ended], [], "expired on 2020-01-01"),
        ([weekly], [], "not in trust.keys"),
    ):
        asked = ("--config", config(house, keys_of, revoked=revoked))
        for command in ("sign", "rollback", "promote"):
            done = export(command, *place, keys / "private" / "next.pem", *asked)
            assert done.code == 2
            assert said in done.err
    # What a revoked key signed is no more signed, also for the next key.
    asked = ("--config", config(house, [weekly, following], revoked=[weekly]))
    done = export("rollback", *place, keys / "private" / "next.pem", *asked)
    assert done.code == 2
    assert "signed by a revoked key" in done.err
    assert len(list((house.folder / "steps").glob("*.json"))) == 2


def test_the_newest_step_too_is_held_against_its_signature(house: Versions, keys: Path, export: Call) -> None:
    signed = ("--key", keys / "private" / "weekly.pem")
    promote(house, export, "weak", *signed)
    promote(house, export, "good", *signed)
    step = house.folder / "steps" / "00000002.json"
    step.write_text(step.read_text().replace('"who": "', '"who": "not '))
    weak = house.version["weak"]
    for command in (("list",), ("rollback", *signed), ("sign", *signed), ("promote", weak, *signed), ("repair",)):
        done = export(command[0], SIGNAL_CLASSIFIER, *command[1:], "--artifacts", house.artifacts)
        assert done.code == 2, command
        assert "00000002.json: was changed after it was signed" in done.err


def test_a_list_says_which_signatures_count(house: Versions, keys: Path, export: Call) -> None:
    place = ("list", SIGNAL_CLASSIFIER, "--artifacts", house.artifacts, "--json")
    promote(house, export, "weak", "--key", keys / "private" / "weekly.pem")
    promote(house, export, "good", "--key", keys / "private" / "next.pem")

    def problems(file: Path) -> dict[str, str | None]:
        rows = json.loads(export(*place, "--config", file).out)
        names = {version: name for name, version in house.version.items()}
        return {names[row["version"]]: row["signer_problem"] for row in rows}

    both = [keys / "weekly.pub.pem", keys / "next.pub.pem"]
    assert problems(config(house, both)) == {"weak": None, "good": None}
    assert "not trusted" in (problems(config(house, both[1:]))["weak"] or "")
    assert "revoked" in (problems(config(house, both, revoked=both[:1]))["weak"] or "")
    assert "names no key" in (problems(config(house, []))["good"] or "")
    (house.folder / house.version["weak"] / "model_card.md").write_text("# the best of all")
    assert "was changed" in (problems(config(house, both))["weak"] or "")


@pytest.mark.parametrize("broken", ["missing", "{}", '{"version": "000000000000", "step": 2}'])
def test_a_pointer_is_brought_back_from_signed_steps_and_never_taken_for_a_first_promotion(
    house: Versions, keys: Path, export: Call, broken: str
) -> None:
    required = config(house, [keys / "weekly.pub.pem"])
    signed = ("--key", keys / "private" / "weekly.pem", "--config", required)
    place = (SIGNAL_CLASSIFIER, "--artifacts", house.artifacts)
    promote(house, export, "weak", *signed)
    promote(house, export, "good", *signed)
    pointer = house.folder / "current.json"
    sound = pointer.read_bytes()
    pointer.unlink() if broken == "missing" else pointer.write_text(broken)
    for command in (
        ("list",),
        ("promote", house.version["weak"], *signed),
        ("rollback", *signed),
        ("prune", "--keep", 0),
    ):
        done = export(command[0], SIGNAL_CLASSIFIER, *command[1:], "--artifacts", house.artifacts)
        assert done.code == 2, command
        assert "current.json" in done.err
    assert export("repair", *place, "--config", required).code == 0
    assert pointer.read_bytes() == sound
    again = export("repair", *place, "--config", required)
    assert "nothing to repair" in again.out + again.err
    assert served(required).returncode == 0
    pointer.unlink()
    (house.folder / "steps" / "00000002.sig").unlink()
    done = export("repair", *place, "--config", required)
    assert done.code == 2
    assert "nobody signed it" in done.err
    assert export("repair", *place, "--config", required, "--step", "7").code == 2
    assert export("repair", *place, "--config", required, "--step", "1").code == 0
    assert house.name_in_use() == "weak"
