"""No graph of a network leaves before it has answered as Keras on a seeded batch of every kind of input.

Two programs that do float32 arithmetic in another order are never equal. An answer agrees when it is within a relative
1e-6 of Keras's, or within a few units of float32 of the largest answer of its row (of 1 where gates and sums of that
size are behind smaller answers), or within what Keras's own answer moves when every weight and input, what each layer
hands on, and every gate and state of a recurrent one, moves by one unit of float32, or no farther from a float64
evaluation of the same weights than Keras is, times 1.5 (both measured, where the first two do not suffice).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.graph import to_bytes
from export.keras.answers import double_answers, keras_answers
from export.keras.seeded_batch import has_softmax, pools_largest, seeded_batch
from export.onnx_session import open_session
from train.core.errors import PipelineError

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Allowed = Callable[
    [Any, Mapping[str, Array], Mapping[str, Array], Mapping[str, Array], float],
    dict[str, Bools],
]
"""Of a network, rows, its answers, a graph's and a share of the bound: output -> cells that are near enough."""
RELATIVE = 1e-6
UNIT = 2.0**-23
OF_THE_ROW = 8.0 * UNIT
ABSOLUTE = 4.0 * UNIT
OVERFLOW = 1e30
"""Answers beyond are next to the largest number of float32."""
MOVES, TIMES = 8, 8.0
"""How often Keras is asked again with moved weights, and how many of its moves a difference may be."""

FARTHER = 1.5
"""How many times as far from a float64 evaluation as Keras's answers of the row an answer may be."""


class Disagreement(PipelineError):  # noqa: N818 - a finding
    """The graph answers otherwise than Keras."""


def check_agreement(
    model: Any, graph: onnx.ModelProto, batch: Mapping[str, Array] | None = None, *, share: float = 1.0
) -> None:
    """Compare a graph with the network that it was made from.

    Args:
        model: Keras's.
        graph: made from it.
        batch: input name -> rows; None for those of `seeded_batch`, whose answers always say how large answers are.
        share: of every bound that is allowed.

    Raises:
        PipelineError: they differ (the first input is shown with both answers), or one of them gives no answer.
    """
    seeded = seeded_batch(model)
    batch = seeded if batch is None else batch
    expected = keras_answers(model, batch)
    found = graph_answers(graph, batch)
    # Rows of one kind alone may have small answers only: what counts as small is the same for all of them.
    kinds = (expected,) if batch is seeded else (expected, keras_answers(model, seeded))
    least = {name: max(absolute_of(answers[name]) for answers in kinds) for name in expected}
    wrong = {name: ~agrees(found[name], expected[name], least=least[name], share=share) for name in expected}
    if any(cells.any() for cells in wrong.values()):
        wrong = _but_for(_within, model, batch, expected, found, wrong, share)
    if any(cells.any() for cells in wrong.values()):
        wrong = _but_for(_as_near_to_double, model, batch, expected, found, wrong, share)
    unknown = _with_nan(batch)
    if has_softmax(model) or any(node.op_type == "Softmax" for node in graph.graph.node):
        # TensorFlow's softmax of a row with NaN in it is NaN here, a number there; NaN is no wrong answer.
        for name, cells in wrong.items():
            cells[unknown] &= ~np.isnan(found[name][unknown]) if found[name].shape == cells.shape else True
    if pools_largest(model):
        # Sums of the lowest numbers overflow, or are none, by their order.
        for name, cells in wrong.items():
            if found[name].shape == cells.shape:
                cells[unknown] &= _usual(found[name][unknown]) & _usual(expected[name][unknown])
    rows = np.any([cells.reshape(len(cells), -1).any(axis=1) for cells in wrong.values()], axis=0)
    if rows.any():
        raise Disagreement(_shown(model, batch, expected, found, wrong, int(np.flatnonzero(rows)[0]), int(rows.sum())))
    _check_single_rows(model, graph, batch, expected, found, least)


def graph_answers(graph: onnx.ModelProto, batch: Mapping[str, Array]) -> dict[str, Array]:
    """What a graph answers in onnxruntime, one thread.

    Raises:
        Disagreement: it does not run.
    """
    import onnxruntime as ort

    try:
        session = open_session(to_bytes(graph), where=f"graph {graph.graph.name}")
    except PipelineError as error:
        raise Disagreement(str(error)) from error
    try:
        names = [output.name for output in session.get_outputs()]
        kinds = {entry.name: np.int64 if entry.type == "tensor(int64)" else None for entry in session.get_inputs()}
        feeds = {name: values.astype(kinds[name] or values.dtype) for name, values in batch.items() if name in kinds}
        return dict(zip(names, session.run(names, feeds), strict=True))
    except Exception as error:  # onnxruntime's own exception types have no common public base
        reason = str(error).strip().splitlines()[0][:300]
        raise Disagreement(
            f"graph {graph.graph.name}: onnxruntime {ort.__version__} does not run it: {reason}"
        ) from error


