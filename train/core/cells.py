"""Numbers as tables hold them: decimal commas, thousands, currency, percent, brackets; `runtime/src/io/cells.rs` alike.

Whether a comma is a decimal mark is settled by a whole column, or by the columns beside it, never by one cell.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "-", "--", ".", "\\n"})
"""How exports spell a value that is not there, in lower case."""
MINUS = "\u2212"
_CURRENCY = "$€£¥"
_SPACES = str.maketrans("", "", " \u00a0\u202f'\u2019")
_BY_COMMA = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+", re.ASCII)
_BY_POINT = re.compile(r"[1-9][0-9]{0,2}(\.[0-9]{3})+", re.ASCII)
_WITH_GROUPS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", re.ASCII)
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_DIGITS = re.compile(r"[0-9.,]+", re.ASCII)


@dataclass
class Spelling:
    """What the cells of one column seen so far tell of their decimal mark."""

    comma: bool = False
    point: bool = False
    doubtful: bool = False
    """A comma that could part thousands or decimals, as in 1,200."""

    def see(self, text: str) -> None:
        """Look at one more cell."""
        found = _DIGITS.search(text.translate(_SPACES))
        digits = found.group() if found else ""
        if "," in digits and "." in digits:
            if digits.rindex(",") > digits.rindex("."):
                self.comma = True
            else:
                self.point = True
        elif "," in digits:
            if _BY_COMMA.fullmatch(digits):
                self.doubtful = True
            else:
                self.comma = True
        elif "." in digits and len(digits) > 1 and not _BY_POINT.fullmatch(digits):
            self.point = True


def decimal_commas(columns: Sequence[Spelling]) -> list[bool | None]:
    """For each column whether its decimal mark is a comma; None where it could be read in two ways."""
    comma = any(column.comma for column in columns)
    point = any(column.point for column in columns)
    answers: list[bool | None] = []
    for column in columns:
        if (column.comma and column.point) or (column.doubtful and not column.point and comma and point):
            answers.append(True if column.comma and not column.point else None)
        elif column.comma or column.point:
            answers.append(column.comma)
        else:
            answers.append(comma and not point)
    return answers


def read_number(text: str, *, comma: bool = False) -> tuple[float, bool] | None:
    """The number of a cell without blanks around it, and whether it stands in percent; None = it is missing.

    Brackets, U+2212, a minus behind and `DR` make it negative, `CR` and currency signs change nothing. NaN: no number.
    """
    if not comma and text.isascii() and "_" not in text:
        try:
            plain = float(text)
        except ValueError:
            plain = math.nan
        if not math.isnan(plain):
            return plain, False
    if text.lower() in MISSING:
        return None
    return _unusual(text, comma)


def _unusual(text: str, comma: bool) -> tuple[float, bool]:
    text = text.replace(MINUS, "-")
    sign = 1.0
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1].strip(), -1.0
        if text.startswith(("-", "+")):
            return math.nan, False
    signs = 0
    for word, value in (("CR", 1.0), ("DR", -1.0)):
        if text.upper().endswith(word):
            text, sign, signs = text[:-2].rstrip(), sign * value, signs + 1
    percent = text.endswith("%")
    text = text.removesuffix("%").rstrip()
    for code in ("USD", "EUR", "GBP"):
        text = text.removesuffix(code).removeprefix(code).strip()
    text = text.strip(_CURRENCY).strip()
    if text.endswith("-"):
        text, sign, signs = text[:-1].rstrip(), -sign, signs + 1
    if text.startswith(("-", "+")):
        sign, signs = (-sign if text[0] == "-" else sign), signs + 1
        text = text[1:].strip().lstrip(_CURRENCY)
    text = text.translate(_SPACES)
    if comma:
        text = text.replace(".", "").replace(",", ".")
    elif _WITH_GROUPS.fullmatch(text):
        text = text.replace(",", "")
    if signs > 1 or not _NUMBER.fullmatch(text):
        return math.nan, percent
    return sign * float(text), percent
