"""Column expressions in the graph: exact operations become ONNX nodes on doubles, many columns per node."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from export.graph import GraphBuilder
from train.core.column_expressions import Expression, columns_of, const, evaluate
from train.core.errors import PipelineError

ELEMENTWISE = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "sign": "Sign",
    "minimum": "Min",
    "maximum": "Max",
}
"""Exact operation -> ONNX operator, element by element."""

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
    """

    def __init__(
        self,
        builder: GraphBuilder,
        source: str,
        n_inputs: int,
        columns: Sequence[Expression],
        *,
        inexact: frozenset[int] = frozenset(),
    ) -> None:
        self.inexact = inexact
        self.builder = builder
        self.source = source
        self.n_inputs = n_inputs
        self.columns = tuple(columns)

    def replaced(self, columns: Sequence[Expression]) -> "ColumnScope":
        """The same input seen through other columns."""
        return ColumnScope(self.builder, self.source, self.n_inputs, columns, inexact=self.inexact)

    def matrix(self, expressions: Sequence[Expression] | None = None, *, after: Sequence[str] = ()) -> str:
        """A float64 tensor [batch, expression] with the given expressions, by default this scope's columns.

        The columns of the tensors `after` stand in front of them.
        """
        wanted = [folded(e) for e in (self.columns if expressions is None else expressions)]
        if not wanted:
            raise PipelineError("cannot compile a pipeline whose preprocessing drops every column")
        groups: dict[str, list[int]] = {}
        for position, expression in enumerate(wanted):
            group = f"sum {position}" if is_long_sum(expression) else expression.op
            groups.setdefault(group, []).append(position)
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
            zero = build.node("Mul", self._is_nan(first), build.constant(0.0))
            return build.node("Add", zero, self._operand(same))
        arguments = [self._operand([e.args[k] for e in same]) for k in range(len(same[0].args))]
        if op in ELEMENTWISE:
            return build.node(ELEMENTWISE[op], *arguments)
        if op == "fill":
            return build.node("Where", build.node("IsNaN", arguments[0]), arguments[1], arguments[0])
        if op == "is_nan":
            return self._is_nan(arguments[0])
        if op == "log1p":
            return self._log1p(arguments[0])
        if op == "signed_log1p":
            return build.node("Mul", build.node("Sign", arguments[0]), self._log1p(build.node("Abs", arguments[0])))
        raise PipelineError(f"expression: operation {op!r} has no ONNX form")

    def _operand(self, expressions: list[Expression]) -> str:
        """Like `matrix`, but constants alone stay a row that broadcasts over the batch."""
        operands = [folded(expression) for expression in expressions]
        if all(expression.op == "const" for expression in operands):
            return self.builder.constant([expression.value for expression in operands])
        return self.matrix(operands)

    def _is_nan(self, tensor: str) -> str:
        return self.builder.node("Cast", self.builder.node("IsNaN", tensor), to=TensorProto.DOUBLE)

    def _log1p(self, x: str) -> str:
        """ln(1 + x) without cancellation: with u = 1 + x rounded, ln(u) x / (u - 1), and x itself where u is 1."""
        build, one = self.builder, self.builder.constant(1.0)
        u = build.node("Add", x, one)
        ratio = build.node("Div", build.node("Mul", build.node("Log", u), x), build.node("Sub", u, one))
        tiny, infinite = build.node("Equal", u, one), build.node("IsInf", u)
        return build.node("Where", build.node("Or", tiny, infinite), x, ratio)


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
