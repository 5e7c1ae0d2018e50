"""`python -m verify score`: the rows of a folder through a compiled model, on every core, to a folder of Parquet."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.core import cli
from train.core.errors import PipelineError
from train.core.files import alone
from train.registry import models

SAMPLED = 32
"""One part in so many is answered anew in this process, and one at least."""


def score_parser() -> argparse.ArgumentParser:
    """The command line of `python -m verify score`."""
    command = argparse.ArgumentParser(
        prog="python -m verify score",
        description="Any number of rows through a compiled model: Parquet (hive folders too), CSV or NDJSON in, "
        "Parquet with answers, version and warnings out, in files under the same folders. Broken off by whatever, "
        "the same command goes on where it was; what lies in the output is whole at any time. "
        "Exit codes: 0 good, 1 files set aside, rows without an answer or other bits in the sample, 2 could not.",
    )
    command.add_argument("model", metavar="MODEL", help=f"{', '.join(models())}, or the folder of a model or version")
    command.add_argument("--input", required=True, metavar="DIR_OR_GLOB", help="a folder, a glob in quotes, or a file")
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="new, or of the same run before")
    command.add_argument(
        "--keep", type=_names, metavar="LIST", help="columns of the input to write, too (default: all)"
    )
    command.add_argument("--processes", type=_count, metavar="N", help="default: one a core")
    command.add_argument(
        "--key", type=Path, action="append", default=[], metavar="PUBLIC.pem", help="the version must be signed by one"
    )
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    return command


@dataclass
class Report:
    """What came of a run, with all runs before it in the same folder.

    Attributes:
        rows: written.
        refused: of them without an answer.
        warned: of them with an answer and a warning.
        sampled: rows that were answered anew.
        differing: files whose sample has other bits.
    """

    rows: int = 0
    refused: int = 0
    warned: int = 0
    sampled: int = 0
    differing: list[str] = field(default_factory=list)


def run_score(options: argparse.Namespace) -> int:
    """Score what is not scored yet.

    Raises:
        PipelineError: the model, the input as a whole or the output cannot be used, or the disk is full.
    """
    from verify.score.finished import LOCK, RECORD, remove_left

    model = options.artifacts / options.model if options.model in models() else Path(options.model)
    if not model.is_dir():
        raise PipelineError(f"{options.model}: no such model or folder; the models are {', '.join(models())}")
    output = options.output.absolute()
    if output.exists() and not output.is_dir():
        raise PipelineError(f"--output {output}: is no folder")
    inside = Path(options.input).absolute()
    if output == inside or output.is_relative_to(inside):
        raise PipelineError(f"--output {output}: lies in the input, and would be read with it; name another folder")
    fresh = not output.exists()
    try:
        with alone(output / LOCK, wait_seconds=0, doing="scoring"):
            try:
                return _score(options, model, output)
            finally:
                remove_left(output)
    except KeyboardInterrupt:
        return cli.fail(f"interrupted; what is finished in {output} is whole, and the same command goes on from there")
    except PipelineError:
        if fresh and not (output / RECORD).exists():
            (output / LOCK).unlink(missing_ok=True)
            with suppress(OSError):
                output.rmdir()
        raise


def _score(options: argparse.Namespace, model: Path, output: Path) -> int:
    import onnxruntime
    import pyarrow

    from verify.score.finished import Done, Finished, remove_left
    from verify.score.model import ScoringModel, folder_of
    from verify.score.parts import BadInputError, find, to_text
    from verify.score.processes import cores, here, in_processes
    from verify.score.progress import Progress
    from verify.score.work import Job, Worker, columns_kept, schema_bytes

    folder = folder_of(model).absolute()
    opened = ScoringModel(folder, options.key)
    sources = find(options.input)
    parts, schema, bad = _planned(sources, opened)
    keep = columns_kept(schema, options.keep)
    opened.output_schema(schema, keep)
    job = Job(folder, tuple(key.absolute() for key in options.key), output, schema_bytes(schema), keep)
    run = {
        "model": opened.manifest.model,
        "version": opened.version,
        "graph": opened.manifest.graph.sha256,
        "input": str(Path(options.input).absolute()),
        "columns": json.loads(to_text(schema)),
        "keep": list(keep),
        "onnxruntime": onnxruntime.__version__,
        "pyarrow": pyarrow.__version__,
    }
    finished = Finished(output, run)
    remove_left(output)
    finished.set_aside = bad
    changed = finished.remove_changed(parts)
    if changed:
        cli.show(f"{len(changed):,} outputs removed whose input has changed since, the first {changed[0]}")
    gone = finished.gone(source.name for source in sources)
    if gone:
        cli.show(f"{len(gone):,} outputs stay whose input is gone, the first {gone[0]}; they are not counted")
    todo = [part for part in parts if finished.done(part) is None]
    if len(todo) < len(parts):
        cli.show(f"{len(parts) - len(todo):,} of {len(parts):,} parts are finished already")
    finished.save()
    count = options.processes or cores()
    results = here(job, todo) if len(todo) < 2 or count == 1 else in_processes(job, todo, count)
    progress, report, checker = Progress(parts, todo), Report(), Worker(job)
    aside: list[tuple[str, str]] = []
    try:
        # Closed at once whatever happens: no worker goes on when this process stops.
        with closing(results):
            for number, (part, result) in enumerate(results):
                found = result
                if number % SAMPLED == 0 and isinstance(found, Done) and not _sampled(report, checker, part):
                    found = BadInputError(f"{part.output}: its sample has other bits than the same rows answered here")
                if isinstance(found, BadInputError):
                    cli.show(f"set aside: {found}")
                    aside.append((part.source.name, str(found)))
                    progress.add(part, None)
                else:
                    finished.add(part, found)
                    progress.add(part, found)
        for name, reason in aside:
            finished.set_file_aside(name, reason, parts)
        # Of a run that had nothing left to do, or whose first parts could not be read.
        kept = [part for part in parts if finished.done(part) is not None]
        if not report.sampled and kept and not _sampled(report, checker, kept[0]):
            cli.show(f"{kept[0].output}: its sample has other bits than the same rows answered here")
    finally:
        finished.save()
    for part in kept:
        done = finished.done(part)
        if done is not None:
            report.rows += done.rows
            report.refused += done.refused
            report.warned += done.warned
    return _said(report, progress, finished, parts=len(kept))


def _sampled(report: Report, checker: Any, part: Any) -> bool:
    rows = checker.sample(part)
    if rows < 0:
        report.differing.append(part.output)
        return False
    report.sampled += rows
    return True


def _planned(sources: Sequence[Any], model: Any) -> tuple[list[Any], Any, dict[str, str]]:
    """The parts of every file that can be read, the schema of them all, and by name why the others cannot.

    The schema is that which most files have, of several the one seen first.
    """
    from verify.score.parts import BadInputError, parts_of, require_same, schema_of

    bad: dict[str, str] = {}
    found = {}
    for source in sources:
        try:
            found[source.name] = schema_of(source, model.numbers, model.texts)
        except BadInputError as error:
            bad[source.name] = str(error)
    if not found:
        raise PipelineError(f"--input: none of {len(sources)} files can be read; the first: {next(iter(bad.values()))}")
    schema = Counter(found.values()).most_common(1)[0][0]
    model.require_columns(schema)
    parts = []
    for source in sources:
        if source.name not in found:
            continue
        try:
            # Of NDJSON only the first rows were seen; what the others hold is found when they are read.
            if source.kind != "ndjson":
                require_same(source, found[source.name], schema)
            parts += parts_of(source)
        except BadInputError as error:
            bad[source.name] = str(error)
    for reason in bad.values():
        cli.show(f"set aside: {reason}")
    return parts, schema, bad


def _said(report: Report, progress: Any, finished: Any, *, parts: int) -> int:
    if report.refused:
        cli.show(f"{report.refused:,} of {report.rows:,} rows have no answer; column 'warnings' says why")
    result = {
        "parts": parts,
        "rows": report.rows,
        "without_answer": report.refused,
        "with_warning": report.warned,
        "set_aside": dict(sorted(finished.set_aside.items())),
        "sampled_rows": report.sampled,
        "sample_differs": report.differing,
        "rows_now": progress.rows,
        "seconds": round(progress.seconds, 3),
        "rows_per_second": round(progress.per_second()),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    good = not (report.refused or finished.set_aside or report.differing)
    return cli.EXIT_GOOD if good else cli.EXIT_NOT_IN_PARITY


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(names)) < len(names):
        raise argparse.ArgumentTypeError("a column stands twice")
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, found {text!r}")
    return int(text)
