"""What a comparison of two models found, as JSON; `verify/report/compare.schema.json` says what each field means."""

from typing import Any

from train.core.files import json_bytes
from verify.compare.compare_model import FamilyResult, PairResult
from verify.comparison.parity import NOT_A_NUMBER_APART

FORMAT = "parity-comparison/1"


def pair_json(found: PairResult, *, original: str, graph: str, seed: int) -> bytes:
    """The same comparison gives the same bytes: no time, no machine."""
    return json_bytes(pair_facts(found, original=original, graph=graph, seed=seed))


def pair_facts(found: PairResult, *, original: str, graph: str, seed: int) -> dict[str, Any]:
    """The fields of the report."""
    total = found.total
    splits, routes = found.proof.thresholds, found.proof.routes
    return {
        "format": FORMAT,
        "original": original,
        "onnx": graph,
        "seed": seed,
        "complete": not found.stopped,
        "verdict": verdict_word(found),
        "tolerance": {"absolute": found.tolerance.absolute, "relative": found.tolerance.relative},
        "rows_planned": found.planned,
        "rows_refused_by_original": total.refused,
        "total": _family(total),
        "families": [{"rows_from": name, **_family(family)} for name, family in found.families.items()],
        "causes": [{"cause": cause.name, "rows": cause.rows, "first": cause.evidence} for cause in found.causes],
        "splits": {"all": splits.all, "told_apart": splits.told_apart, "undecided": splits.undecided},
        "nan_routes": {"all": routes.all, "told_apart": routes.told_apart, "undecided": routes.undecided},
    }


def verdict_word(found: PairResult) -> str:
    """One of `in parity`, `not in parity`, `not finished`."""
    if found.differs:
        return "not in parity"
    return "in parity" if found.in_parity else "not finished"


def _family(family: FamilyResult) -> dict[str, Any]:
    result = family.result
    ulp = None if result.max_ulp == NOT_A_NUMBER_APART else result.max_ulp
    return {
        "rows": result.rows,
        "bit_equal": result.bit_equal,
        "mismatched": result.mismatched,
        "visibly_apart": family.visible,
        "labels_differ": family.labels,
        "max_absolute": _finite(result.max_abs),
        "max_relative": _finite(result.max_rel),
        "max_ulp": ulp,
        "problem": result.problem,
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity: null stands for a NaN or an infinity against a number."""
    return value if value < float("inf") else None
