"""Calibrated classifiers: sigmoid and temperature to 1e-12, isotonic to the last bit of what it is given."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.calibration import _SigmoidCalibration, _TemperatureScaling
from sklearn.isotonic import IsotonicRegression
from typing_extensions import override

from export.graph import ML_DOMAIN, GraphBuilder
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.columns.stock import measuring
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.forest import Floats, Tree, merge_equal_leaves, pack
from export.sklearn.estimators.logistic import sigmoid
from export.sklearn.estimators.temperature import magnification, tempered

TOLERANCE = 1e-12
"""The largest difference in a probability that we answer for where bits cannot be equal."""


class CalibratedClassifier(ClassifierGraph):
    """CalibratedClassifierCV: the mean over its folds of calibrated scores."""

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower) -> None:
        super().__init__(estimator, scope, lower)
        if estimator.method not in ("sigmoid", "isotonic", "temperature"):
            raise refuse(estimator, f"method={estimator.method!r}", supported="'sigmoid', 'isotonic', 'temperature'")
        folds = estimator.calibrated_classifiers_
        self.members = [inside(estimator, "its estimator", partial(lower, fold.estimator, scope)) for fold in folds]
        for fold in estimator.calibrated_classifiers_:
            known = estimator.classes_
            if estimator.method == "temperature" and not np.array_equal(fold.estimator.classes_, known):
                known = np.arange(len(known))  # its estimators may be fitted on the numbers of the classes
            if not np.array_equal(fold.estimator.classes_, known):
                raise refuse(estimator, "a fold has not seen every class", supported="stratified folds")
        given = all(member.decision_error == 0.0 for member in self.members)
        self.exact_probabilities = given and estimator.method == "isotonic" and self.n_classes == 2
        pairs = zip(self.members, folds, strict=True)
        self._error = max(_magnified_error(member, fold.calibrators) for member, fold in pairs)

    @property
    @override
    def probability_error(self) -> float:
        return 0.0 if self.exact_probabilities else max(self._error, super().probability_error)

    @override
    def positive(self) -> str:
        if self.estimator.method == "temperature":
            return super().positive()
        return self._mean([self._fold(k)[0] for k in range(len(self.members))])

    @override
    def probabilities(self) -> str:
        build = self.build
        if self.estimator.method == "temperature":
            folds = zip(self.members, self.estimator.calibrated_classifiers_, strict=True)
            return self._mean([tempered(member, fold.calibrators[0]) for member, fold in folds])
        if self.n_classes == 2:
            one = build.constant(1.0)
            tables = []
            for number in self._numbers():
                limited, plain = self._fold(number)
                tables.append(build.node("Concat", build.node("Sub", one, plain), limited, axis=1))
            return self._mean(tables)
        return self._mean([self._normalized(build.node("Concat", *self._fold(k)[1:], axis=1)) for k in self._numbers()])

    def _numbers(self) -> range:
        return range(len(self.members))

    def _fold(self, number: int) -> tuple[str, ...]:
        """Calibrated scores of one fold: for each class one column, in front of them the first limited to 1."""
        member, build = self.members[number], self.build
        calibrators = self.estimator.calibrated_classifiers_[number].calibrators
        scores = member.decision()
        if scores is None:
            scores = member.positive() if self.n_classes == 2 else member.probabilities()
        columns = [scores]
        if self.n_classes > 2:
            columns = [
                build.node("Gather", scores, build.constant([k], np.int64), axis=1) for k in range(self.n_classes)
            ]
        plain = [_calibrated(c, column, build) for c, column in zip(calibrators, columns, strict=True)]
        isotonic = self.estimator.method == "isotonic"
        # Interpolation can land one ulp above 1; scikit-learn then says 1.
        return (build.node("Min", plain[0], build.constant(1.0)) if isotonic else plain[0], *plain)

    def _normalized(self, columns: str) -> str:
        """Each row divided by its sum; equal shares where every class got zero."""
        build = self.build
        total = build.node("ReduceSum", columns, build.constant([1], np.int64), keepdims=1)
        zero = build.node("Equal", total, build.constant(0.0))
        return build.node("Where", zero, build.constant(1.0 / self.n_classes), build.node("Div", columns, total))

    def _mean(self, folds: list[str]) -> str:
        total = folds[0]
        for fold in folds[1:]:
            total = self.build.node("Add", total, fold)
        return total if len(folds) == 1 else self.build.node("Div", total, self.build.constant(float(len(folds))))


def _magnified_error(member: ClassifierGraph, calibrators: list[Any]) -> float:
    """A steep calibration magnifies what a score may be off; refused where 1e-12 is no longer certain."""
    slope = max(_steepest(member, calibrator) for calibrator in calibrators)
    error = member.decision_error * slope
    if error > TOLERANCE:
        reason = refuse(
            member.estimator,
            f"its score is known to {member.decision_error:.0e} only and the calibration around it has a slope of "
            f"{slope:.3g}, so that probabilities could differ by more than {TOLERANCE:.0e}",
            supported="method='sigmoid', a smaller C, or fewer support vectors",
        )
        measured = measuring()
        if measured is None:
            raise reason
        measured.note(reason, error=error)
    return error


def _steepest(member: ClassifierGraph, calibrator: Any) -> float:
    if type(calibrator) is _TemperatureScaling:
        return magnification(member, calibrator)
    if type(calibrator) is _SigmoidCalibration:
        return abs(float(calibrator.a_)) / 4.0
    with np.errstate(all="ignore"):
        slopes = np.diff(calibrator.y_thresholds_) / np.diff(calibrator.X_thresholds_)
    return float(np.max(slopes, initial=0.0))


def _calibrated(calibrator: Any, score: str, build: GraphBuilder) -> str:
    if type(calibrator) is _SigmoidCalibration:
        # -(a t + b) and (-a) t - b have the same bits.
        scaled = build.node("Mul", score, build.constant(-float(calibrator.a_)))
        return sigmoid(build, build.node("Add", scaled, build.constant(-float(calibrator.b_))))
    if type(calibrator) is IsotonicRegression:
        return interpolate(calibrator, score, build)
    raise refuse(calibrator, "unknown calibrator", supported="sigmoid, isotonic")


def interpolate(calibrator: Any, score: str, build: GraphBuilder) -> str:
    """An isotonic regression on a column [batch, 1], with the operations of `numpy.interp` in their order.

    Where a score lies among the knots is found by trees: one gives the knot below it, one the value there, one the
    slope; then value + slope (score - knot).
    """
    if calibrator.out_of_bounds != "clip":
        raise refuse(calibrator, f"out_of_bounds={calibrator.out_of_bounds!r}", supported="out_of_bounds='clip'")
    if calibrator.X_thresholds_.dtype != np.float64:
        # scikit-learn then rounds every score to the type of the knots before it looks it up.
        raise refuse(calibrator, "its knots are not float64: it was fitted on float32 rows", supported="float64 rows")
    x, y = (np.asarray(v, dtype=np.float64) for v in (calibrator.X_thresholds_, calibrator.y_thresholds_))
    with np.errstate(all="ignore"):
        slopes = np.append(np.diff(y) / np.diff(x), 0.0)
    if not np.all(np.isfinite(slopes)):
        raise refuse(calibrator, "two of its knots are too close for a finite slope", supported="knots further apart")
    # Below the first knot and above the last the value is constant: slope 0 there.
    knot, value, slope = (
        _step(x, np.insert(v, 0, first), build, score) for v, first in ((x, x[0]), (y, y[0]), (slopes, 0.0))
    )
    return build.node("Add", build.node("Mul", slope, build.node("Sub", score, knot)), value)


def _step(knots: Floats, values: Floats, build: GraphBuilder, score: str) -> str:
    """values[number of knots <= score], as a balanced tree: [batch, 1]."""
    n = len(knots)
    feature, threshold = np.full(2 * n + 1, -1, dtype=np.int64), np.zeros(2 * n + 1)
    true, false = np.zeros(2 * n + 1, dtype=np.int64), np.zeros(2 * n + 1, dtype=np.int64)
    leaf_value = np.zeros(2 * n + 1)
    waiting, next_free = [(0, 0, n)], 1
    while waiting:
        node, low, high = waiting.pop()  # the answer is one of values[low..high]
        if low == high:
            leaf_value[node] = values[low]
            continue
        middle = (low + high) // 2
        feature[node], threshold[node] = 0, np.nextafter(knots[middle], -np.inf)
        true[node], false[node] = next_free, next_free + 1
        waiting += [(next_free, low, middle), (next_free + 1, middle + 1, high)]
        next_free += 2
    tree = Tree(feature, threshold, true, false, np.zeros(2 * n + 1, dtype=bool), leaf_value[:, None])
    return build.node("TreeEnsemble", score, domain=ML_DOMAIN, **pack([(merge_equal_leaves(tree, 0), 0)], n_targets=1))
