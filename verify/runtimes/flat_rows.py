"""Tensors as flat rows and back: a flat row holds the row of every tensor one after the other, in order, as float64.

A text stands in it as its place among the words of its tensor (see `train.core.columns.model_table`); free text, of
which no list can be made, as its place among the texts that this process has met.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from train.core.columns.model_table import decode_words, encode_words
from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]


class FreeText:
    """Texts of any kind by the numbers that stand for them in this process; one text has one number."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._places: dict[str, int] = {}

    def encode(self, texts: npt.NDArray[Any]) -> Floats:
        """Numbers of text, float64 of the same shape."""
        return np.array([self._place(text) for text in texts.reshape(-1)], dtype=np.float64).reshape(texts.shape)

    def decode(self, codes: Floats) -> npt.NDArray[np.object_]:
        """The text of each number, object of the same shape.

        Raises:
            PipelineError: a number that `encode` has not given.
        """
        flat_codes = codes.reshape(-1)
        if not np.isin(flat_codes, np.arange(len(self._texts))).all():
            raise PipelineError("a number stands for no text that was met in this process")
        found = np.empty(len(flat_codes), dtype=object)
        found[:] = [self._texts[int(code)] for code in flat_codes]
        return found.reshape(codes.shape)

    def _place(self, text: Any) -> int:
        if not isinstance(text, str):
            raise PipelineError(f"expected a text, found {text!r}")
        if text not in self._places:
            self._places[text] = len(self._texts)
            self._texts.append(text)
        return self._places[text]


FREE_TEXT = FreeText()
"""The one of this process: whoever asks for rows and whoever answers them speak of the same texts."""
Words = Mapping[str, tuple[str, ...] | FreeText]
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


def typed_tensors(rows: Floats, tensors: Sequence[TensorLike], words: Words) -> dict[str, npt.NDArray[Any]]:
    """Flat rows as the tensors they stand for, text as text, numbers as float64."""
    parts = split_rows(rows, [(tensor.name, tensor_shape(tensor)) for tensor in tensors])
    return {t.name: typed(parts[t.name], t, words) if t.dtype == "string" else parts[t.name] for t in tensors}


def flat_tensors(
    found: Mapping[str, npt.NDArray[Any]], tensors: Sequence[TensorLike], words: Words
) -> npt.NDArray[np.float64]:
    """Tensors, text as text, as the flat rows that `typed_tensors` takes apart: float64 [row, width]."""
    return join_rows(
        {tensor.name: flat(found[tensor.name], tensor, words) for tensor in tensors},
        [(tensor.name, tensor_shape(tensor)) for tensor in tensors],
    )


def join_rows(tensors: Mapping[str, npt.NDArray[Any]], inputs: Sequence[tuple[str, tuple[int, ...]]]) -> Floats:
    """Tensors as the flat rows that `split_rows` takes apart: float64 [row, width]."""
    parts = [np.asarray(tensors[name], dtype=np.float64) for name, _ in inputs]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def words_of(settings: Mapping[str, Any]) -> Words:
    """The words of an artifact's tensors of text, as its manifest's settings name them."""
    known = settings.get("words", {})
    listed = {name: tuple(words) for name, words in known.items()} if isinstance(known, dict) else {}
    return listed | dict.fromkeys(settings.get("free_text", ()), FREE_TEXT)


def typed(values: Floats, tensor: TensorLike, words: Words) -> npt.NDArray[Any]:
    """Numbers of a flat row as what the tensor holds; text that is missing is the empty one."""
    if tensor.dtype != "string":
        return values.astype(tensor.dtype)
    known = words.get(tensor.name, ())
    if isinstance(known, FreeText):
        return known.decode(values)
    return decode_words(known, values.reshape(-1), "").reshape(values.shape)


def flat(values: npt.ArrayLike, tensor: TensorLike, words: Words) -> Floats:
    """What a tensor holds as numbers of a flat row, float64 of the same shape."""
    if tensor.dtype != "string":
        return np.asarray(values, dtype=np.float64)
    texts = np.asarray(values, dtype=object)
    known = words.get(tensor.name, ())
    if isinstance(known, FreeText):
        return known.encode(texts)
    codes = encode_words(known, texts.reshape(-1))
    codes[(texts.reshape(-1) == "") & ("" not in known)] = np.nan
    return codes.reshape(texts.shape)
