"""The processes that are timed: each runs what it is asked for and says what it took."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from verify.runtimes.not_run import NotRunError


@dataclass
class Child:
    """A program that stays open and times subjects by name; see `serve.py`."""

    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def time(self, subject: str) -> float:
        """Seconds of one thing, of a block of them.

        Raises:
            NotRunError: it does not start, has no such subject, or ends.
        """
        things, nanoseconds = self._ask(subject)
        return nanoseconds[0] / 1e9 / things

    def singles(self, subject: str, count: int) -> list[float]:
        """Seconds of each of so many single calls."""
        return [number / 1e9 for number in self._ask(f"{subject} singles {count}")[1]]

    def _ask(self, line: str) -> tuple[int, list[int]]:
        if self.process is None:
            self.process = self._start()
        sink, source = self.process.stdin, self.process.stdout
        if sink is None or source is None:
            raise NotRunError("it has no input")
        try:
            sink.write(line + "\n")
            sink.flush()
            answer = source.readline().split()
        except OSError as error:
            raise NotRunError(f"it ended: {error}") from error
        if not answer or answer[0] == "error":
            raise NotRunError(" ".join(answer[1:]) or "it ended without an answer")
        return int(answer[0]), [int(word) for word in answer[1:]]

    def _start(self) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                list(self.command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | self.environment,
                text=True,
            )
        except OSError as error:
            raise NotRunError(f"{self.command[0]}: {error.strerror}") from error

    def close(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@dataclass
class Program:
    """A program that is started for each answer: timed from its start to its end."""

    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    peak_kib: int | None = None
    """The largest memory, where the program says it."""

    def time(self, _subject: str) -> float:
        """Seconds of one run.

        Raises:
            NotRunError: it does not start, or fails.
        """
        start = time.perf_counter()
        try:
            done = subprocess.run(
                list(self.command), capture_output=True, text=True, env=os.environ | self.environment, check=False
            )
        except OSError as error:
            raise NotRunError(f"{self.command[0]}: {error.strerror}") from error
        took = time.perf_counter() - start
        if done.returncode != 0:
            raise NotRunError((done.stderr.strip().splitlines() or ["it failed"])[-1][:200])
        word = done.stdout.strip()
        self.peak_kib = int(word) if word.isdigit() else self.peak_kib
        return took

    def close(self) -> None:
        """Nothing is open."""


def engines_program(root: Path) -> Path:
    """The benchmark of the crate, the newest that was built.

    Raises:
        NotRunError: there is none.
    """
    found = [path for path in (root / "runtime/target/release/deps").glob("engines-*") if path.suffix != ".d"]
    if not found:
        raise NotRunError("runtime/benches/engines.rs is not built; run `make bench`")
    return max(found, key=lambda path: path.stat().st_mtime)
