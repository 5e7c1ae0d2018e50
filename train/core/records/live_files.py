"""The files of a log, and their lines: NDJSON as the runtime writes it, packed by gzip or zstd, or made to Parquet."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.records.live_parquet import is_parquet_log, parquet_lines
from train.core.tables.unpacked import DAMAGED, PARQUET, check_size, packing, unpacked

LONGEST_LINE = 16 << 20
"""Bytes."""
ENDINGS = (".ndjson", ".ndjson.gz", ".ndjson.zst")
CLOSED = re.compile(r"\.\d{6,}(-\d+)?$")
_CLOSED_PARQUET = re.compile(r".+\.\d{6,}(-\d+)?\.parquet")


def is_live_log(path: Path) -> bool:
    """Whether a file, or a folder's files, are such a log: by the name, the first line, or a Parquet file's columns."""
    if path.is_dir():
        return any(_is_named_so(file) for file in path.iterdir())
    if path.name.endswith(ENDINGS):
        return True
    try:
        if path.is_file() and packing(path) == PARQUET:
            return is_parquet_log(path)
        first = next(log_lines(path), (1, b""))[1]
    except (PipelineError, OSError):
        return False
    return isinstance(first, bytes) and first.startswith(b'{"log":')


def log_files(path: Path) -> list[Path]:
    """The files of a log: `live.ndjson`, `live.000001.ndjson` or `.parquet`, and `live-2.ndjson` of another process."""
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if _is_named_so(file) and file.is_file())
        if not found:
            raise PipelineError(
                f"{path}: no log here; a log's files end in {', '.join(ENDINGS)}, or .000001.parquet and so on"
            )
        return found
    stem = path.name.removesuffix(path.suffix)
    if path.name.endswith((*ENDINGS[1:], ".parquet")) or CLOSED.search(stem):
        return [path]
    mine = re.compile(
        rf"{re.escape(stem)}(-\d+)?((\.\d{{6,}})?{re.escape(path.suffix)}(\.gz|\.zst)?|\.\d{{6,}}(-\d+)?\.parquet)"
    )
    beside = sorted(file for file in path.parent.iterdir() if mine.fullmatch(file.name)) if path.parent.is_dir() else []
    # One that was named must be there; the others are as they come.
    return beside if beside else [path]


def log_lines(path: Path) -> Iterator[tuple[int, bytes | dict[str, Any]]]:
    """Number, from 1, and bytes of each line; of Parquet its fields.

    Raises:
        PipelineError: perhaps while iterating: the file cannot be read, is damaged, or Parquet of another schema.
    """
    with explain_os_errors(path, "read"):
        if not path.is_file():
            path.open("rb").close()
            raise PipelineError(f"cannot read {path}: is not a regular file")
        how, size = packing(path), path.stat().st_size
        if how == PARQUET or path.suffix == ".parquet":
            yield from parquet_lines(path)
            return
        with path.open("rb") as file:
            stream = io.BufferedReader(unpacked(file, how))  # type: ignore[type-var]
            total, number = 0, 0
            try:
                while line := stream.readline(LONGEST_LINE):
                    number += 1
                    total += len(line)
                    check_size(path, total if how else 0, size)
                    yield number, line
            except DAMAGED as error:
                raise PipelineError(f"{path}: the {how} data is cut short or damaged; fetch the file again") from error


def _is_named_so(file: Path) -> bool:
    return file.name.endswith(ENDINGS) or _CLOSED_PARQUET.fullmatch(file.name) is not None
