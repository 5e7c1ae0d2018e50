"""What `verify drift` finds, as data: the tables, the page and `--json` are made of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from train.core.records.evidence import Evidence

FORMAT = "drift-report/1"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ColumnDrift(_Strict):
    """One input or answer; null where it is not known (no distribution in the manifest, no value).

    `trained` and `live` hold every twentieth of the quantiles, from the smallest to the largest value.
    """

    name: str
    side: Literal["input", "answer"]
    psi: float | None
    ks: float | None
    ks_p: float | None
    outside: float | None
    missing: float
    trained: list[float]
    live: list[float]
    moved: bool


class Share(_Strict):
    """A share of the answers, and the most that is let pass; null: not known."""

    name: str
    value: float | None
    allowed: float
    moved: bool
    note: str = ""


class Skill(_Strict):
    """Mean loss of live answers beside a baseline's; `worse`: surely."""

    measure: str
    loss: float
    baseline: str
    baseline_loss: float
    rows: int
    worse: bool


class Calibration(_Strict):
    """What should be `expected` on the mean, with a 99 % interval; not `known`: there are too few days for one."""

    name: str
    value: float
    low: float
    high: float
    expected: float
    off: bool
    known: bool = True


class Period(_Strict):
    """One stretch of time: mean loss by measure, of the baselines, and calibration by name."""

    first: str
    last: str
    rows: int
    losses: dict[str, float]
    baselines: dict[str, dict[str, float]]
    calibration: dict[str, float]


class Quality(_Strict):
    """Answers whose outcome is known."""

    rows: int
    notes: list[str]
    skill: list[Skill]
    calibration: list[Calibration]
    periods: list[Period]
    evidence: Evidence


class Drift(_Strict):
    """One model's log against one version; `sampled`: values that `live` of a column is from, 0 where it is all."""

    model: str
    version: str
    first: str
    last: str
    rows: int
    by_version: dict[str, int]
    skipped: list[str]
    sampled: int
    columns: list[ColumnDrift]
    shares: list[Share]
    quality: Quality | None
    moved: list[str]


class DriftReport(_Strict):
    """The whole report; `thresholds` are those of the config."""

    format: Literal["drift-report/1"]
    thresholds: dict[str, float]
    models: list[Drift]
