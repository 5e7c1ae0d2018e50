"""`python -m verify.figures stock`: the fitted models through stock converters, for `make bench` to run beside ours.

A model takes part whose folder in `verify/figures/` has a `stock.py` with `stock_graph(folder)`.
"""

import argparse
import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CURRENT, version_folder
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import write_atomic
from train.registry import models
from verify.check.golden import confirm_original, golden_rows
from verify.comparison.parity import Tolerance
from verify.runtimes.original import load_original


def require_same_model(artifacts: Path, source: Path, *, model: str) -> None:
    """Check that the version in use was compiled from the fitted model in `source`.

    Raises:
        PipelineError: one of the two is missing, or the fitted model does not give the golden answers.
    """
    folder = version_folder(artifacts / model, CURRENT)
    if folder is None:
        raise PipelineError(f"{artifacts / model}: no version is in use; run `make`")
    manifest = read_manifest(folder)
    original = load_original(manifest, source / model)
    if original is None:
        raise PipelineError(f"{source / model}: no fitted model here; run `make`, or `python -m train {model}`")
    confirm_original(
        original, *golden_rows(folder, manifest), Tolerance(manifest.parity.absolute, manifest.parity.relative)
    )


def main(arguments: Sequence[str]) -> int:
    """Write the stock graph of every model that has one into a folder."""
    command = argparse.ArgumentParser(
        prog="python -m verify.figures stock", description=(__doc__ or "").splitlines()[0]
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    options = command.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for model in models():
        place = f"verify.figures.{model}.stock"
        if importlib.util.find_spec(f"verify.figures.{model}") is None or importlib.util.find_spec(place) is None:
            continue
        require_same_model(options.artifacts, options.source, model=model)
        path = options.out / f"{model}.onnx"
        write_atomic(path, importlib.import_module(place).stock_graph(options.source / model).SerializeToString())
        cli.show(f"{path}: written")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
