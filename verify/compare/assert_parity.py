"""`verify.assert_parity`: for notebooks and pytest, rows of your own through the original and its ONNX graph."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.sklearn.columns.preprocess import input_width
from train.core.columns.model_table import encoded, table_of
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes
from verify.compare.compare_files import same_answers
from verify.compare.compare_model import ROWS_WITH_CAUSE, FamilyResult, Wrong, compare_rows, far_first
from verify.compare.onnx_file import ForeignGraph, open_foreign
from verify.compare.pair_probes import tolerance_of
from verify.comparison.causes import Cause, name_causes
from verify.comparison.parity import ParityResult, RowDifference, Tolerance
from verify.runtimes.original import Original, load_sklearn, sklearn_original

Floats = npt.NDArray[np.float64]
SHOWN_COLUMNS = 12
Graph = Path | str | bytes | onnx.ModelProto


class ParityError(AssertionError):
    """The two do not answer alike; `result` holds what was found."""

    def __init__(self, message: str, result: ParityResult) -> None:
        super().__init__(message)
        self.result = result


def assert_parity(
    original: Any,
    onnx: Graph,
    X: Any,
    *,
    absolute: float | None = None,
    relative: float | None = None,
) -> ParityResult:
    """Assert that an ONNX graph answers rows as the model does that it was made from.

    It compares the rows that you give and no others; `python -m verify compare` makes rows that stand at every split.

    Args:
        original: a fitted scikit-learn model or a Keras network; or the path of a .skops or .keras file.
        onnx: path, bytes or `ModelProto`.
        X: rows, float64 [row, column] as the model takes them, or a DataFrame with its columns; for a network an array
            [row, ...], or a mapping of input name to array. NaN is a missing value. Rows that the original itself
            refuses (infinite ones, say) are left out.
        absolute: how far an answer x may be from the original's y: abs(x - y) <= absolute + relative * abs(y); None:
            0 for trees, averaged (the same 64 bits), 1e-12 for other scikit-learn models. Not for a network, whose
            float32 answers have a rule of their own (`export.keras.agreement`).
        relative: see `absolute`.

    Returns:
        What was compared. For a network only the number of rows.

    Raises:
        ParityError: an AssertionError whose message names the first row that differs, both answers, why, and what to
            do.
        PipelineError: they cannot be compared: not such a model or graph, other columns, no rows.
    """
    if _is_network(original):
        return _assert_network(original, onnx, X, chosen=absolute is not None or relative is not None)
    model = load_sklearn(Path(original)) if isinstance(original, str | Path) else _fitted(original)
    graph = open_foreign(_readable(onnx), table_of(model.estimator, input_width(model.estimator)))
    model, _ = same_answers(model, graph)
    names, rows = _rows(X, model.estimator)
    tolerance = tolerance_of(model, graph)
    if absolute is not None or relative is not None:
        tolerance = Tolerance(_limit("absolute", absolute), _limit("relative", relative))
    wrong: list[Wrong] = []
    found = compare_rows(model, graph, rows, tolerance, wrong)
    if found.unanswered:
        raise PipelineError(f"onnx: the graph fails on these rows: {found.unanswered}")
    if not found.result.rows:
        raise PipelineError(f"X: the original refuses every one of its {len(rows):,} rows; give rows that it answers")
    if found.result.in_parity and not found.labels:
        return found.result
    causes = _causes(model, graph, wrong, found)
    raise ParityError(_lesson(found, tolerance, causes, names, graph), found.result)


def _is_network(original: Any) -> bool:
    if isinstance(original, str | Path):
        from export.keras.model_file import is_keras_file

        return bool(is_keras_file(Path(original)))
    return any(base.__module__.split(".")[0] == "keras" for base in type(original).__mro__)


def _fitted(original: Any) -> Original:
    input_width(original)  # says what is no fitted estimator
    return sklearn_original(original, name=type(original).__name__)


def _readable(graph: Graph) -> Path | bytes:
    if isinstance(graph, onnx.ModelProto):
        return bytes(graph.SerializeToString())
    if isinstance(graph, str | Path):
        return Path(graph)
    if isinstance(graph, bytes):
        return graph
    raise PipelineError(f"onnx: expected a path, bytes or an onnx.ModelProto, found a {type(graph).__name__}")


def _rows(X: Any, estimator: Any) -> tuple[list[str], Floats]:
    """Names of the columns, and the rows in the model's order."""
    known = getattr(estimator, "feature_names_in_", None)
    given = list(getattr(X, "columns", []))
    if given and known is not None:
        lost = [name for name in known if name not in given]
        if lost:
            raise PipelineError(f"X: column {str(lost[0])!r} of the model is missing; found {[str(n) for n in given]}")
        X, given = X[list(known)], list(known)
    width = input_width(estimator)
    columns = table_of(estimator, width)
    try:
        if any(column.kind == "text" for column in columns) and np.ndim(X) == 2 and np.shape(X)[1] == width:
            X = encoded(columns, np.asarray(X, dtype=object))
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"X: expected a table of numbers: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != width:
        raise PipelineError(f"X: shape {list(rows.shape)}, the model takes [row, {width}]; give just its columns")
    if not len(rows):
        raise PipelineError("X: no rows; nothing would be compared")
    names = given or (list(known) if known is not None else [f"column {i}" for i in range(width)])
    return [str(name) for name in names], np.ascontiguousarray(rows)


