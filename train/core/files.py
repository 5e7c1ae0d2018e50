"""Files written whole or not at all, and the errors a file system gives, in one line that names the path."""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from train.core.errors import PipelineError


@contextlib.contextmanager
def explain_os_errors(path: Path, what: str) -> Iterator[None]:
    """Turn an OSError inside the block into a PipelineError: "cannot <what> <path>: <reason>"."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise PipelineError(f"cannot {what} {path}: {reason}") from error


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder of our own for what nobody keeps; gone after the block.

    Raises:
        PipelineError: no folder for temporary files can be written, or all disks that have one are full.
    """
    try:
        place = tempfile.TemporaryDirectory(prefix="dollarbill-", ignore_cleanup_errors=True)
    except OSError as error:
        raise PipelineError(
            f"cannot write a temporary folder ({error.strerror or error}); make room, or name another by TMPDIR"
        ) from error
    with place as folder:
        yield Path(folder)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content` in one step; on any failure what was there before stays as it was.

    Parent folders are created. The bytes are on the disk (fsync) before the name is moved, and the name after it.

    Raises:
        PipelineError: the folder cannot be written, or the disk is full; no temporary file is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    with write_in_parts(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def write_in_parts(path: Path) -> Iterator[BinaryIO]:
    """As `write_atomic`, for what is too large to be in memory: an error inside leaves all as it was.

    Raises:
        PipelineError: as `write_atomic`.
    """
    if path.exists() and not path.is_file():
        # As root a rename would put a file in the place of a device or a pipe.
        raise PipelineError(f"cannot write {path}: it is there and is not a regular file")
    with explain_os_errors(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            # mkstemp makes the file private; an artifact is for every user of the machine.
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk (fsync); a system that cannot do that to a folder is let pass."""
    with contextlib.suppress(PermissionError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def alone(path: Path, *, wait_seconds: float, doing: str) -> Iterator[None]:
    """Hold the lock file `path`; the lock ends with the process, however that ends. Not to be taken twice by one.

    Args:
        path: made if it is not there, and left.
        wait_seconds: how long another process may hold it; 0 does not wait.
        doing: what is done under the lock, for the message.

    Raises:
        PipelineError: another process holds it for longer, or the file cannot be written.
    """
    import fcntl

    with explain_os_errors(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        last = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= last:
                    raise PipelineError(f"{path}: another process is {doing} here; wait until it has ended") from error
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def json_bytes(value: Any, *, compact: bool = False) -> bytes:
    """JSON with the order of keys kept and a final newline; floats round-trip to the bit; NaN is refused."""
    text = json.dumps(
        value,
        indent=None if compact else 2,
        separators=(",", ":") if compact else None,
        ensure_ascii=False,
        allow_nan=False,
    )
    return (text + "\n").encode()


def read_bytes(path: Path) -> bytes:
    """The whole file; a PipelineError that names the path when it cannot be read."""
    with explain_os_errors(path, "read"):
        return path.read_bytes()


def read_json(path: Path) -> Any:
    """Parse a JSON file; a PipelineError with path, line and column when it is not JSON or repeats a key."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise PipelineError(f"{path}: key {key!r} stands twice; keep one")
            seen[key] = value
        return seen

    try:
        return json.loads(read_bytes(path), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise PipelineError(f"{path}: not JSON: {error.msg} at line {error.lineno} column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: not UTF-8 text") from error


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()
