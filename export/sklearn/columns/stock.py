"""Parts without an exact form, by skl2onnx's own converter, inside a graph that is exact around them.

Nothing of this happens unless `measuring_parts` is entered: outside of it every such part is refused by name.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, compose, inliner

from export.errors import NoExactForm
from export.graph import ML_DOMAIN, OPSET, GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from train.core.columns.column_expressions import Expression, column, substitute_all
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes, one_job, original_input

Columns = tuple[Expression, ...]
_FIRST_STAND_IN = 1 << 40
"""Columns from here on stand for answers of transformers that are put into the graph when the whole row is known."""


class Measuring:
    """What was put in by a converter while one model is compiled.

    Attributes:
        before_trees: such parts may stand in front of a tree.
        by_converter: ids of estimators that the converter is to take as a whole, and why.
        parts: names of those that it took, each with the reason.
        converted: nodes of the converter stand in the graph.
        error: what a probability may be off by what is known of the parts, beside what is measured.
    """

    def __init__(self, *, before_trees: bool, by_converter: Mapping[int, NoExactForm] = MappingProxyType({})) -> None:
        self.before_trees = before_trees
        self.by_converter = by_converter
        self.parts: dict[str, None] = {}
        self.converted = False
        self.error = 0.0
        self._waiting: list[tuple[Any, Columns, int]] = []

    def note(self, reason: object, *, error: float = 0.0) -> None:
        """Keep why a part, which the reason names, has no exact form, and how far off it is known to be."""
        self.parts[short(reason)] = None
        self.error = max(self.error, error)

    def stand_in(self, transformer: Any, columns: Columns, reason: NoExactForm) -> Columns:
        """Columns for what `transformer` makes of `columns`; `settled` puts it into the graph."""
        if any(one.words is not None for one in columns):
            raise reason
        first = _FIRST_STAND_IN + sum(width for _, _, width in self._waiting)
        try:
            width = _width_of(transformer, len(columns))
        except Exception as error:  # whatever a transformer does with a row of ones
            raise reason from error
        self.note(reason)
        self.converted = True
        self._waiting.append((transformer, columns, width))
        return tuple(column(first + index) for index in range(width))

    def settled(self, scope: ColumnScope, columns: Columns, by: Sequence[Any]) -> ColumnScope:
        """`columns`, made by the steps `by`, on the input of `scope`, answers of waiting transformers beside it."""
        known = _Known()
        for transformer, given, width in self._waiting:
            asked = substitute_all(given, cast("Any", known))
            tensor = spliced(transformer, scope.matrix(asked), len(given), scope.builder)[-1]
            source = scope.builder.node("Concat", scope.source, tensor, axis=1)
            places = range(scope.n_inputs, scope.n_inputs + width)
            for place in places:
                known[_FIRST_STAND_IN + len(known)] = column(place)
            scope = ColumnScope(
                scope.builder,
                source,
                scope.n_inputs + width,
                scope.columns,
                inexact=scope.inexact | frozenset(places),
            )
        self._waiting.clear()
        return scope.replaced(substitute_all(columns, cast("Any", known)), by=by)


class _Known(dict[int, Expression]):
    """A column that no transformer stands for is itself."""

    def __missing__(self, index: int) -> Expression:
        return column(index)


_current: ContextVar[Measuring | None] = ContextVar("measuring", default=None)


def measuring() -> Measuring | None:
    """What may be put in by a converter right now; None: nothing, all is exact or refused."""
    return _current.get()


@contextmanager
def measuring_parts(
    *, before_trees: bool, by_converter: Mapping[int, NoExactForm] = MappingProxyType({})
) -> Iterator[Measuring]:
    """Let converters take what has no exact form; what they took stands in the result."""
    found = Measuring(before_trees=before_trees, by_converter=by_converter)
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


@contextmanager
def exactly() -> Iterator[None]:
    """Let no converter take anything, whatever stands around."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def spliced(estimator: Any, source: str, width: int, build: GraphBuilder) -> list[str]:
    """The nodes of skl2onnx's graph of `estimator` on `source` float64 [batch, width]; its outputs, numbers as float64.

    Raises:
        PipelineError: skl2onnx has no converter, or gives operators of sets that are not ours.
    """
    stock, kind = _converted(estimator, width)
    foreign = {node.domain for node in stock.node} - {"", ML_DOMAIN}
    if foreign:
        raise PipelineError(f"{type(estimator).__name__}: skl2onnx needs operators of {', '.join(sorted(foreign))}")
    prefix = f"s{len(build.nodes)}_"
    body = compose.add_prefix_graph(stock, prefix)
    entry = body.input[0].name
    build.nodes.append(onnx.helper.make_node("Cast", [source], [entry], name=entry, to=kind))
    build.nodes.extend(body.node)
    build.initializers.extend(body.initializer)
    numbers = (TensorProto.FLOAT, TensorProto.DOUBLE)
    return [
        build.node("Cast", output.name, to=TensorProto.DOUBLE)
        if output.type.tensor_type.elem_type in numbers
        else output.name
        for output in body.output
    ]


def _converted(estimator: Any, width: int) -> tuple[onnx.GraphProto, int]:
    """The converter's graph and the type of its input: doubles, or floats where it takes nothing else."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    failed: Exception | None = None
    for tensor, kind in ((DoubleTensorType, TensorProto.DOUBLE), (FloatTensorType, TensorProto.FLOAT)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = to_onnx(
                    estimator,
                    initial_types=[("rows", tensor([None, width]))],
                    options={id(estimator): {"zipmap": False}} if has_classes(estimator) else None,
                    target_opset=OPSET,
                )
            return inliner.inline_local_functions(model).graph, kind
        except Exception as error:  # noqa: BLE001 - a stock converter fails in any way it likes
            failed = failed or error
    raise PipelineError(f"{type(estimator).__name__}: skl2onnx does not take it: {short(failed)}") from failed


def _width_of(transformer: Any, n_columns: int) -> int:
    with one_job(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return int(transformer.transform(original_input(transformer, np.ones((1, n_columns)))).shape[1])


def short(reason: object) -> str:
    """The first line of a reason, without what a refusal says around it."""
    line = (str(reason).strip().splitlines() or [type(reason).__name__])[0]
    return line.replace("cannot compile ", "").replace(" exactly: ", ": ").partition("; supported:")[0][:200]


def holds_trees(estimator: Any, depth: int = 5) -> bool:
    """Whether a fitted estimator is a tree or keeps one, however nested."""
    if any(hasattr(estimator, name) for name in ("tree_", "_predictors", "get_booster", "booster_", "get_tree_splits")):
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
    return any(holds_trees(part, depth - 1) for part in parts)
