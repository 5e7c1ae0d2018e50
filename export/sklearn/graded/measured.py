"""A fitted model as a graph with its grade: exact where it can be, else measured, or refused.

A part without an exact form goes through skl2onnx's converter, the parts around it stay exact, and the whole is
compared with the original on seeded rows: twice the largest difference is the tolerance.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from export.errors import NoExactForm
from export.grade import Grade, stamped
from export.graph import to_bytes
from export.onnx_session import open_session
from export.sklearn.boosters.table import closeness
from export.sklearn.columns.preprocess import input_width
from export.sklearn.columns.stock import holds_trees, measuring_parts, short
from export.sklearn.compile import compile_sklearn, is_bit_exact
from export.sklearn.estimators.registry import innermost
from export.sklearn.estimators.stock import answers_rows
from export.sklearn.graded.agreement import answered_rows, check_sklearn, graph_answers, rows_to_compare, same_labels
from export.sklearn.graded.sample_rows import starting_rows
from export.sklearn.graph_inputs import Layout, NumberType, as_taken
from train.core.columns.model_table import table_of
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes, labels

Floats = npt.NDArray[np.float64]
SEED = 0
MARGIN = 2.0
LARGEST_BOUND = 1e-3
"""Of 1 + the size of an answer; what is farther off is no rounding."""
EXTREMES = (1e4, -1e5, 1e6, 2.0**24, -(2.0**24) - 1.0, 1e9, -(2.0**53), 1e15, -1e15, 1e-300, 5e-324)
EXTREME_ROWS = 60
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
"""In every column at once: a part that computes in float32 is infinite, or no number, before its answer is."""
LIMITS = (0.0, 1e30, 1e6, 1e4, 1e3, 1e2)
"""Sizes of numbers up to which a grade may hold; 0 for any."""
MOST_ELSEWHERE = 0.01
"""Share of rows that may be in another leaf where a measured part was asked for in front of trees."""


class Form(NamedTuple):
    """What a graph takes and gives besides numbers, see `export.sklearn.compile.compile_sklearn`."""

    labels: bool = False
    inputs: Layout | None = None
    numbers: NumberType = "float64"


AS_IT_IS = Form()


class Graded(NamedTuple):
    """A compiled model, whose metadata names the grade too."""

    model: onnx.ModelProto
    grade: Grade


def compile_graded(
    estimator: Any,
    *,
    name: str,
    form: Form = AS_IT_IS,
    exact: bool = False,
    before_trees: bool = False,
    rows: Floats | None = None,
) -> Graded:
    """Compile a fitted model exactly, or else measured, after it answered as the original.

    Args:
        estimator: see `export.sklearn.compile.compile_sklearn`.
        name: the graph's name.
        form: its inputs, and whether it also gives `label`.
        exact: refuse what would be measured.
        before_trees: let measured parts stand in front of trees; rows next to a split may then be in another leaf.
        rows: rows like its training data, float64 [row, column], to compare; None derives some from the estimator.

    Raises:
        NoExactForm: a part has no exact form, and `exact` is set; the part is named with the reason.
        PipelineError: it has neither, or the graph answers otherwise than the original.
    """
    try:
        model = compile_sklearn(estimator, name=name, **form._asdict())
        bound = 0.0 if is_bit_exact(estimator) else closeness(estimator)
        grade = Grade("exact", bound, bound)
    except NoExactForm as reason:
        if exact or "--inputs columns" in str(reason):
            raise
        model, grade = _measured(estimator, reason, name=name, form=form, before_trees=before_trees, rows=rows)
    else:
        check_sklearn(estimator, model, rows)
    return Graded(stamped(model, grade), grade)


def _measured(
    estimator: Any, reason: NoExactForm, *, name: str, form: Form, before_trees: bool, rows: Floats | None
) -> tuple[onnx.ModelProto, Grade]:
    import skl2onnx

    whole: dict[int, NoExactForm] = {}
    while True:
        with measuring_parts(before_trees=before_trees, by_converter=whole) as found:
            try:
                model = compile_sklearn(estimator, name=name, **form._asdict())
                break
            except NoExactForm as error:
                # A refusal that came late: the converter takes what answers, as a whole.
                final = innermost(estimator)
                if whole or not answers_rows(final):
                    raise reason from error
                whole = {id(final): error}
            except PipelineError as error:
                if "--measured-before-trees" in str(error):
                    raise
                raise PipelineError(f"neither exact nor measured: {short(reason)}; {short(error)}") from error
    if not found.parts:
        raise reason
    size, far = _differences(estimator, model, rows)
    elsewhere, limit = 0, 0.0
    if found.before_trees and holds_trees(estimator):
        elsewhere = int((far > LARGEST_BOUND).sum())
        if elsewhere <= MOST_ELSEWHERE * len(far):
            size, far = size[far <= LARGEST_BOUND], far[far <= LARGEST_BOUND]
    for limit in LIMITS:
        within = far[size <= (limit or np.inf)] if len(size) == len(far) else far
        largest = float(within.max(initial=0.0))
        if largest <= LARGEST_BOUND:
            break
    if not largest <= LARGEST_BOUND:
        off = f"is {largest:.3g} from the original" if np.isfinite(largest) else "has NaN, or a label, that it has not"
        raise PipelineError(
            f"{type(estimator).__name__}: the graph with {'; '.join(found.parts)} by skl2onnx {off}, "
            "which is no rounding: it is not written; use parts with an exact form"
        )
    # Rows next to a steep step are too few to be met by chance: there the error of the score times the slope counts.
    bound = max(MARGIN * largest, closeness(estimator), min(found.error, LARGEST_BOUND))
    how = f"{MARGIN:g} times the largest difference on {len(within):,} rows of seed {SEED}, as a share of 1 + |answer|"
    if bound == found.error:
        how = f"the error of a score, times the slope of the calibration around it; no less than {how}"
    if elsewhere:
        how += f", besides {elsewhere:,} rows in another leaf, for which no tolerance holds"
    converter = f"skl2onnx {skl2onnx.__version__}" if found.converted else ""
    return model, Grade("measured", bound, bound, converter, tuple(found.parts), how, len(within), SEED, largest, limit)


def _extreme(rows: Floats) -> Floats:
    """Rows of which one number is one of `EXTREMES`, and two of `LARGEST_FLOAT32` alone."""
    random = np.random.default_rng(SEED)
    made = np.repeat(rows[:EXTREME_ROWS], len(EXTREMES), axis=0)
    made[np.arange(len(made)), random.integers(rows.shape[1], size=len(made))] = np.resize(EXTREMES, len(made))
    return np.concatenate(
        [made, np.full((1, rows.shape[1]), LARGEST_FLOAT32), np.full((1, rows.shape[1]), -LARGEST_FLOAT32)]
    )


def _differences(estimator: Any, model: onnx.ModelProto, rows: Floats | None) -> tuple[Floats, Floats]:
    """The largest number of each row, and its largest |graph - original| / (1 + |original|).

    It is infinite for another label, and for NaN where the original has none or the other way round.

    Raises:
        PipelineError: the graph does not run, or gives another number of columns.
    """
    kind = type(estimator).__name__
    columns = table_of(estimator, input_width(estimator))
    given = starting_rows(estimator, len(columns)) if rows is None else rows
    sizes, parts = [np.zeros(0)], [np.zeros(0)]
    session = open_session(to_bytes(model), where=f"{kind}: the graph with skl2onnx's parts")
    given = given[~np.isinf(given).any(axis=1)]
    plain = all(column.kind != "text" and not column.values for column in columns)
    extreme = [_extreme(given)] if plain and len(given) else []
    for some in (given, *rows_to_compare(estimator, rows), *extreme):
        asked, expected = answered_rows(estimator, as_taken(session.get_inputs(), some))
        if not len(asked):
            continue
        try:
            found, named = graph_answers(session, columns, asked)
        except Exception as error:  # onnxruntime's own exception types have no common public base
            raise PipelineError(f"{kind}: the graph with skl2onnx's parts does not run: {short(error)}") from error
        if found.shape != expected.shape:
            raise PipelineError(f"{kind}: the graph by skl2onnx has columns where the original has none: refused")
        with np.errstate(invalid="ignore"):
            apart = np.where(found == expected, 0.0, np.abs(found - expected) / (1.0 + np.abs(expected)))
        far = np.nan_to_num(apart, nan=0.0).max(axis=1, initial=0.0)
        far[(np.isnan(found) != np.isnan(expected)).any(axis=1)] = np.inf
        far[_flipped(estimator, asked, expected, found, far, named)] = np.inf
        sizes.append(np.nan_to_num(np.abs(asked), nan=0.0).max(axis=1, initial=0.0))
        parts.append(far)
    return np.concatenate(sizes), np.concatenate(parts)


def _flipped(
    estimator: Any, rows: Floats, expected: Floats, found: Floats, far: Floats, named: npt.NDArray[Any] | None
) -> npt.NDArray[np.bool_]:
    """Rows with another label than the original's, though its two largest answers are farther apart than rounding."""
    if not has_classes(estimator) or expected.shape[1] < 2:
        return np.zeros(len(rows), dtype=bool)
    top = np.sort(expected, axis=1)
    clear = (top[:, -1] - top[:, -2] > MARGIN * far) & (far <= LARGEST_BOUND)
    off = expected.argmax(axis=1) != found.argmax(axis=1)
    if named is not None:
        off = ~same_labels(named, labels(estimator, rows))
    flipped: npt.NDArray[np.bool_] = clear & off
    return flipped
