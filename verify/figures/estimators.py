"""`verify.figures estimators`: what becomes of every estimator of scikit-learn, by grade.

Classifiers, regressors, outlier detectors and transformers are fitted with their defaults on scikit-learn's own small
data, compiled and compared; a transformer stands in front of a linear model.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track
from rich.table import Table
from sklearn import datasets
from sklearn.feature_selection import f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from train.core import cli
from train.core.errors import PipelineError
from verify.compare.compare_model import compare_pair
from verify.compare.onnx_file import open_foreign
from verify.figures.grade_table import WRONG, print_grades
from verify.runtimes.original import sklearn_original

BENCH: tuple[str, ...] = ()
ROWS = 2000
BITS, CLOSE, MEASURED = "exact to the bit", "exact within 1e-12", "measured"
REFUSED, NOT_FITTED = "refused", "not fitted"
GRADES = (BITS, CLOSE, MEASURED, REFUSED, WRONG, NOT_FITTED)
KINDS = ("classifier", "regressor", "outlier_detector", "transformer")
Data = tuple[npt.NDArray[np.float64], Any]


@dataclass(frozen=True)
class Row:
    """One class of scikit-learn: what became of it, why, and what was compared."""

    name: str
    kind: str
    grade: str
    reason: str = ""
    rows: int = 0
    mismatched: int = 0
    labels: int = 0
    largest: float = 0.0


def grades(kinds: Sequence[str] = KINDS, *, rows: int = ROWS, only: str = "", show: bool = False) -> Iterator[Row]:
    """One row for each class; `only`: names that contain it."""
    found = [(kind, name, made) for kind in kinds for name, made in _classes(kind) if only in name]
    for kind, name, made in track(found, "estimators", console=cli.console, transient=True, disable=not show):
        yield grade_of(kind, name, made, rows=rows)


def grade_of(kind: str, name: str, made: type, *, rows: int = ROWS) -> Row:
    """Fit one class, compile it and compare."""
    from export.sklearn.graded.measured import compile_graded

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if kind == "transformer" and name in NOT_ALONE:
            return Row(name, kind, NOT_FITTED, NOT_ALONE[name])
        try:
            estimator, seen = _fitted(kind, name, made)
        except Exception as error:  # noqa: BLE001 - whatever scikit-learn refuses to be fitted with is a row too
            return Row(name, kind, NOT_FITTED, _first_line(error))
        try:
            model, found = compile_graded(estimator, name="model")
            content = model.SerializeToString(deterministic=True)
        except PipelineError as error:
            return Row(name, kind, REFUSED, str(error))
        except Exception as error:  # noqa: BLE001 - a traceback is a finding of this table
            return Row(name, kind, WRONG, f"{type(error).__name__}: {_first_line(error)}")
        try:
            pair = compare_pair(sklearn_original(estimator, name=name), open_foreign(content), base=seen, rows=rows)
        except Exception as error:  # noqa: BLE001
            return Row(name, kind, WRONG, f"not compared: {type(error).__name__}: {_first_line(error)}")
    total = pair.total
    own = MEASURED if found.kind == "measured" else BITS if found.absolute == 0.0 else CLOSE
    grade = own if pair.in_parity else WRONG
    result = total.result
    reason = found.says if own == MEASURED else ""
    reason = reason if pair.in_parity else (total.unanswered or result.problem or f"{result.mismatched} rows differ")
    if not pair.in_parity and result.first:
        row = result.first[0]
        reason += f"; first {row.inputs[:4]}: {row.expected[:3]} and {row.found[:3]}"
    return Row(name, kind, grade, reason, result.rows, result.mismatched, total.labels, float(result.max_abs))


def _classes(kind: str) -> list[tuple[str, type]]:
    if kind == "outlier_detector":
        from sklearn.base import OutlierMixin

        return [(name, made) for name, made in all_estimators() if issubclass(made, OutlierMixin)]
    return list(all_estimators(kind))


def _fitted(kind: str, name: str, made: type) -> tuple[Any, npt.NDArray[np.float64]]:
    X, y = _data(kind, name)
    estimator = _made(kind, name, made)
    if kind == "transformer" and name in LATENT:
        latent = estimator.fit(X, y)
        return make_pipeline(latent, Ridge().fit(latent.transform(X), y)), X
    if kind == "transformer":
        estimator = make_pipeline(estimator, Ridge())
    elif name not in AS_IT_IS:
        estimator = make_pipeline(StandardScaler(), estimator)
    return estimator.fit(X, y), X


LATENT = ("CCA", "PLSCanonical", "PLSRegression", "PLSSVD")
"""Transformers whose `fit_transform` gives the targets' variables too, so that no pipeline can fit what is behind."""
AS_IT_IS = ("CategoricalNB", "MultinomialNB", "ComplementNB", "IsotonicRegression", "TransformedTargetRegressor")
"""What is not fitted behind a scaler: it wants counts, one column, or is one itself."""


