"""A small signal classifier trained, exported and ready to be verified; and the command line run in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from export.artifact.version_folder import Draft, write_artifact
from export.compile_model import draft_of
from train.core import cli
from train.core.records.record import DataRecord, QualityRow, TrainingRecord, library_versions, write_record
from train.core.skops_files import save_skops
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_INPUT, SIGNAL_NAMES
from train.signal_classifier.model import MODEL
from verify.__main__ import main

RANGES = {
    "edge_percent": (-40.0, 40.0),
    "delta": (-1.0, 1.0),
    "gamma": (0.0, 0.2),
    "vega": (0.0, 200.0),
    "theta": (-90.0, 5.0),
    "volume": (0.0, 5000.0),
    "open_interest": (0.0, 20000.0),
    "days_to_expiry": (7.0, 90.0),
}


@dataclass(frozen=True)
class House:
    """Folders as `make` leaves them: originals and artifacts; `draft` is what the artifact was made from."""

    source: Path
    artifacts: Path
    draft: Draft

    @property
    def model_folder(self) -> Path:
        return self.artifacts / SIGNAL_CLASSIFIER

    def arguments(self, *more: str) -> list[str]:
        return [*more, "--artifacts", str(self.artifacts), "--from", str(self.source)]


def signals(rows: int, *, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    low, high = np.array(list(RANGES.values())).T
    table = low + (high - low) * np.random.default_rng(seed).random((rows, len(SIGNAL_NAMES)))
    table[:, 5:] = np.rint(table[:, 5:])
    return table


def build_house(root: Path) -> House:
    X = signals(600)
    y = (X[:, 0] / 40 + X[:, 1] + np.random.default_rng(1).normal(0, 0.5, 600) > 0).astype(int)
    forest = RandomForestClassifier(8, max_depth=6, random_state=0)
    source = root / "models" / SIGNAL_CLASSIFIER
    save_skops(make_pipeline(StandardScaler(), forest).fit(X, y), source / "model.skops")
    write_record(
        source,
        TrainingRecord(
            model=SIGNAL_CLASSIFIER,
            estimator="random_forest",
            data=DataRecord(source="a test's own rows", rows=len(X)),
            random_state=0,
            seconds=0.0,
            libraries=library_versions("scikit-learn"),
            quality=[
                QualityRow(metric="<Brier>", value=0.2, baseline="rate", baseline_value=0.25, higher_is_better=False)
            ],
            feature_ranges=RANGES,
            settings={},
            sample={SIGNAL_INPUT.name: X[:32].tolist()},
        ),
    )
    draft = draft_of(MODEL, source)
    write_artifact(root / "artifacts", draft)
    return House(root / "models", root / "artifacts", draft)


def with_graph(house: House, change: Callable[[onnx.NodeProto], None]) -> House:
    """The same artifact with a changed tree operator, hashes and all made to fit."""
    graph = onnx.ModelProto()
    graph.CopyFrom(house.draft.graph)
    change(next(node for node in graph.graph.node if node.op_type == "TreeEnsemble"))
    draft = replace(house.draft, graph=graph)
    write_artifact(house.artifacts, draft)
    return replace(house, draft=draft)


def change_one_number(attribute: str, position: int, by: float) -> Callable[[onnx.NodeProto], None]:
    """Add `by` to one number of a tensor attribute; 0.0 means the next double."""

    def change(node: onnx.NodeProto) -> None:
        entry = next(a for a in node.attribute if a.name == attribute)
        values = numpy_helper.to_array(entry.t).copy()
        values[position] = values[position] + by if by else np.nextafter(values[position], np.inf)
        entry.t.CopyFrom(numpy_helper.from_array(values, entry.t.name))

    return change


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run_verify(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    """`python -m verify` with these arguments, in this process."""
    monkeypatch.setattr(sys, "argv", ["verify", *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, shown.out, shown.err)
