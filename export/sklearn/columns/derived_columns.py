"""Derived columns beside a narrow input, in few nodes: what one row costs is the number of nodes, not their width.

An operation runs on the whole tensor that holds its operand, and the answer is the one column of the result that was
meant. Two operands meet where they stand if they stand in the same column; otherwise one of them is taken out and
broadcast. Elementwise operations do not mix columns, so what the others hold does not matter.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from export.sklearn.columns.graph_columns import ColumnScope, folded, is_long_sum, terms_of
from export.sklearn.columns.operators import ELEMENTWISE
from train.core.columns.column_expressions import Expression

WIDEST = 16
"""With more input columns than this, computing them all for the sake of one is no bargain."""


class _Place(NamedTuple):
    """Column `column` of the float64 tensor `tensor` [batch, `width`]."""

    tensor: str
    column: int
    width: int


def beside_input(scope: ColumnScope, expressions: Sequence[Expression]) -> tuple[str, list[int]]:
    """A float64 tensor [batch, column] that starts with the input's columns, and where in it each expression stands."""
    if not expressions:
        return scope.source, []
    if scope.n_inputs > WIDEST:
        narrow = scope.matrix(expressions, after=[scope.source])
        return narrow, [scope.n_inputs + index for index in range(len(expressions))]
    known: dict[Expression, _Place] = {}
    places = [_place(folded(expression), scope, known) for expression in expressions]
    widths = {scope.source: scope.n_inputs} | {place.tensor: place.width for place in places}
    starts = dict(zip(widths, np.cumsum([0, *widths.values()]).tolist(), strict=False))
    whole = scope.builder.node("Concat", *widths, axis=1) if len(widths) > 1 else scope.source
    return whole, [starts[place.tensor] + place.column for place in places]


def _place(expression: Expression, scope: ColumnScope, known: dict[Expression, _Place]) -> _Place:
    if expression not in known:
        known[expression] = _computed(expression, scope, known)
    return known[expression]


def _computed(expression: Expression, scope: ColumnScope, known: dict[Expression, _Place]) -> _Place:
    build, op = scope.builder, expression.op
    if op == "column":
        return _Place(scope.source, int(expression.value), scope.n_inputs)
    if is_long_sum(expression):
        terms = terms_of(expression)
        return _Place(scope.running_sum(terms), len(terms) - 1, len(terms))
    if op not in ELEMENTWISE:
        return _Place(scope.matrix([expression]), 0, 1)
    arguments = [folded(argument) for argument in expression.args]
    tensors, places = [], []
    for argument in arguments:
        if argument.op == "const":
            tensors.append(build.constant([argument.value]))
            continue
        places.append(_place(argument, scope, known))
        tensors.append(places[-1].tensor)
    result = places[-1]
    if len(places) == 2 and places[0][1:] != places[1][1:]:
        if places[1].width == 1:
            result = places[0]
        elif places[0].width > 1:
            column = build.constant([places[0].column], np.int64)
            tensors[0] = build.node("Gather", places[0].tensor, column, axis=1)
    return _Place(build.node(ELEMENTWISE[op], *tensors), result.column, result.width)
