"""Model files come back with the same answers, the same bytes, and nothing in them that could run."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from skops import io as skops_io

from train.core.errors import PipelineError
from train.core.skops_files import load_skops, save_skops
from train.signal_classifier.contract import TRUSTED_TYPES
from train.signal_classifier.engineered_features import TradeFeatures

X, Y = datasets.make_classification(120, 8, random_state=0)

MODELS = {
    "forest": make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)),
    "engineered": make_pipeline(TradeFeatures(), RandomForestClassifier(3, random_state=0)),
    "imputed": make_pipeline(ColumnTransformer([("a", SimpleImputer(), [0, 1])]), LogisticRegression()),
    "isotonic": CalibratedClassifierCV(SVC(), method="isotonic", ensemble=False),
    "vote": VotingClassifier(
        [
            ("a", GradientBoostingClassifier(n_estimators=2, random_state=0)),
            ("b", HistGradientBoostingClassifier(max_iter=2, random_state=0)),
            ("c", CalibratedClassifierCV(SVC(), ensemble=False)),
        ],
        voting="soft",
    ),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_comes_back_with_the_same_answers_and_writes_the_same_bytes(model, tmp_path: Path):
    model.fit(X, Y)
    save_skops(model, tmp_path / "a.skops", trusted=TRUSTED_TYPES)

    again = load_skops(tmp_path / "a.skops", trusted=TRUSTED_TYPES)
    save_skops(again, tmp_path / "b.skops", trusted=TRUSTED_TYPES)

    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()


def test_a_file_that_skops_itself_wrote_is_read(tmp_path: Path):
    model = MODELS["forest"].fit(X, Y)
    skops_io.dump(model, tmp_path / "model.skops")

    assert np.array_equal(load_skops(tmp_path / "model.skops").predict(X), model.predict(X))


def double(x):
    return 2 * x


def test_an_unknown_type_is_refused_by_name_on_both_ways(tmp_path: Path):
    model = make_pipeline(FunctionTransformer(double), LogisticRegression()).fit(X, Y)
    (tmp_path / "foreign.skops").write_bytes(skops_io.dumps(model))

    owner = r"foreign\.skops: Pipeline > FunctionTransformer"
    with pytest.raises(PipelineError, match=rf"{owner} holds types that are not trusted: .*double"):
        load_skops(tmp_path / "foreign.skops")
    with pytest.raises(PipelineError, match="double"):
        save_skops(model, tmp_path / "mine.skops")
    assert not (tmp_path / "mine.skops").exists()


def test_a_model_of_another_scikit_learn_is_refused_with_both_versions(tmp_path: Path):
    save_skops(MODELS["forest"].fit(X, Y), tmp_path / "model.skops")
    _edit_schema(tmp_path / "model.skops", r"\"1.9.1\"", r"\"1.4.2\"")

    with pytest.raises(PipelineError, match=r"fitted with scikit-learn 1\.4\.2.*1\.9\.1 is installed"):
        load_skops(tmp_path / "model.skops")


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95pickle", b"PK\x03\x04 not a zip"])
def test_what_is_not_a_skops_file_is_refused_with_its_path(content, tmp_path: Path):
    (tmp_path / "model.skops").write_bytes(content)

    with pytest.raises(PipelineError, match=r"model\.skops: not a skops model"):
        load_skops(tmp_path / "model.skops")


@pytest.mark.parametrize("schema", [b"{}", b"[]", b"not json", b'{"__loader__": "ObjectNode"}'])
def test_a_damaged_schema_is_refused(schema, tmp_path: Path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema)
    (tmp_path / "model.skops").write_bytes(buffer.getvalue())

    with pytest.raises(PipelineError, match=r"model\.skops: (damaged|not a) skops model"):
        load_skops(tmp_path / "model.skops")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(PipelineError, match=r"nowhere\.skops"):
        load_skops(tmp_path / "nowhere.skops")


def _edit_schema(path: Path, old: str, new: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in members["schema.json"]
    members["schema.json"] = members["schema.json"].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
