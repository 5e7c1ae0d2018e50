"""`verify compare`: an ONNX file, from whatever converter, against the scikit-learn model that it was made from."""

import argparse
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.table import Table

from export.keras.model_file import is_keras_file
from export.sklearn.columns.preprocess import input_width
from train.core import cli
from train.core.columns.model_table import table_of
from train.core.errors import PipelineError
from train.core.files import write_atomic
from train.core.sklearn_answers import has_classes
from verify.compare.compare_model import PairResult, compare_pair
from verify.compare.data_rows import data_rows
from verify.compare.mismatch_file import MismatchFile
from verify.compare.onnx_file import ForeignGraph, open_foreign
from verify.compare.pair_report import pair_json, verdict_word
from verify.compare.pair_watch import ShownWatch
from verify.proof.probes import CHUNK_ROWS
from verify.report.tables import console, figures, print_unproven
from verify.runtimes.original import Original, load_sklearn, second_class_of

Floats = npt.NDArray[np.float64]


def run_compare(options: argparse.Namespace) -> int:
    """Compare the two files, print the table; exit code 0 in parity, 1 not.

    Raises:
        PipelineError: a file cannot be read, or the two do not take the same columns.
    """
    if is_keras_file(options.original):
        from verify.compare.compare_network import run_compare_network

        return run_compare_network(options)
    original = load_sklearn(options.original)
    width = input_width(original.estimator)
    graph = open_foreign(options.onnx, table_of(original.estimator, width))
    inputs = graph.session.get_inputs()
    takes = inputs[0].shape
    if len(inputs) == 1 and (len(takes) != 2 or (isinstance(takes[1], int) and takes[1] != width)):
        raise PipelineError(f"{options.onnx}: takes rows of shape {takes}, but {options.original} has {width} columns")
    original, about = same_answers(original, graph)
    report = None if options.report is None else _report_place(options.report)
    names = getattr(original.estimator, "feature_names_in_", None)
    columns = [f"column {i}" for i in range(width)] if names is None else [str(name) for name in names]
    with ExitStack() as stack:
        saved = None
        if options.save_mismatches is not None:
            saved = stack.enter_context(MismatchFile(options.save_mismatches, columns))
        found, speed = _compared(original, graph, options, saved)
    title = f"{options.onnx} against {options.original}{about}"
    if graph.grade is not None:
        console().print(f"{options.onnx}: grade {graph.grade.says}", markup=False)
    print_pair(title, found, answer_type=graph.answer_type, note=_name_note(original, graph))
    cli.show(speed)
    if saved is not None:
        cli.show(f"{saved.path}: {saved.rows:,} mismatched rows written")
    if report is not None:
        write_atomic(
            report, pair_json(found, original=options.original.name, graph=options.onnx.name, seed=options.seed)
        )
        cli.show(f"{report}: written")
    if found.differs:
        return cli.EXIT_NOT_IN_PARITY
    return cli.EXIT_COULD_NOT if found.stopped or not found.in_parity else cli.EXIT_GOOD


def _compared(
    original: Original, graph: ForeignGraph, options: argparse.Namespace, saved: MismatchFile | None
) -> tuple[PairResult, str]:
    """What was found, and how fast."""
    base: Floats | None = None
    rest: Iterator[Floats] = iter(())
    rest_rows: int | None = 0
    if options.data is not None:
        data = data_rows(options.data, original.estimator)
        rest = data.chunks()
        base = next(rest)
        count = data.count()
        rest_rows = None if count is None and len(base) == CHUNK_ROWS else max(0, (count or 0) - len(base))
    with ShownWatch(saved) as watch, warnings.catch_warnings():
        # scikit-learn says in every thread but the first that its settings do not follow there; none are set.
        warnings.filterwarnings("ignore", message=r".*sklearn\.utils\.parallel\.delayed")
        try:
            found = compare_pair(
                original,
                graph,
                base=base,
                rows=options.rows,
                seed=options.seed,
                more=rest,
                more_rows=rest_rows,
                watch=watch,
            )
        except (PipelineError, OSError):
            raise
        except Exception as error:  # an original may load and still fail on a probe, in many ways
            reason = f"{type(error).__name__}: {error}"
            raise PipelineError(f"{options.original}: could not be compared: it fails on a probe: {reason}") from error
    return found, watch.said()


