"""`python -m verify`: prove that compiled models answer as their originals do, and promote those that do."""

import argparse
import datetime as dt
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.config import DEFAULT_CONFIG
from train.core import cli
from train.core.errors import PipelineError
from train.core.tables.calendar import CALENDARS, calendar_name
from train.provenance import age
from train.registry import model_named, models

if TYPE_CHECKING:
    from verify.check.check_model import Checked

EXAMPLES = """\
examples:
{examples}

A candidate in parity that passes the gate (`python -m export promote --help`) becomes the current version.
Exit codes: 0 in parity, 1 not in parity or refused by the gate, 2 could not check.
"""
COMMANDS = (
    "compare", "drift", "explain", "parquet", "reproduce", "retrain", "runtimes", "score", "skill", "survey",
    "summary", "vectors",
)  # fmt: skip
RUNTIMES = "python,rust"
FEW_RUNTIMES = 3
"""Of more than these a table of runtimes is printed, and of families of rows only what differs."""
LISTED = "all: every one of `python -m verify runtimes`, those not installed are not run"


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify [MODEL]`."""
    command = argparse.ArgumentParser(
        prog="python -m verify",
        description=__doc__,
        epilog=EXAMPLES.format(examples=cli.example_lines("python -m verify", _examples())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "model",
        nargs="?",
        default="all",
        metavar="MODEL",
        help=f"{', '.join(models())} or all (the default); the folder of an artifact; or {', '.join(COMMANDS)}",
    )
    command.add_argument("--original", type=Path, metavar="MODEL", help="what the artifact in a folder was made from")
    command.add_argument("--rows", type=_count, metavar="N", help="random rows (default: the model's own number)")
    command.add_argument("--runtime", default=RUNTIMES, metavar="LIST", help=f"default: {RUNTIMES}; {LISTED}")
    command.add_argument(
        "--require", metavar="LIST", help="of --runtime all: what must run besides python and rust-ort"
    )
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--seed", type=_count, default=0, metavar="S")
    command.add_argument(
        "--report",
        type=Path,
        action="append",
        metavar="FILE",
        help="write a report, .html or .json; may be given twice",
    )
    return command


def _examples() -> list[tuple[str, str]]:
    own = [
        (" ".join(_placed(example.split(" "), name)), says)
        for name, model in models().items()
        for example, says in model.verify_examples
    ]
    return [
        ("", "every model, in Python and in Rust"),
        *own,
        ("artifacts/my_model --original model.skops", "an artifact of a model of yours"),
        ("compare --original model.skops --onnx model.onnx", "any model that export compiles"),
        ("skill spx.csv vix.csv --picture skill.html", "a forecaster on your own series, beside simple rivals"),
        ("survey", "public data sets: our compiler beside stock skl2onnx"),
        ("all --runtime all", "every runtime that is installed (`python -m verify runtimes` lists them)"),
        ("drift data/live.ndjson --html drift.html", "live answers against training, and what came of them"),
        (f"score {next(iter(models()), 'MODEL')} --input quotes --output scored", "any number of rows, to Parquet"),
        ("summary", "quality and parity of the versions in use"),
        ("retrain --if-older-than 7d", "train, export, prove, gate and promote as one job"),
        (f"reproduce {next(iter(models()), 'MODEL')}", "the version in use, trained again: is it the same?"),
    ]


def _placed(words: list[str], model: str) -> list[str]:
    """The model's name where the command line wants it: first, or after a command."""
    return [words[0], model, *words[1:]] if words[0] in COMMANDS else [model, *words]


def compare_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify compare`."""
    command = _sub("compare", "An ONNX file against the model it was made from; needs no data.")
    command.add_argument("--original", type=Path, required=True, metavar="MODEL", help=".skops, .keras, or a booster's")
    command.add_argument("--onnx", type=Path, required=True, metavar="MODEL.onnx")
    command.add_argument(
        "--data", type=Path, metavar="FILE", help="rows like the training data: .csv, .parquet or .npz"
    )
    command.add_argument("--rows", type=_count, default=100_000, metavar="N", help="random rows; memory does not grow")
    command.add_argument("--seed", type=_count, default=0, metavar="S", help="the same seed gives the same rows")
    command.add_argument(
        "--save-mismatches", type=Path, metavar="FILE", help="every row that differs: .csv or .parquet"
    )
    command.add_argument(
        "--report", type=Path, metavar="FILE.json", help="the result as JSON; Ctrl-C leaves a partial one"
    )
    return command


def explain_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify explain`."""
    command = _sub("explain", "One input: the original's answer, ONNX in Python, ONNX in Rust, and where they part.")
    command.add_argument("model", choices=[*models()])
    command.add_argument("input", metavar="INPUT", help="one input, as the model takes it: JSON, or a file")
    command.add_argument("--calendar", type=calendar_name, help=f"trading days: {CALENDARS} (default: the config's)")
    command.add_argument("--picture", type=Path, metavar="FILE", help="what moved the answer, as .png or .svg")
    command.add_argument("--runtime", default=RUNTIMES, metavar="LIST", help=f"default: {RUNTIMES}")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    return command


