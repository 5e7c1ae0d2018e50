"""A CSV of rows for a fitted scikit-learn model, by the model's own column names."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from export.sklearn.columns.preprocess import input_width
from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.model_table import TableColumn, encode_words, table_of

Floats = npt.NDArray[np.float64]


def read_rows(path: Path, estimator: Any) -> Floats:
    """Rows of a CSV with a header, float64 [row, column]; by the model's column names when it knows them.

    A column that the model takes for text is read as text and coded, see `train.core.model_table`; an empty cell of it
    is missing.

    Raises:
        PipelineError: not such a file; names the column.
    """
    columns = table_of(estimator, input_width(estimator))
    try:
        with explain_os_errors(path, "read"), warnings.catch_warnings():
            # Left alone, pandas takes surplus cells for an index and moves every column.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = list(pd.read_csv(path, index_col=False, nrows=0).columns)
            order = _places(path, header, estimator, len(columns))
            texts = {place: str for column, place in zip(columns, order, strict=True) if column.kind == "text"}
            table = pd.read_csv(path, index_col=False, dtype=texts)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: not a CSV file with a header: {str(error).strip()}") from error
    if not len(table):
        raise PipelineError(f"{path}: no rows under the header")
    return np.column_stack(
        [_values(path, table.iloc[:, place], column) for column, place in zip(columns, order, strict=True)]
    )


def _places(path: Path, header: list[str], estimator: Any, width: int) -> list[int]:
    """Where in the file each column of the model stands."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        missing = [name for name in names if name not in header]
        if missing:
            raise PipelineError(f"{path}: column {missing[0]!r} of the model is missing; found {header}")
        return [header.index(name) for name in names]
    if len(header) != width:
        raise PipelineError(f"{path}: {len(header)} columns, the model takes {width}; give just its columns")
    return list(range(width))


def _values(path: Path, cells: "pd.Series[Any]", column: TableColumn) -> Floats:
    if column.kind == "text":
        return encode_words(column.words, cells.to_numpy(dtype=object))
    if not pd.api.types.is_numeric_dtype(cells):
        raise PipelineError(f"{path}: column {cells.name!r} holds something that is not a number")
    if cells.isna().all():
        raise PipelineError(f"{path}: column {cells.name!r} holds no number at all; leave such rows out")
    values = cells.to_numpy(dtype=np.float64)
    if np.isinf(values).any():
        raise PipelineError(f"{path}: column {cells.name!r} holds an infinite number, which no model of ours takes")
    return values
