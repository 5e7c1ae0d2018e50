"""Labelled trade signals from trading histories, and splits of them that never look ahead.

A trade's outcome is known when it was closed (column `closed`), else at its expiry at the latest. With a timestamp, the
test part is the latest, and whatever was still open when it begins is left out of training: the gap is as wide as
each trade needs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train.core.errors import PipelineError
from train.core.files import sha256_hex
from train.core.records.record import DataRecord
from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES
from train.signal_classifier.history.history_file import open_history
from train.signal_classifier.history.plausible_trades import check_history
from train.signal_classifier.history.trade_columns import NO_TIME, TradeColumns
from train.signal_classifier.history.trade_rows import Rejection

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]

MIN_ROWS = 100
MIN_PER_CLASS = 20

_NAMED = 5  # rejected rows shown one by one
TIME = "timestamp"
_EXPIRY = SIGNAL_NAMES.index("days_to_expiry")


@dataclass(frozen=True)
class Labelled:
    """Labelled signals.

    `features` float64 [row, feature] in contract order, `profitable` int64 [row] (0/1), `times` datetime64[us] [row],
    UTC, ascending, or None; `closes` alike, when each outcome was known, None or NaT: by expiry.
    `notes` are lines worth showing; `rejected` the rows left out.
    """

    features: Floats
    profitable: Index
    record: DataRecord
    times: Times | None = None
    closes: Times | None = None
    rejected: tuple[Rejection, ...] = ()
    notes: tuple[str, ...] = ()

    def take(self, index: Index) -> "Labelled":
        """The rows at `index`."""
        times = None if self.times is None else self.times[index]
        closes = None if self.closes is None else self.closes[index]
        features, profitable = self.features[index], self.profitable[index]
        return replace(self, features=features, profitable=profitable, times=times, closes=closes)

    def report(self) -> list[str]:
        """What was noticed and what was left out: the first rejected rows by name, the rest counted by field."""
        lines = list(self.notes)
        if self.rejected:
            lines.append(f"{len(self.rejected)} of {len(self.rejected) + len(self.features)} rows rejected:")
            lines += [f"  {r.where}: {r.reason}" for r in self.rejected[:_NAMED]]
        rest = Counter(r.field for r in self.rejected[_NAMED:])
        if rest:
            lines.append("  and more: " + ", ".join(f"{count} for {field!r}" for field, count in rest.most_common()))
        return lines

    def warning(self) -> str | None:
        """How many rows were left out and why, in one line; None when all are used."""
        if not self.rejected:
            return None
        fields = ", ".join(f"{n} for {field!r}" for field, n in Counter(r.field for r in self.rejected).most_common())
        return f"warning: {len(self.rejected)} of {len(self.rejected) + len(self.features)} rows rejected: {fields}"


def read_history(paths: Sequence[Path], *, now: datetime | None = None) -> Labelled:
    """Read trading-history CSV files as one history.

    Rows with a missing, non-numeric or out-of-range value are rejected one by one and reported, and so is the second
    of two equal signals (same features, timestamp and symbol): it would put one trade on both sides of a split.

    Args:
        paths: files of any columns; all of them with a timestamp or none. A trade without `closed` ends by expiry;
            symbols tell trades apart where all files have them.
        now: the present (aware); later timestamps are refused. A timestamp without a zone is taken as UTC.

    Raises:
        PipelineError: as `open_history` and `HistoryFile.trades`; only some files with a timestamp; most rows rejected;
            or as `check_learnable`.
    """
    files = [open_history(path) for path in paths]
    for other in files[1:]:
        if (TIME in other.used) != (TIME in files[0].used):
            lacks, has = (other, files[0]) if TIME in files[0].used else (files[0], other)
            raise PipelineError(
                f"{lacks.path}: no column {TIME!r}, which {has.path} has: all files of one history have it or none; "
                "add it, or train on one of them"
            )
    trades = TradeColumns(files)
    trades.read(now or datetime.now(UTC))
    name = ", ".join(str(path) for path in paths)
    rejected, total = trades.rejected, len(trades.kept) + len(trades.rejected)
    if len(rejected) > total / 2:
        first_one = f"{rejected[0].where}: {rejected[0].reason}"
        raise PipelineError(f"{name}: {len(rejected)} of {total} rows rejected; the first: {first_one}")
    odd = check_history(name, trades)
    history = _labelled(trades)
    history = replace(history, notes=(*history.notes, *odd))
    check_learnable(history.features, history.profitable, where=name)
    return history


def check_learnable(features: Floats, profitable: Index, *, where: str) -> None:
    """Refuse too few rows, a missing class and constant columns; the PipelineError names what is missing."""
    if len(profitable) < MIN_ROWS:
        raise PipelineError(f"{where}: {len(profitable)} usable trades; training needs at least {MIN_ROWS}")
    wins = int(profitable.sum())
    losses = len(profitable) - wins
    if min(wins, losses) < MIN_PER_CLASS:
        raise PipelineError(
            f"{where}: {wins} profitable and {losses} unprofitable trades; training needs {MIN_PER_CLASS} of each"
        )
    for column, values in zip(SIGNAL_FEATURES, features.T, strict=True):
        if values.min() == values.max():
            raise PipelineError(
                f"{where}: column {column.name!r} is {values[0]:g} in every row; a constant column usually means "
                "that it was filled in: export the real values"
            )


def _labelled(trades: TradeColumns) -> Labelled:
    notes, files, order = [], trades.files, trades.kept
    for file in files:
        ignored = [column for column in file.header if column not in file.used]
        if ignored:
            notes.append(f"{file.path.name}: columns not used: {', '.join(ignored)}")
    times: Times | None = None
    closes: Times | None = None
    dates: tuple[str | None, str | None] = (None, None)
    if TIME in files[0].used:
        order = order[np.argsort(trades.column("time")[order], kind="stable")]
        times = trades.column("time")[order].view("datetime64[us]")
        dates = (str(times[0])[:10], str(times[-1])[:10]) if len(times) else dates
        shared = len(times) - len(np.unique(times))
        if shared:
            notes.append(f"{shared} trades share the timestamp of an earlier one; no split will part them")
        closed = trades.column("closed")[order]
        if (closed != NO_TIME).any():
            closes = closed.view("datetime64[us]")
    else:
        notes.append(f"no column {TIME!r}: trades are split at random, which is optimistic")
    digest = files[0].sha256 if len(files) == 1 else sha256_hex("".join(file.sha256 for file in files).encode())
    record = DataRecord(
        source="history: " + ", ".join(file.path.name for file in files),
        sha256=digest,
        rows=len(order),
        first_date=dates[0],
        last_date=dates[1],
    )
    profitable = trades.small("profitable")[order].astype(np.int64)
    return Labelled(trades.taken(order), profitable, record, times, closes, tuple(trades.rejected), tuple(notes))


def hold_out(data: Labelled, *, share: float, random_state: int) -> tuple[Index, Index]:
    """Rows to train on and rows to test on, as positions in ascending order.

    Args:
        data: without times, the split is random and keeps the share of profitable trades; with times, the test part is
            the latest `share`, equal times stay together, and trades still open when it begins are left out. In both
            a trade to train on whose eight numbers are those of a trade of the test part is left out: the model would
            be asked what it has learned by heart.
        share: of the rows, for testing.
        random_state: of the random split.

    Raises:
        PipelineError: one of the parts would be too small or hold one class only.
    """
    from sklearn.model_selection import train_test_split  # takes more memory than most histories

    rows = np.arange(len(data.profitable), dtype=np.int64)
    if data.times is None:
        train, test = train_test_split(rows, test_size=share, random_state=random_state, stratify=data.profitable)
        train, test = np.sort(train), np.sort(test)
    else:
        first = data.times[int(np.ceil(len(rows) * (1.0 - share)))]
        test = rows[data.times >= first]
        train = rows[_closed(data) <= first]
    train = _without_twins(data, train, test)
    _check_part(data, train, "training", MIN_PER_CLASS)
    _check_part(data, test, "test", 1)
    return train, test


def folds(data: Labelled, *, count: int, random_state: int) -> list[tuple[Index, Index]]:
    """Cross-validation folds, a partition of the rows: (rows to fit on, rows to predict) per fold.

    Without times they are stratified and shuffled; with times they are blocks of time, and a trade that was open at
    any moment at which a trade of the block was open is not fitted on (purged folds, Lopez de Prado 2018).

    Raises:
        PipelineError: what is left to fit on is too small or holds one class only.
    """
    from sklearn.model_selection import StratifiedKFold

    if data.times is None:
        splitter = StratifiedKFold(count, shuffle=True, random_state=random_state)
        return [(_without_twins(data, fit, held), held) for fit, held in splitter.split(data.features, data.profitable)]
    closed = _closed(data)
    moments, moment_of = np.unique(data.times, return_inverse=True)
    block_of = moment_of * count // len(moments)
    result = []
    for block in range(count):
        held = np.flatnonzero(block_of == block)
        apart = (closed <= data.times[held].min()) | (data.times >= closed[held].max())
        fit = _without_twins(data, np.flatnonzero(apart & (block_of != block)), held)
        _check_part(data, fit, f"cross-validation (fold {block + 1} of {count})", MIN_PER_CLASS)
        result.append((fit, held))
    return result


def twins(data: Labelled, part: Index, other: Index) -> Bools:
    """Which rows of a part have the eight numbers, to the bit, of a row of the other part, bool [row of `part`]."""
    numbers = np.ascontiguousarray(data.features + 0.0)  # -0.0 is 0.0
    rows = numbers.view(np.dtype((np.void, numbers.dtype.itemsize * numbers.shape[1])))[:, 0]
    return np.isin(rows[part], rows[other])


def _without_twins(data: Labelled, part: Index, other: Index) -> Index:
    return part[~twins(data, part, other)]


def _closed(data: Labelled) -> Times:
    """When each outcome was certain: when the trade was closed, else at the end of the day of expiry."""
    if data.times is None:
        raise PipelineError("splits by time need times")
    days = data.features[:, _EXPIRY].astype(np.int64) + 1
    expiry = np.asarray(data.times.astype("datetime64[D]") + days.astype("timedelta64[D]"), dtype="datetime64[us]")
    return expiry if data.closes is None else np.where(np.isnat(data.closes), expiry, data.closes)


def _check_part(data: Labelled, part: Index, name: str, least: int) -> None:
    wins = int(data.profitable[part].sum())
    if min(wins, len(part) - wins) >= least:
        return
    hint = "bring a longer history" if data.times is not None else "bring more trades"
    why = " after trades still open at the split were left out" if data.times is not None else ""
    why += ", and those whose eight numbers are in the other part, too" if name == "training" else ""
    raise PipelineError(
        f"{data.record.source}: the {name} part holds {wins} profitable and {len(part) - wins} unprofitable "
        f"trades{why}; it needs at least {least} of each: {hint}"
    )
