"""`python -m verify.figures pipelines`: random combinations of steps, each refused by name or equal on fresh rows."""

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.progress import track

from export.sklearn.columns.preprocess import input_width
from export.sklearn.graded.measured import compile_graded
from train.core import cli
from train.core.columns.model_table import encoded, table_of
from train.core.errors import PipelineError
from verify.compare.compare_model import Wrong, compare_rows
from verify.compare.onnx_file import open_foreign
from verify.compare.pair_probes import tolerance_of
from verify.figures.specimens.random_pipeline import Drawn, drawn
from verify.report.tables import console
from verify.runtimes.original import sklearn_original

EXACT, MEASURED, REFUSED, WRONG, TRACEBACK = "exact", "measured", "refused", "wrong", "traceback"
BAD = (WRONG, TRACEBACK)


@dataclass(frozen=True)
class Found:
    """One combination: its seed, its steps, and what became of it; `said`: the refusal, the difference, the error."""

    seed: int
    steps: str
    grade: str
    said: str = ""
    rows: int = 0


def found_of(seed: int) -> Found | None:
    """Fit, compile and compare the model of a seed; None where scikit-learn itself does not fit it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = drawn(seed)
        try:
            made.model.fit(made.rows, made.answers)
        except ValueError:
            return None
        steps = " -> ".join(type(step).__name__ for _, step in made.model.steps)
        try:
            return _compared(seed, steps, made)
        except PipelineError as error:
            return Found(seed, steps, REFUSED, str(error))
        except Exception as error:  # noqa: BLE001 - this is what the table looks for
            return Found(seed, steps, TRACEBACK, f"{type(error).__name__}: {error}")


def _compared(seed: int, steps: str, made: Drawn) -> Found:
    graph, grade = compile_graded(made.model, name="random")
    columns = table_of(made.model, input_width(made.model))
    foreign = open_foreign(graph.SerializeToString(), columns)
    original = sklearn_original(made.model, name="random")
    wrong: list[Wrong] = []
    rows = encoded(columns, np.asarray(made.fresh, dtype=object))
    result = compare_rows(original, foreign, rows, tolerance_of(original, foreign), wrong)
    if result.result.mismatched or result.labels or result.unanswered or result.result.problem:
        said = result.unanswered or result.result.problem or f"{result.result.mismatched} rows, {result.labels} labels"
        return Found(seed, steps, WRONG, f"{said}, largest {result.result.max_abs:.3g}", result.result.rows)
    return Found(seed, steps, grade.kind, "", result.result.rows)


def pipelines(count: int, *, first: int = 0, show: bool = False) -> Iterator[Found]:
    """`count` combinations that scikit-learn fits."""
    seeds = iter(range(first, first + 50 * count))
    for _ in track(range(count), "pipelines", console=cli.console, transient=True, disable=not show):
        yield next(found for seed in seeds if (found := found_of(seed)) is not None)


def main(arguments: Sequence[str]) -> int:
    """Print the counts and what is bad; exit code 1 when anything answers otherwise or ends in a traceback."""
    command = argparse.ArgumentParser(prog="python -m verify.figures pipelines", description=__doc__)
    command.add_argument("--count", type=int, default=500, help="combinations (default 500)")
    command.add_argument("--seed", type=int, default=0, help="of the first")
    command.add_argument("--refused", action="store_true", help="also print every refusal")
    command.add_argument("--json", action="store_true", help="JSON in place of the text")
    options = command.parse_args(arguments)
    every = list(pipelines(options.count, first=options.seed, show=True))
    totals = Counter(one.grade for one in every)
    if options.json:
        json.dump({"rows": [asdict(one) for one in every], "totals": totals}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        out = console()
        for one in every:
            if one.grade in BAD or (options.refused and one.grade == REFUSED):
                out.print(f"{one.seed}: {one.grade}: {one.steps}: {one.said}", markup=False)
        parts = ", ".join(f"{grade} {totals[grade]}" for grade in (EXACT, MEASURED, REFUSED, WRONG, TRACEBACK))
        out.print(f"{len(every)} combinations: {parts}; {sum(one.rows for one in every):,} fresh rows compared")
    return cli.EXIT_NOT_IN_PARITY if any(totals[grade] for grade in BAD) else cli.EXIT_GOOD
