"""`python -m export`: compile fitted models to ONNX."""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.core import cli
from train.core.errors import PipelineError
from train.core.files import write_atomic
from train.registry import models

if TYPE_CHECKING:
    from export.original_file import OriginalFile

EXAMPLES = """\
examples:
  python -m export                                  every model from build/models to artifacts/
  python -m export {first} --from build/models --out artifacts
  python -m export --original model.skops --artifact artifacts/my_model
        any supported scikit-learn estimator or pipeline, compiled exactly or refused by name, as a folder that
        `python -m verify artifacts/my_model --original model.skops` proves and `dollarbill-ml run` serves
  python -m export --original model.skops -o model.onnx
        the graph alone: input `features` (float64 rows of all columns), output `probabilities` (2-D) for
        classifiers, `variable` for regressors
  python -m export --original model.skops -o model.onnx --inputs columns --input float32
        one input a column by its name, float32 (text columns are strings, and always inputs of their own)
  python -m export --original network.keras -o network.onnx
        a Keras network: its own inputs, outputs by their names
  python -m export migrate artifacts/my_model       an artifact of format 1 as format 2, the graph as it is
  python -m export list                             every version: data, figures, parity, signer, state
  python -m export compare {first} 0123456789ab ba9876543210
  python -m export promote {first} --reason "weekly"
        the candidate into use, if the gate lets it pass (--force --reason "..." puts it there anyway)
  python -m export rollback {first} --reason "spread widened"
  python -m export prune {first} --keep 5
  python -m export keygen ~/keys/weekly.pem keys/weekly.pub.pem
  python -m export sign {first} --key ~/keys/weekly.pem
  python -m export check-signature artifacts/{first} --signature FILE --key keys/weekly.pub.pem
  python -m export papers {first}                   card, bill of materials and provenance of the version in use

A new version is a candidate; it comes into use when it is proven and passes the gate. Next: python -m verify.
Exit codes: 0 good, 1 the gate refused, 2 could not.
"""
MIGRATE = "migrate"
# The values of `export.sklearn.graph_inputs`, which loads scikit-learn; a test holds them equal.
LAYOUTS = ("table", "columns")
NUMBER_TYPES = ("float64", "float32")
VERSION_COMMANDS = ("list", "compare", "promote", "rollback", "prune", "sign", "repair", "keygen")
"""Of `export/versions/`; each has --help."""
MORE_COMMANDS = {"check-signature": "export.versions.trust.command", "papers": "export.papers.command"}
"""Command -> the module whose `run` it is; each has --help."""


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m export`."""
    command = argparse.ArgumentParser(
        prog="python -m export",
        description=__doc__,
        epilog=EXAMPLES.format(first=next(iter(models()), "MODEL")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", nargs="?", choices=[*models(), "all"], help="default: all")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--out", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument(
        "--original",
        type=Path,
        metavar="MODEL",
        help="compile one model: .skops, .keras, XGBoost's .json or .ubj, LightGBM's .txt, CatBoost's .cbm or .json",
    )
    command.add_argument("--artifact", type=Path, metavar="DIR", help="the model's folder that --original becomes")
    command.add_argument("-o", "--output", type=Path, metavar="MODEL.onnx", help="the graph that --original becomes")
    command.add_argument("--labels", action="store_true", help="also the output `label`, what predict answers")
    command.add_argument("--inputs", choices=LAYOUTS, help="one table, or one input a column by its name")
    command.add_argument("--input", choices=NUMBER_TYPES, dest="numbers", help="of -o: the type of its numbers")
    command.add_argument("--exact", action="store_true", help="of --original: refuse what would be measured, by name")
    command.add_argument(
        "--measured-before-trees",
        action="store_true",
        help="of --original: let measured parts stand in front of trees, where rows may take another leaf",
    )
    command.add_argument("--data", type=Path, metavar="ROWS.csv", help="of --artifact: rows like its training data")
    return command


def main(arguments: Sequence[str]) -> int:
    """Compile what is asked for."""
    if arguments and arguments[0] == MIGRATE:
        return _migrate(arguments[1:])
    if arguments and arguments[0] in VERSION_COMMANDS:
        from export.versions.commands import run

        return run(arguments[0], arguments[1:])
    if arguments and arguments[0] in MORE_COMMANDS:
        return int(importlib.import_module(MORE_COMMANDS[arguments[0]]).run(arguments[1:]))
    options = parser().parse_args(arguments)
    if options.original is not None:
        return _compile_file(options)
    if options.artifact or options.output or options.data:
        raise PipelineError(
            "--artifact, -o and --data need the model that they are for: --original MODEL.skops or .keras"
        )
    from export.artifact.version_folder import write_artifact
    from export.compile_model import draft_of

    for name in models() if options.model in (None, "all") else (options.model,):
        folder = write_artifact(options.out, draft_of(models()[name], options.source / name))
        _say_candidate(name, folder, f"python -m verify {name}")
    return cli.EXIT_GOOD


def _compile_file(options: argparse.Namespace) -> int:
    original: Path = options.original
    if options.exact and options.measured_before_trees:
        raise PipelineError("--exact refuses measured parts, and --measured-before-trees asks for one; leave one out")
    if options.model is not None:
        raise PipelineError(f"--original compiles one file; leave out {options.model!r}")
    if (options.artifact is None) == (options.output is None):
        raise PipelineError("--original needs one place to go: --artifact DIR (a whole artifact) or -o MODEL.onnx")
    if options.output is not None:
        if options.data is not None:
            raise PipelineError("--data belongs to --artifact; a graph alone holds no rows")
        from export.grade import Wish
        from export.original_file import graph_of_file, open_original_file

        wish = Wish(options.exact, options.measured_before_trees, options.inputs, options.numbers or "float64")
        opened = open_original_file(original)
        graph, grade = graph_of_file(opened, name=original.stem, labels=options.labels, wish=wish)
        write_atomic(options.output, graph.SerializeToString(deterministic=True))
        cli.show(
            f"{original}: {opened.says}\n"
            f"grade {grade.says}\n"
            f"{options.output}: {options.output.stat().st_size:,} bytes; prove it: python -m verify compare "
            f"--original {original} --onnx {options.output}"
        )
        return cli.EXIT_GOOD
    if options.numbers:
        raise PipelineError("--input belongs to -o MODEL.onnx; the numbers of an artifact are float64")
    from export.artifact.version_folder import write_artifact
    from export.grade import Wish, grade_of
    from export.original_file import draft_of_file, open_original_file

    wish = Wish(options.exact, options.measured_before_trees, options.inputs, labels=options.labels)
    opened = open_original_file(original)
    rows = None if options.data is None else _rows(options.data, opened)
    place = options.artifact.resolve()
    if place.name in models():
        raise PipelineError(f"{options.artifact}: {place.name} is a model of this house; name another folder")
    draft = draft_of_file(original, name=place.name, rows=rows, original=opened, wish=wish)
    folder = write_artifact(place.parent, draft)
    cli.show(f"{original}: {opened.says}\ngrade {grade_of(draft.graph).says}")
    _say_candidate(
        place.name, options.artifact / folder.name, f"python -m verify {options.artifact} --original {original}"
    )
    return cli.EXIT_GOOD


def _rows(path: Path, opened: "OriginalFile") -> Any:
    """Rows of a CSV file in the order of the model's columns."""
    if opened.library == "scikit-learn":
        from export.sklearn.table_file import read_rows

        return read_rows(path, opened.model)
    import pandas as pd

    try:
        return pd.read_csv(path).to_numpy(dtype="float64")
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}: not a table of numbers with a header: {error}") from error


def _migrate(arguments: Sequence[str]) -> int:
    command = argparse.ArgumentParser(
        prog="python -m export migrate",
        description="A version of artifact format 1 written as format 2 beside it: the same graph and golden cases.",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="a model's folder, or a version's")
    options = command.parse_args(arguments)
    from export.artifact.version_folder import CURRENT, version_folder
    from export.versions.migrate import migrate

    folder = migrate(options.folder)
    proven = version_folder(folder.parent, CURRENT) == folder
    cli.show(f"{folder}: format 2, {'in use' if proven else 'a candidate; `python -m verify` makes it current'}")
    return cli.EXIT_GOOD


def _say_candidate(name: str, folder: Path, next_step: str) -> None:
    size = (folder / "model.onnx").stat().st_size
    cli.show(f"{name}: {folder} ({size:,} bytes), a candidate; `{next_step}` makes it current")


if __name__ == "__main__":
    cli.run(main)
