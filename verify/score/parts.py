"""Files in, parts of work out: what is to be read, in what schema, and the rows of one part a batch at a time.

A part is a file, or of a large Parquet file some row groups. Each has a name of its own, which its output bears too.
"""

import glob
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pyarrow import csv, parquet
from pyarrow import json as ndjson

from train.core.errors import PipelineError
from train.core.tables.table import Table

Kind = Literal["parquet", "csv", "ndjson"]
KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
PACKED = (".gz", ".bz2", ".zst")
BATCH_ROWS = 1 << 17
PART_ROWS = 1 << 20
"""Row groups of a Parquet file are put together to parts of at least so many rows."""
_BLOCK = 8 << 20
"""Bytes of text that are read at once."""


class BadInputError(PipelineError):
    """A file that cannot be read, or is not like the others: it is set aside, and the rest goes on."""


@dataclass(frozen=True)
class Source:
    """A file as it is found.

    Attributes:
        path: where it lies.
        name: its path below the input's root, with slashes; hive keys stand in it.
        kind: of file.
        size: bytes.
        changed: its time of change, ns; both together say whether it is still the same file.
    """

    path: str
    name: str
    kind: Kind
    size: int
    changed: int


@dataclass(frozen=True)
class Part:
    """One piece of work.

    Attributes:
        source: the file.
        number: of the part within its file, from 0.
        groups: the row groups of Parquet; of other files none.
        rows: how many rows, 0 where the file does not say.
        delimiter: of CSV.
    """

    source: Source
    number: int
    groups: tuple[int, ...] = ()
    rows: int = 0
    delimiter: str = ","

    @property
    def output(self) -> str:
        """The path of its output below the output folder."""
        return f"{self.source.name}.{self.number:05d}.parquet"

    @property
    def weight(self) -> float:
        """Its share of the work: rows where they are known, else bytes as if a row had a hundred."""
        return float(self.rows or self.source.size / 100)


def find(pattern: str) -> list[Source]:
    """The files of a folder (in it and below), of a glob, or one file; in the order of their names.

    Raises:
        PipelineError: there is none, or they are of several kinds.
    """
    path = Path(pattern)
    if path.is_dir():
        root, found = path, [file for file in path.rglob("*") if not _hidden(file.relative_to(path))]
    elif path.is_file():
        root, found = path.parent, [path]
    else:
        root = _root(pattern)
        found = [
            file
            for one in glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute
            if not _hidden((file := Path(one)).relative_to(root))
        ]
    sources = []
    for file in sorted(found):
        kind = kind_of(file)
        if kind is not None and file.is_file():
            seen = file.stat()
            name = file.relative_to(root).as_posix()
            sources.append(Source(str(file.absolute()), name, kind, seen.st_size, seen.st_mtime_ns))
    if not sources:
        endings = ", ".join(KINDS)
        raise PipelineError(f"--input {pattern}: no file found; expected a folder, a glob or a file ({endings})")
    kinds = {source.kind: source.name for source in sources}
    if len(kinds) > 1:
        named = ", ".join(f"{kind} ({name})" for kind, name in sorted(kinds.items()))
        raise PipelineError(f"--input {pattern}: files of several kinds: {named}; give one kind by a glob")
    return sources


def kind_of(path: Path) -> Kind | None:
    """By its ending; None for what is no table."""
    name = path.name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    return KINDS.get(Path(name).suffix)


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _root(pattern: str) -> Path:
    """The folders of a glob that come before the first with a wildcard."""
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed) if fixed else Path()


