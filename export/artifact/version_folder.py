"""Write a version folder whole or not at all, and name versions; the format is specified in `artifacts/README.md`."""

import contextlib
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.artifact.manifest import (
    FORMAT_VERSION,
    GOLDEN_FILE,
    GRAPH_FILE,
    MANIFEST_FILE,
    GoldenEntry,
    GraphEntry,
    Manifest,
    ParityEntry,
    SessionEntry,
    TensorEntry,
    TrainingEntry,
    manifest_json,
    version_of,
)
from export.artifact.model_card import CARD_FILE, CARD_SOURCE_FILE, CardSource, model_card
from export.artifact.vectors import vector_files
from train.core.contract import Task
from train.core.errors import PipelineError
from train.core.files import (
    alone,
    explain_os_errors,
    json_bytes,
    read_json,
    sha256_hex,
    sync_folder,
    write_atomic,
)
from train.core.records.evidence import Evidence
from train.core.records.record import TrainingRecord

CURRENT = "current.json"
CANDIDATE = "candidate.json"
LOCK = ".lock"
"""Held by whoever writes in a model's folder."""
LOCK_SECONDS = 60.0
MOST_STEPS = 2**53 - 1
_TEMPORARY = re.compile(
    r"\.((current|candidate|parity|bom\.cdx|provenance\.intoto)\.json|model_card\.(md|html)|"
    r"[0-9]{8}\.(json|sig)|[0-9a-f]{12})\."
)


@dataclass(frozen=True)
class Draft:
    """A compiled model on its way to a version folder.

    `golden_inputs` and `golden_outputs` map tensor names to arrays of one batch length, of the dtype that their entry
    names (strings: dtype object); the outputs are the original's. `settings` is what the model's own code reads at run
    time; `card_lines` a section of the card on what is peculiar to the model, `purpose` a sentence of it, `evidence`
    what its pictures are drawn from.
    """

    record: TrainingRecord
    task: Task
    graph: onnx.ModelProto
    inputs: list[TensorEntry]
    outputs: list[TensorEntry]
    parity: ParityEntry
    golden_inputs: Mapping[str, NDArray[Any]]
    golden_outputs: Mapping[str, NDArray[Any]]
    settings: dict[str, Any] = field(default_factory=dict)
    card_lines: list[str] = field(default_factory=list)
    purpose: str = ""
    evidence: Evidence = field(default_factory=Evidence)


def write_artifact(root: Path, draft: Draft) -> Path:
    """Write `root`/<model>/<version>/ and make it the candidate; the same draft gives the same version and bytes.

    Raises:
        PipelineError: the folder cannot be written; nothing is left half done.
    """
    graph_bytes = draft.graph.SerializeToString(deterministic=True)
    golden_bytes = golden_json(draft.golden_inputs, draft.golden_outputs)
    manifest = _manifest(draft, graph_bytes, golden_bytes)
    manifest_bytes = manifest_json(manifest)
    version = version_of(manifest_bytes)
    card = CardSource(purpose=draft.purpose, own=draft.card_lines, evidence=draft.evidence)
    files = {
        GRAPH_FILE: graph_bytes,
        GOLDEN_FILE: golden_bytes,
        MANIFEST_FILE: manifest_bytes,
        CARD_FILE: model_card(manifest, version, card).encode(),
        CARD_SOURCE_FILE: json_bytes(card.model_dump(mode="json"), compact=True),
        **vector_files(draft.inputs, draft.outputs, draft.golden_inputs, draft.golden_outputs, parity=draft.parity),
    }
    folder = root / draft.record.model / version
    with changing(folder.parent):
        write_version(folder, files)
        set_version(folder.parent, CANDIDATE, version)
    return folder


@contextlib.contextmanager
def changing(model_folder: Path) -> Iterator[None]:
    """Alone in a model's folder, which holds nothing half written: what a process left that was killed is removed.

    Raises:
        PipelineError: another process changes it for longer than a minute, or it cannot be written.
    """
    with alone(model_folder / LOCK, wait_seconds=LOCK_SECONDS, doing="changing versions"):
        for left in (*model_folder.glob(".*"), *model_folder.glob("*/.*")):
            if _TEMPORARY.match(left.name):
                _remove(left)
        yield


