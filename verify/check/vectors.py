"""`verify vectors`: the golden cases of a version in the layout of ONNX's backend tests, for any runner of them."""

import argparse

from export.artifact.manifest import GRAPH_FILE, read_manifest
from export.artifact.vectors import vector_files
from export.artifact.version_folder import write_version
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import read_bytes, write_atomic
from verify.check.golden import golden_tensors
from verify.check.promote import version_to_check


def run_vectors(options: argparse.Namespace) -> int:
    """Write `model.onnx` and its test data sets to a new folder, or the sets alone into the version folder.

    Raises:
        PipelineError: there is no such version, its files are not its own, or the new folder is there already.
    """
    folder = options.model
    if not (folder / GRAPH_FILE).is_file():
        folder = version_to_check(folder)
    manifest = read_manifest(folder)
    inputs, outputs = golden_tensors(folder, manifest)
    files = vector_files(
        manifest.inputs,
        manifest.outputs,
        inputs,
        outputs,
        parity=manifest.parity,
    )
    if options.out is None:
        for name, content in files.items():
            write_atomic(folder / name, content)
        cli.show(f"{folder}: {len(files)} files written")
        return cli.EXIT_GOOD
    if options.out.exists():
        raise PipelineError(f"{options.out}: is there already; name a new folder")
    write_version(options.out, {GRAPH_FILE: read_bytes(folder / GRAPH_FILE), **files})
    cli.show(f"{options.out}: {GRAPH_FILE} and {len(files)} files written")
    return cli.EXIT_GOOD
