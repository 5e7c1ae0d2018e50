"""`--save-mismatches`: every row on which the two differ, with both answers, as CSV or Parquet."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from train.core.errors import PipelineError
from train.core.files import explain_os_errors

Floats = npt.NDArray[np.float64]


class MismatchFile:
    """A file that grows by chunks beside its place, and takes it when closed; after an error nothing is left."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise PipelineError(f"{path}: --save-mismatches names a .csv or .parquet file")
        self.path, self.rows = path, 0
        self._columns = list(columns)
        self._partial = path.with_name(f".{path.name}.{os.getpid()}")
        self._writer: Any = None

    def __enter__(self) -> "MismatchFile":
        """Make sure at once that the place can be written."""
        with explain_os_errors(self.path, "write"):
            self._partial.touch()
        return self

    def add(self, family: str, rows: Floats, expected: Floats, found: Floats) -> None:
        """Append rows; a file without any has its header all the same."""
        table = pd.DataFrame(rows, columns=self._columns)
        table.insert(0, "rows from", family)
        for name, side in (("original", expected), ("onnx", found)):
            for place in range(side.shape[1]):
                table[f"{name} {place}"] = side[:, place]
        with explain_os_errors(self.path, "write"):
            if self.path.suffix.lower() == ".csv":
                table.to_csv(self._partial, mode="a", header=self.rows == 0, index=False)
            else:
                self._append_parquet(table)
        self.rows += len(table)

    def _append_parquet(self, table: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        batch = pa.Table.from_pandas(table, preserve_index=False)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._partial, batch.schema)
        self._writer.write_table(batch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the file take its place, or remove what there is of it."""
        del error, trace
        if kind is None and self.rows == 0:
            self.add("", *(np.empty((0, width)) for width in (len(self._columns), 0, 0)))
        if self._writer is not None:
            self._writer.close()
        if kind is None:
            with explain_os_errors(self.path, "write"):
                self._partial.replace(self.path)
            return
        with contextlib.suppress(OSError):
            self._partial.unlink()
