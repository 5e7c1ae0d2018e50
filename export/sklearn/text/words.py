"""Words and n-grams of words inside a graph, weighted as scikit-learn's `TfidfVectorizer` weights them."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.feature_extraction.text import TfidfVectorizer

from export.graph import MICROSOFT_DOMAIN, GraphBuilder
from export.sklearn.columns.refusal import refuse
from train.core.columns.ascii_text import TOKEN_PATTERN, ascii_lower

GRAPH_TOKEN = "[A-Za-z]+"
"""`TOKEN_PATTERN` on text that is not lower case yet: the same words, for `ascii_lower` moves no other character."""
NO_WORD = ""
"""Fills up rows with fewer words; no pattern matches it, so it is in no vocabulary."""
SUPPORTED = {
    "analyzer": ("word",),
    "preprocessor": (ascii_lower,),
    "tokenizer": (None,),
    "token_pattern": (TOKEN_PATTERN,),
    "stop_words": (None,),
    "norm": ("l2", None),
    "decode_error": ("strict",),
    "input": ("content",),
}
"""Parameter -> values that the graph can follow exactly."""


def require_exact(vectorizer: Any) -> None:
    """Refuse a vectorizer whose words a graph would not find exactly.

    Raises:
        NoExactForm: the parameter is named, with the values that have an exact form.
    """
    if type(vectorizer) is not TfidfVectorizer:
        raise refuse(vectorizer, "it is no TfidfVectorizer", supported="TfidfVectorizer")
    for name, values in SUPPORTED.items():
        found = getattr(vectorizer, name)
        if not any(found is value or found == value for value in values):
            shown = " or ".join(getattr(value, "__qualname__", repr(value)) for value in values)
            raise refuse(vectorizer, f"{name} is {found!r}", supported=f"{name}={shown}")
    if vectorizer.binary or np.dtype(vectorizer.dtype) != np.float64:
        raise refuse(vectorizer, "binary or dtype is set", supported="the defaults of both")


def words(build: GraphBuilder, texts: str) -> str:
    """The words of each text in lower case, string [batch, longest + 1], filled up with `NO_WORD`.

    `Tokenizer` stands in onnxruntime's own operator set: ONNX itself splits at one fixed text alone.
    """
    flat = build.node("Reshape", texts, build.constant([-1], np.int64))
    found = build.node(
        "Tokenizer",
        flat,
        domain=MICROSOFT_DOMAIN,
        mark=0,
        mincharnum=1,
        pad_value=NO_WORD,
        tokenexp=GRAPH_TOKEN,
    )
    # StringNormalizer refuses an empty tensor, which comes of texts without any word: each row gets one more place.
    rows = build.node("Shape", flat)
    one = build.node("Concat", rows, build.constant([1], np.int64), axis=0)
    more = build.node("Expand", build.texts([NO_WORD]), one)
    filled = build.node("Concat", found, more, axis=1)
    line = build.node("Reshape", filled, build.constant([-1], np.int64))
    # Words are ASCII by now, and the locale "C" is there on every machine.
    lower = build.node("StringNormalizer", line, case_change_action="LOWER", locale="C", is_case_sensitive=1)
    return build.node("Reshape", lower, build.node("Shape", filled))


def counts(build: GraphBuilder, vectorizer: Any, tokens: str) -> str:
    """How often each n-gram of the vocabulary stands in each text, float64 [batch, n-gram], in its order.

    The operator counts in float32, exact up to 2^24; a text is not so long.
    """
    least, most = vectorizer.ngram_range
    sizes = range(1, most + 1)
    grams = {tuple(gram.split(" ")): int(place) for gram, place in vectorizer.vocabulary_.items()}
    pool: list[str] = []
    starts: list[int] = []
    places: list[int] = []
    for size in sizes:
        starts.append(len(pool))
        for gram in sorted(gram for gram in grams if len(gram) == size):
            pool.extend(gram)
            places.append(grams[gram])
    counted = build.node(
        "TfIdfVectorizer",
        tokens,
        max_gram_length=most,
        min_gram_length=least,
        max_skip_count=0,
        mode="TF",
        ngram_counts=starts,
        ngram_indexes=places,
        pool_strings=pool,
    )
    return build.node("Cast", counted, to=TensorProto.DOUBLE)


def weighted(build: GraphBuilder, vectorizer: Any, counted: str) -> str:
    """TF-IDF of counts, float64 [batch, n-gram]: (1 + ln tf if sublinear) idf, over the length of the row.

    A row without any known n-gram stays zero, as scikit-learn leaves it.
    """
    zero = build.constant(0.0)
    value = counted
    if vectorizer.sublinear_tf:
        known = build.node("Greater", counted, zero)
        safe = build.node("Max", counted, build.constant(1.0))
        value = build.node("Where", known, build.node("Add", build.node("Log", safe), build.constant(1.0)), zero)
    if vectorizer.use_idf:
        value = build.node("Mul", value, build.constant(np.asarray(vectorizer.idf_, dtype=np.float64)))
    if vectorizer.norm is None:
        return value
    axis = build.constant([1], np.int64)
    length = build.node("Sqrt", build.node("ReduceSum", build.node("Mul", value, value), axis, keepdims=1))
    whole = build.node("Where", build.node("Equal", length, zero), build.constant(1.0), length)
    return build.node("Div", value, whole)
