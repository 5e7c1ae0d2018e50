"""`python -m export papers`: what goes with a proven version, written beside it anew."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CURRENT, changing, version_folder
from export.papers.write import has_bom, write_papers
from export.versions.proof import proof_of
from export.versions.steps import history, signature_path
from train.core import cli
from train.core.errors import PipelineError
from train.registry import models


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m export papers`."""
    command = argparse.ArgumentParser(
        prog="python -m export papers",
        description="Model card (Markdown and HTML), CycloneDX bill of materials and SLSA provenance of a version, as "
        "`python -m verify` writes them with its proof: for versions of an earlier release, or after the extra `bom` "
        "was installed.",
    )
    command.add_argument("model", metavar="MODEL", help="a name, or the folder of a model of your own")
    command.add_argument("version", nargs="?", metavar="VERSION", help="default: the one in use")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    return command


def run(arguments: Sequence[str]) -> int:
    """Card, page, bill of materials and provenance of one version; a signed one is left as it was signed."""
    options = parser().parse_args(arguments)
    model_folder = options.artifacts / options.model if options.model in models() else Path(options.model)
    folder = version_folder(model_folder, CURRENT) if options.version is None else model_folder / options.version
    if folder is None or not folder.is_dir():
        raise PipelineError(f"{folder or model_folder}: no such version; `python -m export list` shows those there are")
    manifest = read_manifest(folder)
    with changing(model_folder):
        steps = [step for step in history(model_folder) if step.version == folder.name]
        signed = [step.number for step in steps if signature_path(model_folder, step.number).is_file()]
        if signed:
            raise PipelineError(
                f"{folder}: is signed (step {signed[-1]}) as it is; export and prove it anew for papers"
            )
        proof = proof_of(folder, manifest)
        made = write_papers(folder, manifest, None if isinstance(proof, str) else proof)
    cli.show(f"{folder}: {', '.join(made)}")
    if not has_bom():
        cli.show("no bill of materials and no provenance: they need the extra `bom`: python -m pip install '.[bom]'")
    return cli.EXIT_GOOD
