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
from train.core.record import DataRecord
from train.volatility_predictor.contract import DAILY_FEATURES
from train.volatility_predictor.network.windows import Ends, Series, every_end, hide_features, windows
from train.volatility_predictor.surfaces.chain_rows import is_chain
from train.volatility_predictor.surfaces.simulator import simulate_surfaces
from train.volatility_predictor.surfaces.surface_days import SurfaceHistory, read_days

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """Real series with their first day for validation and for tests."""

    series: list[Series]
    validation: list[int]
    test: list[int]
    record: DataRecord


def read_pool(paths: Sequence[Path], show: Callable[[str], None]) -> Pool:
    """Read surface or index files, one symbol each, with their split by time; `show` is called with what was odd.

    Raises:
        PipelineError: a file is wrong, undated, or holds fewer than 300 days.
    """
    series, validation, test, dates = [], [], [], []
    for path, history in _histories(paths):
        for note in history.notes:
            show(f"warning: {path}: {note}")
        count = len(history.features)
        if history.dates[0] is None or count < 300:
            raise PipelineError(
                f"{path}: training needs at least 300 dated days, found {count}; add days or leave --data out"
            )
        series.append(Series(history.symbol, history.features, history.grids))
        validation.append(int(count * 0.6))
        test.append(int(count * 0.75))
        dates += [history.dates[0], history.dates[-1]]
    known = [date for date in dates if date is not None]
    record = DataRecord(
        source=", ".join(path.name for path in paths),
        sha256=sha256_hex(b"".join(read_bytes(path) for path in paths)),
        rows=sum(len(one.features) for one in series),
        first_date=min(known).isoformat(),
        last_date=max(known).isoformat(),
    )
    return Pool(series, validation, test, record)


def _histories(paths: Sequence[Path]) -> list[tuple[Path, SurfaceHistory]]:
    """One history a file; chains of one symbol, a day a file, are one history together."""
    found: list[tuple[Path, SurfaceHistory]] = []
    chains: dict[str, list[tuple[Path, SurfaceHistory]]] = {}
    for path in paths:
        history = read_days(path)
        if is_chain(path):
            chains.setdefault(history.symbol, []).append((path, history))
        else:
            found.append((path, history))
    for symbol, parts in chains.items():
        days: dict[dt.date, tuple[Floats, Floats]] = {}
        for path, part in parts:
            assert part.grids is not None
            for day, features, grid in zip(part.dates, part.features, part.grids, strict=True):
                assert day is not None
                if day in days:
                    raise PipelineError(f"{path}: {day} of {symbol} stands in another file, too; keep one of them")
                days[day] = features, grid
        order = sorted(days)
        features = np.array([days[day][0] for day in order])
        grids = np.array([days[day][1] for day in order])
        notes = tuple(note for _, part in parts for note in part.notes)
        dropped = tuple(line for _, part in parts for line in part.dropped)
        found.append((parts[0][0], SurfaceHistory(symbol, tuple(order), features, dropped, grids, notes)))
    return found


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
    from train.volatility_predictor.network.network import WINDOW_DAYS

    rng = np.random.default_rng(seed)
    ends = every_end(list(first), [len(one.iv) for one in series], length=WINDOW_DAYS)
    chosen = ends.part(np.sort(rng.permutation(len(ends))[:count]))
    cycle = (WINDOW_DAYS, minimum, 40, minimum + 1, WINDOW_DAYS, 22, 150, 64)
    lengths = [cycle[i % len(cycle)] for i in range(len(chosen))]
    shown = Ends(chosen.series, chosen.day, np.array(lengths, dtype=np.int64))
    history = hide_features(windows(series, shown, days=WINDOW_DAYS), rng)
    return [[[None if np.isnan(v) else float(f"{v:.5g}") for v in day] for day in window] for window in history]
