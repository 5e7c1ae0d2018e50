"""The weights in a .keras file, an HDF5 file, looked over before Keras reads them: no links out of it, no bombs."""

import io
import zipfile
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError

MOST_WEIGHT_BYTES = 512 << 20
MOST_OBJECTS = 100_000


def check_weights(path: Path, entry: str) -> None:
    """Refuse weights that point to other files, unpack to more than they may, or are no numbers.

    Raises:
        PipelineError: names the place in the file.
    """
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(entry)
        with h5py.File(io.BytesIO(content), "r") as file:
            _check_groups(path, file)
    except PipelineError:
        raise
    except Exception as error:  # h5py has no base class of its own for damaged files
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise PipelineError(f"{path}: {entry}: damaged: {reason}") from error


def _check_groups(path: Path, file: Any) -> None:
    import h5py

    waiting, total, seen = [("", file)], 0, 0
    while waiting:
        place, group = waiting.pop()
        for name in group:
            where, link = f"{place}/{name}", group.get(name, getlink=True)
            seen += 1
            if seen > MOST_OBJECTS:
                raise PipelineError(f"{path}: weights in more than {MOST_OBJECTS:,} places")
            if not isinstance(link, h5py.HardLink):
                raise PipelineError(f"{path}: weights at {where}: a link, which is not followed")
            part = group[name]
            if isinstance(part, h5py.Group):
                waiting.append((where, part))
                continue
            if not isinstance(part, h5py.Dataset) or part.external or part.is_virtual:
                raise PipelineError(f"{path}: weights at {where}: kept in another file, which is not read")
            if part.dtype.kind not in "fiubV":
                raise PipelineError(f"{path}: weights at {where}: no numbers ({part.dtype})")
            total += part.size * part.dtype.itemsize
            if total > MOST_WEIGHT_BYTES:
                raise PipelineError(f"{path}: weights of {total:,} bytes and more, at most {MOST_WEIGHT_BYTES:,}")