def _remove(left: Path) -> None:
    with explain_os_errors(left, "remove"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def golden_json(inputs: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """The golden cases as the format wants them: nested lists, shortest round-trip numbers, null for NaN."""
    return json_bytes(
        {
            "inputs": {name: _nested(_shortest(array)) for name, array in inputs.items()},
            "outputs": {name: _nested(_shortest(array)) for name, array in outputs.items()},
        },
        compact=True,
    )


def _shortest(array: NDArray[Any]) -> Any:
    """Nested lists; a float32 as the shortest decimal that reads back to it."""
    if array.dtype == np.float32:
        return np.vectorize(lambda value: float(str(value)), otypes=[np.float64])(array).tolist()
    return array.tolist()


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if not isinstance(value, float):
        return value
    if math.isinf(value):
        raise PipelineError("a golden case holds an infinite number, which the format has no form for; leave it out")
    return None if math.isnan(value) else value


def _manifest(draft: Draft, graph_bytes: bytes, golden_bytes: bytes) -> Manifest:
    record = draft.record
    return Manifest(
        format_version=FORMAT_VERSION,
        model=record.model,
        task=draft.task,
        graph=GraphEntry(
            file=GRAPH_FILE,
            sha256=sha256_hex(graph_bytes),
            bytes=len(graph_bytes),
            opset={entry.domain: entry.version for entry in draft.graph.opset_import},
        ),
        session=SessionEntry(intra_op_num_threads=1),
        inputs=draft.inputs,
        outputs=draft.outputs,
        parity=draft.parity,
        golden=GoldenEntry(
            file=GOLDEN_FILE,
            sha256=sha256_hex(golden_bytes),
            cases=len(next(iter(draft.golden_inputs.values()))),
        ),
        settings=draft.settings,
        novelty=record.novelty,
        training=TrainingEntry(
            estimator=record.estimator,
            data=record.data,
            random_state=record.random_state,
            libraries=record.libraries,
            window=record.window,
            provenance=record.provenance,
            distribution=record.distribution,
        ),
        quality=record.quality,
    )


def write_version(folder: Path, files: dict[str, bytes]) -> None:
    """Fill a temporary folder beside `folder` and move it into place; a version that is there already stays."""
    if folder.is_dir():
        return
    with explain_os_errors(folder, "write"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            for name, content in files.items():
                write_atomic(temporary / name, content)
            temporary.chmod(0o755)
            os.replace(temporary, folder)  # noqa: PTH105 - the same call on every platform
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@dataclass(frozen=True)
class Pointer:
    """What `current.json` and `candidate.json` hold; `step` is the number of the step in `steps/` that put it there."""

    version: str
    step: int | None = None


def set_version(model_folder: Path, which: str, version: str, *, step: int | None = None) -> None:
    """Let `current.json` or `candidate.json` name `version`, in one step."""
    fields: dict[str, str | int] = {"version": version}
    if step is not None:
        fields["step"] = step
    write_atomic(model_folder / which, json_bytes(fields))


def read_pointer(model_folder: Path, which: str) -> Pointer | None:
    """What `current.json` or `candidate.json` says; None when there is no such file.

    Raises:
        PipelineError: the file does not hold a version of 12 hex digits, and the number of a step or none.
    """
    path = model_folder / which
    if not path.exists():
        return None
    fields = read_json(path)
    known = isinstance(fields, dict) and "version" in fields and set(fields) <= {"version", "step"}
    version, step = (fields.get("version"), fields.get("step")) if known else (None, None)
    sound = isinstance(version, str) and len(version) == 12 and set(version) <= set("0123456789abcdef")
    if not sound or not (step is None or (type(step) is int and 1 <= step <= MOST_STEPS)):
        raise PipelineError(
            f'{path}: must be {{"version": "<12 hex digits>"}}, with the number of a "step" or without, '
            f"found {fields!r}; export the model again"
        )
    return Pointer(str(version), step)


def version_folder(model_folder: Path, which: str) -> Path | None:
    """The folder that `current.json` or `candidate.json` names; None when there is no such file.

    Raises:
        PipelineError: as `read_pointer`.
    """
    pointer = read_pointer(model_folder, which)
    return None if pointer is None else model_folder / pointer.version
