"""Who vouches for what is in use: the newest step's signature, and by it, hash by hash, every step before.

What is signed anew must be as a trusted key signed it before, and so must the step that it follows: who can write the
folder but has no key can plant a version and a step, and the next honest signature must not make them good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from export.versions.signing import library, public_half, signer
from export.versions.steps import Step, signature_path, step_path
from export.versions.switch import Sign
from export.versions.trust.bundle import Statement, read_bundle
from export.versions.trust.folder import last_day, signed_by
from train.config import DEFAULT_CONFIG, Config
from train.core.errors import PipelineError
from train.core.files import read_bytes, scratch, sha256_hex


@dataclass(frozen=True)
class Keys:
    """Which keys count.

    Attributes:
        policy: `trust.policy` of the config.
        trusted: public keys of `trust.keys`.
        revoked: public keys of `trust.revoked`: they count for nothing, whatever else names them.
        private: a private key at hand, whose public half is trusted, too.
    """

    policy: str = "off"
    trusted: tuple[Path, ...] = ()
    revoked: tuple[Path, ...] = ()
    private: Path | None = None


def keys_of(config: Config, file: Path | None, private: Path | None = None) -> Keys:
    """Those of a config; its paths start from the folder that holds `config/`, else from the file's own."""
    folder = (file or DEFAULT_CONFIG).absolute().parent
    root = folder.parent if folder.name == "config" else folder
    trusted, revoked = (tuple(root / key for key in keys) for keys in (config.trust.keys, config.trust.revoked))
    return Keys(config.trust.policy, trusted, revoked, private)


def checked_signer(keys: Keys) -> Sign:
    """A function that signs with the private key at hand, after a look at whether engines will take what it signs.

    Raises:
        PipelineError: the key is revoked, past its last day, or (where signatures are required) not in `trust.keys`; or
            as `signer`.
    """
    assert keys.private is not None
    sign = signer(keys.private)
    with scratch() as place:
        own = public_half(keys.private, place / "own.pem").read_bytes()

        def same(paths: Sequence[Path]) -> list[Path]:
            return [key for n, key in enumerate(paths) if public_half(key, place / f"{n}.pem").read_bytes() == own]

        if same(keys.revoked):
            raise PipelineError(f"{keys.private}: is revoked (trust.revoked); engines refuse what it signs")
        named = same(keys.trusted)
    ends = [last_day(key) for key in named]
    if ends and all(end is not None and end < datetime.now(UTC).date() for end in ends):
        raise PipelineError(f"{keys.private}: expired on {ends[0]} ({named[0]}); engines refuse what it signs")
    if keys.policy == "require" and not named:
        raise PipelineError(
            f"{keys.private}: its public half is not in trust.keys, and trust.policy is 'require': engines "
            "would refuse what it signs; add it there first"
        )
    return sign


def require_signed_step(model_folder: Path, steps: Sequence[Step], keys: Keys) -> None:
    """The newest step must be one that a trusted key signed: each names the hash of the one before.

    Raises:
        PipelineError: nobody signed it, no key that is trusted did, or it is not as it was signed.
    """
    if not steps:
        raise PipelineError(f"{model_folder}: no step put a version into use; promote one with --key")
    newest = steps[-1]
    path = signature_path(model_folder, newest.number)
    if not path.is_file():
        before = [step.number for step in steps if signature_path(model_folder, step.number).is_file()]
        others = f", though step {before[-1]} is signed" if before else ""
        raise PipelineError(
            f"{step_path(model_folder, newest.number)}: nobody signed it{others}: {newest.event} of {newest.version} "
            f"by {newest.who}, {newest.when:%Y-%m-%d}. If it is yours, look at the version (`python -m verify`) and "
            "`python -m export sign MODEL --key ... --first --reason ...`; else promote another"
        )
    _signed(model_folder, path, keys)


def require_as_signed(model_folder: Path, version: str, steps: Sequence[Step], keys: Keys) -> Path:
    """Refuse a version that is not as its newest signature says: signing it anew would make good what was changed.

    Args:
        model_folder: of the model.
        version: whose files are looked at.
        steps: the history.
        keys: that count.

    Returns:
        The key that signed it.

    Raises:
        PipelineError: it was never signed; a file was changed, added or removed since; or no trusted key signed it.
    """
    numbers = [step.number for step in steps if step.version == version]
    signatures = [path for path in (signature_path(model_folder, number) for number in numbers) if path.is_file()]
    if not signatures:
        raise PipelineError(
            f"{model_folder / version}: was never signed; promote it by its name, so that the gate looks at it: "
            f"`python -m export promote {model_folder.resolve().name} {version} --key ...`"
        )
    statement, key = _signed(model_folder, signatures[-1], keys)
    folder = model_folder.resolve() / version
    named = {name: digest for name, digest in statement.files.items() if name.startswith(f"{version}/")}
    there = {
        f"{version}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if not path.is_dir()
    }
    for name in sorted(named.keys() | there.keys()):
        what = _wrong(named.get(name), there.get(name))
        if what:
            raise PipelineError(f"{model_folder / name}: {what} after {signatures[-1].name} was written; export anew")
    return key


def _wrong(digest: str | None, path: Path | None) -> str:
    if digest is None:
        return "was added"
    if path is None:
        return "was removed"
    if path.is_symlink():
        return "was made a link"
    return "" if sha256_hex(read_bytes(path)) == digest else "was changed"


def _signed(model_folder: Path, signature: Path, keys: Keys) -> tuple[Statement, Path]:
    """What a step's signature says, by a key that counts; its step must be as it was signed."""
    library()
    own = () if keys.private is None else (keys.private,)
    statement, key = signed_by(signature, keys=(*keys.trusted, *own), revoked=keys.revoked)
    if statement.subject[0].name != model_folder.resolve().name:
        raise PipelineError(f"{signature}: signs a version of {statement.subject[0].name!r}, another model")
    step = signature.with_suffix(".json")
    if statement.files.get(f"{step.parent.name}/{step.name}") != sha256_hex(read_bytes(step)):
        raise PipelineError(f"{step}: was changed after it was signed")
    return statement, key


def signer_of(model_folder: Path, version: str, steps: Sequence[Step], keys: Keys) -> tuple[str, str] | None:
    """Who signed a version last, and what stands against it.

    Returns:
        The fingerprint that the newest signature quotes, shortened, and "" or why it counts for nothing here; None for
        a version that was never signed.
    """
    signatures = [signature_path(model_folder, step.number) for step in steps if step.version == version]
    signatures = [path for path in signatures if path.is_file()]
    if not signatures:
        return None
    try:
        bundle, _ = read_bundle(str(signatures[-1]), read_bytes(signatures[-1]))
        hint = (bundle.material.public_key.hint or "")[:12] or "unnamed"
    except PipelineError as error:
        return "unreadable", str(error)
    if not keys.trusted:
        return hint, "not checked: trust.keys names no key"
    try:
        require_as_signed(model_folder, version, steps, keys)
    except PipelineError as error:
        return hint, str(error)
    return hint, ""
