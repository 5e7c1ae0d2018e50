"""Logs as the runtime writes them, made from rows and answers at will."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_NAMES

START = dt.datetime(2026, 3, 2, 14, 30, tzinfo=dt.UTC)


def line(seq: int, inputs: dict[str, Any], confidence: float, version: str | None, **more: Any) -> dict[str, Any]:
    time = START + dt.timedelta(minutes=10 * seq)
    return {
        "log": 1,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "run": "6611e4b15a6fa-5c6b",
        "seq": seq,
        "model": SIGNAL_CLASSIFIER,
        "version": version,
        "engine": None if version is None else "native",
        "source": "fallback" if version is None else "model",
        "inputs": inputs,
        "answer": {"confidence": confidence, "recommendation": "AVOID", "rule_score": 0.5},
        "warnings": [],
    } | more


def signal_lines(
    X: Any,
    confidence: Sequence[float] | Any,
    version: str | None,
    *,
    shadow: tuple[str, Any] | None = None,
    change: Callable[[int, dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """A line a row; `shadow`: a version and its confidences; `change` may alter a line."""
    found = []
    for seq, (row, sure) in enumerate(zip(np.asarray(X), confidence, strict=True)):
        one = line(seq, dict(zip(SIGNAL_NAMES, map(float, row), strict=True)), float(sure), version, tag=f"order {seq}")
        if shadow is not None:
            answer = {"confidence": float(shadow[1][seq])}
            one["shadow"] = {"version": shadow[0], "engine": "native", "answer": answer, "error": None}
        if change is not None:
            change(seq, one)
        found.append(one)
    return found


def write_log(path: Path, lines: Sequence[dict[str, Any] | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in lines))
    return path


def write_outcomes(path: Path, won: Any, *, by: str = "tag", rows: Sequence[int] | None = None) -> Path:
    """What came of the answers of `signal_lines`, by their tag."""
    chosen = range(len(won)) if rows is None else rows
    names = {"tag": lambda seq: f"order {seq}", "id": lambda seq: f"6611e4b15a6fa-5c6b-{seq}"}
    path.write_text(f"{by},is_profitable\n" + "".join(f"{names[by](seq)},{int(won[seq])}\n" for seq in chosen))
    return path
