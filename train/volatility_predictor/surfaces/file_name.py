"""What the name of a surface file says of its symbol and its day; `runtime/src/surface/name.rs` does the same."""

import datetime as dt
import re
from pathlib import Path

from train.core.errors import PipelineError

UNKNOWN_SYMBOL = "UNKNOWN"
_DATE = re.compile(r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
_SYMBOL = re.compile(r"[A-Za-z0-9._^=$/&-]{1,16}")
_GENERIC = frozenset(
    word
    for line in (
        "vol vols surface surfaces iv ivs implied volatility history hist daily price prices data export",
        "chain chains option options eod snapshot download file table surf volsurf impvol opts index indices idx quote",
        "quotes cboe yahoo stooq market mkt timeseries cleaned latest smile close closes",
    )
    for word in line.split()
)
"""Words of file names that are no symbols."""
_VOLATILITY = re.compile(r"(?i)vix|vol(?!ume)|vxn|vxd|rvx|ovx|gvz|index|(?<![a-z])iv(?![a-z])|implied")
_ENDS = re.compile(r"(?i)(\.(csv|gz|zst|parquet|txt|tsv))+$")
_NO_SYMBOL = re.compile(r"(?i)[0-9]{8}|(19|20)[0-9]{2}(q[1-4])?|\([0-9]+\)|[0-9]{1,3}[dwmy]", re.ASCII)
_CLASS = re.compile(r"^[^.]+\.[A-Za-z]{1,3}$", re.ASCII)
"""A share class or an exchange behind the dot."""


def symbol_of(path: Path) -> str:
    """The symbol a file is named for: `vix_1990_2019.csv`, `2024-03-04_vix.csv` and `vol_surface_VIX.csv` are VIX's.

    The part between `_` and blanks that is no date, no number of a year or of days, and no word for what such files
    hold; of several the one in capitals (`my_TSLA.csv`). Where that leaves none or a choice, it is `UNKNOWN_SYMBOL`.
    `BRK.A_iv.csv` keeps its class, `0700.HK.csv` its exchange.
    """
    stem, found = _ENDS.sub("", path.name), []
    for part in re.split(r"[_ ]", stem):
        words = part.split("-")
        while len(words) > 1 and words[-1].lower() in _GENERIC:
            words.pop()
        symbol = "-".join(words)
        if not _DATE.fullmatch(part) and symbol and not _NO_SYMBOL.fullmatch(symbol) and symbol.lower() not in _GENERIC:
            found.append(symbol if _CLASS.search(symbol) else symbol.split(".")[0])
    capitals = [symbol for symbol in found if symbol.isupper()]
    different = {symbol.upper() for symbol in (capitals if len(found) > 1 and capitals else found)}
    return (different.pop() or UNKNOWN_SYMBOL) if len(different) == 1 else UNKNOWN_SYMBOL


def date_in_name(path: Path) -> dt.date | None:
    """The date in a file's name, written YYYY-MM-DD: `tsla_2024-03-04.csv`.

    Raises:
        PipelineError: the name holds two dates, or one that is no day of the calendar.
    """
    found: dt.date | None = None
    for text in _DATE.findall(path.name):
        try:
            date = dt.date.fromisoformat(text)
        except ValueError:
            raise PipelineError(f"{path}: '{text}' in its name is not a day of the calendar") from None
        if found not in (None, date):
            raise PipelineError(f"{path}: its name holds two dates; keep one")
        found = date
    return found


def day_argument(text: str) -> dt.date:
    """A day as `--date` takes it: in one form only, so that no other could be meant."""
    if not _DATE.fullmatch(text):
        raise PipelineError(f"--date '{text[:40]}': must be YYYY-MM-DD")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise PipelineError(f"--date '{text}': is not a day of the calendar") from None


def is_symbol(text: str) -> bool:
    """Whether a text is a ticker symbol; `runtime/src/surface/symbol.rs` says the same."""
    return _SYMBOL.fullmatch(text) is not None and ".." not in text


def checked_symbol(symbol: str) -> str:
    """The symbol in upper case; a PipelineError if it is none."""
    if not is_symbol(symbol):
        raise PipelineError(f'symbol "{symbol[:40]}": must be 1 to 16 letters, digits, or one of . - _ ^ = $ / &')
    return symbol.upper()


def name_in_file(symbol: str) -> str:
    """What a symbol is called in the name of a file: in lower case, a hyphen for the slash that would be a folder."""
    return symbol.lower().replace("/", "-")


def says_volatility(path: Path) -> bool:
    """Whether the name of an index file says that it holds volatility."""
    return _VOLATILITY.search(path.name) is not None
