"""The series that a volatility predictor is trained and tested on, and the windows kept as golden cases."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.files import read_bytes, sha256_hex
from train.core.records.record import DataRecord
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.network.combination import Source
from train.volatility_predictor.network.gaps import WINDOW_DAYS
from train.volatility_predictor.network.windows import Ends, Series, every_end, hide_features, windows
from train.volatility_predictor.store.kept_days import is_kept, kept_days
from train.volatility_predictor.surfaces.chain_rows import is_chain
from train.volatility_predictor.surfaces.simulator import simulate_surfaces
from train.volatility_predictor.surfaces.surface_days import SurfaceHistory, read_days

Floats = NDArray[np.float64]

LEAST_DAYS = 300
SHARED = Path("../shared/data")
"""Where the real series of the default model lie, from the project's root."""


@dataclass(frozen=True)
class SeriesFile:
    """A file and the first day that is for the figures alone; None: the last quarter of its days."""

    path: Path
    unseen_from: dt.date | None = None


DEFAULT_FILES = (
    SeriesFile(SHARED / "spx_surface_1996_2015.csv.gz", dt.date(2011, 1, 1)),
    SeriesFile(SHARED / "vix_1990_2019.csv", dt.date(2015, 1, 1)),
)


@dataclass(frozen=True)
class Pool:
    """Real series with the dates of their days, and their first day for validation and for tests."""

    series: list[Series]
    dates: list[NDArray[np.datetime64]]
    validation: list[int]
    test: list[int]
    record: DataRecord

    def sources(self) -> list[Source]:
        """What is fitted to: the days before those for tests."""
        parts = zip(self.series, self.dates, self.test, strict=True)
        return [Source(np.log(one.iv), stop, dates) for one, dates, stop in parts]


def default_files(show: Callable[[str], None]) -> list[SeriesFile]:
    """The real series of the default model that are there; says which are not."""
    found = []
    for file in DEFAULT_FILES:
        if file.path.is_file():
            found.append(file)
        else:
            show(f"warning: {file.path}: not there; the model is trained without it and its card says so")
    return found


def read_pool(files: Sequence[SeriesFile], show: Callable[[str], None], *, calendar: Calendar = BY_WEEKDAYS) -> Pool:
    """Read surface or index files, one symbol each, with their split by time; `show` is called with what was odd.

    The last fifth of the days before those for tests is for validation. Days that are none of the calendar's are left
    out.

    Raises:
        PipelineError: a file is wrong, undated, or holds fewer than 300 days.
    """
    series, dates, validation, test = [], [], [], []
    histories = _histories(files, calendar)
    if not histories:
        raise PipelineError(f"{files[0].path}: no symbol has {LEAST_DAYS} days yet; observe more, or add files")
    for file, history in histories:
        for note in history.notes:
            show(f"warning: {file.path}: {note}")
        known = [date for date in history.dates if date is not None]
        count = len(known)
        if count < LEAST_DAYS:
            raise PipelineError(
                f"{file.path}: training needs at least {LEAST_DAYS} dated days, found {len(history.features)}; "
                "add days or leave --data out"
            )
        days = np.array(known, dtype="datetime64[D]")
        unseen = file.unseen_from
        stop = int(count * 0.75) if unseen is None else int(np.searchsorted(days, np.datetime64(unseen)))
        series.append(Series(history.symbol, history.features, history.grids))
        dates.append(days)
        validation.append(int(stop * 0.8))
        test.append(stop)
    seen = [file.path.name for file, _ in histories]
    return Pool(series, dates, validation, test, _record(files, seen, dates, test))


def _record(
    files: Sequence[SeriesFile], names: Sequence[str], dates: Sequence[NDArray[np.datetime64]], test: Sequence[int]
) -> DataRecord:
    """What fits saw of the files: the days before those for tests; `names`: of each series' file."""
    seen = [f"{name} to {days[stop - 1]}" for name, days, stop in zip(names, dates, test, strict=True)]
    return DataRecord(
        source=", ".join(seen),
        sha256=sha256_hex(b"".join(_content(file.path) for file in files)),
        rows=sum(test),
        first_date=str(min(days[0] for days in dates)),
        last_date=str(max(days[stop - 1] for days, stop in zip(dates, test, strict=True))),
    )


def _content(path: Path) -> bytes:
    """What a fingerprint is made of; of what grows and is packed in ways of its own, the days."""
    return repr(sorted(kept_days(path)[0].items())).encode() if is_kept(path) else read_bytes(path)


