"""Finished files of a log -> Parquet beside them, read back and compared row by row before they get their name."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.records.live_files import CLOSED, ENDINGS, log_files, log_lines
from train.core.records.live_parquet import EVENT, NEEDED, SIDES
from train.core.records.live_rows import fields_of, row_of

_ROWS = 5000
_EXACT = 1 << 53
_WORDS = ("version", "engine", "tag")


@dataclass(frozen=True)
class Packed:
    """A finished file and its Parquet; `skipped` lines by reason; `new`: whether it was written now."""

    source: Path
    target: Path
    rows: int
    skipped: Counter[str]
    new: bool


def finished_files(path: Path) -> list[Path]:
    """The files of a log that the runtime will not write to again: those with a number.

    Raises:
        PipelineError: there is none.
    """
    found = [file for file in log_files(path) if CLOSED.search(_stem(file)) and file.suffix != ".parquet"]
    if not found:
        raise PipelineError(
            f"{path}: no finished file of a log here (live.000001.ndjson and so on), plain, .gz or .zst"
        )
    return found


def pack(source: Path) -> Packed:
    """Write one finished file as Parquet, if none with the same rows is there yet.

    Lines that are broken or of no log are left out with a count, as every reader leaves them out; rows of all models
    stay. Fields that format 1 does not know are left out.

    Raises:
        PipelineError: the file cannot be read, holds no row, or what was written does not read back the same.
    """
    skipped: Counter[str] = Counter()
    kinds = _kinds(source, skipped)
    for target in _targets(source):
        if target.exists():
            if _same(source, target):
                return Packed(source, target, _count(target), skipped, new=False)
            continue
        with explain_os_errors(target, "write"), tempfile.TemporaryDirectory(dir=source.parent, prefix=".") as folder:
            made = Path(folder) / target.name
            rows = _write(source, made, kinds)
            if not rows:
                raise PipelineError(f"{source}: no line of a log: {dict(skipped) or 'it is empty'}")
            if not _same(source, made):
                raise PipelineError(f"{source}: does not read back the same from Parquet; it stays as it is")
            with made.open("rb") as file:
                os.fsync(file.fileno())
            try:
                # A link, not a replacement: of two at once neither writes over the other's file.
                os.link(made, target)
            except FileExistsError:
                continue
            return Packed(source, target, rows, skipped, new=True)
    raise AssertionError("names do not end")


def _stem(file: Path) -> str:
    return next((file.name.removesuffix(ending) for ending in ENDINGS if file.name.endswith(ending)), file.stem)


def _targets(source: Path) -> Iterator[Path]:
    """The runtime may give a number again once the file that had it is gone."""
    yield source.with_name(f"{_stem(source)}.parquet")
    number = 1
    while True:
        number += 1
        yield source.with_name(f"{_stem(source)}-{number}.parquet")


def _sound(source: Path, skipped: Counter[str] | None = None) -> Iterator[dict[str, Any]]:
    """What a row of Parquet holds, of each line that is a row or an event."""
    for _, line in log_lines(source):
        fields = fields_of(line)
        if isinstance(fields, dict) and "event" not in fields:
            row = row_of(fields)
            fields = f"broken: {row}" if isinstance(row, str) else fields
        if isinstance(fields, str):
            if fields and skipped is not None:
                skipped[fields] += 1
            continue
        yield _kept(fields)


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    if "event" in fields:
        counts = {name: _count_of(fields.get(name)) for name in EVENT[1:]}
        return {"log": 1, "run": _word(fields.get("run")), "event": str(fields["event"]), **counts}
    kept = {name: fields.get(name) for name in NEEDED if name not in SIDES.values()}
    time = fields["time"] if isinstance(fields["time"], datetime) else datetime.fromisoformat(fields["time"])
    kept |= {"time": time.astimezone(UTC), "model": _word(fields.get("model"))}
    kept |= {name: _word(fields.get(name)) for name in _WORDS}
    return kept | {side: fields[side] for side in SIDES}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count_of(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < 2**63 else None


def _kinds(source: Path, skipped: Counter[str]) -> dict[tuple[str, str], str]:
    """(side, name) -> whether all its values are whole, number or word; else JSON."""
    found: dict[tuple[str, str], str] = {}
    for fields in _sound(source, skipped):
        for side in SIDES:
            for name, value in fields.get(side, {}).items():
                before, kind = found.get((side, name), ""), _kind(value)
                found[side, name] = kind if before in ("", kind) else before if not kind else _both(before, kind)
    return found


def _kind(value: Any) -> str:
    """Of JSON's values; empty for null."""
    if value is None:
        return ""
    if type(value) is int:
        return "whole" if abs(value) <= _EXACT else "json"
    return "number" if isinstance(value, float) else "word" if isinstance(value, str) else "json"


def _both(one: str, other: str) -> str:
    return "number" if {one, other} == {"whole", "number"} else "json"


def _write(source: Path, target: Path, kinds: dict[tuple[str, str], str]) -> int:
    import pyarrow
    from pyarrow import parquet

    types = {"whole": pyarrow.int64(), "number": pyarrow.float64(), "": pyarrow.float64()}
    columns: dict[str, Any] = dict.fromkeys(NEEDED, pyarrow.string())
    columns |= {"log": pyarrow.int64(), "seq": pyarrow.int64(), "time": pyarrow.timestamp("us", tz="UTC")}
    columns |= {name: pyarrow.string() if name == "event" else pyarrow.int64() for name in EVENT}
    columns |= {_column(at, kind): types.get(kind, pyarrow.string()) for at, kind in kinds.items()}
    schema, rows = pyarrow.schema(list(columns.items())), 0
    try:
        with parquet.ParquetWriter(target, schema, compression="zstd", write_page_checksum=True) as writer:
            for batch in _batches(source):
                cells = [_cells(fields, kinds) for fields in batch]
                made = {name: [cell.get(name) for cell in cells] for name in columns}
                writer.write_table(pyarrow.table(made, schema=schema))
                rows += len(cells)
    except (pyarrow.ArrowException, UnicodeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:120]
        raise PipelineError(f"{source}: holds a value that Parquet cannot: {reason}; it stays as it is") from error
    return rows


def _batches(source: Path) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for fields in _sound(source):
        batch.append(fields)
        if len(batch) == _ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _column(at: tuple[str, str], kind: str) -> str:
    return f"{at[0]}{'_json' if kind == 'json' else ''}.{at[1]}"


def _cells(fields: dict[str, Any], kinds: dict[tuple[str, str], str]) -> dict[str, Any]:
    cells = {name: value for name, value in fields.items() if name not in SIDES}
    for name in ("about", "warnings", "shadow"):
        cells[name] = None if fields.get(name) is None else json.dumps(fields[name])
    for side, names in SIDES.items():
        if side in fields:
            cells[names] = json.dumps(list(fields[side]))
            for name, value in fields[side].items():
                kind = kinds[side, name]
                cells[_column((side, name), kind)] = (
                    json.dumps(value) if kind == "json" and value is not None else value
                )
    return cells


def _same(source: Path, target: Path) -> bool:
    """Whether both hold the same rows in the same order; numbers are compared by their value."""
    try:
        return all(one == other for one, other in zip_longest(_sound(source), _sound(target)))
    except PipelineError:
        return False


def _count(target: Path) -> int:
    return sum(1 for _ in _sound(target))