def schema_of(source: Source, numbers: Sequence[str], texts: Sequence[str]) -> pa.Schema:
    """The columns of a file: the model's own as numbers (float64) or text where the file has no types of its own.

    Raises:
        BadInputError: the file cannot be read.
    """
    own = {name: pa.float64() for name in numbers} | {name: pa.string() for name in texts}
    try:
        if source.kind == "parquet":
            with parquet.ParquetFile(source.path) as file:
                return file.schema_arrow.remove_metadata()
        if source.kind == "csv":
            header = next(Table(Path(source.path)).records())[1]
            twice = sorted({name for name in header if header.count(name) > 1})
            if twice:
                raise BadInputError(f"{source.path}: the column {twice[0]!r} stands twice")
            return pa.schema([(name, own.get(name, pa.string())) for name in header])
        options = ndjson.ParseOptions(explicit_schema=pa.schema(list(own.items())), newlines_in_values=False)
        with ndjson.open_json(source.path, ndjson.ReadOptions(block_size=_BLOCK), options) as reader:
            return reader.schema
    except BadInputError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError, PipelineError) as error:
        raise _unreadable(source, error) from error


def require_same(source: Source, found: pa.Schema, wanted: pa.Schema) -> None:
    """All files have one schema; the order of the columns may differ.

    Raises:
        BadInputError: a column is missing, unknown or of another type; names it.
    """
    for name in wanted.names:
        if name not in found.names:
            raise BadInputError(f"{source.path}: column {name!r} is missing, which other files have")
        if found.field(name).type != wanted.field(name).type:
            types = f"{found.field(name).type}, in other files {wanted.field(name).type}"
            raise BadInputError(f"{source.path}: column {name!r} is {types}; write the files in one schema")
    unknown = [name for name in found.names if name not in wanted.names]
    if unknown:
        raise BadInputError(f"{source.path}: column {unknown[0]!r} is in no other file")


def parts_of(source: Source) -> list[Part]:
    """The parts of a file.

    Raises:
        BadInputError: the file cannot be read.
    """
    try:
        if source.kind == "csv":
            return [Part(source, 0, delimiter=Table(Path(source.path)).delimiter)]
        if source.kind == "ndjson":
            return [Part(source, 0)]
        metadata = parquet.read_metadata(source.path)
        parts: list[Part] = []
        groups: list[int] = []
        rows = 0
        for group in range(metadata.num_row_groups):
            groups.append(group)
            rows += metadata.row_group(group).num_rows
            if rows >= PART_ROWS or group + 1 == metadata.num_row_groups:
                parts.append(Part(source, len(parts), tuple(groups), rows))
                groups, rows = [], 0
        return parts or [Part(source, 0)]
    except (pa.ArrowException, OSError, UnicodeDecodeError, PipelineError) as error:
        raise _unreadable(source, error) from error


def batches(part: Part, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a part in order, in the columns of the schema; the same file gives the same batches.

    Raises:
        BadInputError: while iterating: the file is damaged, or a cell is not what its column holds.
    """
    try:
        for batch in _read(part, schema):
            batch.validate(full=True)
            yield batch.select(schema.names)
    except BadInputError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        raise _unreadable(part.source, error) from error


def _read(part: Part, schema: pa.Schema) -> Iterator[Any]:
    path = part.source.path
    if part.source.kind == "parquet":
        with parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            yield from file.iter_batches(BATCH_ROWS, row_groups=list(part.groups), use_threads=False)
    elif part.source.kind == "csv":
        types = {field.name: field.type for field in schema}
        with csv.open_csv(
            path,
            csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            csv.ParseOptions(delimiter=part.delimiter, newlines_in_values=True),
            csv.ConvertOptions(column_types=types, strings_can_be_null=False, include_columns=schema.names),
        ) as reader:
            yield from reader
    else:
        parse = ndjson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
        with ndjson.open_json(path, ndjson.ReadOptions(use_threads=False, block_size=_BLOCK), parse) as reader:
            yield from reader


def _unreadable(source: Source, error: Exception) -> BadInputError:
    reason = " ".join(str(error).split())[:200]
    place = "" if source.path in reason else f"{source.path}: "
    return BadInputError(f"{place}cannot be read: {reason}")


def named(part: Part) -> str:
    """How messages name a part."""
    return part.source.name if not part.number else f"{part.source.name}, part {part.number}"


def to_text(schema: pa.Schema) -> str:
    """One line of JSON: names and types, as the record of a run shows them."""
    return json.dumps([[field.name, str(field.type)] for field in schema], ensure_ascii=False)
