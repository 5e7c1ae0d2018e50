"""Fitted scikit-learn models on disk: the skops format, with a list of the types that a file may hold. Never pickle."""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from skops import io as skops_io

from train.core.errors import PipelineError
from train.core.files import read_bytes, write_atomic

TRUSTED_TYPES = (
    # Histogram boosting holds both in front of its categories; what a partial calls must itself be on the list.
    "functools.partial",
    "sklearn.utils.validation.check_array",
    # Parts of scikit-learn that skops does not trust by itself; plain data, no code runs when they are loaded.
    "numpy.dtype",
    "numpy.mean",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "scipy.sparse._csr.csr_matrix",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.loss.HalfGammaLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.cluster._bisect_k_means._BisectingTree",
    "sklearn.cluster._kmeans._kmeans_single_elkan",
    "sklearn.cluster._kmeans._kmeans_single_lloyd",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(
        f"sklearn.gaussian_process.kernels.{name}"
        for name in (
            *("CompoundKernel", "ConstantKernel", "DotProduct", "Exponentiation", "ExpSineSquared", "Hyperparameter"),
            *("Matern", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
        )
    ),
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    # What searches and tuned thresholds keep beside their best estimator.
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
    "sklearn.utils._bunch.Bunch",
)
"""Types beyond skops' own list that a model file may hold, besides those that a model of this house names."""

BOOSTER_TYPES = (
    # The estimators of the three libraries as they were given out, and the object that holds their trees: its state is
    # text or bytes in the library's own format, read by its own reader as any model file of it is. No class that calls
    # what a file names: an objective or a metric of one's own is a function, which stays untrusted.
    "xgboost.core.Booster",
    *(f"xgboost.sklearn.XGB{name}" for name in ("Classifier", "Regressor", "Ranker", "RFClassifier", "RFRegressor")),
    "collections.OrderedDict",  # where LightGBM keeps its scores
    "lightgbm.basic.Booster",
    *(f"lightgbm.sklearn.LGBM{name}" for name in ("Classifier", "Regressor", "Ranker")),
    *(f"catboost.core.CatBoost{name}" for name in ("Classifier", "Regressor", "Ranker")),
)
"""Types of boosters inside a scikit-learn pipeline."""
_BOOSTER_LIBRARIES = {name.partition(".")[0] for name in BOOSTER_TYPES} - {"collections"}

_MAX_BYTES = 2**31
"""No model of ours is near this size unpacked; a zip that claims more is refused before it is unpacked."""


def save_skops(estimator: Any, path: Path, *, trusted: Sequence[str] = ()) -> None:
    """Write a fitted estimator in one step; the same fitted estimator gives the same bytes in any process.

    Raises:
        PipelineError: the estimator holds something skops cannot store, or a type that `load_skops` would refuse.
    """
    try:
        data = skops_io.dumps(estimator)
    except Exception as error:
        raise PipelineError(f"cannot store {type(estimator).__name__} in {path}: {error}") from error
    _refuse_untrusted(data, path, trusted)
    write_atomic(path, _canonical(data))


def load_skops(path: Path, *, trusted: Sequence[str] = ()) -> Any:
    """Read an estimator that `save_skops` or `skops.io.dump` wrote.

    Raises:
        PipelineError: not a skops file; it holds a type that is not on the list (named); or it was fitted with
            another scikit-learn release than the installed one (both named).
    """
    data = read_bytes(path)
    versions = _fitted_with(data, path)
    _refuse_untrusted(data, path, trusted)
    if versions - {sklearn.__version__}:
        raise PipelineError(
            f"{path}: fitted with scikit-learn {', '.join(sorted(versions))}, but {sklearn.__version__} is installed, "
            "and a model's arithmetic belongs to its release; fit it again here, or install that release"
        )
    try:
        return skops_io.loads(data, trusted=[*TRUSTED_TYPES, *BOOSTER_TYPES, *trusted])
    except Exception as error:
        raise PipelineError(f"{path}: damaged skops model: {type(error).__name__}: {error}") from error


def _fitted_with(data: bytes, path: Path) -> set[str]:
    """The scikit-learn versions that the file's estimators name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > _MAX_BYTES:
                raise PipelineError(f"{path}: unpacks to {unpacked:,} bytes, more than {_MAX_BYTES:,}; refused")
            schema = json.loads(archive.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError) as error:
        raise PipelineError(
            f"{path}: not a skops model ({error}); write it with skops.io.dump(estimator, file); "
            "pickle and joblib files are not read"
        ) from error
    return set(re.findall(r'"_sklearn_version": \{[^{}]*"content": "\\"([^"\\]*)\\""', json.dumps(schema)))


def _refuse_untrusted(data: bytes, path: Path, trusted: Sequence[str]) -> None:
    try:
        found = skops_io.get_untrusted_types(data=data)
    except Exception as error:
        raise PipelineError(f"{path}: damaged skops model: {type(error).__name__}: {error}") from error
    for library in sorted({str(name).partition(".")[0] for name in found} & _BOOSTER_LIBRARIES):
        if find_spec(library) is None:
            raise PipelineError(
                f"{path}: holds a model of {library}, which is not installed: pip install 'dollarbill-ml[boosters]'"
            )
    unknown = sorted({str(name) for name in found} - {*TRUSTED_TYPES, *BOOSTER_TYPES, *trusted})
    if unknown:
        schema = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("schema.json"))
        owner = _owner(schema, set(unknown), ())
        hint = next((text for name, text in _HINTS.items() if any(name in one for one in owner)), "")
        raise PipelineError(
            f"{path}: {' > '.join(owner) or 'it'} holds types that are not trusted: {', '.join(unknown)}; "
            f"{hint}use a supported estimator in its place"
        )


_HINTS = {
    "Neighbors": "a tree of neighbours is no plain data: fit with algorithm='brute'; ",
    "SearchCV": "a search is no model: save its best_estimator_; ",
}


def _owner(node: Any, unknown: set[str], around: tuple[str, ...]) -> tuple[str, ...]:
    """Classes of the estimators around the first type that is unknown, from the outermost on; () if there is none."""
    if isinstance(node, list):
        return next((found for item in node if (found := _owner(item, unknown, around))), ())
    if not isinstance(node, dict):
        return ()
    module, name = str(node.get("__module__", "")), str(node.get("__class__", ""))
    if f"{module}.{name}" in unknown or f"{module}.{node.get('content')}" in unknown:
        return around or (name,)
    if module.startswith("sklearn.") and node.get("__loader__") == "ObjectNode" and not name.startswith("_"):
        around = (*around, name)
    return next((found for item in node.values() if (found := _owner(item, unknown, around))), ())


def _canonical(data: bytes) -> bytes:
    """The same archive with members in schema order, a fixed date, and counters in place of memory addresses."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
        members = {name: archive.read(name) for name in archive.namelist()}
    numbers: dict[int, int] = {}
    order: dict[str, str] = {}
    _renumber(schema, numbers, order)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for old, new in order.items():
            archive.writestr(_member(new), _without_padding(members[old]))
        archive.writestr(_member("schema.json"), json.dumps(schema))
    return buffer.getvalue()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Replace addresses by counters in the order in which they are met, in place; `files` gets old and new names.

    Text and numbers lose theirs: whether two equal ones are one object is chance.
    """
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, files)
    if not isinstance(node, dict):
        return
    if node.get("__loader__") == "JsonNode":
        node.pop("__id__", None)
    elif "__id__" in node:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)  # skops ignores 0
    if isinstance(node.get("file"), str):
        node["file"] = files.setdefault(node["file"], f"{len(files)}{Path(node['file']).suffix}")
    for item in node.values():
        _renumber(item, numbers, files)


def _without_padding(content: bytes) -> bytes:
    """A .npy file of records (tree nodes) has bytes between its fields that hold whatever memory held: zero them."""
    if not content.startswith(b"\x93NUMPY"):
        return content
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, dtype=array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
