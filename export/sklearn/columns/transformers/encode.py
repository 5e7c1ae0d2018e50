"""Encoders of categories: what the encoder answers for every category, for an unknown and for a missing value.

Each column of the answer depends on one category alone, so the fitted encoder itself is asked for all of them, in all
its modes; nothing of its rules is written down here.
"""

import copy
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from export.sklearn.columns.refusal import refuse
from export.sklearn.columns.transformers.common import Columns, Lower, equal
from train.core.columns.column_expressions import Expression, const, operation
from train.core.columns.model_table import UNKNOWN, TableColumn
from train.core.sklearn_answers import typed_columns

Floats = npt.NDArray[np.float64]


def _categories(encoder: Any, columns: Columns) -> Columns:
    keys = [_keys(encoder, np.asarray(found), x) for found, x in zip(encoder.categories_, columns, strict=True)]
    known = np.array([one[0] for one in keys])
    places, rows = [0], [known]
    for index, one in enumerate(keys):
        trial = np.repeat(known[None], len(one), axis=0)
        trial[:, index] = one
        rows.append(trial)
        places.append(places[-1] + len(one))
    table = _asked(encoder, np.vstack(rows), columns)
    base, answers = _column(table, slice(0, 1)), table[1:]
    others = [
        _beyond(encoder, known, index, value, columns)
        for index, found in enumerate(keys)
        for value in (_unknown(found, columns[index]), np.nan)
    ]
    result: list[Expression] = []
    for output in range(table.shape[1]):
        values = _column(answers, slice(None), output)
        first = float(base[0, output])
        moves = [i for i in range(len(keys)) if not _same(values[places[i] : places[i + 1]], first)]
        moves += [i for i in range(len(keys)) if i not in moves and not _same_pair(others, i, output, first)]
        if len(moves) > 1:
            raise refuse(encoder, "an output depends on several columns", supported="one category an output")
        if not moves:
            result.append(_constant(first))
            continue
        place = moves[0]
        unknown, missing = (None if row is None else float(row[output]) for row in others[2 * place : 2 * place + 2])
        own = values[places[place] : places[place + 1]]
        result.append(_lookup(columns[place], keys[place], own, unknown, missing))
    return tuple(result)


def _lookup(x: Expression, keys: Floats, values: Floats, unknown: float | None, missing: float | None) -> Expression:
    default = 0.0 if unknown is None else unknown
    if missing is not None and not np.isnan(keys).any() and missing != default:
        keys, values = np.append(keys, np.nan), np.append(values, missing)
    other = ~((values == default) | (np.isnan(values) & np.isnan(default)))
    if default == 0.0 and other.sum() == 1 and values[other][0] == 1.0:
        return equal(x, float(keys[other][0]))
    return operation("lookup", x, table=[keys[other], values[other], [default]])


def _constant(value: float) -> Expression:
    return const(value) if np.isfinite(value) else operation("lookup", const(0.0), table=[[], [], [value]])


def _keys(encoder: Any, categories: npt.NDArray[Any], x: Expression) -> Floats:
    """The categories as numbers; text by its code."""
    found: list[float] = []
    for one in categories.tolist():
        if one is None or (isinstance(one, float) and np.isnan(one)):
            found.append(np.nan)
        elif isinstance(one, str):
            if x.words is None or one not in x.words:
                raise refuse(encoder, f"{one!r} is text in a column of numbers", supported="text as it came in")
            found.append(float(x.words.index(one)))
        elif isinstance(one, (bool, int, float)):
            found.append(float(one))
        else:
            raise refuse(encoder, f"a category is a {type(one).__name__}", supported="text and numbers")
    return np.array(found)


def _unknown(keys: Floats, x: Expression) -> float:
    if x.words is not None:
        return UNKNOWN
    numbers = keys[~np.isnan(keys)]
    return float(numbers.max() + 1.0 + abs(numbers.max())) if len(numbers) else 1.0


def _beyond(encoder: Any, known: Floats, index: int, value: float, columns: Columns) -> Floats | None:
    """What is answered for one value that is no category; None where it is refused."""
    trial = known.copy()[None]
    trial[0, index] = value
    try:
        return np.asarray(_column(_asked(encoder, trial, columns), slice(0, 1))[0])
    except (ValueError, TypeError):
        return None


def _asked(encoder: Any, rows: Floats, columns: Columns) -> Any:
    """The encoder's answers, sparse where it can be: categories are many."""
    asked = copy.copy(encoder)
    if hasattr(asked, "sparse_output"):
        asked.sparse_output = True
    if hasattr(asked, "_sklearn_output_config"):
        asked._sklearn_output_config = {}
    kinds = [
        TableColumn(f"x{i}") if x.words is None else TableColumn(f"x{i}", "text", x.words, _missing(encoder, i))
        for i, x in enumerate(columns)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = asked.transform(typed_columns(kinds, rows, getattr(encoder, "feature_names_in_", None)))
    return found.tocsc() if sparse.issparse(found) else np.asarray(found, dtype=np.float64)


def _missing(encoder: Any, index: int) -> Any:
    return None if any(one is None for one in np.asarray(encoder.categories_[index]).tolist()) else np.nan


def _column(table: Any, rows: slice, output: int | None = None) -> Floats:
    part = table[rows] if output is None else table[:, [output]]
    dense: Floats = np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)
    return dense if output is None else dense[:, 0]


def _same(values: Floats, first: float) -> bool:
    return bool(((values == first) | (np.isnan(values) & np.isnan(first))).all())


def _same_pair(others: list[Floats | None], index: int, output: int, first: float) -> bool:
    pair = [row[output] for row in others[2 * index : 2 * index + 2] if row is not None]
    return _same(np.array(pair), first) if pair else True


TRANSFORMERS: dict[type, Lower] = dict.fromkeys((OneHotEncoder, OrdinalEncoder, TargetEncoder), _categories)
