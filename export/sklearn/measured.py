"""The grade `measured`: a model without an exact form through skl2onnx, and how far off it is.

It takes `features` in float64, gives `probabilities_out` or `variable_out`, and is refused where it is not near. No
command uses it yet.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from export.errors import NoExactForm
from export.graph import OPSET, finish, tensor, to_bytes
from export.sklearn.columns.preprocess import input_width
from export.sklearn.compile import INPUT
from export.sklearn.sample_rows import starting_rows
from train.core.errors import PipelineError
from train.core.sklearn_answers import answers, has_classes

Floats = npt.NDArray[np.float64]
SEED = 0
MARGIN = 2.0
LARGEST_BOUND = 1e-3
"""Of the size of the answers; what is farther off is no rounding."""


@dataclass(frozen=True)
class Measured:
    """How a tolerance was measured.

    Attributes:
        reason: why there is no exact form.
        converter: whose graph it is.
        rows: how many answers were compared, seeded by `seed`.
        seed: of the rows.
        largest: the largest difference of any answer.
        bound: `MARGIN` times that: the tolerance of the graph.
    """

    reason: str
    converter: str
    rows: int
    seed: int
    largest: float
    bound: float


def compile_measured(
    estimator: Any, reason: NoExactForm, *, name: str, before_trees: bool = False
) -> tuple[onnx.ModelProto, Measured]:
    """A graph by skl2onnx's own converter, and its measured tolerance.

    Raises:
        PipelineError: trees stand in it and `before_trees` is not set; skl2onnx has no converter; the graph's labels,
            its NaN or its numbers are not the original's.
    """
    import skl2onnx

    if not before_trees and _holds_trees(estimator):
        raise PipelineError(
            f"{type(estimator).__name__}: trees stand with a part without an exact form ({reason}): a split "
            "turns a rounding into another leaf, so no tolerance holds; leave that part out, or put exact ones in its "
            "place, or ask for it (before_trees)"
        )
    width = input_width(estimator)
    graph = _converted(estimator, width, name)
    rows = starting_rows(estimator, width)[::4]
    largest, scale = _largest_difference(estimator, graph, rows)
    if not largest <= LARGEST_BOUND * scale:
        raise PipelineError(f"{type(estimator).__name__}: skl2onnx's graph is {largest:.3g} from the original: refused")
    found = Measured(str(reason), f"skl2onnx {skl2onnx.__version__}", len(rows), SEED, largest, MARGIN * largest)
    return graph, found


def _converted(estimator: Any, width: int, name: str) -> onnx.ModelProto:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    soft = has_classes(estimator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stock = to_onnx(
                estimator,
                initial_types=[(INPUT, DoubleTensorType([None, width]))],
                options={id(estimator): {"zipmap": False}} if soft else None,
                target_opset=OPSET,
                name=name,
            )
    except Exception as error:  # a stock converter fails in any way it likes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PipelineError(f"{type(estimator).__name__}: neither exact nor by skl2onnx: {reason}") from error
    body, answer = stock.graph, stock.graph.output[-1]
    public = "probabilities" if soft else "variable"
    shape = [axis.dim_value or "batch" for axis in answer.type.tensor_type.shape.dim]
    body.node.append(helper.make_node("Cast", [answer.name], [f"{public}_as_double"], to=TensorProto.DOUBLE))
    width_out = shape[1] if len(shape) > 1 else 1
    body.node.append(helper.make_node("Identity", [f"{public}_as_double"], [f"{public}_out"]))
    del body.output[:], body.input[:]
    body.input.append(tensor(INPUT, TensorProto.DOUBLE, ["batch", width]))
    body.output.append(tensor(f"{public}_out", TensorProto.DOUBLE, ["batch", width_out]))
    return finish(body, name=name)


def _largest_difference(estimator: Any, graph: onnx.ModelProto, rows: Floats) -> tuple[float, float]:
    """The largest difference on rows, and the size of the answers; labels must be the original's outside a tie."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    expected = answers(estimator, rows)
    try:
        session = ort.InferenceSession(to_bytes(graph), options, providers=["CPUExecutionProvider"])
        found = np.asarray(session.run(None, {INPUT: rows})[0]).reshape(expected.shape)
    except Exception as error:  # onnxruntime's own exception types have no common public base
        reason = str(error).strip().splitlines()[0]
        raise PipelineError(f"{type(estimator).__name__}: skl2onnx's graph does not run: {reason}") from error
    if not np.array_equal(np.isnan(expected), np.isnan(found)):
        raise PipelineError(
            f"{type(estimator).__name__}: skl2onnx's graph has NaN where the original has none: refused"
        )
    largest = float(np.nanmax(np.abs(expected - found), initial=0.0))
    if has_classes(estimator) and expected.shape[1] > 1:
        top = np.sort(expected, axis=1)
        clear = top[:, -1] - top[:, -2] > MARGIN * max(largest, 1e-12) if largest < LARGEST_BOUND else top[:, -1] > 0
        flipped = clear & (expected.argmax(axis=1) != found.argmax(axis=1))
        if flipped.any():
            raise PipelineError(
                f"{type(estimator).__name__}: skl2onnx's graph answers {int(flipped.sum())} of {len(rows)} rows with "
                "another label: refused"
            )
    return largest, max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))


def _holds_trees(estimator: Any, depth: int = 5) -> bool:
    """Whether a fitted estimator is a tree or keeps one, however nested."""
    if hasattr(estimator, "tree_") or hasattr(estimator, "_predictors") or hasattr(estimator, "get_booster"):
        return True
    if depth == 0 or isinstance(estimator, (str, bytes, int, float, np.generic)) or estimator is None:
        return False
    if isinstance(estimator, dict):
        parts = list(estimator.values())
    elif isinstance(estimator, (list, tuple)):
        parts = list(estimator)
    elif isinstance(estimator, np.ndarray):
        parts = list(estimator.ravel()) if estimator.dtype == object else []
    else:
        parts = list(vars(estimator).values()) if hasattr(estimator, "get_params") else []
    return any(_holds_trees(part, depth - 1) for part in parts)
