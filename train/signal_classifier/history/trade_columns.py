"""Usable trades as columns: what a million rows take is their numbers, 150 MB, and not their objects."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.history.history_file import HistoryFile
from train.signal_classifier.history.trade_rows import DUPLICATE, Rejection, Trade

NO_TIME = np.iinfo(np.int64).min
"""Stands for None among times; numpy reads it as NaT."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SLOW = (SIGNAL_NAMES.index("volume"), SIGNAL_NAMES.index("open_interest"))


@dataclass
class TradeColumns:
    """Trades in the order of the files, a column an attribute; `rejected` holds the rows that were left out."""

    files: Sequence[HistoryFile]
    rejected: list[Rejection] = field(default_factory=list)
    _places: list[tuple[int, int]] = field(default_factory=list)
    _features: "array[float]" = field(default_factory=lambda: array("d"))
    _pnl: "array[float]" = field(default_factory=lambda: array("d"))
    _whole: dict[str, "array[int]"] = field(
        default_factory=lambda: {name: array("q") for name in ("time", "closed", "same", "fill")}
    )
    _small: dict[str, "array[int]"] = field(
        default_factory=lambda: {name: array("i") for name in ("file", "line", "symbol", "profitable")}
    )
    _symbols: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A trade of a file without symbols may be any symbol's: none is told by it then."""
        self._told = all("symbol" in file.used for file in self.files)

    def read(self, now: datetime) -> None:
        """Read all files; the second of two equal signals (features, time, symbol) is a rejected row.

        Raises:
            PipelineError: as `HistoryFile.trades`.
        """
        for at, file in enumerate(self.files):
            for line, row in file.trades(now):
                if isinstance(row, Rejection):
                    self.rejected.append(row)
                    self._places.append((at, line))
                else:
                    self.add(row, at)
        self._leave_out_repeated()

    def add(self, trade: Trade, file: int) -> None:
        """Append a trade of the file of that number."""
        self._features.extend(trade.features)
        self._pnl.append(np.nan if trade.pnl is None else trade.pnl)
        symbol = self._symbols.setdefault(trade.symbol if self._told else "", len(self._symbols))
        whole = (
            _microseconds(trade.time),
            _microseconds(trade.closed),
            hash((trade.features, trade.time, symbol)),
            hash((symbol, *_rounded(trade.features))),
        )
        for column, value in zip(self._whole.values(), whole, strict=True):
            column.append(value)
        for small, value in zip(self._small.values(), (file, trade.line, symbol, trade.profitable), strict=True):
            small.append(value)

    def _leave_out_repeated(self) -> None:
        same = self.column("same")
        order = np.argsort(same, kind="stable")
        equal = same[order[1:]] == same[order[:-1]]
        suspects = np.unique(np.concatenate([order[1:][equal], order[:-1][equal]]))
        first: dict[tuple[object, ...], int] = {}
        repeated: list[int] = []
        for row in suspects.tolist():  # in the order of the files; equal hashes are no proof
            key = (tuple(self.features[row]), self._whole["time"][row], self._small["symbol"][row])
            if (one := first.setdefault(key, row)) != row:
                repeated.append(row)
                self.rejected.append(Rejection(self.where(row), DUPLICATE, f"repeats the signal of {self.where(one)}"))
                self._places.append((self._small["file"][row], self._small["line"][row]))
        self._whole["same"] = array("q")  # nobody asks again
        in_order = sorted(range(len(self.rejected)), key=self._places.__getitem__)
        self.rejected = [self.rejected[at] for at in in_order]
        self.kept = np.delete(np.arange(len(same)), repeated)

    kept: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    """Rows of the columns that are no repetitions, ascending."""

    @property
    def features(self) -> NDArray[np.float64]:
        """float64 [row, feature], in contract order."""
        return np.frombuffer(self._features, dtype=np.float64).reshape(-1, len(SIGNAL_NAMES))

    def taken(self, order: NDArray[np.intp]) -> NDArray[np.float64]:
        """The features of rows in that order, float64 [row, feature], in the place of all others: the last call.

        A copy of them would be more than half of what a history takes.
        """
        features = self.features
        for at in range(len(SIGNAL_NAMES)):
            features[: len(order), at] = features[order, at]
        return features[: len(order)]

    @property
    def pnl(self) -> NDArray[np.float64]:
        """float64 [row], in $ or in percent, NaN = the file has no such column."""
        return np.frombuffer(self._pnl, dtype=np.float64)

    def column(self, name: str) -> NDArray[np.int64]:
        """int64 [row]: `time` and `closed` in microseconds of UTC since 1970 (`NO_TIME` = None), `fill`."""
        return np.frombuffer(self._whole[name], dtype=np.int64)

    def small(self, name: str) -> NDArray[np.int32]:
        """int32 [row]: `file`, `line`, `symbol` as a number, `profitable` (0/1)."""
        return np.frombuffer(self._small[name], dtype=np.int32)

    def where(self, row: int) -> str:
        """As messages name a row: "trades.csv row 7"."""
        return f"{self.files[self._small['file'][row]].path.name} row {self._small['line'][row]}"

    def fills(self, seconds: float) -> list[tuple[int, int]]:
        """Kept rows that repeat an earlier one but for volumes and rounding, as (earlier, later), by the later.

        The earlier is the last of its kind before it, at most `seconds` away where there are times.
        """
        keys, time = self.column("fill")[self.kept], self.column("time")
        order = self.kept[np.argsort(keys, kind="stable")]
        hashes = self.column("fill")[order]
        before, after = order[:-1][hashes[1:] == hashes[:-1]], order[1:][hashes[1:] == hashes[:-1]]
        timed = (time[before] != NO_TIME) & (time[after] != NO_TIME)
        apart = np.where(timed, np.abs(time[after] - time[before]), 0)
        soon = np.flatnonzero(apart <= seconds * 1e6)
        pairs = sorted(zip(before[soon].tolist(), after[soon].tolist(), strict=True), key=lambda pair: pair[1])
        return [(one, other) for one, other in pairs if self._alike(one) == self._alike(other)]

    def _alike(self, row: int) -> tuple[object, ...]:
        return (self._small["symbol"][row], *_rounded(tuple(self.features[row].tolist())))


def _rounded(features: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f"{value:.6g}" for at, value in enumerate(features) if at not in _SLOW)


def _microseconds(time: datetime | None) -> int:
    return int(NO_TIME) if time is None else (time - _EPOCH) // _MICROSECOND