def _data(kind: str, name: str) -> Data:
    """Iris, the first 442 rows of diabetes, or what the class needs."""
    X, y = datasets.load_iris(return_X_y=True)
    if kind == "classifier":
        if name in ("ClassifierChain", "MultiOutputClassifier"):
            return X, np.column_stack([y > 0, y > 1]).astype(int)
        if name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
            return X, (y == 1).astype(int)
        return (np.floor(X) if name in AS_IT_IS else X), y
    if kind == "outlier_detector":
        return X, None
    X, y = datasets.load_diabetes(return_X_y=True)
    if name == "IsotonicRegression":
        return X[:, 2:3], y
    if name.startswith("MultiTask") or name in ("MultiOutputRegressor", "RegressorChain", "PLSCanonical", "CCA"):
        return X, np.column_stack([y, X[:, 0] * 50.0 + y**0.5])
    if kind == "transformer":
        holes = np.random.default_rng(0).random(X.shape) < 0.1
        return (np.where(holes, np.nan, X) if name in WITH_HOLES else np.abs(X)), y
    return X, y


WITH_HOLES = ("MissingIndicator", "KNNImputer", "SimpleImputer")
SPECIAL: dict[str, Callable[[type], Any]] = {
    "ColumnTransformer": lambda made: made([("scaled", StandardScaler(), [0, 1, 2])]),
    "FeatureUnion": lambda made: made([("scaled", StandardScaler())]),
    "SparseCoder": lambda made: made(np.eye(10)),
    "PLSSVD": lambda made: made(1),
    "RadiusNeighborsClassifier": lambda made: made(outlier_label="most_frequent"),
    **dict.fromkeys(("GaussianRandomProjection", "SparseRandomProjection"), lambda made: made(5, random_state=0)),
    **dict.fromkeys(("SelectFdr", "SelectFwe"), lambda made: made(f_regression)),
}
NOT_ALONE = {
    **dict.fromkeys(("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"), "it transforms labels"),
    **dict.fromkeys(("DictVectorizer", "FeatureHasher", "HashingVectorizer", "PatchExtractor"), "it takes no table"),
    "IsotonicRegression": "it gives a vector",
    "TSNE": "it transforms no further rows",
    "KernelCenterer": "it takes a kernel matrix",
}
"""Transformers that cannot stand in front of a model of a table of numbers."""
SELECTORS = ("RFE", "RFECV", "SelectFromModel", "SequentialFeatureSelector")


def _made(kind: str, name: str, made: Any) -> Any:
    """The class with its defaults; what needs a member gets a small tree or a linear model."""
    classifies = kind == "classifier"
    if name in SPECIAL:
        return SPECIAL[name](made)
    if name in SELECTORS:
        return made(LinearRegression())
    if name.startswith(("Stacking", "Voting")):
        classifies = name.endswith("Classifier")
        tree = DecisionTreeClassifier(max_depth=3) if classifies else DecisionTreeRegressor(max_depth=3)
        return made([("tree", tree), ("linear", LogisticRegression() if classifies else LinearRegression())])
    if name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        return made(LogisticRegression())
    if "estimator" in _required(made) or name == "SelfTrainingClassifier":
        return made(LogisticRegression() if classifies else LinearRegression())
    return made(random_state=0) if "random_state" in made().get_params() else made()


def _required(made: Any) -> Sequence[str]:
    import inspect

    names = inspect.signature(made).parameters.values()
    return [one.name for one in names if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def main(arguments: Sequence[str]) -> int:
    """Print the table (or JSON); exit code 1 when one that is compiled answers otherwise than the original."""
    return print_grades(
        arguments, grades, _table, name="estimators", about=__doc__, kinds=KINDS, rows=ROWS, order=GRADES
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="each fitted with its defaults, compiled and compared", title_justify="left")
    for heading in ("estimator", "kind", "grade", "rows", "largest difference", "reason"):
        table.add_column(heading, justify="right" if heading in ("rows", "largest difference") else "left")
    for row in rows:
        compared = row.rows > 0
        largest = f"{row.largest:.2g}" if compared else "-"
        table.add_row(row.name, row.kind, row.grade, f"{row.rows:,}" if compared else "-", largest, row.reason[:160])
    return table
