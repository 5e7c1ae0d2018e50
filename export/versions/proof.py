"""The proof of parity that lies in a version's folder: `verify` writes it, the gate asks for it."""

from pathlib import Path
from typing import Any

from export.artifact.manifest import Manifest
from train.core.files import read_json

PARITY_FILE = "parity.json"


def proof_of(folder: Path, manifest: Manifest) -> dict[str, Any] | str:
    """What `parity.json` of a version says, or in one line why it proves nothing.

    Raises:
        PipelineError: it is there and is not JSON.
    """
    path = folder / PARITY_FILE
    if not path.is_file():
        return f"no {PARITY_FILE}; run `python -m verify {manifest.model}`"
    proof = read_json(path)
    runtimes = proof.get("runtimes") if isinstance(proof, dict) else None
    if not isinstance(runtimes, dict) or not runtimes:
        return f"{PARITY_FILE} names no runtime; run `python -m verify {manifest.model}`"
    if proof.get("graph") != manifest.graph.sha256:
        return f"{PARITY_FILE} is of another graph; run `python -m verify {manifest.model}`"
    for name, one in runtimes.items():
        counts = [one.get(count) if isinstance(one, dict) else None for count in ("rows", "mismatched", "flipped")]
        if any(type(count) is not int for count in counts):
            return f"{PARITY_FILE}: runtime {name!r} has no counts; run `python -m verify {manifest.model}`"
        if counts[0] == 0 or counts[1:] != [0, 0]:
            return f"{PARITY_FILE}: {name} differs in {counts[1]} of {counts[0]} rows"
    return dict(proof)
