"""Quotes to score, the command that scores them, and what lies in its output."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import parquet

from tests.support.places import ROOT

MODEL = ROOT / "artifacts" / "signal_classifier"
NUMBERS = ("edge_percent", "delta", "gamma", "vega", "theta", "volume", "open_interest", "days_to_expiry")


def quotes(rows: int, seed: int) -> pa.Table:
    """The eight fields of signals, an id of each row, and a text."""
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "id": np.arange(rows) + seed * 1_000_000,
            "edge_percent": random.normal(0.0, 15.0, rows),
            "delta": random.uniform(-1.0, 1.0, rows),
            "gamma": random.uniform(0.0, 0.1, rows),
            "vega": random.uniform(0.0, 90.0, rows),
            "theta": -random.uniform(0.0, 60.0, rows),
            "volume": random.integers(0, 30_000, rows),
            "open_interest": random.integers(0, 100_000, rows),
            "days_to_expiry": random.integers(0, 90, rows),
            "symbol": random.choice(["SPX", "VIX", "Zürich"], rows),
        }
    )


def write_days(folder: Path, days: int, rows: int) -> Path:
    """A hive folder: one file of Parquet a day."""
    for day in range(days):
        place = folder / f"date=2024-01-{day + 1:02d}"
        place.mkdir(parents=True)
        parquet.write_table(quotes(rows, day), place / "quotes.parquet")
    return folder


def command(source: Path | str, output: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "verify", "score", str(MODEL)),
        *("--input", str(source), "--output", str(output), *more),
    ]


def score(source: Path | str, output: Path, *more: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """What the command says on stdout, if it came so far, and on stderr."""
    done = subprocess.run(command(source, output, *more), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else {}, done.stderr


def files(output: Path) -> dict[str, str]:
    """SHA-256 of every file of answers, by its path; nothing half written lies beside them."""
    left = [path.name for path in output.rglob(".*") if path.name != ".score.lock"]
    assert left == []
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*.parquet"))
    }


def answers(output: Path) -> pa.Table:
    """The whole output as any reader of Parquet folders sees it."""
    return ds.dataset(output, partitioning="hive").to_table()
