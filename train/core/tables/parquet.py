"""Parquet -> records of text cells, a batch at a time, as the same table would stand in a CSV file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.unpacked import check_size

MAX_CELLS = 1 << 28
"""Rows times columns of a file."""
LONGEST_CELL = 1 << 17
"""Characters."""
_BATCH, _SMALL = 8192, 64


def parquet_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Row number (the header, which comes first, is row 1) and cells; a missing value is an empty cell.

    Numbers stand as the shortest decimals that give them back, days as YYYY-MM-DD, times with the clock of their zone.
    Columns that hold lists or records are empty.

    Raises:
        PipelineError: pyarrow is not there, or, perhaps while iterating, the file is damaged or too large.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise PipelineError(
            f"{path}: reading Parquet needs pyarrow; pip install pyarrow, or write the table as CSV"
        ) from error
    with explain_os_errors(path, "read"):
        try:
            schema = parquet.read_schema(path)
            differing = _by_differences(parquet.read_metadata(path))
            texts = [field.name for field in schema if _is_text(field.type) and field.name not in differing]
            _check_zones(path, schema)
            # Texts stay numbers of a dictionary: a long one that stands in every row is in memory once.
            file = parquet.ParquetFile(
                path, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 16, page_checksum_verification=True
            )
            with file:
                size, total = path.stat().st_size, 0
                if file.metadata.num_rows * len(schema) > MAX_CELLS:
                    raise PipelineError(f"{path}: more than {MAX_CELLS} cells; split the file")
                yield 1, list(schema.names)
                number = 1
                for batch in file.iter_batches(batch_size=_SMALL if differing else _BATCH, use_threads=False):
                    batch.validate(full=True)  # a damaged place in a dictionary would read another text
                    columns = [_cells(path, column) for column in batch.columns]
                    total += sum(len(cells) + sum(map(len, cells)) for cells in columns)
                    check_size(path, total, size)
                    for cells in zip(*columns, strict=True):
                        number += 1
                        yield number, list(cells)
        # A name or a text that is no UTF-8 is found where Python takes it over.
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            reason = " ".join(str(error).split())[:120]
            raise PipelineError(f"{path}: the Parquet data is damaged: {reason}; fetch the file again") from error


def _by_differences(metadata: Any) -> set[str]:
    """Columns of texts that are written by their differences, which pyarrow cannot read as a dictionary.

    Each can be as long as a page, so only a few are held at a time.
    """
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    columns = (group.column(at) for group in groups for at in range(group.num_columns))
    return {one.path_in_schema for one in columns if {"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"} & {*one.encodings}}


def _check_zones(path: Path, schema: Any) -> None:
    import pyarrow
    from pyarrow import types

    for field in schema:
        if types.is_timestamp(field.type) and field.type.tz:
            try:
                pyarrow.array([0], field.type).cast(pyarrow.large_string())
            except pyarrow.ArrowException as error:
                reason = f"column {field.name}: '{field.type.tz[:40]}' is no time zone that is known"
                raise PipelineError(f"{path}: {reason}") from error


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _cells(path: Path, column: Any) -> list[str]:
    import pyarrow
    from pyarrow import compute, types

    if types.is_nested(column.type):
        return [""] * len(column)
    if types.is_dictionary(column.type):
        longest = compute.max(compute.binary_length(column.dictionary.cast(pyarrow.large_string()))).as_py()
        if (longest or 0) >= LONGEST_CELL:
            raise PipelineError(f"{path}: a cell is longer than {LONGEST_CELL} characters")
        values: list[str | None] = column.dictionary.cast(pyarrow.large_string()).to_pylist()
        return ["" if at is None else values[at] or "" for at in column.indices.to_pylist()]
    return ["" if cell is None else cell for cell in column.cast(pyarrow.large_string()).to_pylist()]