def agrees(found: Array, expected: Array, *, least: float | None = None, share: float = 1.0) -> Bools:
    """Cell by cell: within the two fixed bounds; NaN and infinity only where Keras has them.

    Args:
        found: answers.
        expected: those that they should be.
        least: a bound for the smallest answers; None for that of `absolute_of`.
        share: of the bounds that is allowed.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.zeros(expected.shape, dtype=bool)
    if not np.issubdtype(expected.dtype, np.floating):
        same: Bools = found == expected
        return same
    rest = tuple(range(1, expected.ndim))
    wide = expected.astype(np.float64)
    size = np.max(np.where(np.isfinite(wide), np.abs(wide), 0.0), axis=rest, keepdims=True)
    least = absolute_of(expected) if least is None else least
    return _close(found, expected, share * (RELATIVE * np.abs(wide) + OF_THE_ROW * size + least))


def absolute_of(expected: Array) -> float:
    """A few units of float32 of 1, or of the largest answer of all where that is smaller."""
    finite = np.abs(expected[np.isfinite(expected)].astype(np.float64))
    return ABSOLUTE * min(1.0, float(finite.max(initial=0.0)))


def _close(found: Array, expected: Array, bound: Array) -> Bools:
    with np.errstate(invalid="ignore"):
        near = np.abs(found.astype(np.float64) - expected.astype(np.float64)) <= bound
    same: Bools = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.where(np.isfinite(expected), near, same).astype(bool)


def _but_for(
    allowed: Allowed,
    model: Any,
    batch: Mapping[str, Array],
    expected: Mapping[str, Array],
    found: Mapping[str, Array],
    wrong: Mapping[str, Bools],
    share: float,
) -> dict[str, Bools]:
    """The cells that differ but for those that another bound allows; it is asked of their rows alone."""
    comparable = {
        name: cells
        for name, cells in wrong.items()
        if found[name].shape == expected[name].shape and found[name].dtype == expected[name].dtype
    }
    marks = [cells.reshape(len(cells), -1).any(axis=1) for cells in comparable.values()]
    rows = np.flatnonzero(np.any(marks, axis=0)) if marks else np.zeros(0, dtype=np.int64)
    if not len(rows):
        return dict(wrong)
    part, keras, ours = ({name: values[rows] for name, values in whole.items()} for whole in (batch, expected, found))
    good = allowed(model, part, keras, ours, share)
    left = {name: cells.copy() for name, cells in wrong.items()}
    for name in comparable:
        left[name][rows] &= ~good[name]
    return left


def _within(
    model: Any, batch: Mapping[str, Array], expected: Mapping[str, Array], found: Mapping[str, Array], share: float
) -> dict[str, Bools]:
    """Within what Keras's own answer moves; everything where it turns from a number into none."""
    moved = _moves(model, batch, expected)
    good = {}
    for name, values in expected.items():
        bound = share * (RELATIVE * np.abs(values.astype(np.float64)) + TIMES * moved[name])
        good[name] = _close(found[name], values, bound) | np.isinf(moved[name])
    return good


def _as_near_to_double(
    model: Any, batch: Mapping[str, Array], expected: Mapping[str, Array], found: Mapping[str, Array], share: float
) -> dict[str, Bools]:
    """In rows where the graph is no farther from float64 than Keras is, times 1.5."""
    wide = double_answers(model, batch)
    good = {}
    for name, values in expected.items():
        good[name] = np.zeros(values.shape, dtype=bool)
        if wide is None or wide[name].shape != values.shape or found[name].shape != values.shape:
            continue
        ours, keras, sure = (answers[name].astype(np.float64) for answers in (found, expected, wide))
        finite = np.isfinite(ours) & np.isfinite(keras) & np.isfinite(sure)
        with np.errstate(invalid="ignore"):
            apart = np.where(finite, np.abs(ours - sure), 0.0)
            theirs = np.where(finite, np.abs(keras - sure), 0.0)
        bound = max(1.0, share * FARTHER) * theirs.max(axis=tuple(range(1, theirs.ndim)), keepdims=True)
        good[name] = finite & (apart <= bound)
    return good


