"""`verify reproduce`: train a version again from what its manifest records, and say whether the same comes."""

import argparse
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export.artifact.manifest import Manifest, manifest_json, read_manifest, version_of
from export.artifact.version_folder import CURRENT, version_folder, write_artifact
from export.compile_model import draft_of
from train.config import config_type
from train.core import cli
from train.core.config_sections import Training
from train.core.errors import PipelineError
from train.core.files import scratch
from train.core.records.record import Provenance, write_record
from train.core.tables.calendar import WEEKDAYS
from train.model import Model, TrainingRequest
from train.provenance import provenance_of
from train.registry import models


def run_reproduce(options: argparse.Namespace) -> int:
    """Train again in a folder of its own; nothing that exists is changed."""
    model = models()[options.model]
    folder = _folder(options)
    manifest = read_manifest(folder)
    made = manifest.training.provenance
    if made is None:
        raise PipelineError(f"{folder}: its manifest records no provenance; it is of an earlier release")
    if manifest.training.data.sha256 is not None and not options.data:
        raise PipelineError(f"{folder}: was trained on {manifest.training.data.source}; name the files with --data")
    with scratch() as place:
        request = _request(model, made, place / model.name, options)
        record = model.train(request)
        if record.data.sha256 != manifest.training.data.sha256:
            raise PipelineError(
                f"--data: other files than {folder.name} was trained on (SHA-256 {record.data.sha256}, "
                f"recorded {manifest.training.data.sha256}); name those, in the same order"
            )
        now = provenance_of(request)
        # What differs in the surroundings is said; what counts is whether the same bytes come.
        record = record.model_copy(update={"provenance": made})
        write_record(request.out, record)
        again = write_artifact(place / "artifacts", draft_of(model, request.out))
        found = read_manifest(again)
        files = {name: (again / name).read_bytes() == (folder / name).read_bytes() for name in _FILES}
    for line in _surroundings(made, now):
        cli.show(line)
    if again.name == folder.name and all(files.values()):
        cli.show(f"{model.name} {folder.name}: the same version comes, byte for byte")
        return cli.EXIT_GOOD
    assert version_of(manifest_json(found)) == again.name
    for line in differences(manifest, found):
        cli.show(line)
    cli.show(f"{model.name} {folder.name}: NOT the same: version {again.name} comes")
    return cli.EXIT_NOT_IN_PARITY


_FILES = ("model.onnx", "golden/cases.json", "manifest.json")


def _folder(options: argparse.Namespace) -> Path:
    model_folder: Path = options.artifacts / options.model
    folder = version_folder(model_folder, CURRENT) if options.version is None else model_folder / options.version
    if folder is None or not folder.is_dir():
        raise PipelineError(f"{folder or model_folder}: no such version; `python -m export list` shows those there are")
    return folder


def _request(model: Model, made: Provenance, out: Path, options: argparse.Namespace) -> TrainingRequest:
    try:
        training = Training.model_validate(made.parameters["training"])
        section = type(config_type()().section(model.name)).model_validate(made.parameters["model"])
        estimator = made.parameters["estimator"]
    except (KeyError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise PipelineError(
            f"{model.name}: its manifest records other parameters than there are now: {reason}"
        ) from error
    return TrainingRequest(
        out=out,
        data=options.data,
        outcomes=options.outcomes,
        training=training,
        section=section,
        estimator=estimator,
        show=lambda line: cli.show(f"  {line}"),
        calendar=str(made.parameters.get("calendar", WEEKDAYS)),
    )


def _surroundings(made: Provenance, now: Provenance) -> list[str]:
    """What is otherwise than when the version was made."""
    lines = [
        f"{name}: {now.libraries.get(name, 'missing')}, was {version}"
        for name, version in made.libraries.items()
        if now.libraries.get(name) != version
    ]
    if made.source != now.source:
        lines.append(f"source: {now.source}, was {made.source}")
    gone, new = sorted(set(made.machine) - set(now.machine)), sorted(set(now.machine) - set(made.machine))
    if gone or new:
        lines.append(f"processor: without {', '.join(gone) or 'nothing'}, with {', '.join(new) or 'nothing'} besides")
    return [f"otherwise than then: {line}" for line in lines]


def differences(one: Manifest, other: Manifest) -> list[str]:
    """Fields of two manifests that differ, by their dotted names."""
    found: list[str] = []

    def walk(path: str, left: Any, right: Any) -> None:
        if isinstance(left, dict) and isinstance(right, dict):
            for key in dict.fromkeys([*left, *right]):
                walk(f"{path}.{key}" if path else str(key), left.get(key), right.get(key))
        elif left != right:
            found.append(f"differs: {path}")

    walk("", one.model_dump(mode="json"), other.model_dump(mode="json"))
    return found
