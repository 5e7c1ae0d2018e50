"""`python -m verify summary`, the end of `make`: quality, parity, one answer of each model by the Rust binary."""

import subprocess
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from export.artifact.manifest import Manifest, read_manifest
from export.artifact.version_folder import CURRENT, version_folder
from export.versions.proof import PARITY_FILE
from train.core.errors import PipelineError
from train.core.files import read_json
from train.model import Model
from train.registry import models
from verify.proof.split_evidence import Count
from verify.runtimes.open import BINARY

WIDTH = 132


def summary(artifacts: Path, *, binary: Path = BINARY) -> None:
    """Print the summary of the versions in use on stdout.

    Raises:
        PipelineError: a model has no version in use, or the Rust binary gives no answer.
    """
    # As wide as the tables: a log file has no width of its own, and folded cells are hard to read.
    console = Console(highlight=False, width=max(WIDTH, Console().width))
    quality = Table(title="Quality on data the model never saw", title_justify="left")
    parity = Table(title="Parity with the original", title_justify="left")
    for name in ("model", "metric", "value", "95 % interval", "baseline", "its value"):
        quality.add_column(name)
    for name in (
        "model",
        "version",
        "runtime",
        "rows",
        "mismatched",
        "flipped decisions",
        "largest difference",
        "allowed",
    ):
        parity.add_column(name)
    proofs: list[str] = []
    for name, model in models().items():
        folder = version_folder(artifacts / name, CURRENT)
        if folder is None:
            raise PipelineError(f"{artifacts / name}: no version in use; run `make`")
        manifest = read_manifest(folder)
        _add_quality(quality, manifest, model)
        proofs += _add_parity(parity, manifest, folder)
    console.print(quality)
    console.print(parity)
    for line in proofs:
        console.print(line)
    for model in models().values():
        for words in model.demonstration:
            shown = " ".join(f"'{word}'" if " " in word else word for word in words)
            console.print(f"$ {binary.name} {shown}", markup=False, soft_wrap=True)
            console.print(_ask(binary, *words), markup=False, soft_wrap=True)


def _add_quality(table: Table, manifest: Manifest, model: Model) -> None:
    for row in model.summary_rows(manifest.quality):
        interval = "" if row.low is None or row.high is None else f"{row.low:.4f} .. {row.high:.4f}"
        table.add_row(
            manifest.model, row.metric, f"{row.value:.4f}", interval, row.baseline, f"{row.baseline_value:.4f}"
        )


def _add_parity(table: Table, manifest: Manifest, folder: Path) -> list[str]:
    """One row a runtime; gives what was shown about splits, in words."""
    path = folder / PARITY_FILE
    if not path.is_file():
        raise PipelineError(f"{path}: this version was never proven; run `python -m verify {manifest.model}`")
    proof: dict[str, Any] = read_json(path)
    limits = manifest.parity
    sizes = {"absolute": limits.absolute, "relative": limits.relative}
    allowed = " + ".join(f"{size:g} {kind}" for kind, size in sizes.items() if size) or "0 bits"
    for runtime, found in proof["runtimes"].items():
        table.add_row(
            manifest.model,
            folder.name,
            runtime,
            f"{found['rows']:,}",
            str(found["mismatched"]),
            str(found["flipped"]),
            f"{found['max_abs']:.3g}",
            allowed,
        )
    # A proof of an earlier release says of its splits only that they were visited.
    counts = ((kind, proof[kind]) for kind in ("splits", "nan_routes") if proof.get(kind, {}).get("told_apart"))
    return [
        f"{manifest.model}: {kind.replace('nan_routes', 'NaN routes')} told apart: "
        f"{Count(c['all'], c['told_apart'], c['cannot_change_any_answer'])}"
        for kind, c in counts
    ]


def _ask(binary: Path, *arguments: str) -> str:
    """What the binary prints; a fallback answer is no proof that a model answers, so it counts as none."""
    if not binary.is_file():
        raise PipelineError(f"{binary}: the Rust binary is not built; run `make`")
    command = [str(binary), *arguments, "--no-fallback"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise PipelineError(f"{binary} {arguments[0]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout.strip()
