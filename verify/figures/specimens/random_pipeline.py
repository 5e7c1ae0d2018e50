"""Random scikit-learn models as people put them together: data with gaps, text and whole numbers, any steps before."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import ensemble, impute, linear_model, multioutput, naive_bayes, neighbors, neural_network, svm, tree
from sklearn import preprocessing as pre
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

Random = np.random.Generator
Make = Callable[[Random], Any]
ROWS, FRESH = 120, 400
WORDS = ("red", "green", "", "the blue", "ünï", "7")


class Drawn(NamedTuple):
    """A model that is not fitted yet, with rows to fit it on and others to compare it on."""

    model: Any
    rows: Any
    answers: Any
    fresh: Any


def _one(random: Random, choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


NUMBER_STEPS: tuple[Make, ...] = (
    lambda r: pre.StandardScaler(with_mean=bool(r.integers(2)), with_std=bool(r.integers(2))),
    lambda r: pre.MinMaxScaler(feature_range=(-1, _one(r, [1, 5])), clip=bool(r.integers(2))),
    lambda r: pre.RobustScaler(with_centering=bool(r.integers(2)), unit_variance=bool(r.integers(2))),
    lambda _: pre.MaxAbsScaler(),
    lambda r: pre.Normalizer(_one(r, ["l1", "l2", "max"])),
    lambda r: pre.Binarizer(threshold=float(r.normal())),
    lambda r: pre.KBinsDiscretizer(int(r.integers(2, 6)), encode=_one(r, ["ordinal", "onehot-dense", "onehot"])),
    lambda r: pre.PolynomialFeatures(2, interaction_only=bool(r.integers(2)), include_bias=bool(r.integers(2))),
    lambda r: pre.QuantileTransformer(n_quantiles=20, output_distribution=_one(r, ["uniform", "normal"])),
    lambda r: pre.PowerTransformer(standardize=bool(r.integers(2))),
    lambda r: pre.SplineTransformer(int(r.integers(3, 6)), degree=int(r.integers(1, 4))),
    lambda r: pre.FunctionTransformer(_one(r, [None, np.abs, np.sign, np.cbrt, np.arctan])),
    lambda r: PCA(2, whiten=bool(r.integers(2)), random_state=0),
    lambda _: TruncatedSVD(2, random_state=0),
    lambda _: VarianceThreshold(),
    lambda _: SelectKBest(k=2),
    lambda _: FeatureUnion([("scaled", pre.StandardScaler()), ("cut", pre.Binarizer())]),
)
IMPUTERS: tuple[Make, ...] = (
    lambda r: impute.SimpleImputer(
        strategy=_one(r, ["mean", "median", "most_frequent", "constant"]), add_indicator=bool(r.integers(2))
    ),
    lambda _: impute.KNNImputer(n_neighbors=3),
    lambda _: FeatureUnion([("filled", impute.SimpleImputer()), ("holes", impute.MissingIndicator(features="all"))]),
)
TEXT_STEPS: tuple[Make, ...] = (
    lambda r: pre.OneHotEncoder(
        handle_unknown=_one(r, ["ignore", "error", "infrequent_if_exist"]),
        min_frequency=_one(r, [None, 15]),
        drop=_one(r, [None, None, "if_binary"]),
        sparse_output=bool(r.integers(2)),
    ),
    lambda r: pre.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=_one(r, [-1, np.nan])),
    lambda _: pre.TargetEncoder(random_state=0),
)
TREES: dict[bool, tuple[Make, ...]] = {
    True: (
        lambda r: tree.DecisionTreeClassifier(max_depth=_one(r, [2, 5, None]), random_state=0),
        lambda r: ensemble.RandomForestClassifier(
            n_estimators=5, max_depth=4, class_weight=_one(r, [None, "balanced"])
        ),
        lambda r: ensemble.ExtraTreesClassifier(n_estimators=5, max_leaf_nodes=7, bootstrap=bool(r.integers(2))),
        lambda r: ensemble.GradientBoostingClassifier(n_estimators=4, loss=_one(r, ["log_loss", "exponential"])),
        lambda r: ensemble.HistGradientBoostingClassifier(max_iter=4, l2_regularization=float(r.random())),
        lambda _: ensemble.AdaBoostClassifier(n_estimators=4),
    ),
    False: (
        lambda r: tree.DecisionTreeRegressor(max_depth=_one(r, [2, 5, None]), random_state=0),
        lambda r: ensemble.RandomForestRegressor(
            n_estimators=5, criterion=_one(r, ["squared_error", "absolute_error"])
        ),
        lambda _: ensemble.ExtraTreesRegressor(n_estimators=5, max_leaf_nodes=7),
        lambda r: ensemble.GradientBoostingRegressor(n_estimators=4, loss=_one(r, ["huber", "squared_error"])),
        lambda r: ensemble.HistGradientBoostingRegressor(
            max_iter=4, loss=_one(r, ["squared_error", "quantile"]), quantile=0.4
        ),
        lambda _: ensemble.AdaBoostRegressor(n_estimators=4),
    ),
}
OTHERS: dict[bool, tuple[Make, ...]] = {
    True: (
        lambda r: linear_model.LogisticRegression(C=float(10 ** r.uniform(-2, 2)), max_iter=300),
        lambda _: linear_model.RidgeClassifier(),
        lambda r: linear_model.SGDClassifier(loss=_one(r, ["hinge", "log_loss", "modified_huber"]), random_state=0),
        lambda r: svm.SVC(kernel=_one(r, ["rbf", "linear", "poly"])),
        lambda _: svm.LinearSVC(),
        lambda _: naive_bayes.GaussianNB(),
        lambda _: neighbors.KNeighborsClassifier(3),
        lambda r: neural_network.MLPClassifier((4,), activation=_one(r, ["relu", "tanh"]), max_iter=30),
    ),
    False: (
        lambda r: linear_model.LinearRegression(fit_intercept=bool(r.integers(2))),
        lambda _: linear_model.Lasso(alpha=0.1),
        lambda _: linear_model.HuberRegressor(),
        lambda r: svm.SVR(kernel=_one(r, ["rbf", "linear"])),
        lambda _: neighbors.KNeighborsRegressor(3),
        lambda _: neural_network.MLPRegressor((4,), max_iter=30),
    ),
}


def _around(random: Random, model: Any, other: Any, *, classes: bool) -> Any:
    """The model itself, or inside another."""
    second = other
    if classes:
        makers: tuple[Callable[[], Any], ...] = (
            lambda: CalibratedClassifierCV(model, method="sigmoid", cv=2, ensemble=bool(random.integers(2))),
            lambda: CalibratedClassifierCV(model, method="isotonic", cv=2),
            lambda: ensemble.VotingClassifier([("a", model), ("b", second)], voting=_one(random, ["soft", "hard"])),
            lambda: ensemble.StackingClassifier([("a", model), ("b", second)], cv=2),
            lambda: ensemble.BaggingClassifier(model, 3, max_features=_one(random, [1.0, 0.7])),
            lambda: OneVsRestClassifier(model),
            lambda: OneVsOneClassifier(model),
            lambda: FixedThresholdClassifier(model, threshold=float(random.uniform(0.2, 0.8))),
        )
    else:
        makers = (
            lambda: ensemble.VotingRegressor([("a", model), ("b", second)]),
            lambda: ensemble.StackingRegressor([("a", model), ("b", second)], cv=2),
            lambda: ensemble.BaggingRegressor(model, 3),
            lambda: TransformedTargetRegressor(model, transformer=pre.StandardScaler()),
            lambda: multioutput.MultiOutputRegressor(model),
        )
    return _one(random, makers)() if random.random() < 0.5 else model


def drawn(seed: int) -> Drawn:
    """The model of a seed, the same each time."""
    random = np.random.default_rng(seed)
    classes, gaps, text = bool(random.integers(2)), random.random() < 0.5, random.random() < 0.5
    table, fresh = (_table(random, rows, gaps=gaps, text=text) for rows in (ROWS, FRESH))
    fresh.iloc[: FRESH // 4] = table.sample(FRESH // 4, replace=True, random_state=seed).to_numpy()
    numbers = [name for name in table if name not in ("colour", "shape")]
    value = table[numbers].fillna(0.0).sum(axis=1).to_numpy() + 0.3 * random.normal(size=ROWS)
    answers: Any = value
    if classes:
        answers = np.digitize(value, np.quantile(value, _one(random, [[0.5], [0.3, 0.7]])))
        answers = np.array(["no", "yes", "perhaps"])[answers] if random.random() < 0.4 else answers
    steps: list[Any] = [_one(random, IMPUTERS)(random)] if gaps and random.random() < 0.8 else []
    steps += [_one(random, NUMBER_STEPS)(random) for _ in range(int(random.integers(0, 3)))]
    if text:
        rest = random.random() < 0.5 or not steps
        last = "passthrough" if rest and not steps else make_pipeline(*steps)
        steps = [
            ColumnTransformer([("words", _one(random, TEXT_STEPS)(random), ["colour", "shape"]), ("n", last, numbers)])
        ]
    kinds = TREES[classes] if random.random() < 0.6 else OTHERS[classes]
    both = [_one(random, kinds)(random) for _ in range(2)]
    if hasattr(both[0], "multi_class") or not classes or len(set(answers)) != 2:
        both = [
            one.set_params(loss="log_loss") if type(one).__name__.startswith("GradientBoostingC") else one
            for one in both
        ]
    model = make_pipeline(*steps, _around(random, *both, classes=classes))
    # Whatever draws, however deep: the model of a seed is the same in every process and on every machine.
    model.set_params(**{name: 0 for name in model.get_params() if name.endswith("random_state")})
    if type(model[-1]).__name__ == "MultiOutputRegressor":
        answers = np.column_stack([value, -value])
    as_array = not text and random.random() < 0.4
    return Drawn(model, table.to_numpy() if as_array else table, answers, fresh.to_numpy() if as_array else fresh)


def _table(random: Random, rows: int, *, gaps: bool, text: bool) -> pd.DataFrame:
    made: dict[str, Any] = {
        "a": random.normal(size=rows),
        "b": random.normal(100.0, 30.0, rows),
        "count": random.integers(0, 6, rows).astype(float),
        "tiny": random.lognormal(-8.0, 2.0, rows),
    }
    if gaps:
        for name in ("a", "count"):
            made[name] = np.where(random.random(rows) < 0.15, np.nan, made[name])
    if text:
        made["colour"] = random.choice(WORDS[:4], rows)
        made["shape"] = random.choice(WORDS[3:], rows)
    return pd.DataFrame(made)
