"""A runtime that is another program, of `verify/runtimes/adapters/`: started once, asked by lines.

It prints its version on a line. Then each line that it reads is the path of a call, and the line that it prints is `ok`
or `error: REASON`. A call is a JSON file: `{"graph": path, "rows": n, "inputs": [{"name", "dtype", "shape", "file"}],
"outputs": [{"name", "dtype", "file"}]}`; shapes are those of one row, files hold numbers in the machine's own byte
order and nothing else; of a tensor of text, each text as the number of its bytes (int32) and these, in UTF-8. It ends
when its standard input does.
"""

import contextlib
import json
import math
import os
import struct
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.core.errors import PipelineError
from train.core.files import read_bytes
from verify.runtimes.flat_rows import TensorLike, Words, flat, split_rows, tensor_shape, typed
from verify.runtimes.not_run import NotRunError

Floats = npt.NDArray[np.float64]
TIME_LIMIT_SECONDS = 900
# A stack of unread errors says nothing more than its last line.
QUOTED_CHARACTERS = 400
KNOWN_MAJOR = "1"
"""Of onnxruntime: what another one would answer, nobody here has looked at."""


class Program:
    """A started program; one call at a time."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self._name, self._lock = name, threading.Lock()
        self._said = tempfile.TemporaryFile(prefix="dollarbill-verify-")  # noqa: SIM115 - as long as the program
        try:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
            )
        except OSError as error:
            raise NotRunError(f"{name}: {command[0]}: {error.strerror or error}") from error
        weakref.finalize(self, self._process.kill)
        self.version = self._line("")
        if not self.version:
            raise NotRunError(f"{name}: {self._last_words()}")

    def ask(self, call: Path) -> None:
        """Have one call answered.

        Raises:
            PipelineError: it could not be, with the program's own reason.
        """
        with self._lock:
            said = self._line(f"{call}\n")
        if said != "ok":
            raise PipelineError(f"{self._name}: {said.removeprefix('error: ') or self._last_words()}")

    def _line(self, asked: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(TIME_LIMIT_SECONDS, self._process.kill)
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(asked)
                self._process.stdin.flush()
            return self._process.stdout.readline().strip()
        finally:
            timer.cancel()

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._said.seek(0)
        lines = [line for line in self._said.read().decode(errors="replace").splitlines() if line.strip()]
        # Programs name their error before they list where it came from.
        named = [line for line in lines if "Error: " in line or "Exception: " in line]
        return (named or lines or [f"ended with {self._process.returncode} and said nothing"])[0][:QUOTED_CHARACTERS]


@dataclass(frozen=True)
class ProcessRuntime:
    """A program on one graph.

    Attributes:
        name: what reports call it.
        program: started.
        graph: the ONNX file.
        inputs, outputs: the graph's tensors, in order.
        version: of the runtime behind the program, as it says itself.
        words: what tensors of text may hold.
    """

    name: str
    program: Program
    graph: Path
    inputs: Sequence[TensorLike]
    outputs: Sequence[TensorLike]
    version: str = ""
    most_rows: int | None = None
    words: Words = field(default_factory=dict)

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`.

        Raises:
            PipelineError: the program fails, with its own line; or it writes another number of answers.
        """
        with tempfile.TemporaryDirectory(prefix="dollarbill-verify-") as scratch:
            self.program.ask(self._written(Path(scratch), rows))
            return np.concatenate([self._read(Path(scratch), i, len(rows)) for i in range(len(self.outputs))], axis=1)

    def replay_golden(self) -> str:
        """Compared by `verify.check.golden.replay`, as for every version."""
        return ""

    def _written(self, scratch: Path, rows: Floats) -> Path:
        tensors = split_rows(rows, [(tensor.name, tensor_shape(tensor)) for tensor in self.inputs])
        taken = []
        for number, tensor in enumerate(self.inputs):
            file = scratch / f"input_{number}"
            values = typed(tensors[tensor.name], tensor, self.words)
            file.write_bytes(_packed(values.reshape(-1)) if tensor.dtype == "string" else values.tobytes())
            taken.append(
                {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor_shape(tensor)), "file": str(file)}
            )
        given = [
            {"name": tensor.name, "dtype": tensor.dtype, "file": str(scratch / f"output_{number}")}
            for number, tensor in enumerate(self.outputs)
        ]
        call = {"graph": str(self.graph.resolve()), "rows": len(rows), "inputs": taken, "outputs": given}
        path = scratch / "call.json"
        path.write_text(json.dumps(call), encoding="utf-8")
        return path

    def _read(self, scratch: Path, number: int, rows: int) -> Floats:
        tensor = self.outputs[number]
        expected = rows * math.prod(tensor_shape(tensor))
        content = read_bytes(scratch / f"output_{number}")
        if tensor.dtype == "string":
            texts = np.array(self._texts(content, tensor, expected), dtype=object)
            return flat(texts.reshape(rows, -1), tensor, self.words).reshape(rows, -1)
        if len(content) != expected * np.dtype(tensor.dtype).itemsize:
            raise PipelineError(
                f"{self.name}: output {tensor.name!r} has {len(content)} bytes for {rows} rows, expected "
                f"{expected} numbers of {tensor.dtype}"
            )
        return np.frombuffer(content, dtype=tensor.dtype).astype(np.float64).reshape(rows, -1)

    def _texts(self, content: bytes, tensor: TensorLike, expected: int) -> list[str]:
        found, at = [], 0
        try:
            while at < len(content):
                (length,) = struct.unpack_from("=i", content, at)
                found.append(content[at + 4 : at + 4 + length].decode("utf-8", "surrogatepass"))
                at += 4 + length
        except (struct.error, UnicodeDecodeError) as error:
            raise PipelineError(f"{self.name}: output {tensor.name!r} holds no texts: {error}") from error
        if len(found) != expected:
            raise PipelineError(f"{self.name}: output {tensor.name!r} has {len(found)} texts, expected {expected}")
        return found


def _packed(texts: npt.NDArray[Any]) -> bytes:
    encoded = [str(text).encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(struct.pack("=i", len(text)) + text for text in encoded)


def open_process(
    name: str,
    command: tuple[str, ...],
    graph: Path,
    inputs: Sequence[TensorLike],
    outputs: Sequence[TensorLike],
    words: Words | None = None,
) -> ProcessRuntime:
    """Start the program; its first line shows that it is there at all.

    Raises:
        NotRunError: it does not start, or its onnxruntime is of another major version than 1.
    """
    program = Program(name, command)
    version = known_version(name, program.version)
    return ProcessRuntime(name, program, graph, inputs, outputs, version, words=words or {})


def known_version(name: str, version: str) -> str:
    """`version` when its major number is one that the exactness of a compiled model was ever checked on.

    Raises:
        NotRunError: it is another.
    """
    if version.split(".")[0] != KNOWN_MAJOR:
        raise NotRunError(
            f"{name}: onnxruntime {version} is of another major version than {KNOWN_MAJOR}; "
            f"install one of {KNOWN_MAJOR}.x"
        )
    return version


def run_program(
    command: Sequence[str], *, name: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing on its standard input.

    Raises:
        PipelineError: it does not end in time.
        OSError: it does not start.
    """
    try:
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_SECONDS,
            check=False,
            env=dict(os.environ) | (environment or {}),
        )
    except subprocess.TimeoutExpired as error:
        raise PipelineError(f"{name}: no answer in {TIME_LIMIT_SECONDS} s") from error


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a program that failed had to say."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return (lines[-1].removeprefix("error: ") if lines else f"exit code {done.returncode}, nothing on stderr")[
        :QUOTED_CHARACTERS
    ]
