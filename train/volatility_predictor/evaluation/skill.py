"""A version of the predictor on a file of days, beside the simple forecasts that its answers carry.

Every day is forecast from the days before it and itself alone, as the runtime would have: the model by whoever runs it,
the rivals by the coefficients in the manifest. Errors are of avg_iv; the tests are those of `evaluation.forecasts`.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.core.errors import PipelineError
from train.core.records.skill import OURS, SeriesSkill, SkillRow
from train.core.tables.calendar import BY_WEEKDAYS, Calendar
from train.volatility_predictor.contract import VOLATILITY_INPUT
from train.volatility_predictor.evaluation.forecasts import Evaluated, diebold_mariano
from train.volatility_predictor.evaluation.rivals import PERSISTENCE
from train.volatility_predictor.network.shipped_baselines import shipped_forecasts
from train.volatility_predictor.network.windows import Series, every_end, windows
from train.volatility_predictor.surfaces.surface_days import SurfaceHistory, read_days

Floats = NDArray[np.float64]
Answer = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]

LEAST_SCORED = 30
"""Forecasts at the longest horizon below which a figure says nothing."""
LONGEST_GAP = 10
"""Calendar days between neighbours that no run of holidays explains."""
RISE, FALL = 1.6, 0.6
STALE_SHARE = 0.05
CHUNK = 512


def series_skill(
    path: Path,
    settings: Mapping[str, Any],
    answer: Answer,
    *,
    history: int | None,
    first: dt.date | None = None,
    calendar: Calendar = BY_WEEKDAYS,
) -> SeriesSkill:
    """Score the days of a file.

    Args:
        path: a surface or index file with dates.
        settings: of the version's manifest.
        answer: inputs -> outputs by tensor name, as the version in use answers.
        history: days that each forecast may see; None: as many as the model takes, or half of a short file.
        first: the first day to forecast from; None: the first with so much history.
        calendar: which days are trading days; the others are left out.

    Raises:
        PipelineError: the file is wrong or undated, holds too few days, or never changes.
    """
    read = read_days(path, calendar=calendar)
    window, least = int(settings["window_days"]), int(settings["minimum_days"])
    horizons = [int(days) for days in settings["horizons"]]
    shown = _history(path, read, history, window=window, least=least, longest=horizons[-1])
    one = Series(read.symbol, read.features)
    if float(np.ptp(one.iv)) == 0.0:
        raise PipelineError(f"{path}: avg_iv is {one.iv[0]:g} on all {len(one.iv)} days; there is nothing to forecast")
    begin = _first_day(path, read, shown, first, longest=horizons[-1])
    ends = every_end([begin], [len(one.iv) - 1], length=shown)
    parts: list[Mapping[str, NDArray[Any]]] = []
    for at in range(0, len(ends), CHUNK):
        some = ends.part(np.arange(at, min(at + CHUNK, len(ends))))
        parts.append(answer({VOLATILITY_INPUT.name: windows([one], some, days=window)}))
    said = {name: np.concatenate([part[name] for part in parts]) for name in ("predicted", "lower", "upper")}
    rivals = _rivals(one.iv, ends.day, shown, settings)
    rows, dates, curves = [], {}, {}
    for column, ahead in enumerate(horizons):
        count = len(one.iv) - ahead - begin
        of = {name: values[:count, column] for name, values in said.items()}
        outcome = one.iv[ends.day[:count] + ahead]
        rows.append(_row(path, ahead, outcome, of, {name: values[:count, column] for name, values in rivals.items()}))
        dates[ahead] = [read.dates[day + ahead] for day in ends.day[:count]]
        curves[ahead] = of | {"outcome": outcome}
    notes = [*_oddities(read), *read.notes]
    if shown < window:
        notes.append(f"each forecast sees {shown} days, the model takes {window}")
    return SeriesSkill(read.symbol, rows, notes, dates, curves)


def _history(path: Path, read: SurfaceHistory, asked: int | None, *, window: int, least: int, longest: int) -> int:
    count = len(read.features)
    if read.dates[0] is None:
        raise PipelineError(f"{path}: a snapshot without dates; scoring needs a series of days")
    needed = least + LEAST_SCORED + longest
    if asked is not None and not least <= asked <= window:
        raise PipelineError(f"--history {asked}: must lie in {least}..{window}, what the model takes")
    if count < needed:
        raise PipelineError(
            f"{path}: {count} usable days, scoring needs {needed}: {least} of history, {LEAST_SCORED} forecasts, and "
            f"{longest} days until the last is known"
        )
    if asked is None:
        return min(window, max(least, (count - longest) // 2))
    if count < asked + LEAST_SCORED + longest:
        raise PipelineError(
            f"{path}: {count} usable days, --history {asked} leaves {max(count - asked - longest, 0)} forecasts of at "
            f"least {LEAST_SCORED}; ask for less"
        )
    return asked


def _first_day(path: Path, read: SurfaceHistory, shown: int, first: dt.date | None, *, longest: int) -> int:
    """The number of the first day to forecast from."""
    later = sum(1 for date in read.dates if first is not None and date is not None and date < first)
    begin = max(shown - 1, later)
    left = max(len(read.dates) - longest - begin, 0)
    if left < LEAST_SCORED:
        raise PipelineError(
            f"{path}: {left} forecasts from {first} on that are known by now, of at least {LEAST_SCORED}; ask for more"
        )
    return begin


def _rivals(iv: Floats, days: NDArray[np.int64], shown: int, settings: Mapping[str, Any]) -> dict[str, Floats]:
    """Forecasts float64 [day, horizon] by name, persistence first."""
    size = len(settings["horizons"])
    found: dict[str, list[Floats]] = {name: [] for name in settings.get("baselines") or {}}
    for day in days:
        said = shipped_forecasts(iv[day + 1 - shown : day + 1], settings["baselines"]) if found else {}
        for name, values in said.items():
            found[name].append(values)
    return {PERSISTENCE: np.repeat(iv[days, None], size, axis=1), **{name: np.stack(v) for name, v in found.items()}}


def _row(path: Path, ahead: int, outcome: Floats, said: dict[str, Floats], rivals: dict[str, Floats]) -> SkillRow:
    columns = {name: values[:, None] for name, values in (rivals | {OURS: said["predicted"]}).items()}
    scored = Evaluated("", outcome[:, None], columns, said["lower"][:, None], said["upper"][:, None])
    if not np.isfinite(said["predicted"]).all():
        raise PipelineError(f"{path}: the model gives no number on {int((~np.isfinite(said['predicted'])).sum())} days")
    if float(scored.losses(PERSISTENCE).sum()) == 0.0:
        raise PipelineError(f"{path}: avg_iv does not change over {ahead} days on any day scored; nothing to forecast")
    own = scored.losses(OURS)[:, 0]
    inside = (said["lower"] <= outcome) & (outcome <= said["upper"])
    half = len(outcome) // 2
    return SkillRow(
        ahead=ahead,
        days=len(outcome),
        ratios={name: scored.ratio(name, 0) for name in (OURS, *rivals)},
        tests={name: diebold_mariano(own, scored.losses(name)[:, 0], ahead) for name in rivals},
        coverage=(float(inside.mean()), float(inside[:half].mean()), float(inside[half:].mean())),
    )


def _oddities(read: SurfaceHistory) -> list[str]:
    """What makes the figures of a file doubtful."""
    found = []
    dates = [date for date in read.dates if date is not None]
    apart = [(later - earlier).days for earlier, later in pairwise(dates)]
    gaps = [days for days in apart if days > LONGEST_GAP]
    if gaps:
        found.append(
            f"{len(gaps)} gaps of more than {LONGEST_GAP} days, the longest {max(gaps)}; they count as one day"
        )
    iv = read.features[:, 0]
    factors = iv[1:] / iv[:-1]
    jumps = np.flatnonzero((factors >= RISE) | (factors <= FALL))
    if len(jumps):
        worst = jumps[np.argmax(np.abs(np.log(factors[jumps])))]
        found.append(
            f"{len(jumps)} days on which avg_iv jumps by more than {100 * (RISE - 1):.0f} %, the largest on "
            f"{dates[worst + 1]} ({100 * (factors[worst] - 1):+.0f} %)"
        )
    still = float((factors == 1.0).mean())
    if still > STALE_SHARE:
        found.append(
            f"avg_iv is the same as the day before on {100 * still:.0f} % of the days: copies, or a stale feed"
        )
    if read.dropped:
        found.append(f"{len(read.dropped)} days left out, the first: {read.dropped[0]}")
    return found
