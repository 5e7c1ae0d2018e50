"""`verify DIR --original FILE`: a stranger's artifact is proven against the very file it was compiled from."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

from export.__main__ import main as export
from export.artifact.version_folder import CANDIDATE, CURRENT, version_folder
from tests.support.places import ROOT
from tests.support.verified import run_verify
from train.core.skops_files import save_skops
from verify.runtimes.open import BINARY, onnxruntime_environment

X = np.random.default_rng(0).normal(size=(300, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """`model.skops`, another model, and the first one's artifact in `arts/mine`."""
    save_skops(RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, Y), tmp_path / "model.skops")
    save_skops(RandomForestClassifier(5, max_depth=4, random_state=1).fit(X, Y), tmp_path / "other.skops")
    assert export(["--original", str(tmp_path / "model.skops"), "--artifact", str(tmp_path / "arts" / "mine")]) == 0
    return tmp_path


def arguments(house: Path, original: str = "model.skops") -> list[str]:
    return [str(house / "arts" / "mine"), "--original", str(house / original), "--rows", "2000"]


def test_the_artifact_of_a_file_is_proven_and_comes_into_use(house: Path, monkeypatch, capsys) -> None:
    done = run_verify(arguments(house), monkeypatch, capsys)
    assert done.code == 0, done.err
    assert "in parity with scikit-learn predict_proba(X); it is the current version" in done.out
    folder = version_folder(house / "arts" / "mine", CURRENT)
    assert folder is not None
    parity = json.loads((folder / "parity.json").read_text())
    assert set(parity["runtimes"]) == {"python", "rust"}
    assert parity["runtimes"]["rust"]["decisions"] == ["label"]
    assert parity["splits"]["told_apart"] + parity["splits"]["cannot_change_any_answer"] == parity["splits"]["all"]


def test_another_file_than_the_one_it_was_made_from_is_refused(house: Path, monkeypatch, capsys) -> None:
    done = run_verify(arguments(house, "other.skops"), monkeypatch, capsys)
    assert done.code == 2
    assert "not the model that this version was made from" in done.err
    assert version_folder(house / "arts" / "mine", CURRENT) is None


def test_without_the_original_nothing_is_concluded(house: Path, monkeypatch, capsys) -> None:
    done = run_verify([str(house / "arts" / "mine")], monkeypatch, capsys)
    assert done.code == 2
    assert "could not check" in done.err
    assert version_folder(house / "arts" / "mine", CURRENT) is None
    assert version_folder(house / "arts" / "mine", CANDIDATE) is not None


def test_a_graph_that_answers_otherwise_is_not_promoted(house: Path, monkeypatch, capsys) -> None:
    folder = version_folder(house / "arts" / "mine", CANDIDATE)
    assert folder is not None
    golden = folder / "golden/cases.json"
    golden.write_bytes(golden.read_bytes().replace(b"0.", b"1.", 1))
    done = run_verify(arguments(house), monkeypatch, capsys)
    assert done.code == 2
    assert "changed after it was written" in done.err


def test_a_regressor_is_proven_too(tmp_path: Path, monkeypatch, capsys) -> None:
    model = GradientBoostingRegressor(n_estimators=8, random_state=0).fit(X, X[:, 0] * 1e6)
    save_skops(model, tmp_path / "model.skops")
    assert export(["--original", str(tmp_path / "model.skops"), "--artifact", str(tmp_path / "arts" / "mine")]) == 0
    assert run_verify(arguments(tmp_path), monkeypatch, capsys).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere/at_all"], "nowhere/at_all: no such folder"),
        (["nothing"], "no model 'nothing' here"),
        (["all", "--original", "m.skops"], "--original belongs to the folder of an artifact"),
    ],
)
def test_a_place_that_is_none_is_named(words: list[str], said: str, monkeypatch, capsys) -> None:
    done = run_verify(words, monkeypatch, capsys)
    assert done.code == 2
    assert said in done.err


def test_a_folder_without_an_artifact_is_named(tmp_path: Path, monkeypatch, capsys) -> None:
    done = run_verify([str(tmp_path)], monkeypatch, capsys)
    assert done.code == 2
    assert str(tmp_path) in done.err


def rust(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / BINARY), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=onnxruntime_environment()
    )


@pytest.fixture
def spaced(tmp_path: Path) -> Path:
    """An artifact whose first column has spaces around its name, by version folder."""
    table = pd.DataFrame({" first ": X[:, 0], "second": X[:, 1]})
    save_skops(RandomForestClassifier(3, random_state=0).fit(table, Y), tmp_path / "model.skops")
    table.head(3).to_csv(tmp_path / "rows.csv", index=False)
    assert export(["--original", str(tmp_path / "model.skops"), "--artifact", str(tmp_path / "arts" / "mine")]) == 0
    folder = version_folder(tmp_path / "arts" / "mine", CANDIDATE)
    assert folder is not None
    return folder


def test_a_column_with_spaces_around_its_name_is_given_as_csv(spaced: Path) -> None:
    done = rust("run", str(spaced), str(spaced.parents[2] / "rows.csv"))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4


def test_the_signature_writes_limits_short(spaced: Path) -> None:
    assert "-3.4028234663852886e38 to 3.4028234663852886e38" in rust("run", str(spaced)).stdout


def test_text_behind_good_rows_is_the_next_row(spaced: Path) -> None:
    row = json.dumps({" first ": 1, "second": 2})
    (spaced.parent / "rows.ndjson").write_text(f"{row}\n\n{row}\nbroken\n")
    done = rust("run", str(spaced), str(spaced.parent / "rows.ndjson"))
    assert done.returncode == 2
    assert "row 3: not JSON rows" in done.stderr


def test_a_candidate_without_a_proof_is_named_for_what_it_is(spaced: Path) -> None:
    done = rust("run", str(spaced.parent))
    assert done.returncode == 2
    assert "holds no current.json; run `python -m verify`" in done.stderr


def test_both_engines_of_the_rust_runtime_are_proven_side_by_side(house: Path, monkeypatch, capsys) -> None:
    done = run_verify([*arguments(house), "--runtime", "rust-ort,rust-native"], monkeypatch, capsys)
    assert done.code == 0, done.err
    folder = version_folder(house / "arts" / "mine", CURRENT)
    assert folder is not None
    parity = json.loads((folder / "parity.json").read_text())
    assert set(parity["runtimes"]) == {"rust-ort", "rust-native"}
    assert parity["runtimes"]["rust-ort"] == parity["runtimes"]["rust-native"]


def test_an_engine_that_there_is_not_is_named(house: Path, monkeypatch, capsys) -> None:
    done = run_verify([*arguments(house), "--runtime", "rust-fast"], monkeypatch, capsys)
    assert done.code == 2
    assert "no runtime 'rust-fast'" in done.err
