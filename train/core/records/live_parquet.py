"""A log as Parquet: the fields of `docs/live_log.md` as columns.

`inputs.NAME` and `answer.NAME` hold numbers or words; `inputs_json.NAME` and `answer_json.NAME` what is neither (lists,
or kinds that change), as JSON. `input_names` and `answer_names` say, as a JSON list, which of them a row has: a file
may hold rows of several models. `about`, `shadow` and `warnings` are JSON. Events of the log are rows with an `event`.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError
from train.core.files import explain_os_errors
from train.core.tables.unpacked import check_size

NEEDED = (
    "log", "time", "run", "seq", "model", "version", "engine", "source", "tag", "about", "warnings", "shadow",
    "input_names", "answer_names",
)  # fmt: skip
EVENT = ("event", "process", "written", "dropped", "lost")
SIDES = {"inputs": "input_names", "answer": "answer_names"}
_JSON = ("about", "warnings", "shadow")
_BATCH = 1024
_MOST = 64 << 20
"""Bytes of text in one batch."""


def is_parquet_log(path: Path) -> bool:
    """Whether a Parquet file has the columns of a log.

    Raises:
        PipelineError: it is damaged.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        names = parquet.read_schema(path).names
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    return set(NEEDED) <= set(names)


def parquet_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number of the row, from 1, and its fields as a line of NDJSON would have them.

    A row whose cells are none (text that is no JSON, a name without a column) lacks the field, which the reader of rows
    names and counts.

    Raises:
        PipelineError: perhaps while iterating: damaged, of another schema, or far too large.
    """
    import pyarrow
    from pyarrow import parquet

    with explain_os_errors(path, "read"):
        try:
            schema = parquet.read_schema(path)
            lacking = [name for name in NEEDED if name not in schema.names]
            if lacking:
                raise PipelineError(
                    f"{path}: is no log: expected the Parquet columns of docs/live_log.md, found none named "
                    f"{', '.join(lacking[:4])}; make it by python -m verify parquet"
                )
            if len(set(schema.names)) != len(schema.names):
                raise PipelineError(f"{path}: two columns have one name")
            # A text that stands in every row is in memory once.
            texts = [one.name for one in schema if pyarrow.types.is_string(one.type)]
            file = parquet.ParquetFile(
                path, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 16, page_checksum_verification=True
            )
            with file:
                size, total, number = path.stat().st_size, 0, 0
                for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                    batch.validate(full=True)
                    total += sum(_bytes(path, column) for column in batch.columns)
                    check_size(path, total, size)
                    columns = {
                        name: column.to_pylist() for name, column in zip(schema.names, batch.columns, strict=True)
                    }
                    for place in range(len(batch)):
                        number += 1
                        yield number, _fields(columns, place)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> PipelineError:
    reason = " ".join(str(error).split())[:120]
    return PipelineError(f"{path}: the Parquet data is cut short or damaged: {reason}; fetch the file again")


def _bytes(path: Path, column: Any) -> int:
    """What a column's cells take as Python's; looked at before they are made."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = compute.binary_length(column.dictionary.cast(pyarrow.large_string()))
    found = int(compute.sum(compute.take(lengths, column.indices)).as_py() or 0)
    if found > _MOST:
        raise PipelineError(f"{path}: more than {_MOST} bytes of text in {_BATCH} rows, as no log has; split the file")
    return found


def _fields(columns: dict[str, list[Any]], place: int) -> dict[str, Any]:
    cell = {name: columns[name][place] for name in NEEDED}
    if "event" in columns and columns["event"][place] is not None:
        return {"log": cell["log"], "run": cell["run"]} | {
            name: columns[name][place] for name in EVENT if name in columns
        }
    found = {name: cell[name] for name in NEEDED if name not in (*_JSON, *SIDES.values())}
    for name in _JSON:
        found[name] = None if cell[name] is None else _read(cell[name])
    for side, names in SIDES.items():
        found[side] = _side(columns, place, side, _names(cell[names]) if isinstance(cell[names], str) else None)
    return found


def _side(columns: dict[str, list[Any]], place: int, side: str, names: tuple[str, ...] | None) -> dict[str, Any] | None:
    if names is None:
        return None
    found = {}
    for name in names:
        if (plain := columns.get(f"{side}.{name}")) is not None:
            found[name] = plain[place]
        elif (packed := columns.get(f"{side}_json.{name}")) is not None:
            found[name] = None if packed[place] is None else _read(packed[place])
        else:
            return None
    return found


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[str, ...] | None:
    found = _read(text)
    sound = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return tuple(found) if sound else None


def _read(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
