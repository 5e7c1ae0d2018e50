"""Column expressions in the graph: exact operations become ONNX nodes on doubles, many columns per node."""

from collections.abc import Sequence

import numpy as np

from export.graph import GraphBuilder
from export.sklearn.columns import operators
from export.sklearn.columns.operators import ELEMENTWISE
from export.sklearn.columns.refusal import refuse
from train.core.columns.column_expressions import Expression, columns_of, const, evaluate, operations_of
from train.core.columns.column_operations import EXACT, OPERATIONS
from train.core.errors import PipelineError

_LONG_SUM = 4
"""From this number of terms on, one running sum is quicker than an addition for each."""


class ColumnScope:
    """The columns that an estimator sees, as expressions of the model's input, and the tensors that hold them.

    Attributes:
        builder: where nodes go.
        source: name of the input tensor, float64 [batch, n_inputs].
        n_inputs: number of columns of `source`.
        columns: one expression per column that the estimator sees.
        inexact: columns of `source` whose bits may differ from the original's (other models' answers).
        behind: the transformers that made `columns`, for a refusal that names them.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        source: str,
        n_inputs: int,
        columns: Sequence[Expression],
        *,
        inexact: frozenset[int] = frozenset(),
        behind: Sequence[object] = (),
    ) -> None:
        self.inexact = inexact
        self.behind = tuple(behind)
        self.builder = builder
        self.source = source
        self.n_inputs = n_inputs
        self.columns = tuple(columns)

    def replaced(self, columns: Sequence[Expression], *, by: Sequence[object] = ()) -> "ColumnScope":
        """The same input seen through other columns, which these transformers made."""
        behind = (*self.behind, *by)
        return ColumnScope(self.builder, self.source, self.n_inputs, columns, inexact=self.inexact, behind=behind)

    def matrix(self, expressions: Sequence[Expression] | None = None, *, after: Sequence[str] = ()) -> str:
        """A float64 tensor [batch, expression] with the given expressions, by default this scope's columns.

        The columns of the tensors `after` stand in front of them.
        """
        wanted = [folded(e) for e in (self.columns if expressions is None else expressions)]
        if not wanted:
            raise PipelineError("cannot compile a pipeline whose preprocessing drops every column")
        groups: dict[object, list[int]] = {}
        for position, expression in enumerate(wanted):
            groups.setdefault(_group(expression, position), []).append(position)
        parts = [self._block([wanted[i] for i in positions]) for positions in groups.values()]
        order = np.argsort([i for positions in groups.values() for i in positions])
        if np.array_equal(order, np.arange(len(order))):
            return self._joined([*after, *parts])
        ordered = self.builder.node("Gather", self._joined(parts), self.builder.constant(order, np.int64), axis=1)
        return self._joined([*after, ordered])

    def running_sum(self, terms: Sequence[Expression]) -> str:
        """Float64 [batch, term]: the sums of the first one, two, ... terms.

        It adds from first to last, as nested additions do: the bits of the sum stand in the last column.
        """
        return self.builder.node("CumSum", self.matrix(terms), self.builder.constant(1, np.int64))

    def _joined(self, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else self.builder.node("Concat", *parts, axis=1)

    def _block(self, same: list[Expression]) -> str:
        """Expressions with one operation at their root, as one tensor [batch, expression]."""
        build, op = self.builder, same[0].op
        if is_long_sum(same[0]):
            terms = terms_of(same[0])
            return build.node("Gather", self.running_sum(terms), build.constant([len(terms) - 1], np.int64), axis=1)
        if op == "column":
            indices = [int(expression.value) for expression in same]
            if indices == list(range(self.n_inputs)):
                return self.source
            return build.node("Gather", self.source, build.constant(indices, np.int64), axis=1)
        if op == "const":
            first = build.node("Gather", self.source, build.constant([0], np.int64), axis=1)
            zero = build.node("Mul", operators.is_nan(build, first), build.constant(0.0))
            return build.node("Add", zero, self._operand(same))
        if op == "dot":
            weights = np.array([expression.table[0] for expression in same]).T
            return build.node("MatMul", self.matrix(same[0].args), build.constant(weights))
        if same[0].owner is not None:
            whole = same[0].owner.lower(self.replaced(same[0].args))  # type: ignore[attr-defined]
            return build.node("Gather", whole, build.constant([int(e.value) for e in same], np.int64), axis=1)
        self._require_sound(same)
        arguments = [self._operand([e.args[k] for e in same]) for k in range(len(same[0].args))]
        if op in ELEMENTWISE:
            return build.node(ELEMENTWISE[op], *arguments)
        if op in operators.UNARY:
            return operators.UNARY[op](build, arguments[0])
        if op in operators.WITH_TABLE:
            return operators.WITH_TABLE[op](build, arguments[0], same[0].table)
        if op == "fill":
            return operators.fill(build, arguments[0], arguments[1])
        if op == "equal":
            return operators.equal(build, arguments[0], arguments[1])
        if op == "where":
            return operators.where(build, *arguments)
        if op in OPERATIONS:
            raise refuse(
                f"the operation {op}", "it has no form in a graph", supported="it in front of trees, or another"
            )
        raise PipelineError(f"expression: operation {op!r} has no ONNX form")

    def _require_sound(self, same: list[Expression]) -> None:
        """A jump turns a rounding in front of it into another value, so that no tolerance holds.

        Raises:
            PipelineError: of either grade.
        """
        for expression in same:
            if not _jumps(expression):
                continue
            names = sorted({op for a in expression.args for op in operations_of(a)} - {"column", "const", *EXACT})
            if names or any(columns_of(argument) & self.inexact for argument in expression.args):
                what = f"{names[0]}()" if names else "another model's answer"
                raise PipelineError(
                    f"cannot compile {_JUMPS[expression.op]} behind {what}: what it is given differs in the last bit "
                    "from the original's, and on an edge that is another value: no tolerance holds; put the one in "
                    "front of the other, or use exact columns (scalers, encoders, imputers) before it"
                )

    def _operand(self, expressions: list[Expression]) -> str:
        """Like `matrix`, but constants alone stay a row that broadcasts over the batch."""
        operands = [folded(expression) for expression in expressions]
        if all(expression.op == "const" for expression in operands):
            return self.builder.constant([expression.value for expression in operands])
        return self.matrix(operands)


_JUMPS = {
    "step": "bins or a threshold",
    "equal": "a category or a mark of missing values",
    "lookup": "a code of categories",
    "floor": "a rounding to whole numbers",
    "ceil": "a rounding to whole numbers",
    "rint": "a rounding to whole numbers",
    "quantile": "quantiles that repeat",
}
"""Operations that are not continuous, in words."""
NOTHING = 1e-14
"""A threshold below tells zero from other sizes, as divisions ask."""


def _jumps(expression: Expression) -> bool:
    """Whether the root of an expression is not continuous where values lie."""
    if expression.op == "quantile":  # at one that occurs several times
        return bool((np.diff(np.array(expression.table[0])) == 0.0).any())
    if expression.op == "step":
        return bool((np.abs(np.array(expression.table[0])) > NOTHING).any())
    return expression.op in _JUMPS


def _group(expression: Expression, position: int) -> object:
    """What is computed in one go: the same operation, products with the same columns, else each by itself."""
    if is_long_sum(expression):
        return "sum", position
    if expression.op == "dot":
        return "dot", expression.args
    if expression.owner is not None:
        return expression.owner, expression.args
    return (expression.op, position) if expression.table else expression.op


def is_long_sum(expression: Expression) -> bool:
    """Whether one running sum is quicker than an addition for each term."""
    return len(terms_of(expression)) >= _LONG_SUM


def terms_of(expression: Expression) -> list[Expression]:
    """The terms of a sum, ((a + b) + c) + ..., from first to last; the expression itself when it is no sum."""
    terms: list[Expression] = []
    while expression.op == "add":
        expression, last = expression.args
        terms.insert(0, last)
    return [expression, *terms]


def folded(expression: Expression) -> Expression:
    """An expression that reads no column is its value."""
    if expression.op == "const" or columns_of(expression):
        return expression
    return const(float(evaluate(expression, np.zeros((1, 0)))[0]))
