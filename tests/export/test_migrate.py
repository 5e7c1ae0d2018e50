"""An artifact of format 1 is read, and written as format 2 with the same graph, golden cases and proof."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from export.artifact.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, read_manifest, version_of
from export.artifact.version_folder import CANDIDATE, CURRENT, set_version, version_folder
from export.versions.migrate import migrate
from tests.support.places import ROOT
from train.core.errors import PipelineError
from train.core.files import json_bytes
from train.registry import models


def as_version_1(name: str, place: Path) -> Path:
    """A default model as format 1 had it, in use."""
    source = version_folder(ROOT / "artifacts" / name, CURRENT)
    assert source is not None
    fields = json.loads((source / MANIFEST_FILE).read_text())
    fields["format_version"] = 1
    del fields["task"]
    for tensor in fields["inputs"] + fields["outputs"]:
        for column in tensor["columns"]:
            del column["missing"]
    content = json_bytes(fields)
    folder = place / name / version_of(content)
    shutil.copytree(source, folder)
    (folder / MANIFEST_FILE).write_bytes(content)
    set_version(folder.parent, CURRENT, folder.name)
    return folder


@pytest.fixture(params=list(models()))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return as_version_1(request.param, tmp_path)


def test_format_1_is_read_as_format_2_has_it(old: Path) -> None:
    model = models()[old.parent.name]
    manifest = read_manifest(old)
    assert manifest.task == model.task
    for entry, tensor in zip(manifest.inputs, model.inputs, strict=True):
        assert [column.missing for column in entry.columns] == [column.missing for column in tensor.columns]


def test_migrating_keeps_graph_cases_and_proof_and_takes_the_place_in_use(old: Path) -> None:
    new = migrate(old.parent)
    assert new != old
    for name in (GRAPH_FILE, GOLDEN_FILE, "parity.json"):
        assert (new / name).read_bytes() == (old / name).read_bytes()
    assert json.loads((new / MANIFEST_FILE).read_text())["format_version"] == 2
    assert read_manifest(new) == read_manifest(old)
    assert version_folder(old.parent, CURRENT) == new
    assert version_folder(old.parent, CANDIDATE) is None
    assert new.name in (new / "model_card.md").read_text()


def test_what_was_not_proven_becomes_a_candidate(old: Path) -> None:
    (old / "parity.json").unlink()
    new = migrate(old)
    assert version_folder(old.parent, CURRENT) == old
    assert version_folder(old.parent, CANDIDATE) == new


def test_format_2_needs_no_migration(old: Path) -> None:
    migrate(old)
    with pytest.raises(PipelineError, match="is of format 2 already"):
        migrate(old.parent)


def test_a_damaged_version_is_not_migrated(old: Path) -> None:
    (old / GRAPH_FILE).write_bytes((old / GRAPH_FILE).read_bytes() + b" ")
    with pytest.raises(PipelineError, match="changed after it was written"):
        migrate(old)
    assert [path.name for path in old.parent.iterdir() if path.is_dir()] == [old.name]


def test_a_folder_without_an_artifact_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="holds neither"):
        migrate(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda fields: fields.update(format_version=3), "'format_version': must be 1 or 2, found 3"),
        (lambda fields: fields.pop("inputs"), "'inputs'"),
        (lambda fields: fields.update(inputs=[]), "'inputs'"),
        (lambda fields: fields.update(inputs=3), "'inputs'"),
        (lambda fields: fields["inputs"][0].pop("shape"), "'inputs.0.shape'"),
        (lambda fields: fields["inputs"][0].update(columns=None), "'inputs.0"),
    ],
)
def test_a_broken_manifest_of_format_1_is_refused_by_field(change: Any, said: str, tmp_path: Path) -> None:
    folder = as_version_1(next(iter(models())), tmp_path)
    fields = json.loads((folder / MANIFEST_FILE).read_text())
    change(fields)
    (folder / MANIFEST_FILE).write_bytes(json_bytes(fields))
    with pytest.raises(PipelineError, match=said):
        read_manifest(folder)
