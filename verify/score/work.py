"""One part from its file to its output: what every worker does, on this machine or another."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import compute, parquet

from train.core.files import write_in_parts
from verify.score.finished import Done
from verify.score.model import WARNINGS, ScoringModel
from verify.score.parts import Part, batches

NO_ANSWER = "no answer: "


@dataclass(frozen=True)
class Job:
    """What all parts have in common; small, and goes to each worker once.

    Attributes:
        folder: of the version.
        keys: public keys of which one must have signed it; none asks for no signature.
        output: the folder.
        schema: of the input, as Arrow writes it.
        keep: columns of the input that are written, too.
    """

    folder: Path
    keys: tuple[Path, ...]
    output: Path
    schema: bytes
    keep: tuple[str, ...]


class Worker:
    """A version that is open, and the parts it is given.

    Raises:
        PipelineError: as `ScoringModel`.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model = ScoringModel(job.folder, job.keys)
        self._schema = pa.ipc.read_schema(pa.py_buffer(job.schema))
        self._wanted = self._model.output_schema(self._schema, job.keep)

    def write(self, part: Part) -> Done:
        """Answer a part; its output is there whole or not at all.

        Raises:
            BadInputError: the file cannot be read: it is to be set aside.
            PipelineError: the output cannot be written.
        """
        rows = refused = warned = 0
        with write_in_parts(self._job.output / part.output) as stream:
            hashed = _Hashed(stream)
            with parquet.ParquetWriter(pa.PythonFile(hashed, "w"), self._wanted, compression="zstd") as writer:
                for batch in batches(part, self._schema):
                    made = self._model.answer(batch, self._wanted, self._job.keep)
                    writer.write_batch(made)
                    said = made.column(WARNINGS)
                    without = compute.sum(compute.starts_with(said, NO_ANSWER)).as_py() or 0
                    rows += len(made)
                    refused += without
                    warned += len(made) - said.null_count - without
        return Done(rows, refused, warned, hashed.size, hashed.sha256.hexdigest())

    def sample(self, part: Part) -> int:
        """Answer the first rows of a part here, and hold them against what lies in its output, bit by bit.

        Returns:
            How many rows were compared; -1 where they are not the same.

        Raises:
            BadInputError: the file cannot be read.
        """
        for batch in batches(part, self._schema):
            wanted = self._model.answer(batch, self._wanted, self._job.keep)
            with parquet.ParquetFile(self._job.output / part.output, pre_buffer=False) as file:
                found = next(file.iter_batches(len(batch), use_threads=False), None)
            return len(batch) if found is not None and same_bits(wanted, found) else -1
        return 0


class _Hashed:
    """A stream that knows what has gone through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.sha256, self.size, self.closed = stream, hashlib.sha256(), 0, False

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.size += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def tell(self) -> int:
        return self.size

    def close(self) -> None:
        """Whoever opened the stream closes it."""
        self.closed = True


def same_bits(one: Any, other: Any) -> bool:
    """Whether two record batches hold the same, floats to the bit (NaN is NaN, -0 is not 0)."""
    if len(one) != len(other) or one.schema.names != other.schema.names:
        return False
    return all(_same(a, b) for a, b in zip(one.columns, other.columns, strict=True))


def _same(one: Any, other: Any) -> bool:
    if one.type != other.type:
        return False
    if not pa.types.is_floating(one.type):
        return bool(one.equals(other))
    if not one.is_valid().equals(other.is_valid()):
        return False
    numbers = [compute.fill_null(column, 0.0).to_numpy(zero_copy_only=False).tobytes() for column in (one, other)]
    return bool(numbers[0] == numbers[1])


def schema_bytes(schema: pa.Schema) -> bytes:
    """A schema as `Job` carries it."""
    return bytes(schema.serialize().to_pybytes())


def columns_kept(schema: pa.Schema, keep: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of the input that are written; all where none are asked for."""
    return tuple(schema.names if keep is None else keep)
