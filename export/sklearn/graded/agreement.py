"""No graph of an estimator is written before it has answered as the estimator on rows made for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.graph import to_bytes
from export.onnx_session import open_session
from export.sklearn.boosters.table import closeness
from export.sklearn.columns.preprocess import input_width
from export.sklearn.compile import is_bit_exact
from export.sklearn.graded.sample_rows import starting_rows
from export.sklearn.graph_inputs import as_taken, feeds
from export.sklearn.outputs import LABEL
from train.core.columns.model_table import TableColumn, table_of
from train.core.errors import PipelineError
from train.core.sklearn_answers import answers, labels

Floats = npt.NDArray[np.float64]
SCALES = (1.0, 1e-3, 1e3)
MOST_ROWS = 400
FEW_ROWS = 60
"""Of rows among which the original refuses some, so many are asked one by one."""


def check_sklearn(estimator: Any, graph: onnx.ModelProto, rows: Floats | None = None) -> None:
    """Compare a graph with the estimator that it was made from, also with missing, large, tiny and zero values.

    Args:
        estimator: scikit-learn's.
        graph: made from it.
        rows: rows like its training data; None derives some from the estimator.

    Raises:
        PipelineError: they differ; the first row is shown with both answers.
    """
    session = open_session(to_bytes(graph), where=f"graph {graph.graph.name}")
    bound = 0.0 if is_bit_exact(estimator) else closeness(estimator)
    columns = table_of(estimator, input_width(estimator))
    for some in rows_to_compare(estimator, rows):
        some, expected = answered_rows(estimator, as_taken(session.get_inputs(), some))
        if not len(some):
            continue
        found, named = graph_answers(session, columns, some)
        if found.shape != expected.shape:
            raise PipelineError(
                f"{type(estimator).__name__}: the graph answers {found.shape[1]} numbers a row, the original "
                f"{expected.shape[1]}; please report this"
            )
        with np.errstate(all="ignore"):
            near = np.abs(found - expected) <= bound + bound * np.abs(expected) + _rounding(some, expected, bound)
        right = (near | (found == expected) | (np.isnan(found) & np.isnan(expected))).all(axis=1)
        if named is not None:
            right &= same_labels(named, labels(estimator, some))
        if not right.all():
            first = int(np.flatnonzero(~right)[0])
            raise PipelineError(
                f"{type(estimator).__name__}: the graph answers otherwise than the original, and is not written: "
                f"{int((~right).sum())} of {len(right)} seeded rows; the first: {some[first].tolist()[:12]}: original "
                f"{expected[first].tolist()[:6]}, graph {found[first].tolist()[:6]}; please report this"
            )


def _rounding(rows: Floats, expected: Floats, bound: float) -> Floats:
    """What sums of large terms that cancel may be off, float64 [row, 1]: 32 units of the last place of the terms.

    How large the terms of a row are is seen from its largest number, and from the largest answer to the largest row.
    """
    size = np.nan_to_num(np.abs(rows), nan=0.0).max(axis=1, initial=0.0)
    answer = float(np.nan_to_num(np.abs(expected), nan=0.0, posinf=0.0).max(initial=0.0))
    if bound == 0.0 or size.max(initial=0.0) <= 1.0 or answer <= 1.0:
        return np.zeros((len(rows), 1))
    terms: Floats = 2.0**-47 * answer * size / size.max()
    return terms[:, None]


def graph_answers(session: Any, columns: Sequence[TableColumn], rows: Floats) -> tuple[Floats, npt.NDArray[Any] | None]:
    """What a compiled graph answers to coded rows: its numbers side by side, [row, number], and its labels if any."""
    tensors = session.run(None, feeds(session.get_inputs(), columns, rows))
    by_name = dict(zip([output.name for output in session.get_outputs()], tensors, strict=True))
    named = by_name.pop(LABEL, None)
    found = np.concatenate([np.asarray(t).reshape(len(rows), -1) for t in by_name.values()], axis=1)
    return found, None if named is None else np.asarray(named)


def same_labels(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Row by row; text is compared as text."""
    if found.dtype == object:
        found, expected = found.astype(str), expected.astype(str)
    same: npt.NDArray[np.bool_] = (found == expected).reshape(len(found), -1).all(axis=1)
    return same


def rows_to_compare(estimator: Any, rows: Floats | None) -> list[Floats]:
    """Rows as they are and their numbers scaled, of zeros, with missing values."""
    columns = table_of(estimator, input_width(estimator))
    given = starting_rows(estimator, len(columns)) if rows is None else rows
    given = given[~np.isinf(given).any(axis=1)]
    base = given[np.unique(np.linspace(0, max(len(given) - 1, 0), min(MOST_ROWS, len(given))).astype(np.int64))]
    half = len(base) // 2
    random = np.random.default_rng(20)
    holes = base.copy()
    holes[random.random(holes.shape) < 0.2] = np.nan
    plain = np.array([column.kind != "text" and not column.values for column in columns])
    whole = [base] if plain.all() else [base[:half], base[half:]]  # see `with_categories`: the first half is known
    scaled = [np.where(plain, some * scale, some) for scale in SCALES for some in whole]
    return [*scaled, np.zeros_like(base[:1]), holes]


def answered_rows(estimator: Any, rows: Floats) -> tuple[Floats, Floats]:
    """The rows that an estimator does not refuse, and its answers to them."""
    expected = _answered(estimator, rows)
    if expected is None:
        few = rows[:: len(rows) // FEW_ROWS + 1]
        rows = np.array([row for row in few if _answered(estimator, row[None]) is not None])
        expected = _answered(estimator, rows) if len(rows) else None
    return (rows, expected) if expected is not None else (rows[:0], np.zeros((0, 0)))


def _answered(estimator: Any, rows: Floats) -> Floats | None:
    """Its answers; None where it refuses the rows."""
    try:
        found: Floats = answers(estimator, rows)
    except ValueError:
        return None
    return found if found.ndim == 2 else found[:, None]
