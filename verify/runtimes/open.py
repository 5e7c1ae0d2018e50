"""Who runs a compiled model: onnxruntime in Python, and the Rust binary. Each is a function from rows to answers."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.artifact.manifest import GRAPH_FILE, Manifest
from train.core.errors import PipelineError
from train.core.files import read_bytes
from verify.comparison.runtime import Runtime
from verify.runtimes.flat_rows import tensor_shape
from verify.runtimes.onnxruntime_session import flat_session

Floats = npt.NDArray[np.float64]
BINARY = Path("runtime/target/release/dollarbill-ml")
RUST_ENGINES = {"rust": "onnxruntime", "rust-ort": "onnxruntime", "rust-native": "native"}
"""Runtime -> the engine that the binary is told to use; `rust` is the older name of `rust-ort`."""
TIME_LIMIT_SECONDS = 900
# A stack of unread errors says nothing more than its last line.
QUOTED_CHARACTERS = 400


@dataclass(frozen=True)
class PythonRuntime:
    """onnxruntime in this process; `answer` is a `FlatSession` or stands for one."""

    answer: Callable[[Floats], Floats]
    name: str = "python"

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`."""
        return self.answer(rows)

    def replay_golden(self) -> str:
        """Python's replay is `verify.check.golden.replay`, done for every version."""
        return ""


@dataclass(frozen=True)
class RustRuntime:
    """The Rust binary, one process a call; rows and answers travel as files of little-endian float64."""

    folder: Path
    answers_per_row: int
    binary: Path = BINARY
    name: str = "rust"

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`; a run that fails is a PipelineError with the binary's own line."""
        with tempfile.TemporaryDirectory(prefix="dollarbill-verify-") as scratch:
            source, target = Path(scratch, "rows.f64"), Path(scratch, "answers.f64")
            np.ascontiguousarray(rows, dtype="<f8").tofile(source)
            done = self._run("evaluate", str(self.folder), "--input", str(source), "--output", str(target))
            if done.returncode != 0:
                raise PipelineError(f"{self.binary} evaluate {self.folder}: {_last_line(done)}")
            answers = np.frombuffer(read_bytes(target), dtype="<f8").astype(np.float64)
        if len(answers) != len(rows) * self.answers_per_row:
            expected = len(rows) * self.answers_per_row
            raise PipelineError(f"{self.binary} evaluate: {len(answers)} answers for {len(rows)} rows, not {expected}")
        return answers.reshape(len(rows), self.answers_per_row)

    def replay_golden(self) -> str:
        """`dollarbill-ml check`: integrity, contract and golden replay as the engine does them at load."""
        done = self._run("check", str(self.folder))
        return "" if done.returncode == 0 else _last_line(done)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if not self.binary.is_file():
            raise PipelineError(f"{self.binary}: the Rust binary is not built; run `make`, or verify --runtime python")
        try:
            return subprocess.run(
                [str(self.binary.resolve()), *arguments, "--engine", RUST_ENGINES[self.name]],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIME_LIMIT_SECONDS,
                check=False,
                env=onnxruntime_environment(),
            )
        except subprocess.TimeoutExpired as error:
            raise PipelineError(f"{self.binary} {arguments[0]}: no answer in {TIME_LIMIT_SECONDS} s") from error


def onnxruntime_environment() -> dict[str, str]:
    """The caller's, and the very library that this Python uses, unless the caller names another."""
    libraries = sorted((Path(ort.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    chosen = {"ORT_DYLIB_PATH": str(libraries[-1])} if libraries else {}
    return chosen | dict(os.environ)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return (lines[-1].removeprefix("error: ") if lines else f"exit code {done.returncode}, nothing on stderr")[
        :QUOTED_CHARACTERS
    ]


def open_runtimes(names: tuple[str, ...], folder: Path, manifest: Manifest) -> list[Runtime]:
    """The runtimes asked for, on one version folder.

    Raises:
        PipelineError: a name is unknown, the graph does not load or is not the manifest's, the binary is not built.
    """
    runtimes: list[Runtime] = []
    for name in names:
        if name == "python":
            graph = read_bytes(folder / GRAPH_FILE)
            threads = manifest.session.intra_op_num_threads
            runtimes.append(PythonRuntime(flat_session(graph, manifest.inputs, manifest.outputs, threads=threads)))
        elif name in RUST_ENGINES:
            answers = sum(int(np.prod(tensor_shape(output), dtype=np.int64)) for output in manifest.outputs)
            runtimes.append(RustRuntime(folder, answers, name=name))
        else:
            raise PipelineError(f"--runtime: no runtime {name!r}; choose from python, {', '.join(RUST_ENGINES)}")
    return runtimes
