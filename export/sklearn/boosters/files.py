"""What a booster's own file is, seen from its content, and the model in it; the library itself reads it."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from export.sklearn.boosters.file_models import FileClassifier, FileModel, FileRegressor
from train.core.errors import PipelineError
from train.core.files import read_bytes

EXTRA = "pip install 'dollarbill-ml[boosters]'"
MOST_BYTES = 2**31


def booster_of(path: Path) -> str | None:
    """Whose file it is: "xgboost", "lightgbm" or "catboost"; None when it is of none of them.

    Raises:
        PipelineError: it could be of two, or is a dump that its library cannot read; says which.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"CBM1"):
        return "catboost"
    if head.startswith((b"tree\n", b"tree\r\n")):
        return "lightgbm"
    if head.startswith((b"{L", b"{l", b"{U", b"{i", b"{$")) and b"learner" in head + _more(path):
        return "xgboost"
    if head.startswith(b"binf"):
        raise PipelineError(
            f"{path}: XGBoost's old binary format; load it with an old release and save it as .json or .ubj"
        )
    return _json_of(path) if head.lstrip()[:1] == b"{" else None


def _more(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _json_of(path: Path) -> str | None:
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    marks = {
        "xgboost": "learner" in content,
        "catboost": "oblivious_trees" in content or ("trees" in content and "features_info" in content),
        "lightgbm": "tree_info" in content and "feature_infos" in content,
    }
    found = [library for library, there in marks.items() if there]
    if len(found) > 1:
        raise PipelineError(
            f"{path}: could be a model of {' and of '.join(found)}: it has the fields of both; save the model again by "
            "its own library"
        )
    if found == ["lightgbm"]:
        raise PipelineError(
            f"{path}: a dump of LightGBM's (dump_model), which LightGBM cannot read; save the model by "
            "booster.save_model('model.txt')"
        )
    return found[0] if found else None


def load_booster(path: Path, library: str) -> FileModel:
    """The model in a file of a booster.

    Raises:
        PipelineError: the library is not installed, cannot read the file, or the model has no exact form.
    """
    try:
        module = importlib.import_module(library)
    except ImportError as error:
        raise PipelineError(f"{path}: a {library} model, but {library} is not installed: {EXTRA}") from error
    try:
        loaded = _LOADERS[library](module, path)
    except PipelineError:
        raise
    except Exception as error:  # each library has exceptions of its own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PipelineError(f"{path}: {library} {module.__version__} does not read it: {reason}") from error
    return loaded


def _load_xgboost(xgboost: Any, path: Path) -> FileModel:
    from export.sklearn.boosters.xgboost_trees import describe_xgboost

    # A file may be called anything: XGBoost is given the bytes, and finds out by itself.
    booster = xgboost.Booster(params={"nthread": 1})
    booster.load_model(bytearray(read_bytes(path)))
    # The scikit-learn face answers by the best iteration, Booster.predict by all.
    by_estimator = "scikit_learn" in booster.attributes()
    trees = describe_xgboost(booster, best_only=by_estimator)
    end = int(booster.attributes()["best_iteration"]) + 1 if trees.note else 0

    def answer(rows: Any) -> Any:
        data = xgboost.DMatrix(rows, feature_names=list(trees.names) or None, feature_types=booster.feature_types)
        return booster.predict(data, iteration_range=(0, end))

    soft = trees.link.kind == "softmax" or json.loads(booster.save_config())["learner"]["objective"]["name"] == (
        "binary:logistic"
    )
    return (FileClassifier if soft and trees.n_scores != 0 else FileRegressor)(trees, answer, booster)


def _load_lightgbm(lightgbm: Any, path: Path) -> FileModel:
    from export.sklearn.boosters.lightgbm_trees import describe_lightgbm

    booster = lightgbm.Booster(model_str=read_bytes(path).decode("utf-8"))
    trees = describe_lightgbm(booster)
    objective = str(booster.dump_model(num_iteration=1)["objective"]).split()[0]
    soft = objective in ("binary", "multiclass", "multiclassova")
    kind = FileClassifier if soft else FileRegressor
    return kind(trees, lambda rows: booster.predict(rows, num_threads=1), booster)


def _load_catboost(catboost: Any, path: Path) -> FileModel:
    from export.sklearn.boosters.catboost_trees import describe_catboost, loss_of

    model = catboost.CatBoost()
    model.load_model(str(path), format="cbm" if read_bytes(path)[:4] == b"CBM1" else "json")
    trees, loss = describe_catboost(model), loss_of(model)
    if loss in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll"):
        classes = np.asarray(model.classes_) if len(model.classes_) else None
        return FileClassifier(
            trees, lambda rows: model.predict(rows, prediction_type="Probability", thread_count=1), model, classes
        )
    kind = {"exp": "Exponent", "logistic": "Probability"}.get(trees.link.kind, "RawFormulaVal")
    return FileRegressor(trees, lambda rows: model.predict(rows, prediction_type=kind, thread_count=1), model)


_LOADERS = {"xgboost": _load_xgboost, "lightgbm": _load_lightgbm, "catboost": _load_catboost}
