"""Bytes as they were before they were packed: gzip, zstd or plain, told by the first bytes and not by a name."""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from train.core.errors import PipelineError
from train.core.files import explain_os_errors

MAX_BYTES = 1 << 30
"""Of the unpacked text."""
BOMB_FROM = 1 << 26
"""Bytes of text from which on the ratio counts."""
BOMB_RATIO = 200
"""Text bytes for one packed byte; real tables have 5 to 20."""
GZIP, ZSTD, PARQUET = "gzip", "zstd", "Parquet"
MAX_WINDOW = 100 << 20
"""Bytes that a zstd frame may look back, which are held in memory; `zstd -19` needs 8 MiB. The runtime's limit, too."""
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)
"""What reading damaged data raises."""
_MAGIC = {b"\x1f\x8b": GZIP, b"\x28\xb5\x2f\xfd": ZSTD, b"PAR1": PARQUET}
_PIECE = 512
"""Packed bytes at a time: no piece of zstd becomes more than 32,768 times its size."""


def packing(path: Path) -> str:
    """How a file is packed: `GZIP`, `ZSTD`, `PARQUET`, or empty where it is plain.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), "")


def unpacked(file: BinaryIO, how: str) -> BinaryIO:
    """The stream of what is in a packed file, in bounded memory; it raises one of `DAMAGED` where it is broken."""
    if how == GZIP:
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    return io.BufferedReader(_Frames(file)) if how == ZSTD else file


def check_size(path: Path, total: int, size: int) -> None:
    """Look at how much a file has become; `size` is that of the packed file, 0 where it is plain.

    Raises:
        PipelineError: it is too large, or unpacks to far more than any table does.
    """
    if total > MAX_BYTES:
        raise PipelineError(f"{path}: more than {MAX_BYTES} bytes of text; split the file")
    if size and total > BOMB_FROM and total > BOMB_RATIO * size:
        raise PipelineError(
            f"{path}: unpacks to more than {BOMB_RATIO} times its size, as no table does; fetch the file again"
        )


def check_packed(path: Path, how: str) -> None:
    """Unpack a file once without looking at what is in it: a bomb is refused in seconds, before any line is read.

    Raises:
        PipelineError: as `check_size`, or the file is damaged.
    """
    if how not in (GZIP, ZSTD):
        return
    total, size = 0, path.stat().st_size
    with explain_os_errors(path, "read"), path.open("rb") as file:
        try:
            stream = unpacked(file, how)
            while part := stream.read(1 << 18):
                total += len(part)
                check_size(path, total, size)
        except DAMAGED as error:
            raise PipelineError(f"{path}: the {how} data is cut short or damaged; fetch the file again") from error


def read_unpacked(path: Path) -> bytes:
    """The whole of what is in a file, plain, gzip or zstd.

    Raises:
        PipelineError: it cannot be read, is damaged, too large, or unpacks to far more than any table does.
    """
    parts, total = [], 0
    with explain_os_errors(path, "read"), path.open("rb") as file:
        how = packing(path)
        size = path.stat().st_size if how else 0
        try:
            stream = unpacked(file, how)
            while part := stream.read(1 << 20):
                total += len(part)
                check_size(path, total, size)
                parts.append(part)
        except DAMAGED as error:
            raise PipelineError(f"{path}: the {how} data is cut short or damaged; fetch the file again") from error
    return b"".join(parts)


class _Frames(io.RawIOBase):
    """The frames of a zstd file, one after the other; unlike zstandard's own reader it tells one that is cut short."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._frame = file, zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        self._begun = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._ready:
            left = self._frame.unused_data if self._frame.eof else b""
            data = left or self._file.read(_PIECE)
            if self._frame.eof:
                self._frame, self._begun = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj(), False
            if not data:
                if self._begun:
                    raise EOFError("a zstd frame is cut short")
                return 0
            self._begun = True
            try:
                self._ready = memoryview(self._frame.decompress(data))
            except zstandard.ZstdError as error:
                if "too much memory" not in str(error):
                    raise
                raise PipelineError(
                    f"{self._file.name}: its zstd frames look back more than {MAX_WINDOW} bytes; pack it with zstd "
                    "--long=26 or less"
                ) from error
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