def _usual(values: Array) -> Bools:
    """Neither NaN nor next to overflow."""
    usual: Bools = np.nan_to_num(np.abs(values.astype(np.float64)), nan=np.inf) < OVERFLOW
    return usual


def _with_nan(batch: Mapping[str, Array]) -> Bools:
    """Rows with NaN in any input."""
    marks = [
        np.isnan(values).reshape(len(values), -1).any(axis=1) for values in batch.values() if values.dtype.kind == "f"
    ]
    rows = len(next(iter(batch.values())))
    found: Bools = np.any(marks, axis=0) if marks else np.zeros(rows, dtype=bool)
    return found


def _moves(model: Any, batch: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, Array]:
    """The largest change of each answer when weights, inputs and what layers hand on move by a unit of float32.

    The weights are put back.
    """
    random = np.random.default_rng(11)
    kept = [np.asarray(variable) for variable in model.variables]
    moved = {name: np.zeros(values.shape) for name, values in expected.items()}
    try:
        for _ in range(MOVES):
            for variable, values in zip(model.variables, kept, strict=True):
                variable.assign(_moved(values, random))
            shaken = {name: _moved(values, random) for name, values in batch.items()}
            answers = keras_answers(model, shaken, after_each=lambda values: _moved(values, random))
            for name, values in answers.items():
                moved[name] = np.maximum(moved[name], _change(values, expected[name]))
    finally:
        for variable, values in zip(model.variables, kept, strict=True):
            variable.assign(values)
    return moved


def _moved(values: Array, random: np.random.Generator) -> Array:
    if not np.issubdtype(values.dtype, np.floating):
        return values
    signs = random.choice([-1.0, 1.0], size=values.shape)
    moved: Array = (values * (1.0 + UNIT * signs)).astype(values.dtype)
    return moved


def _change(values: Array, expected: Array) -> Array:
    if not np.issubdtype(expected.dtype, np.floating):
        return np.where(values == expected, 0.0, np.inf)
    with np.errstate(invalid="ignore"):
        change = np.abs(values.astype(np.float64) - expected.astype(np.float64))
    both = np.isfinite(values) & np.isfinite(expected)
    same = (values == expected) | (np.isnan(values) & np.isnan(expected))
    changed: Array = np.where(both, change, np.where(same, 0.0, np.inf))
    return changed


def _check_single_rows(
    model: Any,
    graph: onnx.ModelProto,
    batch: Mapping[str, Array],
    expected: Mapping[str, Array],
    found: Mapping[str, Array],
    least: Mapping[str, float],
) -> None:
    """An answer must not depend on what else is in the batch; sums of one row may be added up in another order."""
    row, keras, ours = ({name: values[:1] for name, values in part.items()} for part in (batch, expected, found))
    alone = graph_answers(graph, row)
    wrong = [name for name, values in alone.items() if not agrees(values, ours[name], least=least[name]).all()]
    if not wrong:
        return
    moved = _moves(model, row, keras)
    for name in wrong:
        values = alone[name]
        same = values.shape == ours[name].shape and values.dtype == ours[name].dtype
        if not same or not (_close(values, ours[name], TIMES * moved[name]) | np.isinf(moved[name])).all():
            raise Disagreement(f"graph {graph.graph.name}: output {name!r} depends on what else is in the batch")


def _shown(
    model: Any,
    batch: Mapping[str, Array],
    expected: Mapping[str, Array],
    found: Mapping[str, Array],
    wrong: Mapping[str, Bools],
    row: int,
    count: int,
) -> str:
    name = next(name for name, cells in wrong.items() if cells[row].any())
    given = ", ".join(f"{key} = {_numbers(values[row])}" for key, values in batch.items())
    return (
        f"{model.name}: the graph answers otherwise than Keras, and is not written: {count} of {len(wrong[name])} "
        f"seeded rows; the first: {given}; output {name!r}: Keras {_numbers(expected[name][row])}, the graph "
        f"{_numbers(found[name][row]) if found[name].shape == expected[name].shape else found[name].shape}; please "
        "report this with the model's config"
    )


def _numbers(values: Array) -> str:
    flat = np.asarray(values).reshape(-1)
    text = " ".join(f"{value:.6g}" for value in flat[:8])
    return f"[{text}{' ...' if len(flat) > 8 else ''}]"