def runtimes_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify runtimes`."""
    command = _sub("runtimes", "Who can be asked: every runtime, its version, or why it cannot be run here.")
    command.add_argument("runtime", nargs="*", metavar="NAME", help="default: all")
    command.add_argument("--install", action="store_true", help="install what they lack, by locks with hashes")
    return command


def skill_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify skill`."""
    command = _sub("skill", "The forecaster in use on your own series, day by day, beside simple rivals.")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="series with dates, one symbol each")
    command.add_argument("--model", choices=[*models()], help="default: the first that forecasts series")
    command.add_argument("--history", type=_count, metavar="DAYS", help="that each forecast may see (default: all)")
    command.add_argument("--from", dest="first", type=dt.date.fromisoformat, metavar="YYYY-MM-DD", help="forecast days")
    command.add_argument("--calendar", type=calendar_name, help=f"trading days: {CALENDARS} (default: the config's)")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--json", action="store_true", help="the table as JSON on stdout")
    command.add_argument("--picture", type=Path, metavar="FILE", help=".svg or .html: forecast against what came")
    command.add_argument("--gate", action="store_true", help="exit code 1 when a rival did better, not by chance")
    return command


def survey_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify survey`."""
    command = _sub("survey", "Public data sets and generators: mismatches of our compiler and of stock skl2onnx.")
    command.add_argument("--rows", type=_count, default=20_000, metavar="N", help="random rows a model")
    command.add_argument("--json", action="store_true", help="the table as JSON on stdout")
    return command


