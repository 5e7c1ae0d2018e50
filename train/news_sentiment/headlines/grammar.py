"""Headlines from a grammar that knows their truth: -1, 0 or 1.

What counts as true: a good metric that rises, or a bad one that falls, is positive, the other two are negative; a
negation turns the sign of an event; a doubt or a question leaves nothing known, so it is neutral; size, time, lead and
case change nothing. A company's name says nothing either.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from train.news_sentiment.headlines import words

Kind = Literal["training", "unseen frames", "unseen words"]
SYLLABLES = ("ka", "lo", "ven", "tri", "mar", "so", "bel", "du", "rin", "pax", "ol", "ge", "hu", "zim", "fe", "ast")
SUFFIXES = ("", " Corp", " AG", " plc", " Holdings", " Group", " SE", " Industries")
NEW_SYLLABLES = ("qui", "wol", "jor", "ney", "ulm", "yve")
"""Of names that training never sees."""


@dataclass(frozen=True)
class Headlines:
    """Texts and their truth, int64 [text], of -1, 0 and 1."""

    texts: list[str]
    truth: np.ndarray


def headlines(count: int, *, kind: Kind, seed: int) -> Headlines:
    """`count` different headlines, a third of each truth but for what repeats; the same for the same seed.

    Args:
        count: how many.
        kind: "unseen frames" has companies and arrangements of words, "unseen words" also verbs and events, that
            "training" never has.
        seed: of every random choice.
    """
    random = np.random.default_rng([seed, len(kind)])
    found: dict[str, int] = {}
    while len(found) < count:
        sign = int(random.integers(-1, 2))
        text = _dressed(_sentence(sign, kind, random), random)
        found.setdefault(text, sign)
    return Headlines(list(found), np.array(list(found.values()), dtype=np.int64))


def _pick(options: tuple[str, ...], random: np.random.Generator) -> str:
    return options[int(random.integers(len(options)))]


def _event(options: tuple[words.Event, ...], random: np.random.Generator) -> words.Event:
    return options[int(random.integers(len(options)))]


def _company(kind: Kind, random: np.random.Generator) -> str:
    known = kind == "training"
    parts = [_pick(SYLLABLES if known else (*NEW_SYLLABLES, *SYLLABLES), random) for _ in range(2)]
    if not known:
        parts[0] = _pick(NEW_SYLLABLES, random)
    return "".join(parts).capitalize() + _pick(SUFFIXES, random)


def _sentence(sign: int, kind: Kind, random: np.random.Generator) -> str:
    name = _company(kind, random)
    size, time = _pick(words.SIZES, random), _pick(words.TIMES, random)
    if sign == 0:
        return _neutral(name, time, kind, random)
    if random.random() < 0.5:
        return _metric(name, size, time, sign, kind, random)
    good, bad = words.GOOD_EVENTS, words.BAD_EVENTS
    if kind == "unseen words":
        good, bad = words.UNSEEN_GOOD_EVENTS, words.UNSEEN_BAD_EVENTS
    if random.random() < 0.3:
        event = _event(bad if sign > 0 else good, random)
        return f"{name} {_pick(words.NEGATIONS, random)} {event.base} {time}"
    event = _event(good if sign > 0 else bad, random)
    if kind == "training":
        return f"{name} {event.says} {time}"
    return f"{time.capitalize()}, {name} {event.says}, statement says"


def _metric(name: str, size: str, time: str, sign: int, kind: Kind, random: np.random.Generator) -> str:
    good = random.random() < 0.6
    metric = _pick(words.GOOD_METRICS if good else words.BAD_METRICS, random)
    up = good == (sign > 0)
    rises, falls = words.RISES, words.FALLS
    if kind == "unseen words":
        rises, falls = words.UNSEEN_RISES, words.UNSEEN_FALLS
    verb = _pick(rises if up else falls, random)
    frames: tuple[str, ...]
    noun = _pick(words.RISE_NOUNS if up else words.FALL_NOUNS, random)
    if kind == "training":
        frames = (
            f"{name} {metric} {verb} {size}",
            f"{metric} {verb} at {name} {time}",
            f"{noun} in {metric} at {name}",
        )
    elif kind == "unseen frames":
        frames = (f"At {name} {metric} {verb} {size} {time}", f"{name} sees {noun} in its {metric} {time}")
    else:
        frames = (f"{name} {metric} {verb} {size}", f"{metric} {verb} at {name} {time}")
    return _pick(frames, random)


def _neutral(name: str, time: str, kind: Kind, random: np.random.Generator) -> str:
    choice = random.random()
    metric = _pick((*words.GOOD_METRICS, *words.BAD_METRICS), random)
    if choice < 0.35:
        event = _event(words.PLAIN_EVENTS, random)
        return f"{name} {event.says} {time}" if kind != "unseen frames" else f"{time}: {name} {event.says}"
    if choice < 0.55:
        return f"{name} {metric} {_pick(words.STILL, random)} {time}"
    event = _event((*words.GOOD_EVENTS, *words.BAD_EVENTS), random)
    if choice < 0.8:
        return f"{name} {_pick(words.DOUBTS, random)} {event.base} {time}"
    return f"{_pick(words.QUESTIONS, random)} {name} {event.says}"


def _dressed(text: str, random: np.random.Generator) -> str:
    """With a lead or not, as typed, all capitals or with capital initials."""
    if random.random() < 0.2:
        text = f"{_pick(words.LEADS, random)} {text}"
    case = random.random()
    if case < 0.1:
        return text.upper()
    return text.title() if case < 0.25 else text
