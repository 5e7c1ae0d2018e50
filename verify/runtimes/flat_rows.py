"""Tensors as flat rows and back: a flat row holds the row of every tensor one after the other, in order, as float64."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]


class TensorLike(Protocol):
    """Anything with a tensor's name, dtype and shape, for instance a manifest entry; axis 0 is the batch."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def dtype(self) -> str: ...  # noqa: D102
    @property
    def shape(self) -> Sequence[str | int]: ...  # noqa: D102


def tensor_shape(tensor: TensorLike) -> tuple[int, ...]:
    """The shape of one row of a tensor: every axis but the batch; they must be numbers."""
    axes = list(tensor.shape)[1:]
    if not all(isinstance(axis, int) for axis in axes):
        raise PipelineError(f"tensor {tensor.name!r}: shape {list(tensor.shape)} has a second axis without a number")
    return tuple(int(axis) for axis in axes)


def split_rows(rows: Floats, inputs: Sequence[tuple[str, tuple[int, ...]]]) -> Mapping[str, Floats]:
    """Flat rows as the tensors they stand for."""
    feeds, start = {}, 0
    for name, shape in inputs:
        stop = start + math.prod(shape)
        feeds[name] = np.ascontiguousarray(rows[:, start:stop]).reshape(len(rows), *shape)
        start = stop
    if start != rows.shape[1]:
        raise PipelineError(f"rows have {rows.shape[1]} columns, the model takes {start}")
    return feeds


def join_rows(tensors: Mapping[str, npt.NDArray[Any]], inputs: Sequence[tuple[str, tuple[int, ...]]]) -> Floats:
    """Tensors as the flat rows that `split_rows` takes apart: float64 [row, width]."""
    parts = [np.asarray(tensors[name], dtype=np.float64) for name, _ in inputs]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