def _report_place(path: Path) -> Path:
    if path.suffix.lower() != ".json":
        raise PipelineError(f"{path}: --report of a comparison names a .json file")
    if not path.parent.is_dir():
        raise PipelineError(f"{path}: cannot write: {path.parent} is no folder")
    return path


def same_answers(original: Original, graph: ForeignGraph) -> tuple[Original, str]:
    """The original asked for what the graph answers, and in words what that is where it is not everything.

    Raises:
        PipelineError: the two answer with another number of columns.
    """
    shape = next(out.shape for out in graph.session.get_outputs() if out.name == graph.answer_name)
    given = 1 if len(shape) == 1 else shape[-1]
    classes = getattr(original.estimator, "classes_", None)
    asked = 1 if classes is None else len(classes)
    several = isinstance(classes, list) or getattr(original.estimator, "multilabel_", False)
    if several or graph.more_names or classes is None:
        return original, ""  # another number of answers shows in the comparison
    if classes is not None and given == 1 and asked == 2 and hasattr(original.estimator, "predict_proba"):
        about = f" (output {graph.answer_name!r} beside the probability of class {classes[1]})"
        return second_class_of(original), about
    if isinstance(given, int) and given != asked:
        what = "a value" if classes is None else f"probabilities of {asked} classes"
        raise PipelineError(
            f"output {graph.answer_name!r} has {given} columns, but the original answers with {what}: compare a graph "
            "made from this very model, by `python -m export --original`"
        )
    return original, ""


def _name_note(original: Original, graph: ForeignGraph) -> str:
    """What a caller must know who asks for the output by the name that this project gives it; mostly nothing."""
    if original.second_class_only:
        ours, who = "confidence", "a trading artifact"
    else:
        ours = "probabilities" if has_classes(original.estimator) else "variable"
        who = "python -m export"
    if graph.answer_name == ours:
        return ""
    return (
        f"note: output is named {graph.answer_name!r}; {who} names it {ours!r}: a caller that asks for that name will "
        "not find it"
    )


def print_pair(title: str, found: PairResult, *, answer_type: str, note: str = "") -> None:
    """The table of a comparison, its causes, a note if any and a verdict, on stdout."""
    out = console()
    table = Table(title=f"{title}: {found.tolerance}", title_justify="left")
    for heading in ("rows from", "rows", "mismatched", "> 1e-5 apart", "labels differ", "largest difference", "in ulp"):
        table.add_column(heading, justify="left" if heading == "rows from" else "right")
    for name, family in found.families.items():
        rows, mismatched, _, largest, ulp = figures(family.result)
        table.add_row(name, rows, mismatched, f"{family.visible:,}", f"{family.labels:,}", largest, ulp)
    out.print(table)
    total = found.total
    for line in found.proof.lines():
        out.print(line)
    if total.refused:
        out.print(f"rows that the original itself refuses: {total.refused:,}, not compared")
    problem = next((f.result.problem for f in found.families.values() if f.result.problem), "")
    if problem:
        out.print(f"problem: {problem}", markup=False)
    if found.causes:
        looked_at = sum(cause.rows for cause in found.causes)
        out.print(f"causes on {looked_at:,} mismatched rows (answers of the graph are {answer_type}):")
    for cause in found.causes:
        out.print(f"  {cause.name}: {cause.rows:,} rows; the first: {cause.evidence}", markup=False)
    if note:
        out.print(note, markup=False)
    if found.stopped:
        planned = "" if found.planned is None else f" of {found.planned:,}"
        compared = total.result.rows + total.refused
        out.print(f"PARTIAL: stopped after {compared:,}{planned} rows; what is not listed was not compared")
    words = {"in parity": "in parity", "not in parity": "NOT in parity", "not finished": "not finished: no verdict"}
    out.print(words[verdict_word(found)])
    print_unproven(out, found.proof)
