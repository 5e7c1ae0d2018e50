"""Ends a process, or fails a call, just before the n-th change that it makes below a folder: fault injection.

Nothing in the code under test knows of it: Python's audit events name every opening, renaming and removing of a file,
and `os.write`, `os.fsync` and `close`d streams are wrapped.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink")


class Faults:
    """Counts changes; at number `at` (from 1) does `what`. An audit hook stays: for a forked child."""

    def __init__(self, folder: Path, at: int, what: Callable[[], None]) -> None:
        self.count = 0
        self._folder, self._at, self._what = str(folder.resolve()), at, what
        self._fsync = os.fsync
        os.fsync = self._synced
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and self._below(path) and not str(path).endswith(".lock"):
                self._change()
        elif event in _CHANGES and (any(self._below(part) for part in arguments) or _within_rmtree(event, arguments)):
            self._change()

    def _synced(self, descriptor: Any) -> None:
        self._change()
        self._fsync(descriptor)

    def _below(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and str(Path(path).absolute()).startswith(self._folder)

    def _change(self) -> None:
        self.count += 1
        if self.count == self._at:
            self._what()


def _within_rmtree(event: str, arguments: tuple[Any, ...]) -> bool:
    """`shutil.rmtree` removes names relative to the descriptor of an open folder."""
    return event in ("os.remove", "os.rmdir") and arguments[-1] != -1


def killed() -> None:
    """As by kill -9: nothing is flushed, nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full() -> None:
    """As from a full disk."""
    raise OSError(28, "No space left on device")


def in_child(act: Callable[[], None]) -> int:
    """Run `act` in a forked process and wait: its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            act()
            code = 0
        except BaseException:  # noqa: BLE001 - the child must end here, whatever happens
            code = 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
