"""The Rust binary as a runtime, with either of its engines."""

import json
import math
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.artifact.manifest import Manifest
from train.core.errors import PipelineError
from train.core.files import read_bytes, read_json
from verify.runtimes.flat_rows import TensorLike, Words, flat, split_rows, tensor_shape, typed, words_of
from verify.runtimes.not_run import NotRunError
from verify.runtimes.process import last_line, run_program

Floats = npt.NDArray[np.float64]
TEXT_ROWS = 5_000
BINARY = Path("runtime/target/release/dollarbill-ml")
RUST_ENGINES = {"rust": "onnxruntime", "rust-ort": "onnxruntime", "rust-native": "native"}
"""Runtime -> the engine that the binary is told to use; `rust` is the older name of `rust-ort`."""


@dataclass(frozen=True)
class RustRuntime:
    """The Rust binary, one process a call; rows and answers travel as files of little-endian float64.

    Where the model takes or gives text they travel as JSON, `TEXT_ROWS` rows a call.
    """

    folder: Path
    answers_per_row: int
    binary: Path
    name: str = "rust"
    engine: str = "onnxruntime"
    version: str = ""
    most_rows: int | None = None
    inputs: tuple[TensorLike, ...] = ()
    outputs: tuple[TensorLike, ...] = ()
    words: Words | None = None

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`; a run that fails is a PipelineError with the binary's own line."""
        if self.words:
            numbers = np.concatenate([np.full(math.prod(tensor_shape(t)), t.dtype != "string") for t in self.inputs])
            found = np.full((len(rows), self.answers_per_row), np.nan)
            # An artifact takes no infinite number, and JSON has none: such a row has no answer.
            able = np.flatnonzero(~(np.isinf(rows) & numbers).any(axis=1))
            for start in range(0, len(able), TEXT_ROWS):
                some = able[start : start + TEXT_ROWS]
                found[some] = self._texts(rows[some])
            return found
        with tempfile.TemporaryDirectory(prefix="dollarbill-verify-") as scratch:
            source, target = Path(scratch, "rows.f64"), Path(scratch, "answers.f64")
            np.ascontiguousarray(rows, dtype="<f8").tofile(source)
            done = self._run("evaluate", str(self.folder), "--input", str(source), "--output", str(target))
            if done.returncode != 0:
                raise PipelineError(f"{self.binary} evaluate {self.folder}: {last_line(done)}")
            answers = np.frombuffer(read_bytes(target), dtype="<f8").astype(np.float64)
        if len(answers) != len(rows) * self.answers_per_row:
            expected = len(rows) * self.answers_per_row
            raise PipelineError(f"{self.binary} evaluate: {len(answers)} answers for {len(rows)} rows, not {expected}")
        return answers.reshape(len(rows), self.answers_per_row)

    def _texts(self, rows: Floats) -> Floats:
        words = self.words or {}
        tensors = split_rows(rows, [(tensor.name, tensor_shape(tensor)) for tensor in self.inputs])
        given = {t.name: _nested(typed(tensors[t.name], t, words).tolist()) for t in self.inputs}
        with tempfile.TemporaryDirectory(prefix="dollarbill-verify-") as scratch:
            source, target = Path(scratch, "rows.json"), Path(scratch, "answers.json")
            source.write_text(json.dumps(given, allow_nan=False), encoding="utf-8")
            done = self._run("evaluate", str(self.folder), "--input", str(source), "--output", str(target))
            if done.returncode != 0:
                raise PipelineError(f"{self.binary} evaluate {self.folder}: {last_line(done)}")
            found = read_json(target)
        parts = [flat(found[tensor.name], tensor, words) for tensor in self.outputs]
        return np.concatenate([part.reshape(len(rows), -1) for part in parts], axis=1)

    def replay_golden(self) -> str:
        """`dollarbill-ml check`: integrity, contract and golden replay as the engine does them at load."""
        done = self._run("check", str(self.folder))
        return "" if done.returncode == 0 else last_line(done)

    def _run(self, *arguments: str) -> CompletedProcess[str]:
        # A binary from before it had two engines has the one that it needs no word for.
        engine = ["--engine", self.engine] if knows_engines(self.binary) else []
        return run_program(
            [str(self.binary.resolve()), *engine, *arguments],
            name=str(self.binary),
            environment=onnxruntime_environment(),
        )


def _nested(value: Any) -> Any:
    """Nested lists with null for NaN."""
    if isinstance(value, list):
        return [_nested(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def open_rust(name: str, folder: Path, manifest: Manifest | None, *, binary: Path | None = None) -> RustRuntime:
    """The binary with the engine that `name` stands for, on a version folder.

    Raises:
        NotRunError: it is not built, or has no such engine.
    """
    binary = binary or BINARY
    if not binary.is_file():
        raise NotRunError(f"{binary}: the Rust binary is not built; run `make`, or verify --runtime python")
    engine = RUST_ENGINES[name]
    if engine == "native" and not knows_engines(binary):
        raise NotRunError(f"{binary}: has no engine of its own; build it anew with `make`")
    own = run_program([str(binary.resolve()), "--version"], name=name).stdout.strip().split(" ")[-1]
    library = "" if engine == "native" else f", onnxruntime {library_version()}"
    about = f"{own}{library}"
    if manifest is None:  # it is only asked what it is
        return RustRuntime(folder, 1, binary, name, engine, about)
    answers = sum(math.prod(tensor_shape(output)) for output in manifest.outputs)
    tensors = tuple(manifest.inputs), tuple(manifest.outputs)
    words = words_of(manifest.settings)
    return RustRuntime(folder, answers, binary, name, engine, about, None, *tensors, words)


@lru_cache
def knows_engines(binary: Path) -> bool:
    """Whether the binary can be told which engine to use."""
    return "--engine" in run_program([str(binary.resolve()), "--help"], name=str(binary)).stdout


def onnxruntime_environment() -> dict[str, str]:
    """The very library that this Python uses, unless the caller names another."""
    libraries = sorted((Path(ort.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    if not libraries or "ORT_DYLIB_PATH" in os.environ:
        return {}
    return {"ORT_DYLIB_PATH": str(libraries[-1])}


def library_version() -> str:
    """Of the library that the binary loads; its path where the caller named one."""
    return os.environ.get("ORT_DYLIB_PATH", str(ort.__version__))
