"""The graph finds the words that scikit-learn finds, in any text; what it cannot follow is refused by name."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline

from export.sklearn.text.compile import compile_text, reads_text
from train.core.columns.ascii_text import TOKEN_PATTERN, ascii_lower
from train.core.errors import PipelineError
from train.news_sentiment.probe_texts import ODD

TEXTS = [
    "profit rises at Acme",
    "profit falls at Acme",
    "Acme holds meeting",
    "no loss",
    "losses narrow",
    "the the the",
]
TRUTH = [1, -1, 0, 1, 1, 0]


def fitted(last: Any = None, labels: Any = None, **words: Any) -> Any:
    plain = {"preprocessor": ascii_lower, "token_pattern": TOKEN_PATTERN, "ngram_range": (1, 2)}
    return make_pipeline(TfidfVectorizer(**(plain | words)), last or LogisticRegression()).fit(TEXTS, labels or TRUTH)


def session(model: Any) -> ort.InferenceSession:
    return ort.InferenceSession(compile_text(model, name="t").SerializeToString())


def asked(graph: ort.InferenceSession, texts: list[str]) -> list[np.ndarray]:
    return graph.run(None, {"text": np.array(texts, dtype=object)[:, None]})


MODEL = fitted()
GRAPH = session(MODEL)


def compared(model: Any, graph: ort.InferenceSession, texts: list[str]) -> None:
    chances, score, terms = asked(graph, texts)
    expected = model.predict_proba(texts)
    np.testing.assert_allclose(chances, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(score[:, 0], expected @ model.classes_, rtol=0, atol=1e-12)
    counts = super(TfidfVectorizer, model[0]).transform(texts)
    assert (terms[:, 0] == np.asarray(counts.sum(axis=1)).reshape(-1)).all()


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"sublinear_tf": True},
        {"norm": None, "ngram_range": (2, 2)},
        {"use_idf": False, "ngram_range": (1, 3)},
        {"min_df": 2, "ngram_range": (1, 1)},
    ],
)
def test_every_weighting_is_followed(words: dict[str, Any]) -> None:
    model = fitted(**words)
    compared(model, session(model), [*TEXTS, *ODD[:9], "PROFIT Rises; no loss"])


@pytest.mark.parametrize("number", range(len(ODD)))
def test_odd_texts_of_up_to_100_kb_alone_and_beside_others(number: int) -> None:
    for texts in ([ODD[number]], [*TEXTS, ODD[number]]):
        compared(MODEL, GRAPH, texts)


WORD = st.one_of(
    st.sampled_from(["profit", "Rises", "FALLS", "no", "loss", "İ", "\u212a", "e\u0301", "株", "😀", "-", "'"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(WORD, max_size=12), min_size=1, max_size=5), st.sampled_from(["", " ", "\u00a0", "\n"]))
def test_any_text_is_answered_as_scikit_learn_answers(rows: list[list[str]], between: str) -> None:
    compared(MODEL, GRAPH, [between.join(words) for words in rows])


def test_two_classes_and_none_of_the_words() -> None:
    model = fitted(labels=[1, 0, 0, 1, 1, 0])
    compared(model, session(model), ["", *TEXTS])
    assert asked(session(model), ["quite another thing", ""])[2].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: fitted(preprocessor=None), "preprocessor"),
        (lambda: fitted(token_pattern=r"(?u)\b\w\w+\b"), "token_pattern"),
        (lambda: fitted(stop_words=["at"]), "stop_words"),
        (lambda: fitted(norm="l1"), "norm"),
        (lambda: fitted(analyzer="char"), "analyzer"),
        (lambda: fitted(binary=True), "binary"),
        (lambda: fitted(last=RidgeClassifier()), "LogisticRegression"),
        (lambda: fitted(labels=["a", "b", "a", "b", "a", "b"]), "classes"),
    ],
)
def test_what_has_no_exact_form_is_refused_by_name(model: Any, named: str) -> None:
    made = model()
    assert reads_text(made)
    with pytest.raises(PipelineError, match=named):
        compile_text(made, name="t")
