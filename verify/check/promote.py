"""Write a proof down as `parity.json`, and put the version forward to the gate."""

from pathlib import Path
from typing import Any

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, CURRENT, changing, version_folder
from export.papers.write import write_papers
from export.versions.promotion import Promotion
from export.versions.promotion import promote as put_forward
from export.versions.proof import PARITY_FILE, proof_of
from train.config import Config, default_config
from train.core.errors import PipelineError
from train.core.files import json_bytes, write_atomic
from verify.comparison.parity import ParityResult, Tolerance
from verify.proof.split_evidence import Count, SplitProof


def version_to_check(model_folder: Path) -> Path:
    """The candidate's folder if there is one, else the current version's.

    Raises:
        PipelineError: there is neither, or what they name does not exist.
    """
    for which in (CANDIDATE, CURRENT):
        folder = version_folder(model_folder, which)
        if folder is None:
            continue
        if not folder.is_dir():
            raise PipelineError(f"{model_folder / which}: names version {folder.name}, but {folder} is not there")
        return folder
    raise PipelineError(
        f"{model_folder}: no {CANDIDATE} and no {CURRENT}; run `python -m export {model_folder.name}` first"
    )


def promote(
    folder: Path,
    results: dict[str, ParityResult],
    *,
    tolerance: Tolerance,
    proof: SplitProof,
    source: Path | None = None,
    config: Config | None = None,
) -> Promotion:
    """Write down the proof of the version in `folder`, and put it into use if the gate lets it pass.

    Args:
        folder: a version folder whose every result is in parity; anything else is a programming error.
        results: runtime name -> what was compared.
        tolerance: what the manifest asks for.
        proof: what the probes show about the splits of its trees.
        source: where training left the gate's window; None for a model that is not of this house.
        config: gate and trust; default: that of the working directory.
    """
    write_proof(folder, results, tolerance=tolerance, proof=proof)
    why = "proven by python -m verify"
    return put_forward(folder.parent, folder.name, source=source, config=config or default_config(), why=why)


def write_proof(folder: Path, results: dict[str, ParityResult], *, tolerance: Tolerance, proof: SplitProof) -> None:
    """The proof alone: arguments as those of `promote`."""
    if not results or not all(result.in_parity for result in results.values()):
        raise ValueError("only a version in parity is promoted")
    manifest = read_manifest(folder)
    with changing(folder.parent):
        # A version is immutable: the first proof stands, unless an earlier release wrote it and it names no graph.
        if isinstance(proof_of(folder, manifest), str):
            found = _record(manifest.graph.sha256, results, tolerance, proof)
            # The proof comes last: whoever is killed before it writes all of them again.
            write_papers(folder, manifest, found)
            write_atomic(folder / PARITY_FILE, json_bytes(found))


def _count(count: Count) -> dict[str, int]:
    return {
        "told_apart": count.told_apart,
        "cannot_change_any_answer": count.cannot_change,
        "undecided": count.undecided,
    }


def _record(graph: str, results: dict[str, ParityResult], tolerance: Tolerance, proof: SplitProof) -> dict[str, Any]:
    """The same evidence gives the same bytes: no time, no machine. `graph` is the SHA-256 of what was proven."""
    return {
        "graph": graph,
        "tolerance": {"absolute": tolerance.absolute, "relative": tolerance.relative},
        "splits": {"visited": proof.visited, "all": proof.splits, **_count(proof.thresholds)},
        "nan_routes": {"all": proof.routes.all, **_count(proof.routes)},
        "runtimes": {
            name: {
                "rows": result.rows,
                "mismatched": result.mismatched,
                "flipped": sum(result.flipped.values()),
                "decisions": sorted(result.flipped),
                "max_abs": result.max_abs,
                "max_ulp": result.max_ulp,
            }
            for name, result in sorted(results.items())
        },
    }
