"""`verify survey`: public data sets and generators x estimators, our compiler beside stock skl2onnx."""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track
from rich.table import Table
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from export.sklearn.boosters.table import is_booster
from export.sklearn.graded.measured import compile_graded
from train.core import cli
from train.core.errors import PipelineError
from train.core.sklearn_answers import has_classes
from verify.compare.compare_model import FamilyResult, compare_pair
from verify.compare.onnx_file import open_foreign
from verify.compare.pair_probes import pair_probes
from verify.figures.specimens.boosters import boosters
from verify.figures.specimens.many_kinds import MANY_KINDS
from verify.figures.stock_boosters import register_onnxmltools
from verify.proof.probes import Probes
from verify.proof.split_evidence import SplitProof
from verify.report.tables import console
from verify.runtimes.original import Original, sklearn_original

Floats = npt.NDArray[np.float64]
RANDOM = "random rows"


def _with_missing(data: tuple[Floats, Any]) -> tuple[Floats, Any]:
    X, y = data
    return np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X), y


DATA: dict[str, Callable[[], tuple[Floats, Any]]] = {
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "breast_cancer, 10 % NaN": lambda: _with_missing(datasets.load_breast_cancer(return_X_y=True)),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "make_classification": lambda: datasets.make_classification(3000, 8, n_informative=5, random_state=0),
    "make_moons": lambda: datasets.make_moons(2000, noise=0.3, random_state=0),
    "make_hastie_10_2": lambda: datasets.make_hastie_10_2(3000, random_state=0),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "make_friedman1": lambda: datasets.make_friedman1(2000, random_state=0),
}
OF_ONE: dict[str, Callable[[], tuple[Floats, Any]]] = {
    "linnerud": lambda: datasets.load_linnerud(return_X_y=True),
    "make_multilabel_classification": lambda: datasets.make_multilabel_classification(500, random_state=0),
}
"""Data of several targets, for models of `MANY_KINDS` alone."""
REGRESSION = ("diabetes", "make_friedman1")
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "random forest": lambda: RandomForestClassifier(50, max_depth=10, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(50, max_depth=10, random_state=0),
    "decision tree": lambda: DecisionTreeClassifier(random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=30, random_state=0),
    "hist gradient boosting": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "SVM, sigmoid": lambda: CalibratedClassifierCV(SVC(), ensemble=False, cv=3),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "random forest": lambda: RandomForestRegressor(50, max_depth=10, random_state=0),
    "gradient boosting": lambda: GradientBoostingRegressor(n_estimators=50, random_state=0),
}
BOOSTED_CLASSIFIERS, BOOSTED_REGRESSORS = boosters()
CLASSIFIERS |= BOOSTED_CLASSIFIERS
REGRESSORS |= BOOSTED_REGRESSORS
TAKES_MISSING = (*BOOSTED_CLASSIFIERS, "random forest", "extra trees", "decision tree", "hist gradient boosting")


