"""`python -m export`: compile fitted models to ONNX."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from train.core import cli
from train.core.contract import MODELS
from train.core.errors import PipelineError
from train.core.files import write_atomic

EXAMPLES = """\
examples:
  python -m export                                  both models from build/models to artifacts/
  python -m export signal_classifier --from build/models --out artifacts
  python -m export --original model.skops -o model.onnx
        any supported scikit-learn estimator or pipeline, compiled exactly or refused by name; input `features`
        (float64 rows of all columns), output `probabilities` (2-D) for classifiers, `variable` for regressors

A new version is a candidate; it comes into use when it is proven. Next: python -m verify.
Exit codes: 0 good, 2 could not.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m export`."""
    command = argparse.ArgumentParser(
        prog="python -m export",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", nargs="?", choices=[*MODELS, "all"], help="default: all")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--out", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--original", type=Path, metavar="MODEL.skops", help="compile one fitted scikit-learn model")
    command.add_argument("-o", "--output", type=Path, metavar="MODEL.onnx", help="where --original is compiled to")
    return command


def main(arguments: Sequence[str]) -> int:
    """Compile what is asked for."""
    options = parser().parse_args(arguments)
    if (options.original is None) != (options.output is None):
        raise PipelineError("--original MODEL.skops and -o MODEL.onnx go together")
    if options.original is not None:
        if options.model is not None:
            raise PipelineError(f"--original compiles one file; leave out {options.model!r}")
        return _compile_file(options.original, options.output)
    from export.artifact.version_folder import write_artifact
    from export.compile_model import DRAFTS

    for model in MODELS if options.model in (None, "all") else (options.model,):
        folder = write_artifact(options.out, DRAFTS[model](options.source / model))
        size = (folder / "model.onnx").stat().st_size
        cli.show(f"{model}: {folder} ({size:,} bytes), a candidate; `python -m verify {model}` makes it current")
    return cli.EXIT_GOOD


def _compile_file(original: Path, output: Path) -> int:
    from export.sklearn.compile import compile_sklearn
    from train.core.skops_files import load_skops

    graph = compile_sklearn(load_skops(original), name=original.stem)
    write_atomic(output, graph.SerializeToString(deterministic=True))
    cli.show(
        f"{output}: {output.stat().st_size:,} bytes; prove it: python -m verify compare "
        f"--original {original} --onnx {output}"
    )
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
