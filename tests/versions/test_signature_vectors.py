"""The OpenSSF specification's kinds of signature vectors: taken or refused as it says, and as the runtime does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.verified import Ended
from tests.support.versions import run_export

model_signing = pytest.importorskip("model_signing", reason="the extra `sign` is not installed")
pytestmark = pytest.mark.slow
VECTORS = ROOT / "runtime" / "tests" / "fixtures" / "signature_vectors"
CASES = json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))
LAXER = {
    "bundle-key-twice",
    "bundle-two-signatures",
    "signed-as-before-1.0",
    "signed-blake3",
    "signed-digest-upper-case",
    "signed-key-twice",
    "signed-name-dot",
    "signed-name-folder",
    "signed-name-twice",
    "signed-symlinks-no-bool",
    "signed-v0.1-predicate",
}
"""What the OpenSSF's library of today takes, and both languages refuse: see docs/retraining.md."""


def found_as(case: dict, place: Path) -> tuple[Path, Path]:
    """The model as it is found, and where its signature lies."""
    model, source = place / case["model"], VECTORS / "models" / case["model"]
    model.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copy)(source, model)
    for what, path, *rest in case["change"]:
        at = model / path
        if what == "write":
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(rest[0], encoding="utf-8")
        elif what == "remove":
            at.unlink()
        else:
            assert what == "link"
            at.symlink_to(rest[0])
    signature = VECTORS / "signatures" / f"{case['name']}.sig"
    if case.get("inside"):
        return model, Path(shutil.copy(signature, model / "model.sig"))
    return model, signature


def public(names: list[str]) -> list[Path]:
    return [VECTORS / "keys" / f"{name}.pub.pem" for name in names]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_vector_is_taken_or_refused_as_the_specification_says(
    case: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, signature = found_as(case, tmp_path)
    arguments = ["check-signature", str(model), "--signature", str(signature)]
    for option, names in (("--key", case["keys"]), ("--revoked", case.get("revoked", []))):
        arguments += [word for key in public(names) for word in (option, str(key))]
    if case.get("ignore_unsigned"):
        arguments.append("--ignore-unsigned-files")
    done: Ended = run_export(arguments, monkeypatch, capsys)
    assert done.code == (0 if case["good"] else 2), done.err
    if not case["good"]:
        assert done.err.startswith("error: ")
        assert len(done.err.splitlines()) == 1
        assert str(model.parent) in done.err or str(signature) in done.err
    assert done.out == ""


def test_both_kinds_are_many() -> None:
    good = [case for case in CASES if case["good"]]
    assert len(good) > 20
    assert len(CASES) - len(good) > 80
    assert len({case["name"] for case in CASES}) == len(CASES)


def of_the_library(model: Path, signature: Path, case: dict, place: Path) -> bool:
    """What the OpenSSF's library says by itself: some key of the list verifies it."""

    def verified(key: Path) -> bool:
        bare = place / "key.pem"
        bare.write_bytes(key.read_bytes()[key.read_bytes().index(b"-----BEGIN") :])
        config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=bare)
        if case.get("inside"):
            hashing = model_signing.hashing.Config().set_ignored_paths(paths=["model.sig"])
            config.set_hashing_config(hashing)
        try:
            config.set_ignore_unsigned_files(case.get("ignore_unsigned", False)).verify(model, signature)
        except Exception:  # noqa: BLE001 - it raises whatever it stumbles over
            return False
        return True

    return any(verified(key) for key in public(case["keys"]))


@pytest.fixture
def differs(tmp_path: Path) -> Callable[[dict], bool]:
    def of(case: dict) -> bool:
        place = tmp_path / case["name"]
        place.mkdir()
        model, signature = found_as(case, place / "model")
        return of_the_library(model, signature, case, place) != case["good"]

    return of


def test_where_the_library_differs_is_known(differs: Callable[[dict], bool]) -> None:
    """It knows no last day and no revoked key; it must not be stricter, but for single files by their own name."""
    ours = {"key-expired", "key-unnamed-expired", "key-revoked", "key-unnamed-revoked", "good-single-file"}
    found = {case["name"] for case in CASES if differs(case)}
    assert sorted(found) == sorted(LAXER | ours)
