"""Artifacts with text columns or several outputs: written, proven in both runtimes, and served by the binary."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from skops import io as skops_io

from export.__main__ import main as export_main
from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, CURRENT, version_folder
from export.sklearn.table_file import read_rows
from train.core.errors import PipelineError
from verify.__main__ import main as verify_main
from verify.runtimes.rust_binary import BINARY, onnxruntime_environment

pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason="needs the Rust binary: make")

random = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "city": random.choice(["Oslo", "Rome", "São Paulo", 'the "last", one'], 300),
        "size": random.normal(50.0, 10.0, 300),
        "kind": random.choice(["x", "y"], 300),
        "age": np.where(random.random(300) < 0.1, np.nan, random.integers(1, 90, 300)),
    }
)
ANSWER = np.where((TABLE["size"] > 50) ^ (TABLE.city == "Rome"), "yes", np.where(TABLE.kind == "x", "no", "maybe"))
NUMBERS = TABLE[["size", "age"]].fillna(0.0).to_numpy()


def forest(kind: Any = RandomForestClassifier) -> Any:
    return kind(n_estimators=3, max_leaf_nodes=6, random_state=0)


def mixed(last: Any) -> Any:
    columns = [("one", OneHotEncoder(handle_unknown="ignore"), ["city"]), ("number", SimpleImputer(), ["size", "age"])]
    kinds = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(ColumnTransformer([*columns, ("kind", kinds, ["kind"])]), last)


MODELS: dict[str, tuple[Any, list[str]]] = {
    "text": (mixed(forest()).fit(TABLE, ANSWER), ["probabilities"]),
    "text_labels": (mixed(forest()).fit(TABLE, ANSWER), ["probabilities", "label"]),
    "text_values": (mixed(forest(RandomForestRegressor)).fit(TABLE, np.c_[NUMBERS[:, 0], NUMBERS[:, 1]]), ["variable"]),
    "several": (
        MultiOutputClassifier(forest()).fit(NUMBERS, np.c_[ANSWER, np.where(NUMBERS[:, 1] > 40, "old", "young")]),
        ["probabilities_0", "probabilities_1", "label"],
    ),
    "whole_labels": (forest().fit(NUMBERS, TABLE.kind == "x"), ["probabilities", "label"]),
    "outliers": (IsolationForest(n_estimators=4, random_state=0).fit(NUMBERS), ["scores", "decision", "label"]),
}


def written(name: str, place: Path, *more: str) -> tuple[Path, Path]:
    """The model's file and its artifact."""
    file = place / f"{name}.skops"
    skops_io.dump(MODELS[name][0], file)
    labels = ["--labels"] if "label" in MODELS[name][1] else []
    assert export_main(["--original", str(file), "--artifact", str(place / "arts" / name), *labels, *more]) == 0
    return file, place / "arts" / name


def binary(*arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BINARY.resolve()), *arguments],
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, **onnxruntime_environment()},
        check=False,
    )


@pytest.mark.parametrize("name", MODELS)
def test_it_is_written_and_proven_in_both_runtimes(name: str, tmp_path: Path, capsys: Any) -> None:
    file, folder = written(name, tmp_path)
    version = version_folder(folder, CANDIDATE)
    assert version is not None
    manifest = read_manifest(version)
    assert [tensor.name for tensor in manifest.outputs] == MODELS[name][1]
    assert verify_main([str(folder), "--original", str(file), "--rows", "300", "--runtime", "python,rust"]) == 0
    assert "in parity" in capsys.readouterr().out
    assert version_folder(folder, CURRENT) is not None


def test_a_wrong_label_or_word_is_seen(tmp_path: Path) -> None:
    file, folder = written("text_labels", tmp_path)
    other = mixed(forest()).fit(TABLE, np.where(ANSWER == "maybe", "no", np.where(ANSWER == "no", "maybe", "yes")))
    skops_io.dump(other, file)
    with pytest.raises(PipelineError, match="not the model that this version was made from"):
        verify_main([str(folder), "--original", str(file), "--rows", "100", "--runtime", "python"])


def test_the_binary_answers_rows_of_text_and_numbers_as_the_original_does(tmp_path: Path) -> None:
    folder = version_folder(written("text_labels", tmp_path)[1], CANDIDATE)
    model, rows = MODELS["text_labels"][0], TABLE.head(40).copy()
    rows.loc[3, "city"] = "nowhere"
    rows.to_csv(tmp_path / "rows.csv", index=False)
    done = binary("run", str(folder), str(tmp_path / "rows.csv"), "--output", str(tmp_path / "out.csv"))
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "out.csv", float_precision="round_trip")
    assert found["city"].tolist() == rows["city"].tolist()
    expected = model.predict_proba(rows)
    assert np.array_equal(found[[f"probabilities.{name}" for name in model.classes_]].to_numpy(), expected)
    assert found["label"].tolist() == model.predict(rows).tolist()

    one = {"city": "São Paulo", "size": 51.25, "kind": "x", "age": None}
    done = binary("run", str(folder), json.dumps(one))
    assert json.loads(done.stdout)["label"] == model.predict(pd.DataFrame([one]).astype({"age": float}))[0]
    done = binary("run", str(folder), json.dumps(one | {"size": "51"}))
    assert done.returncode == 2
    assert "field 'size'" in done.stderr


def test_data_with_text_gives_golden_cases_and_ranges(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "rows.csv", index=False)
    folder = written("text", tmp_path, "--data", str(tmp_path / "rows.csv"))[1]
    version = version_folder(folder, CANDIDATE)
    assert version is not None
    manifest = read_manifest(version)
    size = next(tensor for tensor in manifest.inputs if tensor.name == "size").columns[0]
    assert (size.trained_minimum, size.trained_maximum) == (TABLE["size"].min(), TABLE["size"].max())
    cases = json.loads((version / "golden/cases.json").read_text())["inputs"]
    assert {row[0] for row in cases["city"]} <= set(TABLE.city)
    assert read_rows(tmp_path / "rows.csv", MODELS["text"][0]).shape == (300, 4)
    session = ort.InferenceSession(version / "model.onnx")
    assert next(value.type for value in session.get_inputs()) == "tensor(string)"
