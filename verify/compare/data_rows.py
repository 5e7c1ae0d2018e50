"""`--data`: rows from CSV, Parquet or NPZ in chunks, so that a file of any length takes the memory of one chunk."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from export.sklearn.columns.preprocess import input_width
from train.core.columns.model_table import TableColumn, encode_words, table_of
from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from verify.compare.npz_rows import npz_chunks
from verify.proof.probes import CHUNK_ROWS

Floats = npt.NDArray[np.float64]
KINDS = {".csv": "CSV", ".gz": "CSV", ".parquet": "Parquet", ".npz": "NPZ"}


@dataclass(frozen=True)
class DataRows:
    """Rows of one file, by the model's column names when it knows them.

    Attributes:
        path: the file; its ending says what it is.
        names: of the model's columns; None when it does not know any.
        columns: the model's table; text is coded, see `train.core.columns.model_table`, an empty cell of it is missing.
    """

    path: Path
    names: tuple[str, ...] | None
    columns: tuple[TableColumn, ...]

    @property
    def width(self) -> int:
        """How many columns the model takes."""
        return len(self.columns)

    def chunks(self) -> Iterator[Floats]:
        """Float64 [at most `CHUNK_ROWS`, column]; NaN is a missing value.

        Raises:
            PipelineError: not such a file, other columns, a cell that is no number, no rows; names the column. What
                stands far down in a file is found when it is read.
        """
        rows = 0
        with explain_os_errors(self.path, "read"):
            for table in self._tables():
                if len(table):
                    yield self._checked(table, rows)
                rows += len(table)
        if not rows:
            raise PipelineError(f"{self.path}: no rows under the header")

    def count(self) -> int | None:
        """How many rows the file says it holds; None where it does not."""
        if KINDS.get(self.path.suffix.lower()) != "Parquet":
            return None
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with explain_os_errors(self.path, "read"):
                return int(pq.read_metadata(self.path).num_rows)
        except (pa.ArrowException, ValueError):
            return None  # `chunks` says what is wrong

    def _tables(self) -> Iterator[pd.DataFrame]:
        kind = KINDS.get(self.path.suffix.lower())
        if kind == "Parquet":
            return self._parquet()
        if kind == "NPZ":
            return npz_chunks(self.path, self.names, CHUNK_ROWS)
        if kind == "CSV":
            return self._csv()
        raise PipelineError(f"{self.path}: --data names a .csv, .csv.gz, .parquet or .npz file")

    def _csv(self) -> Iterator[pd.DataFrame]:
        bad = (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning, UnicodeDecodeError)
        try:
            with warnings.catch_warnings():
                # Left alone, pandas takes surplus cells for an index and moves every column.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                header = list(pd.read_csv(self.path, index_col=False, nrows=0).columns)
                names = header if self.names is None else self.names
                texts = {name: str for name, one in zip(names, self.columns, strict=False) if one.kind == "text"}
                with pd.read_csv(self.path, index_col=False, chunksize=CHUNK_ROWS, dtype=texts) as reader:
                    yield from reader
        except (*bad, EOFError) as error:
            raise PipelineError(f"{self.path}: not a CSV file with a header: {str(error).strip()}") from error

    def _parquet(self) -> Iterator[pd.DataFrame]:
        # Imported here: it is not needed for any other kind of file.
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                there = file.schema_arrow.names
                wanted = [name for name in self.names or there if name in there]
                for batch in file.iter_batches(CHUNK_ROWS, columns=wanted):
                    yield batch.to_pandas()
        except (pa.ArrowException, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise PipelineError(f"{self.path}: not a Parquet file: {reason}") from error

    def _checked(self, table: pd.DataFrame, before: int) -> Floats:
        """The model's columns of one chunk as numbers; `before` rows stand above it."""
        if self.names is not None:
            missing = [name for name in self.names if name not in table.columns]
            if missing:
                found = [str(name) for name in table.columns]
                raise PipelineError(f"{self.path}: column {missing[0]!r} of the model is missing; found {found}")
            table = table[list(self.names)]
        if table.shape[1] != self.width:
            raise PipelineError(
                f"{self.path}: {table.shape[1]} columns, the model takes {self.width}; give just its columns"
            )
        where = f"rows {before + 1:,} to {before + len(table):,}"
        made = np.empty(table.shape, dtype=np.float64)
        for place, name in enumerate(table.columns):
            column = table.iloc[:, place]
            if self.columns[place].kind == "text":
                made[:, place] = encode_words(self.columns[place].words, column.to_numpy(dtype=object))
                continue
            if not pd.api.types.is_numeric_dtype(column) and not column.isna().all():
                raise PipelineError(f"{self.path}: column {name!r} holds something that is not a number ({where})")
            if before == 0 and column.isna().all():
                raise PipelineError(f"{self.path}: column {name!r} holds no number at all; leave such rows out")
            made[:, place] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if np.isinf(made[:, place]).any():
                raise PipelineError(
                    f"{self.path}: column {name!r} holds an infinite number, which no model of ours takes ({where})"
                )
        return made


def data_rows(path: Path, estimator: Any) -> DataRows:
    """Rows of a file for a fitted scikit-learn model."""
    names = getattr(estimator, "feature_names_in_", None)
    columns = table_of(estimator, input_width(estimator))
    return DataRows(path, None if names is None else tuple(str(name) for name in names), columns)
