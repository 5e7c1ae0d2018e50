"""Any folder or file held against its signature, by the OpenSSF's own library and what the runtime asks besides."""

import contextlib
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from export.versions.signing import library, public_half
from export.versions.trust.bundle import SINGLE_FILE, Bundle, Statement, read_bundle
from train.core.errors import PipelineError
from train.core.files import read_bytes, scratch, sha256_hex

_NOT_AFTER = re.compile(r"not-after:\s*(\d{4}-\d\d-\d\d)", re.ASCII)


def check_folder(
    model: Path, signature: Path, *, keys: Sequence[Path], revoked: Sequence[Path] = (), ignore_unsigned: bool = False
) -> tuple[Statement, Path]:
    """Hold a model (a folder of any content, or one file) against a detached signature file.

    Args:
        model: what was signed.
        signature: the file.
        keys: public keys (PEM, one each) that are trusted; a line `not-after:` before the PEM ends one.
        revoked: public keys that are trusted no more, whatever `keys` says.
        ignore_unsigned: let pass files that the signature does not name.

    Returns:
        What was signed, and the key that made the signature.

    Raises:
        PipelineError: no trusted key made it, the key was revoked or has expired, or a file was changed, removed or
            added; or the extra `sign` is not installed.
    """
    signing = library()
    statement, key = signed_by(signature, keys=keys, revoked=revoked)
    with scratch() as made:
        half = public_half(key, made / "signer.pem")
        _require_files(signing, (model, signature), half, statement, ignore_unsigned=ignore_unsigned)
    return statement, key


def signed_by(signature: Path, *, keys: Sequence[Path], revoked: Sequence[Path] = ()) -> tuple[Statement, Path]:
    """What a signature file says, and the key that made it; whether the files are so is not looked at.

    Raises:
        PipelineError: as `check_folder`, but for the files.
    """
    bundle, statement = read_bundle(str(signature), read_bytes(signature))
    with scratch() as made:
        barred = [(key, public_half(key, made / f"revoked{number}.pem")) for number, key in enumerate(revoked)]
        trusted = [(key, public_half(key, made / f"{number}.pem")) for number, key in enumerate(keys)]
        if any(_made_by(bundle, half) for _, half in _quoted(bundle, barred)):
            raise PipelineError(f"{signature}: signed by a revoked key; sign anew with one that is trusted")
        quoted = _quoted(bundle, trusted)
        if not quoted:
            hint = (bundle.material.public_key.hint or "")[:12]
            raise PipelineError(
                f"{signature}: signed by a key that is not trusted ({hint!r}); name it with --key, or in trust.keys"
            )
        signers = [key for key, half in quoted if _made_by(bundle, half)]
    if not signers:
        raise PipelineError(f"{signature}: the signature does not fit what it signs; sign anew")
    ends = [last_day(key) for key in signers]
    if all(last is not None and datetime.now(UTC).date() > last for last in ends):
        raise PipelineError(f"{signature}: signed by {signers[0]}, which expired on {ends[0]}")
    return statement, signers[0]


def _quoted(bundle: Bundle, keys: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """The keys that a signature may be of: the one that it names by its hash, or all where it names none."""
    hint = bundle.material.public_key.hint
    return [(key, half) for key, half in keys if not hint or hint == sha256_hex(read_bytes(half))]


def _made_by(bundle: Bundle, half: Path) -> bool:
    """Whether this key signed DSSE's own encoding of the payload; the library also takes that of its release 0.2."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public = serialization.load_pem_public_key(read_bytes(half))
    digests = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in digests:
        return False
    kind = bundle.envelope.payload_type
    message = f"DSSEv1 {len(kind)} {kind} {len(bundle.payload)} ".encode() + bundle.payload
    try:
        public.verify(bundle.signature, message, ec.ECDSA(digests[public.curve.name]))
    except InvalidSignature:
        return False
    return True


def last_day(key: Path) -> date | None:
    """Of the text above the PEM; what is not understood is refused, or a misspelled last day would never come."""
    text = read_bytes(key).split(b"-----BEGIN")[0].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    if not lines:
        return None
    said = _NOT_AFTER.fullmatch(lines[0])
    if len(lines) > 1 or said is None:
        raise PipelineError(
            f"{key}: above the key only one line not-after: YYYY-MM-DD, and lines that begin with #, may stand"
        )
    try:
        return date.fromisoformat(said[1])
    except ValueError as error:
        raise PipelineError(f"{key}: not-after: must be a day such as 2027-01-31") from error


def _require_files(
    signing: Any, places: tuple[Path, Path], half: Path, statement: Statement, *, ignore_unsigned: bool
) -> None:
    """What the library says to the files; the signature itself may lie among them."""
    model, signature = places[0].resolve(), places[1].resolve()
    if model.is_file():
        (name, digest), *others = statement.files.items()
        if others or name not in (SINGLE_FILE, model.name):
            raise PipelineError(f"{model.parent / name}: is signed, and is not there as a plain file")
        if sha256_hex(read_bytes(model)) != digest:
            raise PipelineError(f"{model}: was changed after it was signed")
        return
    ignored = [Path(path) for path in statement.predicate.serialization.ignore_paths]
    ignored += [signature.relative_to(model)] if signature.is_relative_to(model) else []
    hashing = signing.hashing.Config().set_ignored_paths(paths=ignored, ignore_git_paths=True)
    config = signing.verifying.Config().use_elliptic_key_verifier(public_key=half).set_hashing_config(hashing)
    if ignore_unsigned:
        for name in statement.files:
            if any(
                part.is_symlink() for part in ((model / name), *(model / name).parents) if part.is_relative_to(model)
            ):
                raise PipelineError(f"{model / name}: is no plain file; links are not followed")
    try:
        # It prints what it minds of older signatures.
        with contextlib.redirect_stdout(sys.stderr):
            config.set_ignore_unsigned_files(ignore_unsigned).verify(model, signature)
    except Exception as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise PipelineError(f"{model}: is not as it was signed: {said}") from error
