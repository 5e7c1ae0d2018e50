"""Signatures of versions in the OpenSSF model-signing format, made by its own library (extra `sign`).

One signature for each step: `steps/<number>.sig` is a sigstore bundle whose statement names the model and lists every
file of the version and the step that puts it into use. So no version passes for one of another model, and none for a
newer one than it is: the step's number is signed, too.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from export.versions.steps import Step, signature_path, step_path
from export.versions.switch import Sign
from train.core.errors import PipelineError
from train.core.files import explain_os_errors, read_bytes, scratch, sha256_hex, sync_folder, write_atomic

PASSWORD = "DOLLARBILL_ML_KEY_PASSWORD"
"""Environment variable with the password of the private key, if it has one."""


def keygen(private: Path, public: Path, *, days: int | None = None) -> str:
    """Make a key pair (ECDSA P-256): the private key for its owner alone, the public one for everybody.

    Args:
        private: the private key's file.
        public: the public key's.
        days: how long the runtime is to accept what it signs; None for no end.

    Returns:
        The public key's fingerprint: SHA-256 of its PEM, as the signatures quote it.

    Raises:
        PipelineError: one of the files is there already, or lies in a repository, or the extra is not installed.
    """
    library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    for path in (private, public):
        if path.exists():
            raise PipelineError(f"{path}: is there already; a key is never overwritten")
    require_outside_repository(private)
    key = ec.generate_private_key(ec.SECP256R1())
    password = os.environ.get(PASSWORD)
    protection = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    open_half = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with explain_os_errors(private, "write"):
        private.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secret)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(private.parent)
    last = None if days is None else (datetime.now(UTC) + timedelta(days=days)).date()
    write_atomic(public, open_half if last is None else f"not-after: {last}\n".encode() + open_half)
    return fingerprint(open_half)


def fingerprint(pem: bytes) -> str:
    """How signatures name a public key: SHA-256 of its PEM, hexadecimal."""
    return sha256_hex(pem)


def require_outside_repository(path: Path) -> None:
    """A private key in a work tree is published sooner or later."""
    for folder in path.resolve().parents:
        if (folder / ".git").exists():
            raise PipelineError(f"{path}: lies in the repository {folder}; keep private keys outside of it")


def signer(key: Path) -> Sign:
    """A function that signs with this private key.

    Raises:
        PipelineError: it is missing, no private key, lies in a repository, or the extra is not installed.
    """
    oms = library()
    if not key.is_file():
        raise PipelineError(f"{key}: no private key here; make one with `python -m export keygen`")
    require_outside_repository(key)
    password = os.environ.get(PASSWORD)
    try:
        config = oms.signing.Config().use_elliptic_key_signer(
            private_key=key, password=None if password is None else password.encode()
        )
    except (ValueError, TypeError) as error:
        raise PipelineError(f"{key}: not a private key that signs: {error}; its password goes in {PASSWORD}") from error

    class OfOneStep(oms.hashing.Config):  # type: ignore[misc, name-defined]
        """Other versions and steps lie in the same folder; this signature is not theirs."""

        def __init__(self, files: list[Path]) -> None:
            super().__init__()
            self.set_ignored_paths(paths=[], ignore_git_paths=False)
            self._files = files

        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:
            del files_to_hash
            return super().hash(model_path, files_to_hash=self._files)

    def sign(model_folder: Path, step: Step) -> None:
        whole = model_folder.resolve()
        files = [path for path in sorted((whole / step.version).rglob("*")) if path.is_symlink() or not path.is_dir()]
        links = [path for path in files if path.is_symlink()]
        if links:
            raise PipelineError(f"{links[0]}: is a link; an artifact holds plain files")
        files.append(step_path(whole, step.number))
        with scratch() as place:
            signature = place / "signature"
            config.set_hashing_config(OfOneStep(files)).sign(whole, signature)
            write_atomic(signature_path(model_folder, step.number), read_bytes(signature))

    return sign


def public_half(key: Path, to: Path) -> Path:
    """A key's public half as the library reads it: PEM alone, without a last day."""
    from cryptography.hazmat.primitives import serialization

    pem = read_bytes(key)
    password = os.environ.get(PASSWORD)
    try:
        if b"PRIVATE KEY" in pem:
            secret = serialization.load_pem_private_key(pem, None if password is None else password.encode())
            public = secret.public_key()
        else:
            public = serialization.load_pem_public_key(pem[max(pem.find(b"-----BEGIN"), 0) :])
    except (ValueError, TypeError) as error:
        raise PipelineError(f"{key}: not a key: {error}") from error
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    to.write_bytes(public.public_bytes(serialization.Encoding.PEM, spki))
    return to


def library() -> Any:
    """The OpenSSF's library; a `PipelineError` says how it is installed."""
    try:
        import model_signing
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ImportError as error:
        raise PipelineError(
            f"signing needs the extra `sign` ({error}); install it: python -m pip install '.[sign]'"
        ) from error
    return model_signing
