"""What a report says, as data: the page is drawn from it, and `--report FILE.json` is it.

The schema is `verify/report/report.schema.json`; a test holds it against this file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import onnxruntime as ort
from pydantic import BaseModel, ConfigDict

from train.core.records.evidence import Evidence, read_evidence
from train.core.records.record import QualityRow
from verify.check.check_model import Checked
from verify.comparison.parity import NOT_A_NUMBER_APART, SIZES, ParityResult
from verify.proof.split_evidence import Count
from verify.report.tables import describe, verdict

FORMAT = "parity-report/1"
CARD = "model_card.md"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Found(_Strict):
    """What one runtime showed on some rows; a null difference is one of NaN or infinity against a number."""

    rows: int
    bit_equal: int
    mismatched: int
    max_absolute: float | None
    max_relative: float | None
    max_ulp: int | None
    flipped: dict[str, int]
    spread: list[int]
    problem: str
    in_parity: bool


class RuntimeRow(_Strict):
    """One runtime on all rows together; `found` is null where it was not run, and `reason` says why."""

    runtime: str
    version: str
    required: bool
    verdict: Literal["in parity", "not in parity", "not run"]
    reason: str = ""
    found: Found | None = None


class FamilyRow(_Strict):
    """One runtime on one family of rows."""

    rows_from: str
    runtime: str
    found: Found


class Counts(_Strict):
    """Splits, or routes of missing values: how many, told apart by a row, without effect on any answer, undecided.

    `not_looked_at`: of the undecided, those that a sample of very many left out.
    """

    all: int
    told_apart: int
    cannot_change_any_answer: int
    undecided: int
    not_looked_at: int


class ModelReport(_Strict):
    """One version of one model."""

    model: str
    version: str
    verdict: Literal["in parity", "not in parity", "could not check"]
    sentence: str
    original: str
    reference: str
    absolute: float
    relative: float
    rows_refused_by_original: int
    runtimes: list[RuntimeRow]
    families: list[FamilyRow]
    splits: Counts
    nan_routes: Counts
    misses: list[str]
    quality: list[QualityRow]
    evidence: Evidence
    card: str
    repeat: list[str]


class Report(_Strict):
    """The whole report; `sizes` names the bins of every `spread`."""

    format: Literal["parity-report/1"]
    onnxruntime: str
    sizes: list[str]
    models: list[ModelReport]


def report_of(models: Sequence[Checked], *, sources: Sequence[Path | None], repeat: Sequence[str]) -> Report:
    """The facts of one or more checks.

    Args:
        models: what was found.
        sources: for each the folder that training wrote, or None.
        repeat: command lines that repeat the check.

    Raises:
        PipelineError: a source holds an `evidence.json` that is none.
    """
    return Report(
        format=FORMAT,
        onnxruntime=ort.__version__,
        sizes=list(SIZES),
        models=[_model(checked, source, repeat) for checked, source in zip(models, sources, strict=True)],
    )


def _model(checked: Checked, source: Path | None, repeat: Sequence[str]) -> ModelReport:
    names = [column.name for tensor in checked.manifest.inputs for column in tensor.columns]
    results = [(f, r, result) for f, tally in checked.families.items() for r, result in tally.results.items()]
    misses = [f"{f}, {r}: {describe(row, names)}" for f, r, result in results for row in result.first]
    misses += [f"{f}, {r}: answers have {result.problem}" for f, r, result in results if result.problem]
    misses += [f"cause: {cause.name}: {cause.evidence}" for cause in checked.causes]
    misses += [f"refused by {refusal}" for refusal in checked.refusals]
    card = checked.folder / CARD
    proof = checked.proof
    return ModelReport(
        model=checked.manifest.model,
        version=checked.folder.name,
        verdict="not in parity" if checked.differs else "in parity" if checked.proven else "could not check",
        sentence=verdict(checked),
        original=checked.original,
        reference=checked.manifest.parity.reference,
        absolute=checked.tolerance.absolute,
        relative=checked.tolerance.relative,
        rows_refused_by_original=sum(tally.refused for tally in checked.families.values()),
        runtimes=_runtimes(checked),
        families=[FamilyRow(rows_from=f, runtime=r, found=found_of(result)) for f, r, result in results],
        splits=_counts(proof.thresholds),
        nan_routes=_counts(proof.routes),
        misses=misses,
        quality=list(checked.manifest.quality),
        evidence=Evidence() if source is None else read_evidence(source),
        card=card.read_text(encoding="utf-8", errors="replace") if card.is_file() else "",
        repeat=list(repeat),
    )


def _runtimes(checked: Checked) -> list[RuntimeRow]:
    ran = [
        RuntimeRow(
            runtime=name,
            version=checked.versions.get(name, ""),
            required=name in checked.required,
            verdict="in parity" if result.in_parity else "not in parity",
            found=found_of(result),
        )
        for name, result in checked.totals().items()
    ]
    return ran + [
        RuntimeRow(runtime=name, version="", required=False, verdict="not run", reason=why.removeprefix(f"{name}: "))
        for name, why in checked.missing.items()
    ]


def found_of(result: ParityResult) -> Found:
    """One result without infinities, which JSON has no form for."""
    return Found(
        rows=result.rows,
        bit_equal=result.bit_equal,
        mismatched=result.mismatched,
        max_absolute=_finite(result.max_abs),
        max_relative=_finite(result.max_rel),
        max_ulp=None if result.max_ulp == NOT_A_NUMBER_APART else result.max_ulp,
        flipped=result.flipped,
        spread=list(result.spread),
        problem=result.problem,
        in_parity=result.in_parity,
    )


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None


def _counts(count: Count) -> Counts:
    return Counts(
        all=count.all,
        told_apart=count.told_apart,
        cannot_change_any_answer=count.cannot_change,
        undecided=count.undecided,
        not_looked_at=count.not_looked_at,
    )
