"""Simulated signals with an invented outcome: edge and time to expiry count together only."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from train.signal_classifier.contract import SIGNAL_FEATURES, SIGNAL_NAMES
from train.signal_classifier.simulator.market import simulate

FIRST_DAY = "2025-01-06"


def trades(rows: int, *, seed: int) -> pd.DataFrame:
    """Simulated signals, one an hour, with an invented outcome."""
    features = simulate(rows, seed=seed).features
    edge, days = features[:, 0], features[:, SIGNAL_NAMES.index("days_to_expiry")]
    alike = (edge > np.median(edge)) == (days > np.median(days))
    won = np.random.default_rng(seed).random(rows) < np.where(alike, 0.8, 0.2)
    frame = pd.DataFrame(features, columns=list(SIGNAL_NAMES)).round(6)
    whole = [column.name for column in SIGNAL_FEATURES if column.integer]
    frame = frame.astype(dict.fromkeys(whole, np.int64))
    frame.insert(0, "timestamp", pd.date_range(FIRST_DAY, periods=rows, freq="h"))
    return frame.assign(is_profitable=won.astype(int), closed=frame["timestamp"])


def signals_of(frame: pd.DataFrame, *, tag: str) -> list[dict[str, Any]]:
    """Signals as the server takes them."""
    rows = json.loads(frame[list(SIGNAL_NAMES)].to_json(orient="records"))
    return [row | {"tag": f"{tag} {number}"} for number, row in enumerate(rows)]


def outcomes_of(frame: pd.DataFrame, path: Path, *, tag: str) -> Path:
    """What came of the signals."""
    lines = [f"{tag} {number},{won}\n" for number, won in enumerate(frame["is_profitable"])]
    path.write_text("tag,is_profitable\n" + "".join(lines))
    return path


def in_slow_time(log: Path) -> Path:
    """A log whose answers are an hour apart: a week is played in minutes, and those of one day share its luck."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    times = pd.date_range(FIRST_DAY, periods=len(lines), freq="h", tz="UTC")
    moved = [line | {"time": time.isoformat()} for line, time in zip(lines, times, strict=True)]
    path = log.with_name("slow.ndjson")
    path.write_text("".join(json.dumps(line) + "\n" for line in moved))
    return path