def _limit(name: str, value: float | None) -> float:
    limit = 0.0 if value is None else float(value)
    if not 0.0 <= limit < np.inf:
        raise PipelineError(f"{name}: must be a number from 0 up, found {value!r}")
    return limit


def _causes(model: Original, graph: ForeignGraph, wrong: list[Wrong], found: FamilyResult) -> list[Cause]:
    if not wrong:
        return []
    rows, expected, answers = wrong[0]
    kept = far_first(expected, answers)[:ROWS_WITH_CAUSE]
    return name_causes(
        rows[kept],
        expected[kept],
        answers[kept],
        groups=model.groups,
        probabilities=has_classes(model.estimator),
        answer=model.answer,
        graph=graph,
        share=found.result.mismatched / max(found.result.rows, 1),
    )


def _lesson(
    found: FamilyResult, tolerance: Tolerance, causes: list[Cause], names: list[str], graph: ForeignGraph
) -> str:
    """What differs, where first, why, and what to do: a line each."""
    result = found.result
    lines = [
        f"NOT in parity ({tolerance}): {result.mismatched:,} of {result.rows:,} rows differ, "
        f"{found.labels:,} of them in the label",
        f"  largest difference: {result.max_abs:.3g} absolute, {result.max_rel:.3g} relative",
    ]
    if result.problem:
        lines.append(f"  the answers have {result.problem}")
    if result.first:
        lines += _row_lines(result.first[0], names)
    lines += [f"  cause on {cause.rows:,} rows: {cause.name}: {cause.evidence}" for cause in causes]
    if any(one.type == "tensor(float)" for one in graph.session.get_inputs()):
        lines.append("  the graph takes float32: every input is rounded before the model sees it")
    lines.append(
        "  to compile it exactly: `export.from_sklearn.compile_sklearn(model)`; to see what the graph does at every "
        "split: `python -m verify compare`; if this difference is fine for you: absolute=, relative="
    )
    return "\n".join(lines)


def _row_lines(row: RowDifference, names: list[str]) -> list[str]:
    pairs = list(zip(names, row.inputs, strict=True))
    shown = ", ".join(f"{name}={value!r}" for name, value in pairs[:SHOWN_COLUMNS])
    rest = f" and {len(pairs) - SHOWN_COLUMNS} more columns" if len(pairs) > SHOWN_COLUMNS else ""
    return [
        f"  the first is row {row.index} of those compared: {shown}{rest}",
        f"    original {list(row.expected)}",
        f"    onnx     {list(row.found)}",
    ]


def _assert_network(original: Any, graph: Graph, X: Any, *, chosen: bool) -> ParityResult:
    from export.keras.agreement import Disagreement, check_agreement
    from export.keras.model_file import load_keras_file

    if chosen:
        raise PipelineError(
            "absolute, relative: a network has a rule of its own (`export.keras.agreement`); leave both"
        )
    network = load_keras_file(Path(original)) if isinstance(original, str | Path) else original
    source = _readable(graph)
    try:
        model = onnx.load_from_string(source) if isinstance(source, bytes) else onnx.load(source)
    except Exception as error:  # protobuf's own exceptions, and the system's
        raise PipelineError(f"onnx: not an ONNX file: {error}") from error
    names = [value.name for value in network.inputs]
    batch = dict(X) if isinstance(X, Mapping) else {names[0]: X}
    if sorted(batch) != sorted(names):
        raise PipelineError(f"X: tensors {sorted(batch)}, the network takes {names}")
    tensors = {value.name: np.asarray(batch[value.name], dtype=value.dtype) for value in network.inputs}
    rows = {name: len(tensor) if tensor.ndim else 0 for name, tensor in tensors.items()}
    if len(set(rows.values())) > 1 or not all(rows.values()):
        raise PipelineError(f"X: every tensor must have the same number of rows, at least one; found {rows}")
    try:
        check_agreement(network, model, tensors)
    except Disagreement as error:
        count = next(iter(rows.values()))
        raise ParityError(f"NOT in parity: {error}", ParityResult(rows=count, mismatched=count)) from error
    return ParityResult(rows=next(iter(rows.values())))
