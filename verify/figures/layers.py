"""`verify.figures layers`: what becomes of every layer and activation of Keras, by grade.

Each stands in a network of its own with seeded weights, is compiled and compared with Keras on rows that the compiler
has not seen; how far the graph and Keras each are from a float64 evaluation of the same weights is measured beside it.
Differences are parts of the largest answer of the row, or of 1 (of the largest of all, where that is smaller): gates
that are shut leave answers of 1e-9, where float32 has no digits to compare.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track
from rich.table import Table

from train.core import cli
from train.core.errors import PipelineError
from verify.figures.grade_table import WRONG, print_grades
from verify.figures.specimens.layers import CODE, NO_LAYER, layers, made, network

EXACT, MEASURED, REFUSED, NO_NETWORK = "exact", "measured", "refused", "no layer of a network"
GRADES = (EXACT, MEASURED, REFUSED, WRONG, NO_NETWORK)
KINDS = ("layer", "activation")
ROWS, SEED = 60, 31
FACTOR, FLOOR = 1.5, 2.0**-23
"""Distances below a unit of float32 are not told apart."""
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Row:
    """One class or function of Keras: what became of it, why, and what was compared.

    Attributes:
        largest: difference from Keras, as the module says.
        tolerance: of the graph where it is measured, in units of the answers.
        ours: the distance of the graph from a float64 evaluation, likewise, root of the mean square.
        keras: Keras's own.
    """

    name: str
    kind: str
    grade: str
    reason: str = ""
    rows: int = 0
    largest: float = 0.0
    tolerance: float | None = None
    ours: float | None = None
    keras: float | None = None


def grades(kinds: Sequence[str] = KINDS, *, rows: int = ROWS, only: str = "", show: bool = False) -> Iterator[Row]:
    """One row for each class and function; `only`: names that contain it."""
    from train.core.tensorflow_start import start_tensorflow

    start_tensorflow()
    found = [(kind, name) for kind in kinds for name in _names(kind) if only in name]
    for kind, name in track(found, "layers", console=cli.console, transient=True, disable=not show):
        yield grade_of(kind, name, rows=rows)


def _names(kind: str) -> list[str]:
    import inspect

    import keras

    if kind == "layer":
        return sorted(layers())
    known = {name for name, value in vars(keras.activations).items() if inspect.isfunction(value)}
    return sorted(known - {"get", "serialize", "deserialize", "threshold"})


def grade_of(kind: str, name: str, *, rows: int = ROWS) -> Row:
    """Make one network, compile it and compare."""
    if kind == "layer" and name in {**NO_LAYER, **CODE}:
        return Row(name, kind, REFUSED if name in CODE else NO_NETWORK, CODE.get(name, NO_LAYER.get(name, "")))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model = _model(kind, name)
        except Exception as error:  # noqa: BLE001 - Keras refuses in many ways
            return Row(name, kind, NO_NETWORK, f"Keras does not put it into a model: {_first_line(error)}")
        return graded(model, name, kind, rows=rows)


def graded(model: Any, name: str, kind: str, *, rows: int = ROWS) -> Row:
    """Compile a network and compare."""
    from export.keras.measured import compile_network

    try:
        graph, found_grade = compile_network(model, name="model")
    except PipelineError as error:
        return Row(name, kind, REFUSED, str(error))
    except Exception as error:  # noqa: BLE001 - a traceback is a finding of this table
        return Row(name, kind, WRONG, f"{type(error).__name__}: {_first_line(error)}")
    from export.keras.agreement import graph_answers
    from export.keras.answers import double_answers, keras_answers
    from export.keras.seeded_batch import families

    kinds = families(model, seed=SEED, rows=rows, missing=False)
    batch = {value.name: np.concatenate([part[value.name] for part in kinds.values()]) for value in model.inputs}
    expected, found = keras_answers(model, batch), graph_answers(graph, batch)
    largest = max(_share(found[key], values, values) for key, values in expected.items())
    apart = max(float(np.nanmax(np.abs(_wide(found[key]) - _wide(v)), initial=0.0)) for key, v in expected.items())
    wide = double_answers(model, batch)
    ours = None if wide is None else max(_share(found[key], v, v, typical=True) for key, v in wide.items())
    theirs = None if wide is None else max(_share(expected[key], v, v, typical=True) for key, v in wide.items())
    count = len(next(iter(batch.values())))
    if found_grade.kind == "measured":
        good, reason = apart <= found_grade.absolute or largest <= 1e-6, found_grade.says
        grade = MEASURED
    else:
        near, level = largest <= 1e-6, not_farther(ours, theirs)
        good, grade = near or level, EXACT
        reason = "" if level or ours is None else "farther from float64 than 1.5 times Keras"
        reason += "" if good else ", and farther from Keras than 1e-6"
    tolerance = found_grade.absolute if found_grade.kind == "measured" else None
    return Row(name, kind, grade if good else WRONG, reason, count, largest, tolerance, ours, theirs)


def not_farther(ours: float | None, theirs: float | None) -> bool:
    """Whether a graph is no farther from float64 than the original is, times 1.5."""
    return ours is not None and theirs is not None and ours <= FACTOR * max(theirs, FLOOR)


def _model(kind: str, name: str) -> Any:
    import keras

    if kind == "layer":
        return network(name, made(name))
    return network("Activation", keras.layers.Activation(getattr(keras.activations, name), name=name))


def _share(found: Array, wanted: Array, scale: Array, *, typical: bool = False) -> float:
    """The largest difference as the table has it, or the root of the mean square; infinite where a number is none."""
    one, other = _wide(found), _wide(wanted)
    if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return float("inf")
    flat = np.where(np.isfinite(other), np.abs(one - other), 0.0).reshape(len(other), -1)
    size = np.where(np.isfinite(_wide(scale)), np.abs(_wide(scale)), 0.0).reshape(len(other), -1).max(axis=1, initial=0)
    size = np.maximum(size, min(1.0, float(size.max(initial=0.0))))
    parts = flat / np.maximum(size, 1e-30)[:, None]
    return float(np.sqrt(np.mean(parts**2))) if typical else float(np.max(parts, initial=0.0))


def _wide(values: Array) -> Array:
    return values.astype(np.float64)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def main(arguments: Sequence[str]) -> int:
    """Print the table (or JSON); exit code 1 when one that is compiled answers otherwise than Keras."""
    return print_grades(arguments, grades, _table, name="layers", about=__doc__, kinds=KINDS, rows=ROWS, order=GRADES)


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="each in a network of its own, compiled and compared", title_justify="left")
    columns = ("layer", "grade", "rows", "from Keras", "tolerance", "ours from float64", "Keras from float64", "reason")
    for heading in columns:
        table.add_column(heading, justify="left" if heading in ("layer", "grade", "reason") else "right")
    for row in rows:
        figures = [row.largest if row.rows else None, row.tolerance, row.ours, row.keras]
        shown = ["-" if figure is None else f"{figure:.1e}" for figure in figures]
        table.add_row(row.name, row.grade, f"{row.rows:,}" if row.rows else "-", *shown, row.reason[:160])
    return table
