"""Who runs a compiled model, by name. Each is a function from rows to answers; a runtime not there is *not run*."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.artifact.manifest import GRAPH_FILE, Manifest
from train.core.errors import PipelineError
from train.core.files import read_bytes
from verify.comparison.runtime import Runtime
from verify.runtimes.flat_rows import words_of
from verify.runtimes.not_run import NotRunError
from verify.runtimes.onnxruntime_session import flat_session
from verify.runtimes.places import command_of, releases
from verify.runtimes.process import known_version, open_process
from verify.runtimes.reference import ReferenceRuntime
from verify.runtimes.rust_binary import BINARY as BINARY
from verify.runtimes.rust_binary import RUST_ENGINES, open_rust
from verify.runtimes.rust_binary import onnxruntime_environment as onnxruntime_environment

Floats = npt.NDArray[np.float64]
EVERY = "all"
"""In a list of runtimes: every one that this project knows."""
ABOUT = {
    "python": "onnxruntime in this Python",
    "rust-ort": "onnxruntime in the Rust binary",
    "rust-native": "the Rust binary's own engine",
    "node": "onnxruntime-node",
    "wasm": "onnxruntime-web (WebAssembly) in Node",
    "browser": "onnxruntime-web in a headless Chromium",
    "java": "onnxruntime for Java",
    "reference": "ONNX's ReferenceEvaluator",
}
REQUIRED = ("python", "rust-ort")
"""Of `all`: without these nothing is proven, whatever the others say."""


@dataclass(frozen=True)
class PythonRuntime:
    """onnxruntime in this process; `answer` is a `FlatSession` or stands for one."""

    answer: Callable[[Floats], Floats]
    name: str = "python"
    version: str = ort.__version__
    most_rows: int | None = None

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`."""
        return self.answer(rows)

    def replay_golden(self) -> str:
        """Python's replay is `verify.check.golden.replay`, done for every version."""
        return ""


def known_runtimes() -> list[str]:
    """Every name that `--runtime` takes, but the older name of `rust-ort`."""
    return [*ABOUT, *releases()]


def asked_runtimes(text: str) -> tuple[str, ...]:
    """The runtimes that a list names, each once; `all` is every known one.

    Raises:
        PipelineError: a name is unknown, or none is given.
    """
    names: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        if name == EVERY:
            names += known_runtimes()
        elif name in (*known_runtimes(), *RUST_ENGINES):
            names.append(name)
        else:
            raise PipelineError(
                f"--runtime: no runtime {name!r}; choose from {', '.join((*known_runtimes(), 'rust', EVERY))}"
            )
    return tuple(dict.fromkeys(names))


def required_runtimes(text: str) -> tuple[str, ...]:
    """Those of a list without which nothing is proven: every one that it names, of `all` the two that serve."""
    named = [name for part in text.split(",") if (name := part.strip()) != EVERY]
    return tuple(dict.fromkeys([*named, *(REQUIRED if EVERY in text.replace(" ", "").split(",") else ())]))


def open_runtimes(
    names: Iterable[str], folder: Path, manifest: Manifest, *, required: Iterable[str] | None = None
) -> tuple[list[Runtime], dict[str, str]]:
    """The runtimes asked for, on one version folder; and by name why one could not be run.

    Args:
        names: see `asked_runtimes`.
        folder: of the version.
        manifest: its manifest.
        required: what must be there; everything when None.

    Raises:
        PipelineError: a required runtime is not there, or the graph is not the manifest's.
    """
    opened: list[Runtime] = []
    missing: dict[str, str] = {}
    needed = None if required is None else set(required)
    for name in names:
        try:
            opened.append(_open(name, folder, manifest))
        except NotRunError as error:
            if needed is None or name in needed:
                raise
            missing[name] = str(error)
    return opened, missing


def _open(name: str, folder: Path, manifest: Manifest) -> Runtime:
    graph = folder / GRAPH_FILE
    words = words_of(manifest.settings)
    if name == "python":
        known_version(name, ort.__version__)
        threads = manifest.session.intra_op_num_threads
        return PythonRuntime(
            flat_session(read_bytes(graph), manifest.inputs, manifest.outputs, threads=threads, words=words)
        )
    if name in RUST_ENGINES:
        return open_rust(name, folder, manifest)
    if name == "reference":
        return ReferenceRuntime(graph, manifest.inputs, manifest.outputs, words)
    return open_process(name, command_of(name), graph, manifest.inputs, manifest.outputs, words)
