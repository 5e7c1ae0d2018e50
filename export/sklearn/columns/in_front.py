"""What may stand in front of a tree: a split turns the last bit of a column into another leaf."""

from collections.abc import Sequence

from export.errors import NoExactForm
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import maker_of, refuse
from export.sklearn.columns.stock import exactly, measuring, short
from export.sklearn.columns.thresholds import chain_of
from train.core.columns.column_expressions import column, columns_of, operations_of
from train.core.columns.column_operations import EXACT
from train.core.errors import PipelineError


def before_trees(scope: ColumnScope, used: Sequence[int], *, folds: bool = True) -> ColumnScope:
    """The scope whose columns `used` a tree may compare.

    Args:
        scope: the columns that a tree sees.
        used: those that it compares.
        folds: thresholds are folded into the units of the input; else the columns are computed in the graph, and only
            exact operations give the original's bits.

    Raises:
        NoExactForm: one of them has not the original's bits, and nobody asked for it nevertheless.
        PipelineError: the same, while a model of the grade measured is compiled.
    """
    unsound = {index: reason for index in used if (reason := _unsound(scope, index, folds=folds)) is not None}
    if not unsound:
        return scope
    first, converter = next(iter(unsound.values())), measuring()
    if converter is None:
        raise first
    if not converter.before_trees:
        raise PipelineError(
            f"a measured part stands in front of a tree: {'; '.join(converter.parts) or short(first)}: a split turns "
            "a rounding into another leaf, so no tolerance holds; exact would be scalers, encoders and other "
            "transformers with an exact form in its place, or a model without trees behind it; to have it "
            "nevertheless: --measured-before-trees"
        ) from first
    converter.note(f"in front of trees: {short(first)}")
    places = {index: scope.n_inputs + number for number, index in enumerate(unsound)}
    answers = scope.matrix([scope.columns[index] for index in unsound])
    columns = [column(places[index]) if index in places else one for index, one in enumerate(scope.columns)]
    source = scope.builder.node("Concat", scope.source, answers, axis=1)
    return ColumnScope(scope.builder, source, scope.n_inputs + len(unsound), columns, inexact=scope.inexact)


def _unsound(scope: ColumnScope, index: int, *, folds: bool) -> NoExactForm | None:
    """Why a column has not the bits that the original compares; None when it has."""
    if columns_of(scope.columns[index]) & scope.inexact:
        return refuse(
            "a tree",
            f"column {index} that it sees is another model's answer, equal to 1e-12 and not to the last bit",
            supported="trees, forests and labels in front of a tree",
        )
    inexact = sorted(operations_of(scope.columns[index]) - {"column", "const", *EXACT})
    if not folds:
        return (
            refuse("a tree", f"{inexact[0]}() stands in front of it", supported=", ".join(EXACT)) if inexact else None
        )
    try:
        chain_of(scope.columns[index], made_by=lambda op: _maker(op, scope))
    except NoExactForm as reason:
        return reason
    return None


def _maker(op: str, scope: ColumnScope) -> str | None:
    with exactly():
        try:
            return maker_of(op, scope.behind)
        except NoExactForm:
            return None
