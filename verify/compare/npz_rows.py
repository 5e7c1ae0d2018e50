"""Rows of an NPZ file read as a stream: NumPy's own reader would load each array whole."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from train.core.errors import PipelineError


@dataclass(frozen=True)
class Member:
    """One array of the file: what its header says, and the bytes behind it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    stream: IO[bytes]

    def rows(self, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        """The next `count` rows."""
        width = int(np.prod(self.shape[1:], dtype=np.int64))
        size = count * width * self.dtype.itemsize
        content = self.stream.read(size)
        if len(content) != size:
            raise ValueError(f"array {self.name!r} ends early")
        return np.frombuffer(content, dtype=self.dtype).reshape(count, *self.shape[1:])


def npz_chunks(path: Path, names: Sequence[str] | None, most: int) -> Iterator[pd.DataFrame]:
    """Tables of at most `most` rows.

    The file holds one array [row, column], or one array [row] for each column, named as the model's columns.

    Raises:
        PipelineError: it holds neither, arrays of different lengths, or objects (which only pickle reads).
    """
    try:
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(path))
            members, by_columns = [], False
            for entry in archive.namelist():
                member, lies_by_columns = _opened(path, archive, stack, entry)
                members.append(member)
                by_columns |= lies_by_columns
            rows, is_table = _length(path, members), len(members[0].shape) == 2
            if by_columns:
                members = _columns(archive, stack, archive.namelist()[0], members[0])
            for start in range(0, rows, most):
                yield _table(members, names if is_table else None, min(most, rows - start))
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise PipelineError(f"{path}: not an NPZ file: {error}") from error


def _opened(path: Path, archive: zipfile.ZipFile, stack: ExitStack, entry: str) -> tuple[Member, bool]:
    """One array, and whether it is a table that lies by columns."""
    stream = stack.enter_context(archive.open(entry))
    major, _ = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(stream)
    name = entry.removesuffix(".npy")
    if dtype.kind not in "fiub":
        raise PipelineError(f"{path}: array {name!r} holds {dtype}, not numbers")
    return Member(name, shape, dtype, stream), by_columns and len(shape) == 2


def _columns(archive: zipfile.ZipFile, stack: ExitStack, entry: str, table: Member) -> list[Member]:
    """The columns of a table that lies by columns (as a DataFrame gives it), each with a stream of its own."""
    start, (rows, width) = table.stream.tell(), table.shape
    members = []
    for place in range(width):
        stream = stack.enter_context(archive.open(entry))
        stream.seek(start + place * rows * table.dtype.itemsize)
        members.append(Member(str(place), (rows,), table.dtype, stream))
    return members


def _length(path: Path, members: list[Member]) -> int:
    shapes = {member.name: list(member.shape) for member in members}
    table = len(members) == 1 and len(members[0].shape) == 2
    if not members or not (table or all(len(member.shape) == 1 for member in members)):
        raise PipelineError(
            f"{path}: expected one array [row, column], or arrays [row] named as columns; found {shapes}"
        )
    lengths = {member.shape[0] for member in members}
    if len(lengths) > 1:
        raise PipelineError(f"{path}: arrays of different lengths: {shapes}")
    return int(lengths.pop())


def _table(members: list[Member], names: Sequence[str] | None, rows: int) -> pd.DataFrame:
    """The next rows; `names` are those of the model where the file has none."""
    if len(members[0].shape) == 2:
        table = pd.DataFrame(members[0].rows(rows))
    else:
        table = pd.DataFrame({member.name: member.rows(rows) for member in members})
    if names is not None and len(names) == table.shape[1]:
        table.columns = pd.Index(names)
    return table