@dataclass(frozen=True)
class Side:
    """One converter on one model; counts are rows. `refused`: why there is no graph, or no answers."""

    refused: str = ""
    bytes: int = 0
    random_rows: int = 0
    random_mismatched: int = 0
    random_visible: int = 0
    probe_rows: int = 0
    probe_mismatched: int = 0
    probe_visible: int = 0
    labels: int = 0
    largest: float = 0.0
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One model of the survey."""

    data: str
    estimator: str
    proof: SplitProof
    tolerance: str
    grade: str
    ours: Side
    stock: Side


def survey(rows: int, *, show: bool = False) -> Iterator[Entry]:
    """Fit, convert twice and compare every model of the survey; `rows`: random rows a model."""
    pairs = [(data, name) for data in DATA for name in _estimators(data)]
    pairs += [(data, name) for name, (data, _) in MANY_KINDS.items()]
    for data, name in track(pairs, "survey", console=cli.console, transient=True, disable=not show):
        yield survey_one(data, name, rows=rows)


def fitted(data: str, name: str) -> tuple[Any, Floats]:
    """A model of the survey, fitted, and the float64 rows [row, column] that it is fitted on.

    One of `MANY_KINDS` is a whole pipeline; every other stands behind a StandardScaler.
    """
    X, y = (DATA | OF_ONE)[data]()
    if name in MANY_KINDS:
        X = np.asarray(X, dtype=np.float64)
        return MANY_KINDS[name][1]().fit(X, y), X
    maker = (REGRESSORS if data in REGRESSION else CLASSIFIERS)[name]
    if name.startswith("xgboost") and data not in REGRESSION:
        y = np.unique(y, return_inverse=True)[1]  # it takes no other classes than 0, 1, ...
    X = np.asarray(X, dtype=np.float64)
    return make_pipeline(StandardScaler(), maker()).fit(X, y), X


def survey_one(data: str, name: str, *, rows: int) -> Entry:
    """One model of it, converted twice and compared."""
    estimator, X = fitted(data, name)
    original = sklearn_original(estimator, name=name)
    probes = pair_probes(original, X)
    grade = ""

    def compiled() -> bytes:
        nonlocal grade
        model, found = compile_graded(estimator, name="ours")
        grade = found.says
        return bytes(model.SerializeToString(deterministic=True))

    ours, about = _side(compiled, original, probes, rows)
    stock, _ = _side(lambda: stock_bytes(estimator, X), original, probes, rows)
    return Entry(data, name, about[0], about[1], grade or "refused", ours, stock)


def stock_bytes(estimator: Any, X: Floats) -> bytes:
    """What skl2onnx makes of an estimator by itself: float32 input, no ZipMap, our converters not registered.

    XGBoost and LightGBM go through onnxmltools where it is installed.
    """
    from skl2onnx import to_onnx

    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    boosted = is_booster(last) and register_onnxmltools()
    options = {(id(last) if boosted else id(estimator)): {"zipmap": False}} if has_classes(estimator) else None
    opset = {"": 18, "ai.onnx.ml": 3} if boosted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = to_onnx(estimator, X[:1].astype(np.float32), options=options, name="stock", target_opset=opset)
    return bytes(made.SerializeToString())


def _side(
    convert: Callable[[], bytes], original: Original, probes: Probes, rows: int
) -> tuple[Side, tuple[SplitProof, str]]:
    try:
        content = convert()
        graph = open_foreign(content)
    except PipelineError as error:
        return Side(refused=str(error)), (SplitProof(), "")
    except Exception as error:  # noqa: BLE001 - a stock converter fails in any way it likes
        return Side(refused=f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"), (SplitProof(), "")
    found = compare_pair(original, graph, rows=rows, probes=probes)
    derived = FamilyResult()
    for family, result in found.families.items():
        derived += result if family != RANDOM else FamilyResult()
    random, total = found.families[RANDOM], found.total
    side = Side(
        refused=total.unanswered,
        bytes=len(content),
        random_rows=random.result.rows,
        random_mismatched=random.result.mismatched,
        random_visible=random.visible,
        probe_rows=derived.result.rows,
        probe_mismatched=derived.result.mismatched,
        probe_visible=derived.visible,
        labels=total.labels,
        largest=total.result.max_abs,
        causes=tuple(f"{cause.name}: {cause.rows}" for cause in found.causes),
    )
    return side, (found.proof, str(found.tolerance))


OF_SEVERAL = ("lightgbm, one against the rest",)
"""Models that their library fits on more than two classes only."""


def _estimators(data: str) -> list[str]:
    if data in REGRESSION:
        return list(REGRESSORS)
    two = len(np.unique(DATA[data]()[1])) == 2
    known = [name for name in CLASSIFIERS if "NaN" not in data or name in TAKES_MISSING]
    return [name for name in known if not (two and name in OF_SEVERAL)]


def run_survey(options: argparse.Namespace) -> int:
    """Print the table (or JSON); exit code 0 when our side is in parity everywhere, 1 when not."""
    entries = list(survey(options.rows, show=True))
    if options.json:
        json.dump([asdict(entry) for entry in entries], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(entries)
    wrong = [
        e for e in entries if e.ours.refused or e.ours.random_mismatched or e.ours.probe_mismatched or e.ours.labels
    ]
    return cli.EXIT_NOT_IN_PARITY if wrong else cli.EXIT_GOOD


def _print(entries: list[Entry]) -> None:
    table = Table(
        title="mismatched: rows out of tolerance (ours) or more than 1e-5 apart (stock), random rows / probes",
        title_justify="left",
    )
    for heading in (
        "data",
        "estimator",
        "grade",
        "ours",
        "stock",
        "labels ours",
        "labels stock",
        "largest ours",
        "stock",
        "bytes ours",
        "stock",
    ):
        table.add_column(heading, justify="left" if heading in ("data", "estimator", "grade") else "right")
    for e in entries:
        ours = e.ours.refused[:40] or f"{e.ours.random_mismatched:,} / {e.ours.probe_mismatched:,}"
        stock = e.stock.refused[:40] or f"{e.stock.random_visible:,} / {e.stock.probe_visible:,}"
        table.add_row(
            e.data,
            e.estimator,
            e.grade.partition(" (")[0],
            ours,
            stock,
            f"{e.ours.labels:,}",
            "-" if e.stock.refused else f"{e.stock.labels:,}",
            f"{e.ours.largest:.2g}",
            "-" if e.stock.refused else f"{e.stock.largest:.2g}",
            f"{e.ours.bytes:,}",
            f"{e.stock.bytes:,}",
        )
    out = console()
    out.print(table)
    first = entries[0]
    out.print(f"{len(entries)} models; each on {first.ours.random_rows:,} random rows and its own probes")
    for line in sum((e.proof for e in entries), start=SplitProof()).lines():
        out.print(line)
