"""The four estimators of the signal classifier, unfitted, and the calibration that goes on top.

Every one takes raw float64 rows [row, feature] in contract order; engineering and scaling are inside.
"""

from typing import Any, Literal, get_args

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from train.signal_classifier.contract import SIGNAL_NAMES
from train.signal_classifier.engineered_features import FOR_DISTANCES, TradeFeatures
from train.signal_classifier.history.labelled_signals import Floats, Index
from train.signal_classifier.leaf_grid import quantize_leaves

EstimatorName = Literal["random_forest", "gradient_boosting", "svm", "voting"]
Calibration = Literal["none", "sigmoid", "isotonic"]
ESTIMATORS: tuple[EstimatorName, ...] = get_args(EstimatorName)

# As good as 150 trees of any depth (Brier score, AUC and distance to the true probabilities are equal to the third
# digit), with a fifth of the splits; and dividing by a power of two rounds nothing.
_TREES = 64
_DEPTH = 7
_LEAVES = 66  # a leaf holds at least this fraction of a tree's rows
_ROWS_PER_TREE = 2_000
_ISOTONIC_GRID = 64.0
_BINS, _ROWS_PER_BIN = 16, 50


def make_estimator(name: str, *, rows: int, random_state: int) -> Any:
    """The unfitted estimator of this name for about `rows` training rows.

    The forest is regularised by the size of its leaves, which also keeps the compiled model below half a megabyte
    whatever the number of rows.
    """
    if name == "random_forest":
        # A tree of a quarter of the rows takes less than half the time, and the forest is as good.
        share = min(1.0, max(0.25, _ROWS_PER_TREE / rows))
        forest = RandomForestClassifier(
            _TREES,
            max_depth=_DEPTH,
            min_samples_leaf=max(20, int(share * rows) // _LEAVES),
            max_features=4,
            max_samples=share,
            n_jobs=-1,
            random_state=random_state,
        )
        return Pipeline([("features", TradeFeatures()), ("forest", forest)])
    if name == "gradient_boosting":
        boosting = GradientBoostingClassifier(
            n_estimators=150,
            learning_rate=0.05,
            max_depth=4,
            subsample=0.5,
            min_samples_leaf=max(5, rows // 160),
            random_state=random_state,
        )
        return Pipeline([("features", TradeFeatures()), ("boosting", boosting)])
    if name == "svm":
        return Pipeline(
            [("features", TradeFeatures(FOR_DISTANCES, raw=False)), ("scaler", StandardScaler()), ("svm", SVC(C=0.5))]
        )
    members = [(one, make_estimator(one, rows=rows, random_state=random_state)) for one in ESTIMATORS[:2]]
    svm = CalibratedClassifierCV(make_estimator("svm", rows=rows, random_state=random_state), cv=3, ensemble=False)
    return VotingClassifier([*members, ("svm", svm)], voting="soft", flatten_transform=False)


def settle(fitted: Any) -> None:
    """Make a fitted estimator's answers independent of threads and of the order of sums, in place."""
    if isinstance(fitted, VotingClassifier):
        for member in fitted.estimators_:
            settle(member)
    elif isinstance(fitted, Pipeline) and isinstance(fitted[-1], RandomForestClassifier):
        quantize_leaves(fitted[-1])
        fitted[-1].set_params(n_jobs=None)


def raw_scores(fitted: Any, rows: Floats) -> Floats:
    """What a calibration works on, float64 [row]: the decision function where there is one, else P(profit)."""
    if hasattr(fitted, "decision_function"):
        return np.asarray(fitted.decision_function(rows), dtype=np.float64)
    return np.asarray(fitted.predict_proba(rows)[:, 1], dtype=np.float64)


def calibrated(fitted: Any, scores: Floats, outcome: Index, *, method: Calibration, gentle: bool = False) -> Any:
    """`fitted` with a calibration on top.

    It equals `CalibratedClassifierCV(estimator, method=method, cv=folds, ensemble=False).fit(...)` to the bit when
    `scores` are the out-of-fold scores of those folds, but costs no further fits: one estimator, one calibrator.
    Only the isotonic curve sees them rounded to 1/64: it has no step that magnifies the last bits of a score, which
    would stand in the way of exact compilation, and it follows the noise less. A gentle one goes through the means of
    bins of equal count instead, with slopes of about 1: for a support vector machine, whose score the compiler knows to
    7e-13 only.

    Args:
        fitted: estimator fitted on all training rows; it is returned as it is for the method "none".
        scores: out-of-fold raw scores, float64 [row].
        outcome: int64 [row], 0/1.
        method: how scores become probabilities.
        gentle: whether an isotonic curve must not be steep.
    """
    if method == "none":
        return fitted
    if method == "isotonic" and not gentle:
        scores = np.round(scores * _ISOTONIC_GRID) / _ISOTONIC_GRID
    result = CalibratedClassifierCV(FrozenEstimator(_Scores()), method=method, ensemble=False)
    result.fit(scores.reshape(-1, 1), outcome)
    if method == "isotonic" and gentle:
        result.calibrated_classifiers_[0].calibrators = [_through_bins(scores, outcome)]
    result.calibrated_classifiers_[0].estimator = fitted
    result.n_features_in_ = len(SIGNAL_NAMES)
    return result.set_params(estimator=clone(fitted))


def _through_bins(scores: Floats, outcome: Index) -> IsotonicRegression:
    """A rising curve through the means of bins of equal count, straight between them."""
    count = int(np.clip(len(scores) // _ROWS_PER_BIN, 2, _BINS))
    bins = np.array_split(np.argsort(scores, kind="stable"), count)
    x, y = ([float(values[part].mean()) for part in bins] for values in (scores, outcome))
    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    return curve.fit(x, y, sample_weight=[len(part) for part in bins])


def calibration_curve(
    scores: Floats, outcome: Index, *, method: Calibration, at: Floats, gentle: bool = False
) -> Floats:
    """Probabilities at the scores `at` of a calibration fitted on `scores` and `outcome`: float64 [row]."""
    model = calibrated(_Scores(), scores, outcome, method=method, gentle=gentle)
    return np.asarray(model.predict_proba(at.reshape(-1, 1))[:, 1], dtype=np.float64)


class _Scores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose single input column is its own score: what a calibrator alone is fitted on."""

    classes_ = np.array([0, 1])

    def fit(self, X: Floats, y: Index) -> "_Scores":
        """Nothing to learn."""
        del X, y
        return self

    def decision_function(self, X: Floats) -> Floats:
        """The column itself."""
        return np.asarray(X[:, 0], dtype=np.float64)

    def predict(self, X: Floats) -> Index:
        """1 where the column is positive; scikit-learn wants a classifier to have this."""
        return (X[:, 0] > 0.0).astype(np.int64)

    def __sklearn_is_fitted__(self) -> bool:
        return True
