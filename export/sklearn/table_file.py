"""A CSV of rows for a fitted scikit-learn model, by the model's own column names."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from export.sklearn.columns.preprocess import input_width
from train.core.columns.model_table import encoded, table_of
from train.core.errors import PipelineError
from train.core.files import explain_os_errors

Floats = npt.NDArray[np.float64]


def read_rows(path: Path, estimator: Any) -> Floats:
    """Rows of a CSV with a header, float64 [row, column], text as codes; by the model's column names if it has any.

    Raises:
        PipelineError: not such a file; names the column.
    """
    width = input_width(estimator)
    columns = table_of(estimator, width)
    texts = {column.name: str for column in columns if column.kind == "text"}
    try:
        with explain_os_errors(path, "read"), warnings.catch_warnings():
            # Left alone, pandas takes surplus cells for an index and moves every column.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, index_col=False, dtype=texts)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: not a CSV file with a header: {str(error).strip()}") from error
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        missing = [name for name in names if name not in table.columns]
        if missing:
            raise PipelineError(f"{path}: column {missing[0]!r} of the model is missing; found {list(table.columns)}")
        table = table[list(names)]
    if table.shape[1] != width:
        raise PipelineError(f"{path}: {table.shape[1]} columns, the model takes {width}; give just its columns")
    if not len(table):
        raise PipelineError(f"{path}: no rows under the header")
    for name in (name for name, column in zip(table.columns, columns, strict=True) if column.kind != "text"):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise PipelineError(f"{path}: column {name!r} holds something that is not a number")
        if table[name].isna().all():
            raise PipelineError(f"{path}: column {name!r} holds no number at all; leave such rows out")
        if np.isinf(table[name]).any():
            raise PipelineError(f"{path}: column {name!r} holds an infinite number, which no model of ours takes")
    return encoded(columns, table.to_numpy(dtype=object))
