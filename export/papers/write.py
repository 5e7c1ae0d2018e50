"""Write what goes with a proven version beside it: the card and its page, and the papers of the supply chain."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export.artifact.manifest import Manifest
from export.artifact.model_card import CARD_FILE, CARD_SOURCE_FILE, CardSource, model_card
from export.papers.bom import BOM_FILE, bill_of_materials
from export.papers.page import card_page
from export.papers.provenance import PROVENANCE_FILE, provenance
from train.core.errors import PipelineError
from train.core.files import read_bytes, read_json, write_atomic

PAGE_FILE = "model_card.html"


def papers(folder: Path, manifest: Manifest, proof: Mapping[str, Any] | None) -> dict[str, bytes]:
    """File name -> content; those of the extra `bom` where it is installed.

    Args:
        folder: of the version.
        manifest: of it.
        proof: what `parity.json` says, or is about to say.

    Raises:
        PipelineError: `card.json` is none.
    """
    source = card_source(folder)
    if source is None and (folder / CARD_FILE).is_file():
        # Of an earlier release: what its card says stands nowhere else.
        source, card = CardSource(), read_bytes(folder / CARD_FILE).decode(errors="replace")
    else:
        source = source or CardSource()
        card = model_card(manifest, folder.name, source, proof)
    files = {CARD_FILE: card.encode(), PAGE_FILE: card_page(card, source.evidence).encode()}
    if has_bom():
        files[BOM_FILE] = bill_of_materials(folder, manifest, source.purpose)
        files[PROVENANCE_FILE] = provenance(folder, manifest)
    return files


def write_papers(folder: Path, manifest: Manifest, proof: Mapping[str, Any] | None) -> list[str]:
    """Write them into the version's folder; the caller holds the model's (`changing`). The names of the files."""
    made = papers(folder, manifest, proof)
    for name, content in made.items():
        write_atomic(folder / name, content)
    return sorted(made)


def has_bom() -> bool:
    """Whether the extra `bom` is installed."""
    return all(
        importlib.util.find_spec(name) is not None for name in ("cyclonedx", "jsonschema", "in_toto_attestation")
    )


def card_source(folder: Path) -> CardSource | None:
    """What the card says that no other file does; None for a version of an earlier release.

    Raises:
        PipelineError: the file is there and is none.
    """
    path = folder / CARD_SOURCE_FILE
    if not path.is_file():
        return None
    try:
        return CardSource.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PipelineError(f"{path}: field {field!r}: {first['msg']}; export the model again") from error
