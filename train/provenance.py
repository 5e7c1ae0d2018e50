"""What a training is made of besides its data: parameters, libraries, the code's commit, the machine; and its age."""

import argparse
import importlib.metadata
import platform
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from train.core.records.record import Provenance, TrainingRecord
from train.core.tables.calendar import WEEKDAYS
from train.model import TrainingRequest

COMPUTING = ("numpy", "scipy", "scikit-learn", "pandas", "skops", "tensorflow", "keras", "onnx", "threadpoolctl")
"""Distributions whose version can change a bit of a model."""
CODE = ("train", "export", "pyproject.toml", "requirements.lock")
"""What makes a model; a commit that changes none of it makes the same."""
ROOT = Path(__file__).resolve().parents[1]
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def provenance_of(request: TrainingRequest) -> Provenance:
    """The same on one machine with one code and one set of libraries, whenever it is asked."""
    section = request.section.model_dump(mode="json", exclude={"enabled", "model_path", "shadow"})
    return Provenance(
        parameters={
            "estimator": request.estimator,
            "training": request.training.model_dump(mode="json"),
            "model": section,
            # Left out where it is the usual one: what was made before there was a choice stays the same to the byte.
            **({} if request.calendar == WEEKDAYS else {"calendar": request.calendar}),
        },
        libraries=dict(sorted(_installed().items())),
        source=source_commit(ROOT),
        machine=machine(),
    )


def _installed() -> dict[str, str]:
    found = {}
    for name in COMPUTING:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def source_commit(root: Path) -> str | None:
    """The newest commit that changed what makes a model, with "+" where files differ from it; None without git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments, "--", *(one for one in CODE if (root / one).exists())]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    try:
        commit, changed = git("log", "-1", "--format=%H"), git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}{'+' if changed else ''}" if commit else None


def machine() -> list[str]:
    """The processor's kind, the instruction sets that NumPy found, and what BLAS chose its code for."""
    import numpy as np
    import scipy.linalg  # noqa: F401 - loads the BLAS that scikit-learn uses
    from threadpoolctl import threadpool_info

    build: Any = np.show_config(mode="dicts")
    simd = build.get("SIMD Extensions", {}) if isinstance(build, dict) else {}
    blas = {f"blas {one['architecture']}" for one in threadpool_info() if one.get("architecture")}
    return [platform.machine(), *sorted(simd.get("found", [])), *sorted(blas)]


def age(text: str) -> timedelta:
    """An age such as 7d, 12h, 30m or 2w, for argparse."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"must be an age such as 7d, 12h, 30m or 2w, found {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def is_due(record: TrainingRecord | None, limit: timedelta, *, now: datetime | None = None) -> tuple[bool, str]:
    """Whether a model is to be trained again, and why or why not, in words.

    A record without a time, or with one that lies ahead (a clock went back), says nothing of the age: train.
    """
    if record is None:
        return True, "no trained model yet"
    if record.trained_at is None:
        return True, "its training has no time"
    try:
        trained = datetime.fromisoformat(record.trained_at)
    except ValueError:
        return True, f"its training has no time: {record.trained_at!r}"
    if trained.tzinfo is None:
        trained = trained.replace(tzinfo=UTC)
    passed = (now or datetime.now(UTC)) - trained
    if passed < timedelta(0):
        return True, f"warning: trained at {record.trained_at}, which lies ahead: a clock went back"
    return passed >= limit, f"trained {passed.total_seconds() / 86400:.1f} days ago"
