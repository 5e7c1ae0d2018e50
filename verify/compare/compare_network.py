"""`verify compare` for a Keras network: its graph on every kind of input, within what float32 allows."""

import argparse
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import onnx
from rich.table import Table

from export.grade import Grade, grade_of
from export.keras.agreement import Disagreement, check_agreement
from export.keras.answers import named_answers, output_structure
from export.keras.measured import difference, most_of
from export.keras.model_file import load_keras_file
from export.keras.seeded_batch import EXTREME, families
from train.core import cli
from train.core.errors import PipelineError
from verify.report.tables import console

MOST_ROWS = 4000
"""Rows of one kind; Keras's answers take the time."""


def run_compare_network(options: argparse.Namespace) -> int:
    """Compare the two files, print the table; exit code 0 in parity, 1 not.

    Raises:
        PipelineError: a file cannot be read, or the two do not have the same inputs and outputs.
    """
    for option in ("data", "save_mismatches", "report"):
        if getattr(options, option) is not None:
            name = f"--{option.replace('_', '-')}"
            raise PipelineError(f"{name} goes with a scikit-learn model; a network is compared on seeded inputs")
    network = load_keras_file(options.original)
    try:
        graph = onnx.load(options.onnx)
    except Exception as error:  # protobuf's own exceptions, and the system's
        raise PipelineError(f"{options.onnx}: not an ONNX file: {error}") from error
    initial = {tensor.name for tensor in graph.graph.initializer}
    taken = [entry.name for entry in graph.graph.input if entry.name not in initial]
    if sorted(taken) != sorted(value.name for value in network.inputs):
        raise PipelineError(f"{options.onnx}: takes {taken}, {options.original} {[v.name for v in network.inputs]}")
    given = {entry.name for entry in graph.graph.output}
    wanted = set(named_answers(network, output_structure(network)))
    if given != wanted:
        raise PipelineError(
            f"{options.onnx}: gives {sorted(given)}, {options.original} {sorted(wanted)}: compare a graph made from "
            "this very network, by `python -m export --original`"
        )
    grade = grade_of(graph)
    extreme = None if grade.kind == "measured" else EXTREME
    kinds = families(network, seed=options.seed, rows=10, extreme=extreme)
    rows = max(1, min(MOST_ROWS, options.rows // len(kinds)))
    out, problem = console(), ""
    if grade.absolute or grade.kind == "measured":
        out.print(f"{options.onnx}: grade {grade.says}", markup=False)
    table = Table(title=f"{options.onnx} against {options.original}: Keras, float32", title_justify="left")
    for heading in ("rows from", "rows", "agree"):
        table.add_column(heading, justify="left" if heading == "rows from" else "right")
    for kind, batch in families(network, seed=options.seed, rows=rows, extreme=extreme).items():
        said = ""
        try:
            _check(network, graph, grade, kind, batch)
        except Disagreement as error:
            said = problem = str(error)
        table.add_row(kind, f"{len(next(iter(batch.values()))):,}", "no" if said else "yes")
    out.print(table)
    if problem:
        out.print(problem, markup=False)
    out.print("NOT in parity" if problem else "in parity")
    return cli.EXIT_NOT_IN_PARITY if problem else cli.EXIT_GOOD


def _check(
    network: Any, graph: onnx.ModelProto, grade: Grade, kind: str, batch: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Within float32 of the network; within the measured tolerance that a graph names, if it is one that may be."""
    if grade.kind == "exact":
        check_agreement(network, graph, batch)
        return
    apart, size = difference(network, graph, kind, batch)
    allowed = min(grade.absolute, most_of(network) * size)
    if apart > allowed:
        raise Disagreement(f"{network.name}: {apart:.3g} away, {allowed:.3g} allowed (rows: {kind})")
