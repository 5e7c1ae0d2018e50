"""What a comparison of two models found, as JSON; its schema is `verify/compare/comparison.schema.json`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from train.core.files import json_bytes
from verify.compare.compare_model import FamilyResult, PairResult
from verify.comparison.parity import NOT_A_NUMBER_APART
from verify.proof.split_evidence import Count

Verdict = Literal["in parity", "not in parity", "not finished"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rows(_Strict):
    """What some rows showed; a null difference is one of NaN or infinity against a number."""

    rows: int
    bit_equal: int
    mismatched: int
    visibly_apart: int
    labels_differ: int
    max_absolute: float | None
    max_relative: float | None
    max_ulp: int | None
    problem: str


class Family(Rows):
    """One family of rows."""

    rows_from: str


class CauseRow(_Strict):
    """Why some of the mismatched rows differ; `first`: what shows it on the first of them."""

    cause: str
    rows: int
    first: str


class Counted(_Strict):
    """Splits, or routes of missing values: how many, told apart by a row, undecided; of those never looked at."""

    all: int
    told_apart: int
    undecided: int
    not_looked_at: int


class Comparison(_Strict):
    """The whole report; `complete` is false when somebody stopped it, `rows_planned` null when that is not known."""

    format: Literal["parity-comparison/1"] = "parity-comparison/1"
    original: str
    onnx: str
    seed: int
    complete: bool
    verdict: Verdict
    absolute: float
    relative: float
    rows_planned: int | None
    rows_refused_by_original: int
    total: Rows
    families: list[Family]
    causes: list[CauseRow]
    splits: Counted
    nan_routes: Counted


def pair_json(found: PairResult, *, original: str, graph: str, seed: int) -> bytes:
    """The same comparison gives the same bytes: no time, no machine."""
    total = found.total
    splits, routes = found.proof.thresholds, found.proof.routes
    report = Comparison(
        original=original,
        onnx=graph,
        seed=seed,
        complete=not found.stopped,
        verdict=verdict_word(found),
        absolute=found.tolerance.absolute,
        relative=found.tolerance.relative,
        rows_planned=found.planned,
        rows_refused_by_original=total.refused,
        total=Rows(**_rows(total)),
        families=[Family(rows_from=name, **_rows(family)) for name, family in found.families.items()],
        causes=[CauseRow(cause=cause.name, rows=cause.rows, first=cause.evidence) for cause in found.causes],
        splits=_counted(splits),
        nan_routes=_counted(routes),
    )
    return json_bytes(report.model_dump(mode="json"))


def _counted(count: Count) -> Counted:
    return Counted(
        all=count.all,
        told_apart=count.told_apart,
        undecided=count.undecided,
        not_looked_at=count.not_looked_at,
    )


def verdict_word(found: PairResult) -> Verdict:
    """What can be said of it."""
    if found.differs:
        return "not in parity"
    return "in parity" if found.in_parity else "not finished"


def _rows(family: FamilyResult) -> dict[str, Any]:
    result = family.result
    return {
        "rows": result.rows,
        "bit_equal": result.bit_equal,
        "mismatched": result.mismatched,
        "visibly_apart": family.visible,
        "labels_differ": family.labels,
        "max_absolute": _finite(result.max_abs),
        "max_relative": _finite(result.max_rel),
        "max_ulp": None if result.max_ulp == NOT_A_NUMBER_APART else result.max_ulp,
        "problem": result.problem,
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity: null stands for a NaN or an infinity against a number."""
    return value if value < float("inf") else None
