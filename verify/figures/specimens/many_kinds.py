"""One model of each kind that people train beside the forests and boosters of the survey, each on a public data set."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import (
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeCV,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

Maker = Callable[[], Any]
_NAN = "breast_cancer, 10 % NaN"


def _forest(**options: Any) -> RandomForestClassifier:
    return RandomForestClassifier(20, max_depth=6, random_state=0, **options)


def _scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


TREES: dict[str, tuple[str, Maker]] = {
    "forest of several targets": ("linnerud", lambda: RandomForestRegressor(20, random_state=0)),
    "extra trees of several targets": ("linnerud", lambda: ExtraTreesRegressor(20, random_state=0)),
    "forest of several labels": ("make_multilabel_classification", _forest),
    "isolation forest": ("wine", lambda: IsolationForest(n_estimators=30, random_state=0)),
    "AdaBoost": ("wine", lambda: AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), random_state=0)),
    "bagging": ("wine", lambda: BaggingClassifier(DecisionTreeClassifier(max_depth=5), 20, random_state=0)),
    "bagging, regressor": ("diabetes", lambda: BaggingRegressor(n_estimators=20, random_state=0)),
    "stacking": (
        "breast_cancer",
        lambda: StackingClassifier([("forest", _forest()), ("line", _scaled(LogisticRegression()))], cv=3),
    ),
    "stacking, regressor": (
        "diabetes",
        lambda: StackingRegressor([("forest", RandomForestRegressor(20, random_state=0)), ("ridge", RidgeCV())], cv=3),
    ),
    "voting, soft": (
        "wine",
        lambda: VotingClassifier([("forest", _forest()), ("bayes", GaussianNB())], voting="soft"),
    ),
    "one against the rest": ("wine", lambda: OneVsRestClassifier(_forest())),
    "one against one": ("wine", lambda: OneVsOneClassifier(_forest())),
    "chain of classifiers": ("make_multilabel_classification", lambda: ClassifierChain(_forest())),
    "a classifier each label": ("make_multilabel_classification", lambda: MultiOutputClassifier(_forest())),
    "a regressor each target": (
        "linnerud",
        lambda: MultiOutputRegressor(GradientBoostingRegressor(n_estimators=20, random_state=0)),
    ),
    "boosting on a linear init": (
        "diabetes",
        lambda: GradientBoostingRegressor(n_estimators=20, init=LinearRegression(), random_state=0),
    ),
    "boosting on a forest's init": (
        "breast_cancer",
        lambda: GradientBoostingClassifier(n_estimators=20, init=_forest(), random_state=0),
    ),
    "hist boosting, categories": (
        "digits",
        lambda: HistGradientBoostingClassifier(max_iter=10, categorical_features=[20, 36, 42], random_state=0),
    ),
    "hist boosting, Poisson": (
        "diabetes",
        lambda: HistGradientBoostingRegressor(max_iter=30, loss="poisson", random_state=0),
    ),
    "hist boosting, quantile": (
        "diabetes",
        lambda: HistGradientBoostingRegressor(max_iter=30, loss="quantile", quantile=0.9, random_state=0),
    ),
    "embedding by trees": (
        "wine",
        lambda: make_pipeline(RandomTreesEmbedding(10, random_state=0), LogisticRegression()),
    ),
    "forest, isotonic": (
        "breast_cancer",
        lambda: CalibratedClassifierCV(_forest(), method="isotonic", cv=3),
    ),
}
PREPROCESSING: dict[str, tuple[str, Maker]] = {
    "medians and marks, forest": (
        _NAN,
        lambda: make_pipeline(SimpleImputer(strategy="median", add_indicator=True), _forest()),
    ),
    "nearest neighbours' values, ridge": (_NAN, lambda: make_pipeline(KNNImputer(), StandardScaler(), Ridge())),
    "marks beside values, forest": (
        _NAN,
        lambda: make_pipeline(make_union(SimpleImputer(), MissingIndicator(features="all")), _forest()),
    ),
    "one-hot, logistic": (
        "digits",
        lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=300)),
    ),
    "codes, forest": (
        "digits",
        lambda: make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), _forest()),
    ),
    "bins, forest": ("wine", lambda: make_pipeline(KBinsDiscretizer(5, encode="ordinal"), _forest())),
    "thresholds, logistic": (
        "digits",
        lambda: make_pipeline(Binarizer(threshold=7.5), LogisticRegression(max_iter=300)),
    ),
    "unit rows, logistic": ("wine", lambda: make_pipeline(Normalizer(), LogisticRegression(max_iter=300))),
    "products, ridge": ("diabetes", lambda: make_pipeline(PolynomialFeatures(2), Ridge())),
    "PCA, logistic": ("wine", lambda: make_pipeline(StandardScaler(), PCA(5), LogisticRegression())),
    "SVD, ridge": ("diabetes", lambda: make_pipeline(TruncatedSVD(5, random_state=0), Ridge())),
    "quantiles, logistic": (
        "wine",
        lambda: make_pipeline(QuantileTransformer(n_quantiles=100, random_state=0), LogisticRegression()),
    ),
    "powers, ridge": ("make_friedman1", lambda: make_pipeline(PowerTransformer(), Ridge())),
    "splines, ridge": ("make_friedman1", lambda: make_pipeline(SplineTransformer(), Ridge())),
    "a NumPy function, ridge": ("make_friedman1", lambda: make_pipeline(FunctionTransformer(np.log1p), Ridge())),
    "columns apart, forest": (
        "wine",
        lambda: make_pipeline(
            ColumnTransformer([("scaled", StandardScaler(), [0, 1, 2]), ("bins", KBinsDiscretizer(4), [3, 4])]),
            _forest(),
        ),
    ),
}
OTHERS: dict[str, tuple[str, Maker]] = {
    "logistic regression": ("digits", lambda: _scaled(LogisticRegression(max_iter=300))),
    "logistic regression, CV": ("wine", lambda: _scaled(LogisticRegressionCV(cv=3, max_iter=300))),
    "SGD": ("wine", lambda: _scaled(SGDClassifier(loss="log_loss", random_state=0))),
    "linear discriminants": ("wine", lambda: _scaled(LinearDiscriminantAnalysis())),
    "quadratic discriminants": ("wine", lambda: _scaled(QuadraticDiscriminantAnalysis())),
    "linear SVC, sigmoid": ("wine", lambda: _scaled(CalibratedClassifierCV(LinearSVC(), cv=3))),
    "temperature scaling": (
        "wine",
        lambda: _scaled(CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=3)),
    ),
    "naive Bayes": ("wine", lambda: _scaled(GaussianNB())),
    "nearest neighbours": ("wine", lambda: _scaled(KNeighborsClassifier())),
    "perceptron of several layers": ("digits", lambda: _scaled(MLPClassifier((32,), max_iter=60, random_state=0))),
    "fixed threshold": (
        "breast_cancer",
        lambda: _scaled(FixedThresholdClassifier(LogisticRegression(), threshold=0.3)),
    ),
    "tuned threshold": (
        "breast_cancer",
        lambda: _scaled(TunedThresholdClassifierCV(LogisticRegression(), cv=3, random_state=0)),
    ),
    "ridge, CV": ("diabetes", lambda: _scaled(RidgeCV())),
    "lasso, CV": ("diabetes", lambda: _scaled(LassoCV(cv=3))),
    "elastic net, CV": ("diabetes", lambda: _scaled(ElasticNetCV(cv=3))),
    "Huber": ("diabetes", lambda: _scaled(HuberRegressor(max_iter=500))),
    "Poisson": ("diabetes", lambda: _scaled(PoissonRegressor())),
    "gamma": ("diabetes", lambda: _scaled(GammaRegressor())),
    "Tweedie": ("diabetes", lambda: _scaled(TweedieRegressor(power=1.5))),
    "SVR": ("diabetes", lambda: _scaled(SVR())),
    "nearest neighbours, regressor": ("diabetes", lambda: _scaled(KNeighborsRegressor())),
    "perceptron, regressor": (
        "diabetes",
        lambda: _scaled(MLPRegressor(hidden_layer_sizes=(16,), max_iter=200, random_state=0)),
    ),
    "Gaussian process": (
        "diabetes",
        lambda: _scaled(GaussianProcessRegressor(RBF(3.0) + WhiteKernel(0.5), normalize_y=True, optimizer=None)),
    ),
    "logarithm of the target": (
        "diabetes",
        lambda: TransformedTargetRegressor(_scaled(Ridge()), func=np.log, inverse_func=np.exp),
    ),
}
MANY_KINDS: dict[str, tuple[str, Maker]] = TREES | PREPROCESSING | OTHERS
"""Name to the data set that it is fitted on, and what makes the whole pipeline, unfitted."""
