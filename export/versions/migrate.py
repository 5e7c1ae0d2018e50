"""`python -m export migrate`: a version of format 1 written as format 2, the graph and golden cases as they are."""

from pathlib import Path

from export.artifact.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, manifest_json, read_manifest, version_of
from export.artifact.version_folder import CANDIDATE, CURRENT, changing, set_version, version_folder, write_version
from export.versions.switch import put_into_use
from train.core.errors import PipelineError
from train.core.files import read_bytes, read_json

CARD = "model_card.md"
PARITY = "parity.json"


def migrate(folder: Path) -> Path:
    """Write a version of format 1 as format 2 beside it, with its proof; it takes the place that the old one has.

    The graph and the golden cases stay byte for byte, so what was proven of them stays proven.

    Args:
        folder: a version folder, or a model's folder, whose version in use is meant then.

    Returns:
        The new version's folder.

    Raises:
        PipelineError: there is no version, it is damaged, or of format 2 already; nothing is changed.
    """
    if not (folder / MANIFEST_FILE).is_file():
        current = version_folder(folder, CURRENT)
        if current is None:
            raise PipelineError(f"{folder}: holds neither {MANIFEST_FILE} nor {CURRENT}; name an artifact's folder")
        folder = current
    manifest = read_manifest(folder)
    fields = read_json(folder / MANIFEST_FILE)
    if fields["format_version"] != 1:
        raise PipelineError(f"{folder}: is of format {fields['format_version']} already; there is nothing to do")
    del fields
    content = manifest_json(manifest)
    version = version_of(content)
    files = {name: read_bytes(folder / name) for name in (GRAPH_FILE, GOLDEN_FILE)}
    files[MANIFEST_FILE] = content
    if (folder / PARITY).is_file():
        files[PARITY] = read_bytes(folder / PARITY)
    if (folder / CARD).is_file():
        files[CARD] = read_bytes(folder / CARD).replace(folder.name.encode(), version.encode())
    target = folder.parent / version
    with changing(folder.parent):
        write_version(target, files)
        in_use = version_folder(folder.parent, CURRENT)
        proven = PARITY in files and in_use is not None and in_use.name == folder.name
        if proven:
            put_into_use(
                folder.parent, version, event="promote", why=f"migrated from {folder.name}, the graph as it is"
            )
        else:
            set_version(folder.parent, CANDIDATE, version)
    return target
