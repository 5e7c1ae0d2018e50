"""Forecasts that were logged, against what came: later days of the log itself, and the user's files."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.core.errors import PipelineError
from train.core.records.live_log import LiveLog
from train.core.records.live_window import LiveWindow
from train.core.records.window import Window
from train.volatility_predictor.contract import HORIZONS
from train.volatility_predictor.evaluation.gate_window import Floats, losses, measures
from train.volatility_predictor.evaluation.rivals import PERSISTENCE
from train.volatility_predictor.store.kept_days import Days, day_of, days_of_file, days_of_log


def live_window(log: LiveLog, outcomes: Sequence[Path]) -> LiveWindow:
    """The last forecast of each symbol and day, if one of its horizons has come.

    A day counts once it is known: `h` days ahead is the `h`th day that log or files know of the symbol after it.

    Raises:
        PipelineError: a file is no surface, an answer is of other horizons, or no forecast's outcome is known.
    """
    known = days_of_log(log)
    for path in outcomes:
        for symbol, found in days_of_file(path).items():
            known[symbol] = {**known.get(symbol, {}), **found}
    series = [(symbol, sorted(days)) for symbol, days in sorted(known.items())]
    number = {symbol: at for at, (symbol, _) in enumerate(series)}
    place = {(symbol, date): at for symbol, dates in series for at, date in enumerate(dates)}
    lengths = {symbol: len(dates) for symbol, dates in series}
    last: dict[tuple[str, dt.date], int] = {}
    for at, row in enumerate(log.rows):
        if list(row.answer.get("horizons", HORIZONS)) != list(HORIZONS):
            raise PipelineError(f"answer {row.id}: forecasts {row.answer['horizons']} days ahead, not {list(HORIZONS)}")
        asked = day_of(row)
        if asked is not None:
            last[asked] = at
    came = [(at, key) for key, at in last.items() if key in place and place[key] + 1 < lengths[key[0]]]
    if not came:
        raise PipelineError(
            f"{', '.join(map(str, (*log.paths, *outcomes)))}: no day after a forecast is known yet; bring --outcomes "
            "SURFACES.csv, or the history store"
        )
    came.sort()
    window = _window(known, series, [(number[symbol], place[(symbol, date)], date) for _, (symbol, date) in came])
    notes = (f"{len(came):,} of {len(last):,} forecasts have an outcome",)
    return LiveWindow(window, np.array([at for at, _ in came], dtype=np.int64), notes)


def _window(
    known: dict[str, Days], series: list[tuple[str, list[dt.date]]], ends: list[tuple[int, int, dt.date]]
) -> Window:
    features = np.array([known[symbol][date] for symbol, dates in series for date in dates], dtype=np.float64)
    begins = np.concatenate([[0], np.cumsum([len(dates) for _, dates in series])[:-1]]).astype(np.int64)
    which, day = (np.array([end[i] for end in ends], dtype=np.int64) for i in (0, 1))
    window = Window(
        arrays={
            "features": features,
            "days": np.array([len(dates) for _, dates in series], dtype=np.int64),
            "series": which,
            "day": day,
        },
        moments=np.array([date.toordinal() for _, _, date in ends], dtype=np.int64),
        measures=measures(),
    )
    today: Floats = np.repeat(features[begins[which] + day, :1], len(HORIZONS), axis=1)
    return Window(window.arrays, window.moments, window.measures, {PERSISTENCE: losses(window, today)})