def vectors_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify vectors`."""
    command = _sub("vectors", "The golden cases in the layout of ONNX's backend tests, beside the graph they are of.")
    command.add_argument("model", type=Path, metavar="DIR", help="a version folder, or a model's folder in artifacts/")
    command.add_argument("-o", "--out", type=Path, metavar="DIR", help="a new folder (default: the version's own)")
    return command


def retrain_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify retrain`."""
    command = _sub(
        "retrain",
        "Train, export, prove, gate and promote as one job, alone, that goes on where it was broken off. "
        "Exit codes: 0 promoted or nothing to do, 1 not in parity or refused by the gate, 2 could not.",
    )
    command.add_argument("model", nargs="?", default="all", choices=[*models(), "all"], help="default: all")
    command.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE", help="default: the simulator")
    command.add_argument("--outcomes", nargs="+", type=Path, default=[], metavar="FILE", help="of a log among --data")
    command.add_argument("--if-older-than", type=age, metavar="AGE", help="only what was trained so long ago: 7d, 12h")
    command.add_argument("--estimator", help="for a model that offers a choice")
    command.add_argument("--key", type=Path, metavar="PRIVATE.pem", help="sign the step with this key")
    command.add_argument("--reason", default="retrained", metavar="TEXT", help="kept in the history")
    command.add_argument("--mlflow", type=Path, metavar="DIR", help="log the run to a local file store of MLflow")
    command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default: {DEFAULT_CONFIG}")
    command.add_argument("--rows", type=_count, metavar="N", help="random rows (default: the model's own number)")
    command.add_argument("--runtime", default=RUNTIMES, metavar="LIST", help=f"default: {RUNTIMES}")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--seed", type=_count, default=0, metavar="S")
    return command


def reproduce_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify reproduce`."""
    command = _sub(
        "reproduce",
        "Train a version again from what its manifest records, and say whether the same version comes. "
        "Exit codes: 0 the same, 1 another, 2 could not.",
    )
    command.add_argument("model", choices=[*models()])
    command.add_argument("version", nargs="?", metavar="VERSION", help="default: the one in use")
    command.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE", help="the files it was trained on")
    command.add_argument("--outcomes", nargs="+", type=Path, default=[], metavar="FILE", help="of a log among --data")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    return command


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says."""
    if arguments and arguments[0] in COMMANDS:
        return _command(arguments[0], arguments[1:])
    options = parser().parse_args(arguments)
    if options.model in COMMANDS:
        raise PipelineError(f"{options.model!r} must be the first argument: python -m verify {options.model} ...")
    return _check(options)


def _command(name: str, arguments: Sequence[str]) -> int:
    # Each command is imported when it is asked for: scikit-learn and Keras take seconds.
    if name == "compare":
        from verify.compare.compare_files import run_compare

        return run_compare(compare_parser().parse_args(arguments))
    if name == "drift":
        from verify.drift.command import drift_parser, run_drift

        return run_drift(drift_parser().parse_args(arguments))
    if name == "parquet":
        from verify.drift.parquet import parquet_parser, run_parquet

        return run_parquet(parquet_parser().parse_args(arguments))
    if name == "explain":
        from verify.report.explain import run_explain

        return run_explain(explain_parser().parse_args(arguments))
    if name == "runtimes":
        from verify.report.runtimes import run_runtimes

        return run_runtimes(runtimes_parser().parse_args(arguments))
    if name == "vectors":
        from verify.check.vectors import run_vectors

        return run_vectors(vectors_parser().parse_args(arguments))
    if name == "score":
        from verify.score.command import run_score, score_parser

        return run_score(score_parser().parse_args(arguments))
    if name == "skill":
        from verify.report.skill import run_skill

        return run_skill(skill_parser().parse_args(arguments))
    if name == "survey":
        from verify.figures.survey import run_survey

        return run_survey(survey_parser().parse_args(arguments))
    if name == "retrain":
        from verify.retrain import run_retrain

        return run_retrain(retrain_parser().parse_args(arguments))
    if name == "reproduce":
        from verify.reproduce import run_reproduce

        return run_reproduce(reproduce_parser().parse_args(arguments))
    from verify.report.summary import summary

    command = _sub("summary", "Quality and parity of the versions in use, and one answer of each by the Rust binary.")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    summary(command.parse_args(arguments).artifacts)
    return cli.EXIT_GOOD


def _check(options: argparse.Namespace) -> int:
    from verify.check.check_model import Checked, check_model
    from verify.check.promote import promote
    from verify.report.html import report_writer
    from verify.report.runtimes import print_matrix
    from verify.report.tables import console, print_checked, verdict
    from verify.runtimes.open import asked_runtimes, required_runtimes

    runtimes = asked_runtimes(options.runtime)
    required = required_runtimes(options.runtime)
    if options.require:
        required = tuple(dict.fromkeys([*required, *asked_runtimes(options.require)]))
        runtimes = tuple(dict.fromkeys([*runtimes, *required]))
    for path in options.report or ():
        report_writer(path)
    done: list[Checked] = []
    asked = _asked(options)
    for folder, source in asked:
        checked = check_model(
            folder,
            source=source,
            original_file=options.original,
            runtimes=runtimes,
            rows=options.rows,
            seed=options.seed,
            required=required,
        )
        if checked.proven:
            checked.promotion = promote(
                checked.folder, checked.totals(), tolerance=checked.tolerance, proof=checked.proof, source=source
            )
        many = len(checked.versions) + len(checked.missing) > FEW_RUNTIMES
        print_checked(checked, misses_only=many)
        if many:
            print_matrix(console(), checked)
        if not (checked.proven or checked.differs):
            cli.fail(verdict(checked))
        done.append(checked)
    _write_reports(options, done, [source for _, source in asked])
    refused = [checked.promotion is not None and not checked.promotion.passed for checked in done]
    return exit_code(
        [checked.differs or no for checked, no in zip(done, refused, strict=True)], [one.proven for one in done]
    )


def _write_reports(options: argparse.Namespace, done: "list[Checked]", sources: list[Path | None]) -> None:
    """Every `--report`, with the command that repeats the check from the same seed."""
    if not options.report:
        return
    from verify.report.facts import report_of
    from verify.report.html import write_report

    words = ["python -m verify", shlex.quote(options.model), "--runtime", options.runtime, f"--seed {options.seed}"]
    words += [] if options.rows is None else [f"--rows {options.rows}"]
    words += [] if options.original is None else ["--original", shlex.quote(str(options.original))]
    words += [] if options.require is None else ["--require", options.require]
    repeat = ["python -m verify runtimes --install", " ".join(words)]
    report = report_of(done, sources=sources, repeat=repeat)
    for path in options.report:
        write_report(path, report, done)
        cli.show(f"{path}: written")


def _asked(options: argparse.Namespace) -> list[tuple[Path, Path | None]]:
    """The model folders to check, and for each where its original lies; None for a model that is not of this house."""
    name: str = options.model
    if name not in ("all", *models()):
        folder = Path(name)
        if "/" not in name and not folder.is_dir():
            model_named(name)  # names those that there are
        if not folder.is_dir():
            raise PipelineError(f"{name}: no such folder; export the model to it first")
        return [(folder, None)]
    if options.original is not None:
        raise PipelineError(
            "--original belongs to the folder of an artifact; a model of this house has its own (--from)"
        )
    names = models() if name == "all" else (name,)
    return [(options.artifacts / model, options.source / model) for model in names]


def exit_code(differs: Sequence[bool], proven: Sequence[bool]) -> int:
    """A miss anywhere outweighs a check that could not be done; 0 only when every model is proven."""
    if any(differs):
        return cli.EXIT_NOT_IN_PARITY
    return cli.EXIT_GOOD if all(proven) else cli.EXIT_COULD_NOT


def _sub(name: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"python -m verify {name}", description=description)


def _count(text: str) -> int:
    """A whole number from 0 up."""
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 up, found {text!r}")
    return number


if __name__ == "__main__":
    cli.run(main)
