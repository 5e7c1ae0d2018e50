"""The gate's window: the newest data, held out from training, on which a new version and the one in use are compared.

A model's training writes it beside the model (`window.zip`); `python -m export promote` reads it. The file has the same
bytes for the same content, and its hash stands in the manifest, so a window goes with just one version.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, sha256_hex, write_atomic

Floats = NDArray[np.float64]
WINDOW_FILE = "window.zip"
_META = "window.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LARGEST = 512 << 20


class Measures(BaseModel):
    """The part of a window that is no array.

    Attributes:
        horizons: measure -> how many moments ahead it looks: neighbours within that distance are correlated. 0 means
            that moments are independent, and a bootstrap decides instead of Diebold and Mariano's test.
        first, last: dates of the window, where its data has dates.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizons: dict[str, int] = Field(min_length=1)
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Window:
    """Rows that no fit has seen.

    Attributes:
        arrays: what the model makes inputs and losses from; by default the input tensors under their names.
        moments: int64 [row]; rows of one moment (a day, or a row of its own) are judged together.
        measures: what is measured, and when.
        baselines: simple baseline -> measure -> loss of each row, float64 [row], NaN where none is known.
    """

    arrays: Mapping[str, NDArray[Any]]
    moments: NDArray[np.int64]
    measures: Measures
    baselines: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)


def write_window(folder: Path, window: Window) -> str:
    """Write `window.zip` into a model's folder; gives its SHA-256."""
    parts: dict[str, NDArray[Any]] = {"moments": window.moments}
    parts |= {f"arrays/{name}": array for name, array in window.arrays.items()}
    for baseline, losses in window.baselines.items():
        parts |= {f"baselines/{baseline}/{measure}": array for measure, array in losses.items()}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(_entry(_META), json_bytes(window.measures.model_dump(mode="json")))
        for name in sorted(parts):
            one = io.BytesIO()
            np.save(one, parts[name], allow_pickle=False)
            archive.writestr(_entry(name), one.getvalue())
    write_atomic(folder / WINDOW_FILE, whole.getvalue())
    return sha256_hex(whole.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def read_window(folder: Path) -> tuple[Window, str]:
    """The window in a model's folder, and its SHA-256.

    Raises:
        PipelineError: there is none, or it is not one.
    """
    path = folder / WINDOW_FILE
    if not path.is_file():
        raise PipelineError(f"{path}: no window for the gate here; train the model again")
    content = read_bytes(path)
    try:
        return _parse(content), sha256_hex(content)
    except (zipfile.BadZipFile, ValidationError, ValueError, KeyError, EOFError, OSError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PipelineError(f"{path}: not a window of the gate: {reason}; train the model again") from error


def _parse(content: bytes) -> Window:
    arrays: dict[str, NDArray[Any]] = {}
    baselines: dict[str, dict[str, Floats]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
            raise ValueError(f"more than {_LARGEST:,} bytes")
        measures = Measures.model_validate_json(archive.read(_META))
        moments = np.load(io.BytesIO(archive.read("moments")), allow_pickle=False)
        for name in archive.namelist():
            kind, _, rest = name.partition("/")
            if kind == "arrays":
                arrays[rest] = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            elif kind == "baselines":
                baseline, _, measure = rest.partition("/")
                losses = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                if losses.shape != moments.shape:
                    raise ValueError(f"{name} has {losses.shape} losses for {moments.shape} rows")
                baselines.setdefault(baseline, {})[measure] = losses
    if moments.ndim != 1 or not len(moments):
        raise ValueError("no rows")
    return Window(arrays, moments, measures, baselines)
