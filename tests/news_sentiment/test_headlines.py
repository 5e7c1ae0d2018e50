"""Own files of headlines are read strictly, and the generated ones keep what the test must not have seen apart."""

from pathlib import Path

import numpy as np
import pytest

from train.core.errors import PipelineError
from train.news_sentiment.contract import MOST_BYTES, check_text
from train.news_sentiment.headlines import words
from train.news_sentiment.headlines.by_hand import by_hand
from train.news_sentiment.headlines.file import LEAST_OF_EACH, read_headlines
from train.news_sentiment.headlines.grammar import headlines

GOOD = "".join(
    f'"text {label} {number}, with a comma",{label}\n'
    for label in ("negative", "neutral", "positive")
    for number in range(LEAST_OF_EACH)
)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "own.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_file_is_read_by_its_columns_whatever_their_order(tmp_path: Path) -> None:
    found, record = read_headlines([written(tmp_path, "\ufefftext,label\r\n" + GOOD + "other,-1\nanother,+1\n")])
    assert record.rows == len(found.texts) == 3 * LEAST_OF_EACH + 2
    assert found.texts[0] == "text negative 0, with a comma"
    assert found.truth[[0, -2, -1]].tolist() == [-1, -1, 1]
    assert read_headlines([written(tmp_path, "label,text\nneutral,x\n" + swapped())])[0].truth[0] == 0


def swapped() -> str:
    return "".join(",".join(line.rsplit(",", 1)[::-1]) + "\n" for line in GOOD.splitlines())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected the columns text, label"),
        ("headline,label\na,neutral\n", "expected the columns text, label, found headline, label"),
        ("text,label\nfine,neutral\nbad,great\n", r"line 3: field 'label' must be one of negative"),
        ("text,label\n,neutral\n", r"line 2: field 'text' is empty"),
        ("text,label\n  ,neutral\n", r"line 2: field 'text' is empty"),
        ("text,label\nCosts, they fall,positive\n", r"line 2: 3 cells, expected 2; quote"),
        (b"text,label\nfine,neutral\ncaf\xe9,neutral\n", r"line 3: field 'text' is not UTF-8 \(byte 0xe9\)"),
        (b"text,label\nfine,neutral\na\0b,neutral\n", r"line 3: field 'text' holds a NUL"),
        (
            f"text,label\n{'a' * (MOST_BYTES + 1)},neutral\n",
            r"line 2: field 'text' has 100,001 bytes, expected at most",
        ),
        (f"text,label\n{'a' * (3 * MOST_BYTES)},neutral\n", r"line 2: field 'text' has 300,000 bytes"),
        ("text,label\nsame,neutral\nsame,positive\n", r"line 3: field 'label' differs from that .* line 2"),
        ('text,label\n"open,neutral\n', "not CSV"),
        ("text,label\na,neutral\n", "0 different texts with the label 'negative', expected at least 50"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_field(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        read_headlines([written(tmp_path, content)])


@pytest.mark.parametrize("text", ["a\0b", "", " \n", "\ud800", "é" * (MOST_BYTES // 2) + "a", 5, None])
def test_no_answer_is_made_of_what_is_no_headline(text: object) -> None:
    with pytest.raises(PipelineError, match="field 'text'"):
        check_text(text, "INPUT")


def test_100_kb_are_taken() -> None:
    assert check_text("é" * (MOST_BYTES // 2), "INPUT")


def test_the_same_seed_gives_the_same_headlines_and_all_differ() -> None:
    one, two = headlines(500, kind="training", seed=3), headlines(500, kind="training", seed=3)
    assert one.texts == two.texts
    assert len(set(one.texts)) == 500
    assert np.bincount(one.truth + 1).min() > 120


def test_the_held_out_words_stand_in_no_headline_to_learn_from() -> None:
    known = set(" ".join(headlines(20_000, kind="training", seed=1).texts).lower().replace(",", "").split())
    unseen = {*words.UNSEEN_RISES, *words.UNSEEN_FALLS}
    unseen |= {e.says.split()[0] for e in (*words.UNSEEN_GOOD_EVENTS, *words.UNSEEN_BAD_EVENTS)}
    assert unseen.isdisjoint(known)
    assert unseen & set(" ".join(headlines(2_000, kind="unseen words", seed=1).texts).lower().split())


def test_no_held_out_headline_has_a_company_of_those_to_learn_from() -> None:
    known = {text.lower() for text in headlines(5_000, kind="training", seed=1).texts}
    assert known.isdisjoint(text.lower() for text in headlines(5_000, kind="unseen frames", seed=1).texts)
    assert known.isdisjoint(text.lower() for text in by_hand().texts)
    assert np.bincount(by_hand().truth + 1).tolist() == [15, 15, 15]
