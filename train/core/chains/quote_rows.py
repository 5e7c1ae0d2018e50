"""Records of a chain -> typed columns, a chunk at a time."""

import numpy as np
import pandas as pd

from train.core.cells import read_number
from train.core.chains.cells import EPOCH, UNKNOWN_DAY, Days, Floats, numbers
from train.core.chains.columns import SIDES, Contract, parse_contract
from train.core.chains.documents import Document
from train.core.errors import PipelineError

NUMBERS = ("strike", "bid", "ask", "mark", "last", "iv", "volume", "interest", "spot", "index", "model")
_RATIOS = ("iv", "model")
"""Numbers that may stand in percent."""
SPOTS = ("underlyingbid", "underlyingask")
NO_CONTRACT = Contract("", EPOCH, 0, np.nan, False)


class Reading:
    """Turns chunks of text into typed tables, and remembers what is of the whole file."""

    def __init__(self, document: Document, places: dict[str, int], days: dict[str, Days], commas: dict[str, bool]):
        self._document, self._places, self._days, self._commas = document, places, days, commas
        self.roots: dict[str, int] = {}
        self.underlyings: dict[str, int] = {}
        self.currencies: dict[str, int] = {}
        self.percent = False
        self._spelled: dict[bool, int] = {}
        """The first row whose own volatility stands in percent (True), and the first that does not."""
        self.thousandths: bool | None = None

    def chunk(self, chunk: list[tuple[int, list[str]]]) -> dict[str, np.ndarray]:
        """One array a meaning.

        Raises:
            PipelineError: a cell is wrong; names row and column.
        """
        lines = np.array([line for line, _ in chunk], dtype=np.int64)
        texts = {m: pd.Series([cells[at] for _, cells in chunk], dtype=object) for m, at in self._places.items()}
        out: dict[str, np.ndarray] = {}
        for meaning in (*NUMBERS, *SPOTS):
            out[meaning] = self._numbers(meaning, texts, lines)
        spot = (out.pop("underlyingbid") + out.pop("underlyingask")) / 2.0
        out["spot"] = np.where(np.isnan(out["spot"]), spot, out["spot"])
        if "spot" not in self._places and (spot_text := self._document.shared.get("spot")):
            out["spot"] = np.full(len(chunk), self._shared_spot(spot_text))
        for meaning in ("day", "moment", "quoted", "expiry"):
            out[meaning] = self._day(meaning, texts, len(chunk))
        self._contracts(out, texts, lines)
        moment = np.where(out["moment"] == UNKNOWN_DAY, out["quoted"], out.pop("moment"))
        out["moment"] = moment.astype(np.int32)
        names = texts.get("underlying")
        out["underlying"] = _codes(names, self.underlyings, len(chunk))
        _codes(texts.get("quotecurrency"), self.currencies, len(chunk))
        absent = {m for m in NUMBERS if m not in self._places} - {"spot", "strike"}
        return {name: values for name, values in out.items() if name not in absent}

    def _shared_spot(self, text: str) -> float:
        found = read_number(text)
        if found is not None and not (found[0] > 0.0 and np.isfinite(found[0])):
            raise PipelineError(
                f"{self._document.path}: the spot price must be a number above zero, found '{text[:40]}'"
            )
        return found[0] if found is not None else np.nan

    def _numbers(self, meaning: str, texts: dict[str, pd.Series], lines: np.ndarray) -> Floats:
        if meaning not in texts:
            return np.full(len(lines), np.nan)
        where = f"{self._document.path}: row {{}}: column {self._document.header[self._places[meaning]]}"
        comma = self._commas.get(meaning, False)
        values, percent = numbers(texts[meaning], comma=comma, where=where, lines=lines, ratio=meaning in _RATIOS)
        if meaning == "iv":
            self.percent |= bool(percent.any())
            for spelled, rows in ((True, percent), (False, ~percent & (values > 0.0))):
                if rows.any():
                    self._spelled.setdefault(spelled, int(lines[np.argmax(rows)]))
        return values

    def check_units(self) -> None:
        """Refuse volatilities of which some stand in percent and some do not, once all rows were read."""
        if len(self._spelled) > 1:
            name = self._document.header[self._places["iv"]]
            raise PipelineError(
                f"{self._document.path}: column {name}: row {self._spelled[True]} stands in percent, and row "
                f"{self._spelled[False]} without it; write one unit"
            )

    def _day(self, meaning: str, texts: dict[str, pd.Series], count: int) -> np.ndarray:
        if meaning in texts:
            return np.fromiter((self._days[meaning].day(t) for t in texts[meaning]), dtype=np.int32, count=count)
        shared = self._document.shared.get(meaning)
        return np.full(count, self._days[meaning].day(shared) if shared else UNKNOWN_DAY, dtype=np.int32)

    def _contracts(self, out: dict[str, np.ndarray], texts: dict[str, pd.Series], lines: np.ndarray) -> None:
        count = len(lines)
        found = [NO_CONTRACT] * count
        if "contract" in texts:
            known: dict[str, Contract] = {}
            for at, text in enumerate(texts["contract"]):
                if text not in known:
                    parsed = parse_contract(text)
                    if parsed is None:
                        name = self._document.header[self._places["contract"]]
                        raise PipelineError(
                            f"{self._document.path}: row {lines[at]}: column {name}: '{text[:40]}' is no contract's "
                            "symbol"
                        )
                    known[text] = parsed
                found[at] = known[text]
        root = np.fromiter((self.roots.setdefault(c.root, len(self.roots)) for c in found), np.int16, count)
        out["root"] = root
        own = np.fromiter(((c.expiry - EPOCH).days for c in found), np.int32, count)
        out["expiry"] = np.where(out["expiry"] == UNKNOWN_DAY, np.where(own > 0, own, UNKNOWN_DAY), out["expiry"])
        out["expiry"] = out["expiry"].astype(np.int32)
        strike = np.fromiter((c.strike for c in found), np.float64, count)
        if "strike" in texts and "contract" in texts:
            ratio = float(np.nanmedian(out["strike"] / strike)) if np.isfinite(strike).any() else np.nan
            if self.thousandths is None and np.isfinite(ratio):
                self.thousandths = bool(abs(ratio - 1000.0) < 1.0)
        out["strike"] = np.where(np.isnan(strike), out["strike"], strike) if "contract" in texts else out["strike"]
        side = np.fromiter((c.side for c in found), np.int8, count)
        if "side" in texts:
            side = np.fromiter((self._side(t, lines[at]) for at, t in enumerate(texts["side"])), np.int8, count)
        out["side"] = side

    def _side(self, text: str, line: int) -> int:
        side = SIDES.get(text.strip().lower())
        if side is None:
            name = self._document.header[self._places["side"]]
            raise PipelineError(
                f"{self._document.path}: row {line}: column {name}: must be Call or Put, found '{text.strip()[:40]}'"
            )
        return side


def _codes(texts: pd.Series | None, known: dict[str, int], count: int) -> np.ndarray:
    if texts is None:
        return np.zeros(count, dtype=np.int16)
    return np.fromiter((known.setdefault(t.strip().upper(), len(known)) for t in texts), np.int16, count)
