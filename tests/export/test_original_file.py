"""A stranger's fitted model becomes a whole artifact: its columns, what it accepts, its own golden answers."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from export.__main__ import main
from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, version_folder
from export.original_file import draft_of_file
from export.sklearn.graded.sample_rows import largest_size, missing_columns
from tests.support.compiled import run
from train.core.errors import PipelineError
from train.core.skops_files import save_skops
from train.registry import models
from verify.runtimes.original import load_sklearn

TABLE, TARGET = load_breast_cancer(return_X_y=True, as_frame=True)


def saved(model: Any, folder: Path) -> Path:
    path = folder / "model.skops"
    save_skops(model, path)
    return path


@pytest.fixture
def forest(tmp_path: Path) -> Path:
    return saved(
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(TABLE, TARGET), tmp_path
    )


def test_a_classifier_becomes_a_candidate_with_its_own_names_and_classes(forest: Path, tmp_path: Path) -> None:
    assert main(["--original", str(forest), "--artifact", str(tmp_path / "arts" / "tumour")]) == 0
    folder = version_folder(tmp_path / "arts" / "tumour", CANDIDATE)
    assert folder is not None
    manifest = read_manifest(folder)
    assert (manifest.model, manifest.task) == ("tumour", "classifier")
    assert [column.name for column in manifest.inputs[0].columns] == list(TABLE.columns)
    assert [column.name for column in manifest.outputs[0].columns] == ["0", "1"]
    assert manifest.parity.absolute == manifest.parity.relative == 0.0
    assert manifest.training.data.sha256 is not None


def test_the_golden_answers_are_the_models_own_and_the_graphs_too(forest: Path) -> None:
    draft = draft_of_file(forest, name="tumour")
    assert len(draft.golden_inputs["features"]) == 64
    assert np.array_equal(run(draft.graph, draft.golden_inputs["features"]), draft.golden_outputs["probabilities"])


def test_rows_given_set_the_golden_cases_and_the_range_seen(forest: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    TABLE.head(100).to_csv(rows, index=False)
    assert main(["--original", str(forest), "--artifact", str(tmp_path / "arts" / "tumour"), "--data", str(rows)]) == 0
    folder = version_folder(tmp_path / "arts" / "tumour", CANDIDATE)
    assert folder is not None
    first = read_manifest(folder).inputs[0].columns[0]
    assert (first.trained_minimum, first.trained_maximum) == (TABLE.iloc[:100, 0].min(), TABLE.iloc[:100, 0].max())
    cases = json.loads((folder / "golden/cases.json").read_text())["inputs"]["features"]
    assert set(map(tuple, cases)) <= set(map(tuple, TABLE.head(100).to_numpy().tolist()))


def test_the_same_file_gives_the_same_version(forest: Path, tmp_path: Path) -> None:
    for place in ("one", "two"):
        assert main(["--original", str(forest), "--artifact", str(tmp_path / place / "tumour")]) == 0
    one, two = (version_folder(tmp_path / place / "tumour", CANDIDATE) for place in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one.name == two.name


def test_a_model_that_takes_missing_values_says_so_and_one_that_does_not_too(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    boosted = draft_of_file(saved(HistGradientBoostingRegressor(max_iter=5).fit(X, y), tmp_path), name="boosted")
    assert all(column.missing for column in boosted.inputs[0].columns)
    assert (boosted.task, boosted.outputs[0].name, boosted.parity.absolute) == ("regressor", "variable", 0.0)
    line = draft_of_file(saved(LinearRegression().fit(X, y), tmp_path), name="line")
    assert not any(column.missing for column in line.inputs[0].columns)
    assert line.inputs[0].columns[0].name == "x0"


def test_classes_that_are_words_name_the_columns(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    words = np.array(["setosa", "versicolor", "virginica"])[y]
    draft = draft_of_file(saved(LogisticRegression(max_iter=500).fit(X, words), tmp_path), name="iris")
    assert [column.name for column in draft.outputs[0].columns] == ["setosa", "versicolor", "virginica"]
    assert draft.parity.absolute == 1e-12


def test_columns_that_may_be_missing_are_found_in_halves() -> None:
    asked: list[np.ndarray[Any, Any]] = []

    def accepts(rows: np.ndarray[Any, Any]) -> bool:
        asked.append(rows)
        return not np.isnan(rows[:, [3, 7]]).any()

    found = missing_columns(accepts, np.zeros(20))
    assert np.flatnonzero(~found).tolist() == [3, 7]
    assert len(asked) < 20


def test_the_largest_size_is_what_every_column_takes() -> None:
    assert largest_size(lambda _: True, np.zeros(3)) is None
    assert largest_size(lambda rows: bool((np.abs(rows) < 1e35).all()), np.zeros(3)) == 1e30


@pytest.mark.parametrize("name", ["Tumour", "1st", "my-model", "a" * 65, "ä"])
def test_a_folder_whose_name_is_no_models_name_is_refused(name: str, forest: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be a model's name"):
        main(["--original", str(forest), "--artifact", str(tmp_path / "arts" / name)])
    assert not (tmp_path / "arts").exists()


def test_what_has_no_exact_form_is_refused_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    path = saved(KNeighborsClassifier().fit(TABLE, TARGET), tmp_path)
    with pytest.raises(PipelineError, match="KNeighborsClassifier"):
        main(["--original", str(path), "--exact", "--artifact", str(tmp_path / "arts" / "near")])
    assert not (tmp_path / "arts").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--original", "m.skops"], "needs one place to go"),
        (["--original", "m.skops", "-o", "a.onnx", "--artifact", "b"], "needs one place to go"),
        (["--original", "m.skops", "-o", "a.onnx", "--data", "r.csv"], "--data belongs to --artifact"),
        (["--artifact", "b"], "need the model that they are for"),
        (["--original", "nowhere.skops", "--artifact", "b"], "nowhere.skops: no such file"),
    ],
)
def test_options_that_do_not_fit_each_other_are_named(arguments: list[str], said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        main(arguments)


def test_rows_of_another_width_are_refused(forest: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    pd.DataFrame({"a": [1.0]}).to_csv(rows, index=False)
    with pytest.raises(PipelineError, match="column 'mean radius' of the model is missing"):
        main(["--original", str(forest), "--artifact", str(tmp_path / "arts" / "tumour"), "--data", str(rows)])


def test_a_model_wider_than_the_format_is_one_line_that_says_so(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 4097))
    path = saved(LinearRegression().fit(X, X[:, 0]), tmp_path)
    with pytest.raises(PipelineError, match="takes 4,097 columns, an artifact holds at most 4,096"):
        main(["--original", str(path), "--artifact", str(tmp_path / "arts" / "wide")])


def test_a_hard_label_is_not_called_a_probability(tmp_path: Path) -> None:
    hard = saved(make_pipeline(StandardScaler(), SVC()).fit(TABLE, TARGET), tmp_path)
    columns = draft_of_file(hard, name="hard").outputs[0].columns
    assert [column.unit for column in columns] == [None, None]
    assert columns[1].meaning == "1 where predict(X) is 1, else 0"


def test_a_model_of_this_house_is_not_replaced_by_a_file(forest: Path, tmp_path: Path) -> None:
    name = next(iter(models()))
    with pytest.raises(PipelineError, match="is a model of this house"):
        main(["--original", str(forest), "--artifact", str(tmp_path / name)])
    assert not (tmp_path / name).exists()


def test_what_is_no_model_that_answers_is_one_line(forest: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.skops"
    both.write_bytes(forest.read_bytes())
    with zipfile.ZipFile(both, "a") as archive:
        archive.writestr("config.json", "{}")
    wide = saved(LinearRegression().fit(np.zeros((3, 70_000)), [0.0, 1.0, 2.0]), tmp_path)
    for path, said in ((both, "holds a skops model and a Keras network"), (wide, "takes 70,000 columns, a graph")):
        with pytest.raises(PipelineError, match=said):
            main(["--original", str(path), "-o", str(tmp_path / "x.onnx")])
        with pytest.raises(PipelineError, match=said):
            load_sklearn(path)
    scaler = saved(StandardScaler().fit(TABLE), tmp_path)
    with pytest.raises(PipelineError, match="its last step transforms and answers nothing"):
        load_sklearn(scaler)
