"""Column expressions: the arithmetic a transformer declares so that the compiler can lower it bit for bit.

A transformer that engineers features offers `column_expressions()`, one expression per output column, and computes
`transform` with `evaluate_all` on those very expressions. The compiler (`columns.preprocess`) then has two exact ways:

- an *exact* operation (+ - * / sqrt abs sign minimum maximum fill is_nan ...) is correctly rounded or rounds nothing,
  so NumPy and onnxruntime agree to the last bit: it may stand anywhere and is computed in the graph;
- a *monotone* function of one expression (log1p, signed_log1p ...) has no correctly rounded kernel. In front of a tree
  it must be the outermost part of a column (scaling around it is fine): it is folded into the split thresholds,
  evaluated by NumPy itself, and must give a number on the whole real line (write `log1p(maximum(x, const(0)))`), or on
  all numbers from a bound on (write `log(nan_below(x, 0.0))`).

What the operations compute stands in `train.core.columns.column_operations`.

Example:
    >>> moneyness = column(0) / maximum(absolute(column(1)), const(1e-9))
    >>> evaluate(moneyness, np.array([[1.0, -4.0]]))
    array([0.25])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from train.core.columns.column_operations import OPERATIONS
from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expression:
    """One node: `column` (value = index), `const` (value = the number), or an operation on `args`.

    Built with `column`, `const`, the operators + - * / and the functions of this module; immutable and hashable.

    Attributes:
        op: name of the operation.
        args: what it works on.
        value: of a constant, or the index of a column.
        table: numbers that belong to the operation itself (the edges of bins, the weights of a sum).
        words: set where the value is a code of text: code k stands for `words[k]`, any other number for text that is
            none of them, NaN for a missing value. Codes are compared and filled, never added.
        owner: of a joint operation: what makes a whole table of the columns `args`, of which this is column `value`.
    """

    op: str
    args: tuple[Expression, ...] = ()
    value: float = 0.0
    table: tuple[tuple[float, ...], ...] = ()
    words: tuple[str, ...] | None = None
    owner: Callable[[Floats], Floats] | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Kept: an expression is looked up often, and holds others many levels deep.
        object.__setattr__(self, "_hash", hash((self.op, self.args, self.value, self.table, self.words, self.owner)))

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Expression) -> Expression:
        return _node("add", self, other)

    def __sub__(self, other: Expression) -> Expression:
        return _node("sub", self, other)

    def __mul__(self, other: Expression) -> Expression:
        return _node("mul", self, other)

    def __truediv__(self, other: Expression) -> Expression:
        return _node("div", self, other)


@runtime_checkable
class DescribesColumns(Protocol):
    """What a transformer offers to be compiled: `transform(X)` equals `evaluate_all(column_expressions(), X)`."""

    n_features_in_: int

    def column_expressions(self) -> tuple[Expression, ...]:
        """One expression per output column, in terms of the input columns of `transform`."""
        ...


def _node(op: str, *args: Expression) -> Expression:
    return Expression(op, args)


def column(index: int) -> Expression:
    """Input column `index` (0-based)."""
    if index < 0:
        raise PipelineError(f"expression: column index must be >= 0, got {index}")
    return Expression("column", value=int(index))


def const(value: float) -> Expression:
    """A finite float64 constant."""
    if not math.isfinite(value):
        raise PipelineError(f"expression: a constant must be finite, got {value}")
    return Expression("const", value=float(value))


def sqrt(x: Expression) -> Expression:
    """Correctly rounded square root; NaN below zero."""
    return _node("sqrt", x)


def absolute(x: Expression) -> Expression:
    """|x|."""
    return _node("abs", x)


def sign(x: Expression) -> Expression:
    """-1, 0 or 1; NaN stays NaN."""
    return _node("sign", x)


def minimum(x: Expression, y: Expression) -> Expression:
    """The smaller of two; NaN if either is NaN."""
    return _node("minimum", x, y)


def maximum(x: Expression, y: Expression) -> Expression:
    """The larger of two; NaN if either is NaN."""
    return _node("maximum", x, y)


def fill(x: Expression, value: Expression) -> Expression:
    """`x` with `value` in place of NaN."""
    return _node("fill", x, value)


def is_nan(x: Expression) -> Expression:
    """1.0 where `x` is NaN, else 0.0."""
    return _node("is_nan", x)


def log1p(x: Expression) -> Expression:
    """ln(1 + x); in front of trees only as the outermost part of a column, on an argument that stays above -1."""
    return _node("log1p", x)


def signed_log1p(x: Expression) -> Expression:
    """sign(x) ln(1 + |x|); in front of trees only as the outermost part of a column."""
    return _node("signed_log1p", x)


def operation(op: str, *args: Expression, table: Iterable[Iterable[float]] = ()) -> Expression:
    """Any operation of `train.core.columns.column_operations` by its name."""
    return Expression(op, args, table=tuple(tuple(float(value) for value in row) for row in table))


def evaluate_all(expressions: Iterable[Expression], X: npt.ArrayLike) -> Floats:
    """Evaluate every expression on the rows of `X`.

    Args:
        expressions: what to compute, in output order.
        X: float64 [row, column]; NaN flows through as IEEE 754 says, divisions by zero give infinities, silently.

    Returns:
        float64 [row, expression]; each element is a pure function of its row, whatever the batch.

    Raises:
        PipelineError: an expression names a column that `X` does not have, or an unknown operation.
    """
    rows = np.asarray(X, dtype=np.float64)
    known: dict[Expression, Floats] = {}
    with np.errstate(all="ignore"):
        columns = [_evaluate(expression, rows, known) for expression in expressions]
    return np.column_stack(columns) if columns else np.empty((len(rows), 0))


def evaluate(expression: Expression, X: npt.ArrayLike) -> Floats:
    """`evaluate_all` for one expression: float64 [row]."""
    result: Floats = evaluate_all([expression], X)[:, 0]
    return result


def _evaluate(expression: Expression, rows: Floats, known: dict[Expression, Floats]) -> Floats:
    if expression in known:
        return known[expression]
    if expression.op == "const":
        result = np.full(len(rows), expression.value)
    elif expression.op == "column":
        if expression.value >= rows.shape[1]:
            raise PipelineError(f"expression: column {int(expression.value)} of {rows.shape[1]} columns does not exist")
        result = np.ascontiguousarray(rows[:, int(expression.value)])
    elif expression.owner is not None:
        whole = replace(expression, value=-1.0)
        if whole not in known:
            known[whole] = expression.owner(np.column_stack([_evaluate(one, rows, known) for one in expression.args]))
        result = np.ascontiguousarray(known[whole][:, int(expression.value)])
    else:
        function = _function(expression.op, len(expression.args), with_table=bool(expression.table))
        arguments = [_evaluate(argument, rows, known) for argument in expression.args]
        result = function(*arguments, table=expression.table) if expression.table else function(*arguments)
    known[expression] = result
    return result


def _function(op: str, n_args: int, *, with_table: bool) -> Callable[..., Floats]:
    known = OPERATIONS.get(op)
    if known is None or known.arity not in (n_args, None) or known.table != with_table:
        raise PipelineError(f"expression: no operation {op!r} of {n_args} arguments; known: {list(OPERATIONS)}")
    return known.function


def substitute(expression: Expression, columns: Sequence[Expression]) -> Expression:
    """The same expression with every `column(i)` replaced by `columns[i]`: composition of two transformers."""
    return substitute_all([expression], columns)[0]


def substitute_all(expressions: Iterable[Expression], columns: Sequence[Expression]) -> tuple[Expression, ...]:
    """`substitute` in many expressions; what they share stays shared."""
    known: dict[Expression, Expression] = {}
    return tuple(_substituted(expression, columns, known) for expression in expressions)


def _substituted(
    expression: Expression, columns: Sequence[Expression], known: dict[Expression, Expression]
) -> Expression:
    if expression.op == "column":
        return columns[int(expression.value)]
    if expression.op == "const":
        return expression
    if expression not in known:
        args = tuple(_substituted(argument, columns, known) for argument in expression.args)
        known[expression] = replace(expression, args=args)
    return known[expression]


def columns_of(expression: Expression) -> frozenset[int]:
    """Indices of the input columns that the expression reads."""
    if expression.op == "column":
        return frozenset({int(expression.value)})
    found: set[int] = set()
    seen: set[Expression] = set()
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        if one.op == "column":
            found.add(int(one.value))
        fresh = [argument for argument in one.args if argument not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return frozenset(found)


def operations_of(expression: Expression) -> frozenset[str]:
    """The names of all operations in it."""
    found: set[str] = set()
    seen: set[Expression] = {expression}
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        found.add(one.op)
        fresh = [argument for argument in one.args if argument not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return frozenset(found)


def to_json(expression: Expression) -> list[Any]:
    """Nested lists of names and numbers, `["div", ["column", 0], ["const", 2.0]]`; numbers round-trip to the bit."""
    if expression.op == "column":
        return ["column", int(expression.value)]
    if expression.op == "const":
        return ["const", expression.value]
    if expression.table or expression.words is not None or expression.owner is not None:
        raise PipelineError(f"expression: {expression.op!r} belongs to a fitted transformer and has no written form")
    return [expression.op, *(to_json(argument) for argument in expression.args)]


def from_json(value: Any) -> Expression:
    """The inverse of `to_json`.

    Raises:
        PipelineError: the value is not a list of this form; the message quotes the part.
    """
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise PipelineError(f"expression: expected a list that starts with an operation, got {value!r}")
    op, *rest = value
    if op in ("column", "const"):
        if len(rest) != 1 or isinstance(rest[0], bool) or not isinstance(rest[0], (int, float)):
            raise PipelineError(f"expression: expected [{op!r}, number], got {value!r}")
        return column(int(rest[0])) if op == "column" else const(rest[0])
    _function(op, len(rest), with_table=False)
    return Expression(op, tuple(from_json(argument) for argument in rest))
