"""Make a proven version current: write its `parity.json`, replace `current.json`, forget the candidate."""

import contextlib
from pathlib import Path

from export.artifact.version_folder import CANDIDATE, CURRENT, set_version, version_folder
from train.core.errors import PipelineError
from train.core.files import explain_os_errors, json_bytes, write_atomic
from verify.comparison.parity import ParityResult, Tolerance
from verify.proof.split_evidence import Count, SplitProof

PARITY_FILE = "parity.json"


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


def promote(folder: Path, results: dict[str, ParityResult], *, tolerance: Tolerance, proof: SplitProof) -> None:
    """Make the version in `folder` the current one of its model.

    Args:
        folder: a version folder whose every result is in parity; anything else is a programming error.
        results: runtime name -> what was compared.
        tolerance: what the manifest asks for.
        proof: what the probes show about the splits of its trees.
    """
    if not results or not all(result.in_parity for result in results.values()):
        raise ValueError("only a version in parity is promoted")
    path = folder / PARITY_FILE
    if not path.exists():  # a version is immutable: the first proof stands
        write_atomic(path, json_bytes(_record(results, tolerance, proof)))
    set_version(folder.parent, CURRENT, folder.name)
    candidate = folder.parent / CANDIDATE
    with explain_os_errors(candidate, "remove"), contextlib.suppress(FileNotFoundError):
        candidate.unlink()


def _count(count: Count) -> dict[str, int]:
    return {
        "told_apart": count.told_apart,
        "cannot_change_any_answer": count.cannot_change,
        "undecided": count.undecided,
    }


def _record(results: dict[str, ParityResult], tolerance: Tolerance, proof: SplitProof) -> dict[str, object]:
    """The same evidence gives the same bytes: no time, no machine."""
    return {
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
