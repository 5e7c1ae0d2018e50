"""Versions in the real MLflow's file store, loaded again by `mlflow.onnx`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.artifact.manifest import GRAPH_FILE, read_manifest
from export.papers.mlflow_run import log_version
from tests.support.verified import signals
from tests.support.versions import Versions, build_versions
from train.core.errors import PipelineError
from train.core.files import sha256_hex
from train.signal_classifier.contract import SIGNAL_CLASSIFIER

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("mlflow"), ("weak",))


@pytest.fixture
def folder(house: Versions) -> Path:
    return house.folder / house.version["weak"]


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "true")
    return pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")


def test_a_version_is_a_run_with_its_figures_and_is_loaded_by_mlflow_onnx(
    mlflow: Any, folder: Path, tmp_path: Path
) -> None:
    import mlflow.onnx

    before = mlflow.get_tracking_uri()
    uri = log_version(folder, tmp_path / "runs", tags={"gate": "passed"})
    assert mlflow.get_tracking_uri() == before
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    try:
        (run,) = mlflow.search_runs(experiment_names=[SIGNAL_CLASSIFIER], output_format="list")
        assert run.data.tags["version"] == folder.name
        assert run.data.tags["gate"] == "passed"
        assert run.data.metrics["Brier"] == 0.1
        assert run.data.metrics["Brier of rate"] == 0.2
        assert run.data.params["random_state"] == "0"
        graph = mlflow.onnx.load_model(uri)
        assert sha256_hex(graph.SerializeToString(deterministic=True)) == read_manifest(folder).graph.sha256
        rows = signals(50, seed=3)
        answers = mlflow.pyfunc.load_model(uri).predict({"features": rows})
    finally:
        mlflow.set_tracking_uri(before)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / GRAPH_FILE))
    (ours,) = session.run(None, {"features": rows})
    (theirs,) = [np.asarray(one) for one in answers.values()]
    assert np.array_equal(theirs.ravel(), ours.ravel())


def test_every_retraining_is_a_run_of_its_own(mlflow: Any, folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        log_version(folder, tmp_path / "runs")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    try:
        assert len(mlflow.search_runs(experiment_names=[SIGNAL_CLASSIFIER], output_format="list")) == 2
    finally:
        mlflow.set_tracking_uri(before)


def test_a_damaged_version_and_a_store_that_cannot_be_are_named(mlflow: Any, house: Versions, tmp_path: Path) -> None:
    del mlflow
    copy = house.copied(tmp_path / "copy")
    damaged = copy.folder / copy.version["weak"]
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="MLflow cannot log there"):
        log_version(damaged, tmp_path / "file")
    (damaged / GRAPH_FILE).write_bytes(b"")
    with pytest.raises(PipelineError, match="changed after it was written"):
        log_version(damaged, tmp_path / "runs")


def test_without_the_extra_it_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    """In a process that cannot import it, as where it is not installed."""
    program = (
        "import sys; sys.modules['mlflow'] = None\n"
        "from train.core import cli; from verify.__main__ import main\n"
        f"sys.argv = ['verify', 'retrain', {SIGNAL_CLASSIFIER!r}, '--mlflow', 'runs', '--from', 'm']\n"
        "sys.argv += ['--artifacts', 'a', '--config', 'none.json']\n"
        "cli.run(main)"
    )
    (tmp_path / "none.json").write_text("{}")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}  # noqa: PTH109
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "--mlflow needs the extra `mlflow`" in done.stderr
    assert "== train" not in done.stderr
