"""A Rust process that answers signals line by line (`dollarbill-ml serve`), and how it is kept busy meanwhile."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 30.0
"""Seconds."""


@dataclass
class Busy:
    """What a process answered while something else went on; `longest_pause` between two answers, seconds."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    longest_pause: float = 0.0


class Server:
    """One process; `said` is a file that gets what it says on stderr."""

    def __init__(self, binary: Path, config: Path, said: Path) -> None:
        self._command = [str(binary), "--config", str(config), "serve"]
        self._said = said
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._stderr = self._said.open("ab")
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True
        )

    def restart(self) -> None:
        """Another process in its place."""
        self.close()
        self._start()

    def ask(self, signal: dict[str, Any]) -> dict[str, Any]:
        """The answer to one signal; `{"error": ...}` where there is none, or no process any more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                self._process.stdin.write(json.dumps(signal) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except BrokenPipeError:
                line = ""
        found: dict[str, Any] = json.loads(line) if line else {"error": "the process has ended"}
        return found

    @contextlib.contextmanager
    def asking(self, signals: Sequence[dict[str, Any]]) -> Iterator[Busy]:
        """Ask one signal after the other, again and again, while the block runs."""
        busy, stop = Busy(), threading.Event()

        def work() -> None:
            number, last = 0, time.monotonic()
            while not stop.is_set():
                answer = self.ask(signals[number % len(signals)])
                now = time.monotonic()
                busy.longest_pause = max(busy.longest_pause, now - last)
                last, number = now, number + 1
                (busy.errors if "error" in answer or answer.get("source") != "model" else busy.answers).append(answer)
                time.sleep(0.002)

        thread = threading.Thread(target=work)
        thread.start()
        self._busy = busy
        try:
            yield busy
        finally:
            stop.set()
            thread.join()

    def wait_for(self, version: str) -> bool:
        """Whether a version answers those who ask meanwhile, before patience ends."""
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            if self._busy.answers and self._busy.answers[-1]["model_version"] == version:
                time.sleep(0.2)
                return True
            time.sleep(0.02)
        return False

    def said_within(self, text: str, *, seconds: float) -> bool:
        """Whether it says something on stderr in time."""
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            if text in self._said.read_text(errors="replace"):
                return True
            time.sleep(0.05)
        return False

    def close(self) -> None:
        """End the process: it has written its log then."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._stderr.close()