def _histories(files: Sequence[SeriesFile], calendar: Calendar) -> list[tuple[SeriesFile, SurfaceHistory]]:
    """One history a file; chains of one symbol, a day a file, are one history together."""
    found: list[tuple[SeriesFile, SurfaceHistory]] = []
    chains: dict[str, list[tuple[SeriesFile, SurfaceHistory]]] = {}
    kept = [file for file in files if is_kept(file.path)]
    for file in files:
        if file in kept:
            continue
        history = read_days(file.path, calendar=calendar)
        if is_chain(file.path):
            chains.setdefault(history.symbol, []).append((file, history))
        else:
            found.append((file, history))
    for symbol, parts in chains.items():
        days: dict[dt.date, tuple[Floats, Floats]] = {}
        for file, part in parts:
            assert part.grids is not None
            for day, features, grid in zip(part.dates, part.features, part.grids, strict=True):
                assert day is not None
                if day in days:
                    raise PipelineError(f"{file.path}: {day} of {symbol} stands in another file, too; keep one of them")
                days[day] = features, grid
        order = sorted(days)
        features = np.array([days[day][0] for day in order])
        grids = np.array([days[day][1] for day in order])
        notes = tuple(note for _, part in parts for note in part.notes)
        dropped = tuple(line for _, part in parts for line in part.dropped)
        found.append((parts[0][0], SurfaceHistory(symbol, tuple(order), features, dropped, grids, notes)))
    return with_kept_days(found, kept)


def with_kept_days(
    found: list[tuple[SeriesFile, SurfaceHistory]], kept: Sequence[SeriesFile]
) -> list[tuple[SeriesFile, SurfaceHistory]]:
    """Histories with the later days that history stores and logs know of their symbols.

    Further symbols are histories of their own, if they have days enough. Of a day in several places the first counts.
    """
    days: dict[str, dict[dt.date, tuple[float, ...]]] = {}
    notes: dict[str, list[str]] = {}
    files: dict[str, SeriesFile] = {}
    for file in kept:
        symbols, said = kept_days(file.path)
        for symbol, known in symbols.items():
            days[symbol] = {**known, **days.get(symbol, {})}
            files.setdefault(symbol, file)
            notes.setdefault(symbol, []).extend(said)
    result = [
        (file, _continued(history, days.pop(history.symbol, {}), notes.get(history.symbol, [])))
        for file, history in found
    ]
    for symbol, known in sorted(days.items()):
        if len(known) >= LEAST_DAYS:
            order = sorted(known)
            features = np.array([known[day] for day in order])
            result.append(
                (files[symbol], SurfaceHistory(symbol, tuple(order), features, (), None, tuple(notes[symbol])))
            )
    return result


def _continued(
    history: SurfaceHistory, known: dict[dt.date, tuple[float, ...]], notes: Sequence[str]
) -> SurfaceHistory:
    last = max((date for date in history.dates if date is not None), default=None)
    later = sorted(day for day in known if last is not None and day > last)
    if not later:
        return history
    features = np.concatenate([history.features, np.array([known[day] for day in later])])
    grids = history.grids
    if grids is not None:
        grids = np.concatenate([grids, np.full((len(later), *grids.shape[1:]), np.nan)])
    said = (*history.notes, *notes, f"{len(later)} later days of {history.symbol} from what was kept since")
    return SurfaceHistory(history.symbol, (*history.dates, *later), features, history.dropped, grids, said)


def simulated_series(symbols: int, days: int, seed: int) -> list[Series]:
    """So many simulated symbols."""
    made = simulate_surfaces(symbols, days, seed=seed)
    pairs = zip(made.features, made.grids, strict=True)
    return [Series(f"simulated {number}", features, grids) for number, (features, grids) in enumerate(pairs)]


def feature_ranges(series: Sequence[Series]) -> dict[str, tuple[float, float]]:
    """Smallest and largest known value of each feature that the network looks at."""
    from train.volatility_predictor.network.network import RATIOS

    table = np.concatenate([one.features for one in series])
    known = {column.name: table[~np.isnan(table[:, i]), i] for i, column in enumerate(DAILY_FEATURES[: 1 + RATIOS])}
    return {name: (float(values.min()), float(values.max())) for name, values in known.items() if len(values)}


def golden_sample(series: Sequence[Series], first: Sequence[int], minimum: int, count: int, seed: int) -> list[Any]:
    """Windows for the golden cases: half of them short, some without most features, rounded to keep the file small."""
    rng = np.random.default_rng(seed)
    ends = every_end(list(first), [len(one.iv) for one in series], length=WINDOW_DAYS)
    chosen = ends.part(np.sort(rng.permutation(len(ends))[:count]))
    cycle = (WINDOW_DAYS, minimum, 40, minimum + 1, WINDOW_DAYS, 22, 150, 64)
    lengths = [cycle[i % len(cycle)] for i in range(len(chosen))]
    shown = Ends(chosen.series, chosen.day, np.array(lengths, dtype=np.int64))
    history = hide_features(windows(series, shown, days=WINDOW_DAYS), rng)
    return [[[None if np.isnan(v) else float(f"{v:.5g}") for v in day] for day in window] for window in history]
