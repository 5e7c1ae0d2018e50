"""Write a version folder whole or not at all, and name versions; the format is specified in `artifacts/README.md`."""

import math
import os
import shutil
import tempfile
from collections.abc import Mapping
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
    version_of,
)
from export.artifact.model_card import model_card
from export.artifact.vectors import vector_files
from train.core.contract import Task
from train.core.errors import PipelineError
from train.core.files import explain_os_errors, json_bytes, read_json, sha256_hex, write_atomic
from train.core.record import TrainingRecord

CURRENT = "current.json"
CANDIDATE = "candidate.json"


@dataclass(frozen=True)
class Draft:
    """A compiled model on its way to a version folder.

    `golden_inputs` and `golden_outputs` map tensor names to arrays of one batch length, of the dtype that their entry
    names (strings: dtype object); the outputs are the original's. `settings` is what the model's own code reads at run
    time; `card_lines` a section of the card on what is peculiar to the model.
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


def write_artifact(root: Path, draft: Draft) -> Path:
    """Write `root`/<model>/<version>/ and make it the candidate; the same draft gives the same version and bytes.

    Raises:
        PipelineError: the folder cannot be written; nothing is left half done.
    """
    graph_bytes = draft.graph.SerializeToString(deterministic=True)
    golden_bytes = golden_json(draft.golden_inputs, draft.golden_outputs)
    manifest = _manifest(draft, graph_bytes, golden_bytes)
    manifest_bytes = json_bytes(manifest.model_dump(mode="json"))
    version = version_of(manifest_bytes)
    files = {
        GRAPH_FILE: graph_bytes,
        GOLDEN_FILE: golden_bytes,
        MANIFEST_FILE: manifest_bytes,
        "model_card.md": model_card(manifest, version, draft.record, draft.card_lines).encode(),
        **vector_files(draft.inputs, draft.outputs, draft.golden_inputs, draft.golden_outputs, parity=draft.parity),
    }
    folder = root / draft.record.model / version
    write_version(folder, files)
    set_version(folder.parent, CANDIDATE, version)
    return folder


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
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def set_version(model_folder: Path, which: str, version: str) -> None:
    """Let `current.json` or `candidate.json` name `version`, in one step."""
    write_atomic(model_folder / which, json_bytes({"version": version}))


def version_folder(model_folder: Path, which: str) -> Path | None:
    """The folder that `current.json` or `candidate.json` names; None when there is no such file.

    Raises:
        PipelineError: the file does not hold exactly one version of 12 hex digits.
    """
    path = model_folder / which
    if not path.exists():
        return None
    fields = read_json(path)
    version = fields.get("version") if isinstance(fields, dict) and len(fields) == 1 else None
    if not isinstance(version, str) or len(version) != 12 or not set(version) <= set("0123456789abcdef"):
        raise PipelineError(
            f'{path}: must be {{"version": "<12 hex digits>"}}, found {fields!r}; export the model again'
        )
    return model_folder / version
