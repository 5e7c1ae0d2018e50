"""The versions of a model as a table: what each is made from, how good it is, and where it stands."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from export.artifact.manifest import Manifest, read_manifest
from export.artifact.version_folder import CANDIDATE, CURRENT, read_pointer
from export.versions.gate import contract_differences
from export.versions.proof import proof_of
from export.versions.steps import Step, history, rollback_target
from export.versions.switch import there, versions
from export.versions.trust.chain import Keys, signer_of
from train.core.errors import PipelineError

SHOWN = 3
"""Figures a version in the table; --json has all."""
MARKS = {True: "+", False: "-", None: " "}


def rows_of(model_folder: Path, keys: Keys) -> list[dict[str, Any]]:
    """What is known of each version of a model, the newest first; what is damaged says so in `problem`.

    `signer` is the fingerprint that its newest signature quotes, `signer_problem` why it counts for nothing by `keys`.

    Raises:
        PipelineError: there is no such folder, or its pointers or history are damaged.
    """
    steps = history(there(model_folder))
    current, candidate = (read_pointer(model_folder, which) for which in (CURRENT, CANDIDATE))
    before = rollback_target(steps)
    states = {before: "before", None: ""}
    states |= {candidate.version: "candidate"} if candidate else {}
    states |= {current.version: "in use"} if current else {}
    found = [_row(model_folder, version, states.get(version, ""), steps, keys) for version in versions(model_folder)]
    for pointer in (current, candidate):
        if pointer is not None and all(row["version"] != pointer.version for row in found):
            problem = "its folder is not there"
            found.append({"version": pointer.version, "state": states[pointer.version], "problem": problem})
    return found


def _row(model_folder: Path, version: str, state: str, steps: Sequence[Step], keys: Keys) -> dict[str, Any]:
    folder = model_folder / version
    made = datetime.fromtimestamp((folder / "manifest.json").stat().st_mtime, UTC) if _has_manifest(folder) else None
    signed = signer_of(model_folder, version, steps, keys)
    row: dict[str, Any] = {
        "model": model_folder.resolve().name,
        "version": version,
        "date": made.isoformat(timespec="seconds") if made else None,
        "state": state,
        "signer": signed and signed[0],
        "signer_problem": (signed and signed[1]) or None,
        "history": [step.model_dump(mode="json") for step in steps if step.version == version],
    }
    try:
        manifest = read_manifest(folder)
        proof = proof_of(folder, manifest)
    except PipelineError as error:
        return row | {"problem": str(error)}
    return row | {
        "data": manifest.training.data.model_dump(mode="json"),
        "estimator": manifest.training.estimator,
        "quality": [quality.model_dump(mode="json") for quality in manifest.quality],
        "parity": "not proven" if isinstance(proof, str) else "proven",
        "bytes": manifest.graph.bytes,
        "problem": None,
    }


def _has_manifest(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def table(model: str, rows: Sequence[dict[str, Any]]) -> Table:
    """For a terminal."""
    shown = Table(title=model, title_justify="left")
    for name in ("version", "date", "data", "figures (baseline)", "parity", "signer", "state"):
        shown.add_column(name, overflow="fold")
    for row in rows:
        if row.get("problem"):
            shown.add_row(row["version"], row.get("date") or "-", row["problem"], "-", "-", "-", row["state"])
            continue
        figures = [
            f"{one['metric']} {one['value']:.4f} ({one['baseline']} {one['baseline_value']:.4f})"
            for one in row["quality"][:SHOWN]
        ]
        shown.add_row(
            row["version"],
            (row["date"] or "-")[:16].replace("T", " "),
            described(row["data"]),
            "\n".join(figures) or "-",
            row["parity"],
            f"{row['signer'] or '-'}{' (' + row['signer_problem'] + ')' if row['signer_problem'] else ''}",
            row["state"],
        )
    return shown


def described(data: dict[str, Any]) -> str:
    """Data in one line."""
    dates = f", {data['first_date']} to {data['last_date']}" if data["first_date"] else ""
    return f"{data['source']}, {data['rows']:,} rows{dates}"


def comparison(model_folder: Path, one: str, other: str) -> tuple[Table, dict[str, Any]]:
    """Two versions side by side, as a table and as JSON.

    Raises:
        PipelineError: one of them is missing or damaged.
    """
    manifests = [_manifest(model_folder, version) for version in (one, other)]
    first, second = manifests
    proofs = [_parity(model_folder / version, read) for version, read in zip((one, other), manifests, strict=True)]
    cells: list[tuple[str, str, str]] = [
        ("data", described(first.training.data.model_dump()), described(second.training.data.model_dump())),
        ("estimator", first.training.estimator, second.training.estimator),
        ("graph, bytes", f"{first.graph.bytes:,}", f"{second.graph.bytes:,}"),
        ("parity", proofs[0], proofs[1]),
    ]
    figures = [{row.metric: row for row in manifest.quality} for manifest in manifests]
    for metric in dict.fromkeys([*figures[0], *figures[1]]):
        found = [side.get(metric) for side in figures]
        texts = ["-" if row is None else f"{row.value:.4f} ({row.baseline} {row.baseline_value:.4f})" for row in found]
        cells.append((metric, texts[0], texts[1]))
    differs = contract_differences(first, second)
    cells.append(("contract", "", "; ".join(differs) or "the same"))
    shown = Table(title=model_folder.name, title_justify="left")
    for name in ("", one, other):
        shown.add_column(name, overflow="fold")
    for row in cells:
        shown.add_row(*row)
    whole = {
        "versions": [one, other],
        "same_window": first.training.window is not None and first.training.window == second.training.window,
        "contract_differences": differs,
        "rows": [{"what": what, "values": [left, right]} for what, left, right in cells],
    }
    return shown, whole


def _manifest(model_folder: Path, version: str) -> Manifest:
    if not (model_folder / version).is_dir():
        raise PipelineError(f"{model_folder / version}: no such version; there are {', '.join(versions(model_folder))}")
    return read_manifest(model_folder / version)


def _parity(folder: Path, manifest: Manifest) -> str:
    return "not proven" if isinstance(proof_of(folder, manifest), str) else "proven"
