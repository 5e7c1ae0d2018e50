"""Tensors as flat rows and back: a flat row holds the row of every tensor one after the other, in order, as float64.

A text stands in it as its place among the words of its tensor (see `train.core.columns.model_table`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from train.core.columns.model_table import decode_words, encode_words
from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]


Words = Mapping[str, tuple[str, ...]]
"""Name of a tensor of text -> what it may hold."""


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


def words_of(settings: Mapping[str, Any]) -> Words:
    """The words of an artifact's tensors of text, as its manifest's settings name them."""
    known = settings.get("words", {})
    return {name: tuple(words) for name, words in known.items()} if isinstance(known, dict) else {}


def typed(values: Floats, tensor: TensorLike, words: Words) -> npt.NDArray[Any]:
    """Numbers of a flat row as what the tensor holds; text that is missing is the empty one."""
    if tensor.dtype != "string":
        return values.astype(tensor.dtype)
    texts = decode_words(words.get(tensor.name, ()), values.reshape(-1), "")
    return texts.reshape(values.shape)


def flat(values: npt.ArrayLike, tensor: TensorLike, words: Words) -> Floats:
    """What a tensor holds as numbers of a flat row, float64 of the same shape."""
    if tensor.dtype != "string":
        return np.asarray(values, dtype=np.float64)
    texts = np.asarray(values, dtype=object)
    known = words.get(tensor.name, ())
    codes = encode_words(known, texts.reshape(-1))
    codes[(texts.reshape(-1) == "") & ("" not in known)] = np.nan
    return codes.reshape(texts.shape)
