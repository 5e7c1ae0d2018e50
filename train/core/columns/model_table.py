"""The table that a fitted scikit-learn model takes: which of its columns hold text, whole numbers, truth values.

It is seen from the encoders and imputers that look at the columns of the input, wherever they stand in the model. Rows
are kept as float64 throughout: a cell of text is a code, its place among the words that the model knows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from train.core.errors import PipelineError

Floats = npt.NDArray[np.float64]
Kind = Literal["number", "whole", "flag", "text"]
Origins = list["_Seen | None"]
UNKNOWN = -1.0
"""The code of text that the model does not know."""


@dataclass(frozen=True)
class TableColumn:
    """One column of a model's input.

    Attributes:
        name: as it was called in `fit`; x0, x1, ... where it had no name.
        kind: number (float64), whole (int64), flag (bool) or text (string).
        words: of text: what the model knows, code k being `words[k]`; any other code is unknown text, NaN is missing.
        missing: of text: what a missing value is to scikit-learn (None or NaN); NaN where the model was fitted on none.
        knows_missing: of text: whether a missing value is a category of its own, or is filled.
        values: numbers at which the model changes its mind: categories, edges of bins.
    """

    name: str
    kind: Kind = "number"
    words: tuple[str, ...] = ()
    missing: Any = np.nan
    knows_missing: bool = False
    values: tuple[float, ...] = ()


@dataclass
class _Seen:
    """What the parts of a model that look at one column know of it."""

    words: set[str] = field(default_factory=set)
    values: set[float] = field(default_factory=set)
    dtypes: set[str] = field(default_factory=set)
    missing: list[Any] = field(default_factory=list)


def table_of(estimator: Any, width: int) -> tuple[TableColumn, ...]:
    """The columns of the input of a fitted estimator, `width` of them.

    Raises:
        PipelineError: a column holds bytes, or text and numbers at once.
    """
    names = column_names(estimator, width)
    seen = [_Seen() for _ in range(width)]
    _visit(estimator, list(seen))
    return tuple(_column(name, one) for name, one in zip(names, seen, strict=True))


def column_names(estimator: Any, width: int) -> list[str]:
    """Names of the columns as in `fit`, or x0, x1, ..."""
    known = getattr(estimator, "feature_names_in_", None)
    return [f"x{index}" for index in range(width)] if known is None else [str(name) for name in known]


def decoded(columns: Sequence[TableColumn], rows: Floats) -> list[npt.NDArray[Any]]:
    """The columns of coded rows as scikit-learn takes them: text as objects, truth values as bool, numbers as rows."""
    return [_decoded(column, rows[:, index]) for index, column in enumerate(columns)]


def encoded(columns: Sequence[TableColumn], cells: npt.NDArray[np.object_]) -> Floats:
    """Rows float64 [row, column] of cells [row, column]: text as codes, numbers as they are.

    Raises:
        ValueError: a cell of a column of numbers is none.
    """
    made = np.empty(cells.shape, dtype=np.float64)
    for index, column in enumerate(columns):
        values = cells[:, index]
        made[:, index] = encode_words(column.words, values) if column.kind == "text" else values.astype(np.float64)
    return made


def decode_words(words: tuple[str, ...], codes: Floats, missing: Any = np.nan) -> npt.NDArray[np.object_]:
    """Text of codes: object [row]. A code between k and k + 1 is `words[k]`.

    Text that is missing is written as the empty one, so where that is a word of its own it is what is meant.
    """
    unknown = "unknown"
    while unknown in words:
        unknown += "?"
    with np.errstate(invalid="ignore"):
        place = np.where((codes >= 0) & (codes < len(words)), np.floor(codes), len(words)).astype(np.int64)
    text = np.array([*words, unknown], dtype=object)[place]
    text[np.isnan(codes)] = "" if "" in words else missing
    return text


def encode_words(words: tuple[str, ...], texts: npt.NDArray[Any]) -> Floats:
    """Codes of text, float64 [row]; what is no string (None, NaN) is missing."""
    known = {word: float(code) for code, word in enumerate(words)}
    return np.array([known.get(str(one), UNKNOWN) if isinstance(one, str) else np.nan for one in texts])


def _decoded(column: TableColumn, values: Floats) -> npt.NDArray[Any]:
    if column.kind == "text":
        return decode_words(column.words, np.asarray(values, dtype=np.float64), column.missing)
    if column.kind == "flag" and np.isin(values, (0.0, 1.0)).all():
        return values.astype(bool)
    return values


def _column(name: str, seen: _Seen) -> TableColumn:
    if "bytes" in seen.dtypes:
        raise PipelineError(
            f"column {name!r}: its categories are bytes, for which there is no tensor; decode them before the fit"
        )
    other = sorted(seen.dtypes - {"text", "number", "whole", "flag"})
    if other:
        raise PipelineError(f"column {name!r}: a category is a {other[0]}; text and numbers alone have tensors")
    if not seen.words:
        kinds = seen.dtypes
        kind: Kind = "whole" if kinds == {"whole"} else "flag" if kinds == {"flag"} else "number"
        return TableColumn(name, kind, values=tuple(sorted(seen.values)))
    if seen.values or seen.dtypes - {"text"}:
        raise PipelineError(
            f"column {name!r}: the model takes it for text ({sorted(seen.words)[0]!r}) and for numbers; "
            "make it one of the two before the fit"
        )
    if "" in seen.words and seen.missing:
        raise PipelineError(
            f"column {name!r}: both the empty text and a missing value are categories, and a text that is missing is "
            "written as the empty one; give one of them another name before the fit"
        )
    if len({one is None for one in seen.missing}) > 1:
        raise PipelineError(f"column {name!r}: both None and NaN are categories; use one of them before the fit")
    missing = seen.missing[0] if seen.missing else np.nan
    return TableColumn(name, "text", tuple(sorted(seen.words)), missing, bool(seen.missing))


def _visit(part: Any, origins: Origins | None) -> Origins | None:
    """Note what `part` knows of the columns it sees; gives the origins of the columns that it makes, None: unknown."""
    if part is None or isinstance(part, str):
        return [] if part == "drop" else origins
    if origins is None or getattr(part, "n_features_in_", len(origins)) != len(origins):
        return None
    if isinstance(part, Pipeline):
        for _, step in part.steps:
            origins = _visit(step, origins)
        return origins
    if isinstance(part, ColumnTransformer) and hasattr(part, "transformers_"):
        places = part._transformer_to_input_indices
        made = [_visit(one, [origins[i] for i in places[name]]) for name, one, _ in part.transformers_]
        return _joined(made)
    if isinstance(part, FeatureUnion):
        return _joined([_visit(one, origins) for _, one in part.transformer_list])
    if hasattr(part, "categories_"):
        return _encoder(part, origins)
    if isinstance(part, SimpleImputer) and hasattr(part, "statistics_"):
        return _imputer(part, origins)
    if isinstance(part, FunctionTransformer):
        return origins if part.func is None else None
    if hasattr(part, "get_support"):
        return [origins[i] for i in part.get_support(indices=True)]
    _edges(part, origins)
    chosen = getattr(part, "estimators_features_", None)
    for index, inner in _inner(part):
        _visit(inner, origins if chosen is None or index is None else [origins[i] for i in chosen[index]])
    return None


def _joined(parts: list[Origins | None]) -> Origins | None:
    whole: Origins = []
    for part in parts:
        if part is None:
            return None
        whole += part
    return whole


def _inner(part: Any) -> Iterator[tuple[int | None, Any]]:
    """Estimators inside another, and the place of those that stand in `estimators_`; not the trees of a forest."""
    if hasattr(part, "tree_") or not hasattr(part, "__dict__"):
        return
    for name, value in vars(part).items():
        values = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(values, (list, tuple)):
            values, listed = [values], False
        else:
            listed = name == "estimators_"
        for index, one in enumerate(values):
            inner = one[1] if isinstance(one, tuple) and len(one) == 2 else one
            if _holds_more(inner):
                yield (index if listed else None), inner


def _holds_more(inner: Any) -> bool:
    if isinstance(inner, type) or hasattr(inner, "tree_"):
        return False
    return hasattr(inner, "get_params") or type(inner).__name__ == "_CalibratedClassifier"


def _encoder(encoder: Any, origins: Origins) -> Origins:
    for origin, categories in zip(origins, encoder.categories_, strict=True):
        if origin is not None:
            _note(origin, np.asarray(categories))
    if hasattr(encoder, "_n_features_outs"):
        return [None] * int(sum(encoder._n_features_outs))
    return [None] * len(getattr(encoder, "encodings_", encoder.categories_))


def _imputer(imputer: Any, origins: Origins) -> Origins | None:
    statistics = np.asarray(imputer.statistics_)
    kept: Origins = []
    for origin, value in zip(origins, statistics, strict=True):
        if origin is not None and isinstance(value, str):
            _note(origin, np.array([value], dtype=object))
            origin.missing.append(imputer.missing_values)
        if isinstance(value, str) or imputer.keep_empty_features or value == value:
            kept.append(origin)
    extra = len(imputer.indicator_.features_) if imputer.add_indicator else 0
    return [*kept, *([None] * extra)]


def _edges(part: Any, origins: Origins) -> None:
    """Numbers at which a transformer changes what it does: edges of bins, knots, quantiles."""
    for name in ("bin_edges_", "bsplines_", "quantiles_"):
        found = getattr(part, name, None)
        if found is None:
            continue
        columns = np.asarray(found).T if name == "quantiles_" else found
        if len(columns) != len(origins):
            continue
        for origin, numbers in zip(origins, columns, strict=True):
            if origin is not None:
                values = np.asarray(getattr(numbers, "t", numbers), dtype=np.float64)
                origin.values.update(values[:: max(1, len(values) // 100)].tolist())


def _note(origin: _Seen, categories: npt.NDArray[Any]) -> None:
    if categories.dtype.kind not in "OUS":
        name = {"i": "whole", "u": "whole", "b": "flag"}.get(categories.dtype.kind, "number")
        origin.dtypes.add(name)
        origin.values.update(float(value) for value in categories if value == value)
        return
    for one in categories.tolist():
        if isinstance(one, str):
            origin.words.add(one)
            origin.dtypes.add("text")
        elif isinstance(one, bytes):
            origin.dtypes.add("bytes")
        elif one is None or (isinstance(one, float) and one != one):
            origin.missing.append(one)
        elif isinstance(one, (int, float)):
            origin.dtypes.add("number")
            origin.values.add(float(one))
        else:
            origin.dtypes.add(type(one).__name__)
