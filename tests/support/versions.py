"""Several versions of one small classifier, each proven by `verify` and with the window that its training held out."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from export.__main__ import main as export_main
from export.artifact.version_folder import write_artifact
from export.compile_model import draft_of
from tests.support.verified import RANGES, Ended, signals
from train.core import cli
from train.core.novelty import fit_novelty
from train.core.records.distribution import distribution
from train.core.records.record import DataRecord, QualityRow, TrainingRecord, library_versions, write_record
from train.core.records.window import Measures, Window, write_window
from train.core.skops_files import save_skops
from train.signal_classifier.contract import (
    BRIER,
    OUTCOME,
    SIGNAL_CLASSIFIER,
    SIGNAL_INPUT,
    SIGNAL_NAMES,
    SIGNAL_OUTPUT,
)
from train.signal_classifier.model import MODEL
from verify.check.check_model import check_model
from verify.check.promote import write_proof

ROWS, WINDOW_ROWS = 1500, 2000
NAMES = ("weak", "good", "better", "worse")
"""In the order of what they see: depth, and the share of labels that are turned at random."""
MADE_OF = {"weak": (3, 0.25, 0), "good": (6, 0.0, 1), "better": (7, 0.0, 2), "worse": (6, 0.42, 3)}


@dataclass(frozen=True)
class Versions:
    """Folders as `make` leaves them, with several candidates; `version` by the names of `NAMES`."""

    root: Path
    version: dict[str, str]

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def folder(self) -> Path:
        return self.artifacts / SIGNAL_CLASSIFIER

    @property
    def source(self) -> Path:
        return self.root / "models"

    def in_use(self) -> str | None:
        pointer = self.folder / "current.json"
        return json.loads(pointer.read_text())["version"] if pointer.is_file() else None

    def name_in_use(self) -> str | None:
        return {version: name for name, version in self.version.items()}.get(self.in_use() or "")

    def copied(self, root: Path) -> "Versions":
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Versions(root, self.version)


def outcomes(rows: Any, *, seed: int, turned: float = 0.0) -> Any:
    random = np.random.default_rng(seed)
    won = (rows[:, 0] / 40 + rows[:, 1] + random.normal(0, 0.5, len(rows)) > 0).astype(np.int64)
    return np.where(random.random(len(rows)) < turned, random.integers(0, 2, len(rows)), won)


def write_training(source: Path, depth: int, turned: float, seed: int) -> None:
    """A fitted forest, its record and the window that it never saw: the same window for all of them."""
    X = signals(ROWS, seed=10 + seed)
    unseen = signals(WINDOW_ROWS, seed=99)
    won = outcomes(unseen, seed=98)
    forest = RandomForestClassifier(12, max_depth=depth, random_state=seed)
    fitted = make_pipeline(StandardScaler(), forest).fit(X, outcomes(X, seed=seed, turned=turned))
    save_skops(fitted, source)
    rate = np.full(WINDOW_ROWS, won.mean())
    window = Window(
        {SIGNAL_INPUT.name: unseen, OUTCOME: won},
        np.arange(WINDOW_ROWS, dtype=np.int64),
        Measures(horizons={BRIER: 0}),
        {"base rate": {BRIER: (rate - won) ** 2}},
    )
    record = TrainingRecord(
        model=SIGNAL_CLASSIFIER,
        estimator=f"forest of depth {depth}",
        data=DataRecord(source="a test's own rows", rows=ROWS),
        random_state=seed,
        seconds=0.0,
        libraries=library_versions("scikit-learn"),
        quality=[QualityRow(metric="Brier", value=0.1, baseline="rate", baseline_value=0.2, higher_is_better=False)],
        feature_ranges=RANGES,
        settings={},
        sample={SIGNAL_INPUT.name: X[:16].tolist()},
        window=write_window(source.parent, window),
        novelty=fit_novelty(X),
        distribution=distribution(
            dict(zip(SIGNAL_NAMES, X.T, strict=True)), {SIGNAL_OUTPUT.name: fitted.predict_proba(unseen)[:, 1]}
        ),
    )
    write_record(source.parent, record)


def build_versions(root: Path, names: Sequence[str] = NAMES) -> Versions:
    """All of `names` written, proven, none in use; the last is the candidate."""
    version = {}
    source = root / "models" / SIGNAL_CLASSIFIER
    for name in names:
        write_training(source / "model.skops", *MADE_OF[name])
        folder = write_artifact(root / "artifacts", draft_of(MODEL, source))
        checked = check_model(folder.parent, source=source, runtimes=("python",), rows=500, seed=0)
        assert checked.proven
        write_proof(folder, checked.totals(), tolerance=checked.tolerance, proof=checked.proof)
        version[name] = folder.name
    return Versions(root, version)


def run_export(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    """`python -m export` with these arguments, in this process."""
    monkeypatch.setattr(sys, "argv", ["export", *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.run(export_main)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, shown.out, shown.err)
