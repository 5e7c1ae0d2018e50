"""Transformers that make a whole table of all their columns, by nodes of their own rather than column by column."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.refusal import refuse
from export.sklearn.columns.stock import measuring
from train.core.columns.column_expressions import Expression
from train.core.columns.column_operations import JOINT, JOINT_BITS
from train.core.sklearn_answers import one_job, original_input

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Joint:
    """How one class of transformer is lowered.

    Attributes:
        lower: from a fitted one and the columns it sees to its table, float64 [batch, output].
        width: number of columns that a fitted one makes; raises NoExactForm where it has no form.
        exact: whether the table of a fitted one has scikit-learn's bits (else within 1e-12).
    """

    lower: Callable[[Any, ColumnScope], str]
    width: Callable[[Any], int]
    exact: Callable[[Any], bool] = lambda _: False


JOINTS: dict[type, Joint] = {}
"""Filled by `export.sklearn.estimators.registry.register`."""


@dataclass(frozen=True, eq=False)
class Owner:
    """One fitted transformer, of which columns are taken."""

    transformer: Any
    kind: Joint

    def __call__(self, rows: Floats) -> Floats:
        """What it makes of rows, float64 [row, output]; scikit-learn's own answer."""
        with one_job():
            made = self.transformer.transform(original_input(self.transformer, rows))
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64).reshape(len(rows), -1)

    def lower(self, scope: ColumnScope) -> str:
        """The same as a tensor float64 [batch, output]."""
        return self.kind.lower(self.transformer, scope)


def joint_columns(transformer: Any, columns: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """The columns of a transformer of `JOINTS`, each a column of one table."""
    kind = JOINTS[type(transformer)]
    width = kind.width(transformer)
    op, owner = (JOINT_BITS if kind.exact(transformer) else JOINT), Owner(transformer, kind)
    return tuple(Expression(op, columns, value=float(number), owner=owner) for number in range(width))


def only_measured(estimator: Any, why: str, *, supported: str) -> None:
    """Note that a part of this project's own is not within 1e-12 of the original for every row.

    Raises:
        NoExactForm: nothing is measured here.
    """
    reason, found = refuse(estimator, why, supported=supported), measuring()
    if found is None:
        raise reason
    found.note(reason)
