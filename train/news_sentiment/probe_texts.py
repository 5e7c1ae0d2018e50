"""Texts made to break the tokeniser of a compiled graph."""

from collections.abc import Iterator, Sequence

import numpy as np

from train.news_sentiment.contract import MOST_BYTES

ODD = (
    "",
    " ",
    "\t\n\r",
    "😀 profit 📉 rises 👩‍👩‍👧‍👦",
    "pro\u0301fit e\u0301 rises\u0327",
    "株価が上昇 profit rises 利益",
    "PROFIT RİSES ıI \u212aelvin \u212bngstrom ﬁrm ＰＲＯＦＩＴ",
    "profit\u00a0rises\u2028falls\u200bjumps\ufefffalls",
    "profit's rises-falls/jumps_2x 12% isn't",
    "لا profit ربح עליה rises",
    "a" * MOST_BYTES,
    "profit rises " * (MOST_BYTES // 13),
    "株" * (MOST_BYTES // 3),
    "😀" * (MOST_BYTES // 4),
    ". " * (MOST_BYTES // 2),
    "\u0301" * 1000,
    "\x01\x1f\x7f\x85 profit",
    "\U0010ffff profit \ud7ff rises \ue000",
)
"""No character in it is half a pair, and none is a NUL: such texts are refused before a model is asked."""
ALPHABET = (
    "profit",
    "rises",
    "FALLS",
    "Not",
    "losses",
    "İ",
    "\u212a",
    "é",
    "e\u0301",
    "株",
    "😀",
    "'",
    "-",
    "12%",
    "\u200d",
)


def random_texts(base: Sequence[str], count: int, *, seed: int) -> Iterator[str]:
    """Texts like those of training with characters and words exchanged; the same for the same seed."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        parts = base[int(random.integers(len(base)))].split(" ")
        for _ in range(int(random.integers(1, 5))):
            place = int(random.integers(len(parts)))
            choice = int(random.integers(4))
            if choice == 0:
                parts[place] = ALPHABET[int(random.integers(len(ALPHABET)))]
            elif choice == 1:
                parts.insert(
                    place, chr(int(random.choice([*range(1, 0x250), *range(0x2000, 0x2070), *range(0x1F600, 0x1F640)])))
                )
            elif choice == 2:
                parts[place] = parts[place].swapcase()
            else:
                parts[place] = "".join(parts[place : place + 2])
        yield " ".join(parts)
