"""Live answers against what came of them: skill beside the baselines, and calibration, on the whole and in time."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.versions.skill import bootstrap_bound, by_moment, diebold_mariano_bound
from train.core.errors import PipelineError
from train.core.records.live_log import LiveLog
from train.core.records.live_window import Indicator, answered_by, outputs_of
from train.core.records.window import Floats, Window
from train.model import Model
from verify.drift.facts import Calibration, Period, Quality, Skill

PERIODS = 8
LEAST = 20
"""Answers of a period; fewer say nothing."""
SURE, WIDE = 0.95, 0.995
"""One-sided, of a loss; both sides of an interval of 99 %."""


def quality_of(model: Model, log: LiveLog, version: str, outcomes: Sequence[Path], *, allowed: float) -> Quality:
    """What is known of the outcomes of one version's answers.

    Raises:
        PipelineError: no answer is of the version, or as `Model.live_window`.
    """
    own = answered_by(log, version)
    if not own.rows:
        raise PipelineError(
            f"{', '.join(map(str, log.paths[:3]))}: no answer is of {model.name} {version}; see --version"
        )
    live = model.live_window(own, outcomes)
    taken = own.taken(live.rows)
    names = [tensor.name for tensor in model.outputs if tensor.name in taken.rows[0].answer]
    outputs = outputs_of(taken.rows, names)
    losses = model.window_losses(live.window, outputs)
    indicators = model.live_indicators(live.window, outputs)
    return Quality(
        rows=len(live.rows),
        notes=list(live.notes),
        skill=_skill(live.window, losses),
        calibration=[_calibration(one, live.window, allowed) for one in indicators if np.isfinite(one.values).any()],
        periods=_periods(live.window, losses, indicators, [row.time.date() for row in taken.rows]),
        evidence=model.live_evidence(live.window, outputs),
    )


def _skill(window: Window, losses: dict[str, Floats]) -> list[Skill]:
    found = []
    for measure, horizon in window.measures.horizons.items():
        for baseline, theirs in window.baselines.items():
            if measure not in theirs:
                continue
            both = np.isfinite(losses[measure]) & np.isfinite(theirs[measure])
            if not both.any():
                continue
            gain = (theirs[measure] - losses[measure])[both]
            # Surely worse: the upper bound of what the model gains is a loss.
            bound = _upper(gain, window.moments[both], horizon, SURE)
            found.append(
                Skill(
                    measure=measure,
                    loss=float(losses[measure][both].mean()),
                    baseline=baseline,
                    baseline_loss=float(theirs[measure][both].mean()),
                    rows=int(both.sum()),
                    worse=bool(bound < 0.0),
                )
            )
    return found


def _upper(values: Floats, moments: NDArray[np.int64], horizon: int, confidence: float) -> float:
    if horizon:
        return diebold_mariano_bound(by_moment(values, moments), horizon, confidence)
    return bootstrap_bound(values, moments, confidence)


def _calibration(one: Indicator, window: Window, allowed: float) -> Calibration:
    known = np.isfinite(one.values)
    values, moments = one.values[known], window.moments[known]
    high = _upper(values, moments, one.horizon, WIDE)
    low = -_upper(-values, moments, one.horizon, WIDE)
    value = float(values.mean())
    sure = low > one.expected + allowed or high < one.expected - allowed
    limits = [bound if np.isfinite(bound) else value for bound in (low, high)]
    return Calibration(
        name=one.name,
        value=value,
        low=limits[0],
        high=limits[1],
        expected=one.expected,
        off=bool(sure),
        known=bool(np.isfinite(low) or np.isfinite(high)),
    )


def _periods(
    window: Window, losses: dict[str, Floats], indicators: Sequence[Indicator], dates: Sequence[dt.date]
) -> list[Period]:
    """Stretches of about as many answers each; a day is never parted."""
    order = np.argsort(np.array([date.toordinal() for date in dates]), kind="stable")
    days = [dates[place] for place in order]
    count = max(1, min(PERIODS, len(order) // LEAST))
    cuts = [0]
    for number in range(1, count):
        at = number * len(order) // count
        while at < len(order) and days[at] == days[at - 1]:
            at += 1
        if cuts[-1] < at < len(order):
            cuts.append(at)
    found = []
    for begin, end in zip(cuts, [*cuts[1:], len(order)], strict=True):
        part = order[begin:end]
        found.append(
            Period(
                first=str(days[begin]),
                last=str(days[end - 1]),
                rows=len(part),
                losses=_means({name: values[part] for name, values in losses.items()}),
                baselines={
                    name: _means({measure: values[part] for measure, values in theirs.items()})
                    for name, theirs in window.baselines.items()
                },
                calibration=_means({one.name: one.values[part] for one in indicators}),
            )
        )
    return found


def _means(columns: dict[str, Floats]) -> dict[str, float]:
    return {name: float(np.nanmean(values)) for name, values in columns.items() if np.isfinite(values).any()}
