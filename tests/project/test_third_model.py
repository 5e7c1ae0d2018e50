"""CONTRIBUTING's "add a model": one folder in train/, and it is trained, compiled, proven and served."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from verify.runtimes.open import BINARY, onnxruntime_environment

pytestmark = pytest.mark.slow

NAME = "half_spread"
ROW = {"volume": 120, "mid": 2.5, "days_to_expiry": None}


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, timeout=300, check=False, env=onnxruntime_environment()
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with one folder more."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("train", "export", "verify", "config"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/data/third_model", root / "train" / NAME)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    (root / BINARY).parent.mkdir(parents=True)
    (root / BINARY).symlink_to((ROOT / BINARY).resolve())
    return root


@pytest.fixture(scope="module")
def proven(checkout: Path) -> Path:
    """The checkout after train, export and verify."""
    for command in ("train", "export", "verify"):
        done = run(checkout, sys.executable, "-m", command, NAME)
        assert done.returncode == 0, done.stderr
    return checkout


def test_it_is_trained_compiled_and_proven_in_python_and_rust(proven: Path) -> None:
    folder = proven / "artifacts" / NAME
    version = json.loads((folder / "current.json").read_text())["version"]
    parity = json.loads((folder / version / "parity.json").read_text())
    assert set(parity["runtimes"]) == {"python", "rust"}
    for found in parity["runtimes"].values():
        assert found["mismatched"] == 0
        assert found["rows"] > 20_000
    assert parity["splits"]["told_apart"] > 0.9 * parity["splits"]["all"]


def test_rust_serves_it_without_a_file_of_its_own(proven: Path) -> None:
    done = run(proven, str(ROOT / BINARY), "run", f"artifacts/{NAME}", json.dumps(ROW))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["variable"]["half_spread"]
    code = (
        "import numpy as np, pathlib; from train.registry import models; "
        f"m = models()[{NAME!r}]; f = m.load(pathlib.Path('build/models') / {NAME!r}); "
        "print(repr(float(f.answer(f.estimator, {'features': np.array([[120.0, 2.5, np.nan]])})['variable'][0, 0])))"
    )
    expected = run(proven, sys.executable, "-c", code)
    assert float(expected.stdout) == answer


def test_rust_checks_it_among_the_installed(proven: Path) -> None:
    done = run(proven, str(ROOT / BINARY), "check", "artifacts")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{NAME} ")


def test_every_command_knows_it_by_its_folder_alone(checkout: Path) -> None:
    for command in ("train", "export", "verify"):
        assert NAME in run(checkout, sys.executable, "-m", command, "--help").stdout
    assert f"train {NAME} on its simulator" in run(checkout, "make", "-n", f"build/models/{NAME}/training.json").stdout


def test_a_folder_without_a_model_stops_every_command_with_its_name(checkout: Path, tmp_path: Path) -> None:
    broken = tmp_path / "house"
    shutil.copytree(checkout, broken, symlinks=True)
    (broken / "train" / NAME / "model.py").unlink()
    for command in ("train", "export", "verify"):
        done = run(broken, sys.executable, "-m", command, "--help")
        assert done.returncode == 2
        assert "a model's folder needs a model.py" in done.stderr
        assert "Traceback" not in done.stderr


def changed(checkout: Path, place: Path, before: str, after: str) -> Path:
    """A copy of the checkout with one change of the model."""
    shutil.copytree(checkout, place, symlinks=True)
    path = place / "train" / NAME / "model.py"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    return place


def test_a_contract_with_other_names_than_the_graphs_is_refused_at_export(proven: Path, tmp_path: Path) -> None:
    house = changed(proven, tmp_path / "house", '    "features",', '    "quote",')
    for command in ("train", "export"):
        done = run(house, sys.executable, "-m", command, NAME)
    assert done.returncode == 2
    assert "calls the inputs quote, the compiled graph has features" in done.stderr


def test_data_for_a_model_that_reads_none_is_refused(checkout: Path) -> None:
    done = run(checkout, sys.executable, "-m", "train", NAME, "--data", "trades.csv")
    assert done.returncode == 2
    assert "leave --data out" in done.stderr
