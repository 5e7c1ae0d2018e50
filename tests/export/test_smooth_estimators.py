"""Estimators by formula answer within 1e-12 of scikit-learn's float64 answer, labels by its own rule."""

import numpy as np
import onnxruntime
import pytest
from sklearn import cross_decomposition, datasets, discriminant_analysis, linear_model, naive_bayes, neural_network, svm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.covariance import EllipticEnvelope
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from export.graph import to_bytes
from export.sklearn.compile import CLASSIFIERS, REGRESSORS, compile_sklearn
from export.sklearn.graded.agreement import check_sklearn
from export.sklearn.smooth.accounted import WHILE_FITTING
from train.core.errors import PipelineError
from train.core.sklearn_answers import gives_probabilities, one_job
from train.core.skops_files import load_skops, save_skops

pytestmark = pytest.mark.filterwarnings("ignore")
TWO = datasets.make_classification(300, 6, n_informative=4, flip_y=0.1, random_state=0)
THREE = datasets.load_iris(return_X_y=True)
DATA = {
    "two": TWO,
    "three": THREE,
    "named": (THREE[0], np.array(["a", "b", "c"])[THREE[1]]),
    "wide": datasets.make_classification(90, 150, n_informative=9, n_classes=3, random_state=1),
    "one column": (TWO[0][:, :1], TWO[1]),
}
VALUES = datasets.load_diabetes(return_X_y=True)
SEVERAL = (VALUES[0], np.column_stack([VALUES[1], VALUES[1] ** 0.5 + 10.0 * VALUES[0][:, 0]]))
SCALES = (1.0, 1e-3, 1e3, 1e8)


def scaled(estimator):
    """Behind a scaler, and seeded: a fit of another day may cancel more digits of a row of 1e8 than 1e-12 allows."""
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    return make_pipeline(StandardScaler(), estimator)


def outputs(estimator, rows, **options):
    model = compile_sklearn(estimator, name="model", **options)
    session = onnxruntime.InferenceSession(to_bytes(model), providers=["CPUExecutionProvider"])
    return session.run(None, {"features": np.ascontiguousarray(rows)})


def close(found, expected):
    with np.errstate(all="ignore"):
        near = np.abs(found - expected) <= 1e-12 + 1e-12 * np.abs(expected)
    right = near | (found == expected) | (np.isnan(found) & np.isnan(expected))
    assert right.all(), (found[~right][:4], expected[~right][:4])


def hostile(X):
    """Rows of every scale, of zeros, far on one side; none with NaN."""
    return np.concatenate([*(X * scale for scale in SCALES), np.zeros_like(X[:1]), X[:3] + 1e6])


sgd, gpc = linear_model.SGDClassifier, GaussianProcessClassifier
CLASSIFYING = {
    "logistic": linear_model.LogisticRegression(),
    "logistic without intercept": linear_model.LogisticRegression(fit_intercept=False),
    "logistic of every weight": linear_model.LogisticRegression(C=np.inf, class_weight="balanced"),
    "logistic, folds": linear_model.LogisticRegressionCV(Cs=2, cv=2, use_legacy_attributes=False),
    "ridge": linear_model.RidgeClassifier(),
    "ridge, folds": linear_model.RidgeClassifierCV(),
    "perceptron": linear_model.Perceptron(),
    "passive": linear_model.PassiveAggressiveClassifier(),
    **{
        f"sgd {loss}": sgd(loss=loss, random_state=0)
        for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "squared_error", "huber")
    },
    "sgd averaged": sgd(loss="log_loss", average=True, random_state=0),
    "linear svc": svm.LinearSVC(),
    "linear svc, both": svm.LinearSVC(multi_class="crammer_singer"),
    "lda": discriminant_analysis.LinearDiscriminantAnalysis(),
    "lda, shrunk": discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "qda": discriminant_analysis.QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.3),
    "gaussian bayes": naive_bayes.GaussianNB(),
    "bernoulli": naive_bayes.BernoulliNB(),
    "bernoulli at a threshold": naive_bayes.BernoulliNB(binarize=0.3, fit_prior=False),
    "centroids": NearestCentroid(metric="manhattan"),
    "centroids, priors": NearestCentroid(metric="manhattan", priors="empirical", shrink_threshold=0.1),
    "perceptrons": neural_network.MLPClassifier((7, 5), max_iter=20, random_state=0),
    **{
        f"perceptrons, {name}": neural_network.MLPClassifier((5,), activation=name, max_iter=20, random_state=0)
        for name in ("identity", "logistic", "tanh")
    },
    "svc": svm.SVC(),
    "svc poly": svm.SVC(kernel="poly", degree=3, coef0=1.0),
    "svc sigmoid": svm.SVC(kernel="sigmoid", gamma=0.1),
    "svc of pairs": svm.SVC(decision_function_shape="ovo"),
    "svc without ties": svm.SVC(break_ties=True, C=10.0),
    "nu svc": svm.NuSVC(nu=0.2),
    "process": gpc(optimizer=None),
    "process one against one": gpc(kernels.RBF(3.0), optimizer=None, multi_class="one_vs_one"),
    "process of a sum": gpc(2.0 * kernels.Matern(3.0, nu=1.5) + kernels.WhiteKernel(0.5), optimizer=None),
    "process of products": gpc(kernels.DotProduct(0.5) ** 2 * kernels.RationalQuadratic(3.0), optimizer=None),
    **{f"dummy {how}": DummyClassifier(strategy=how) for how in ("prior", "most_frequent")},
    "calibrated linear svc": CalibratedClassifierCV(svm.LinearSVC(), cv=3),
    "calibrated linear svc, one": CalibratedClassifierCV(svm.LinearSVC(), cv=3, ensemble=False),
    "isotonic linear svc": CalibratedClassifierCV(svm.LinearSVC(C=0.01), cv=3, method="isotonic"),
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", CLASSIFYING)
def test_a_classifier_answers_as_the_original(name, data, tmp_path):
    X, y = DATA[data]
    estimator = scaled(CLASSIFYING[name]).fit(X, y)
    rows = hostile(X)

    table, label = outputs(estimator, rows, labels=True)

    with one_job():
        expected = estimator.predict(rows)
        if gives_probabilities(estimator):
            close(table, estimator.predict_proba(rows))
        else:
            assert np.array_equal(table, expected[:, None] == estimator.classes_)
    assert label.tolist() == expected.tolist()
    one_table, one_label = outputs(estimator, rows[:1], labels=True)
    close(one_table, table[:1])
    assert one_label.tolist() == label[:1].tolist()
    save_skops(estimator, tmp_path / "model.skops")
    check_sklearn(load_skops(tmp_path / "model.skops"), compile_sklearn(estimator, name="model"))


COUNTING = {
    "multinomial": naive_bayes.MultinomialNB(),
    "complement": naive_bayes.ComplementNB(),
    "complement, normed": naive_bayes.ComplementNB(norm=True),
    "categories": naive_bayes.CategoricalNB(),
    "categories, prior": naive_bayes.CategoricalNB(class_prior=[0.2, 0.3, 0.5], fit_prior=False, min_categories=9),
}


@pytest.mark.parametrize("name", COUNTING)
def test_naive_bayes_of_counts_answers_as_the_original(name):
    X, y = np.floor(THREE[0]), THREE[1]
    estimator = COUNTING[name].fit(X, y)
    rows = np.concatenate([X, X + 0.4, np.zeros_like(X[:1])])

    table, label = outputs(estimator, rows, labels=True)

    close(table, estimator.predict_proba(rows))
    assert label.tolist() == estimator.predict(rows).tolist()


def _glm(kind, **options):
    return getattr(linear_model, kind)(**options)


LINEAR = """LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV Lars LarsCV LassoLars LassoLarsCV
    LassoLarsIC OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV BayesianRidge ARDRegression HuberRegressor
    TheilSenRegressor RANSACRegressor QuantileRegressor PassiveAggressiveRegressor SGDRegressor PoissonRegressor
    GammaRegressor TweedieRegressor"""
noise = kernels.WhiteKernel(1.0)
mlp = neural_network.MLPRegressor
gpr = GaussianProcessRegressor
VALUED = {
    **{name: _glm(name) for name in LINEAR.split()},
    "without intercept": _glm("LinearRegression", fit_intercept=False),
    "tweedie, log": _glm("TweedieRegressor", power=1.5, link="log"),
    "tweedie, identity": _glm("TweedieRegressor", power=0, link="identity"),
    "ransac of ridge": _glm("RANSACRegressor", estimator=linear_model.Ridge(), min_samples=40, random_state=0),
    "sgd, huber": _glm("SGDRegressor", loss="huber", average=True),
    "linear svr": svm.LinearSVR(),
    "svr": svm.SVR(),
    "svr poly": svm.SVR(kernel="poly", coef0=0.5),
    "svr linear": svm.SVR(kernel="linear"),
    "svr sigmoid": svm.SVR(kernel="sigmoid", gamma=0.01),
    "nu svr": svm.NuSVR(C=5.0),
    "pls": cross_decomposition.PLSRegression(3),
    **{
        f"perceptrons, {name}": neural_network.MLPRegressor(
            hidden_layer_sizes=(6, 4), activation=name, max_iter=30, random_state=0
        )
        for name in ("relu", "tanh", "logistic", "identity")
    },
    "perceptrons, poisson": neural_network.MLPRegressor(
        hidden_layer_sizes=(4,), loss="poisson", max_iter=10, random_state=0
    ),
    "kernel ridge rbf": KernelRidge(kernel="rbf"),
    "kernel ridge laplacian": KernelRidge(kernel="laplacian", gamma=0.2),
    "kernel ridge sigmoid": KernelRidge(kernel="sigmoid", gamma=0.01),
    "process": gpr(),
    "process rbf": gpr(kernels.RBF(2.0) + noise, normalize_y=True),
    "process of each column": gpr(kernels.RBF(np.full(10, 3.0)) + noise, normalize_y=True, optimizer=None),
    **{
        f"process matern {nu}": gpr(2.0 * kernels.Matern(3.0, nu=nu) + noise, normalize_y=True, optimizer=None)
        for nu in (0.5, 1.5, 2.5, np.inf)
    },
    "process quadratic": gpr(kernels.RationalQuadratic(2.0, 0.7) + noise, normalize_y=True, optimizer=None),
    "process power": gpr((0.5 * kernels.RBF(3.0)) ** 2 + noise, normalize_y=True, optimizer=None),
    **{f"dummy {how}": DummyRegressor(strategy=how) for how in ("mean", "median")},
    "dummy quantile": DummyRegressor(strategy="quantile", quantile=0.3),
    "dummy constant": DummyRegressor(strategy="constant", constant=3.0),
}


@pytest.mark.parametrize("name", VALUED)
def test_a_regressor_answers_as_the_original(name, tmp_path):
    X, y = VALUES
    estimator = scaled(VALUED[name]).fit(X, y)
    rows = hostile(X)

    found = outputs(estimator, rows)[0]

    with one_job():
        close(found, estimator.predict(rows).reshape(len(rows), -1))
    close(outputs(estimator, rows[:1])[0], found[:1])
    save_skops(estimator, tmp_path / "model.skops")
    check_sklearn(load_skops(tmp_path / "model.skops"), compile_sklearn(estimator, name="model"))


MANY = {
    **{name: _glm(name) for name in ("LinearRegression", "Ridge", "MultiTaskLasso", "MultiTaskElasticNet", "Lars")},
    "MultiTaskLassoCV": linear_model.MultiTaskLassoCV(cv=2),
    "pls": cross_decomposition.PLSRegression(2),
    "canonical": cross_decomposition.PLSCanonical(1),
    "cca": cross_decomposition.CCA(1),
    "perceptrons": mlp(hidden_layer_sizes=(6,), max_iter=20, random_state=0),
    "kernel ridge": KernelRidge(kernel="rbf"),
    "process": gpr(kernels.RBF(3.0) + noise, normalize_y=True, optimizer=None),
    "dummy": DummyRegressor(),
    "ransac": linear_model.RANSACRegressor(random_state=0),
}


@pytest.mark.parametrize("name", MANY)
def test_several_targets_are_as_many_columns(name):
    X, y = SEVERAL
    estimator = scaled(MANY[name]).fit(X, y)
    rows = hostile(X)

    found = outputs(estimator, rows)[0]

    assert found.shape == (len(rows), 2)
    close(found, estimator.predict(rows))


@pytest.mark.parametrize(
    "estimator", [linear_model.RidgeClassifier(), neural_network.MLPClassifier((5,), max_iter=30, random_state=0)]
)
def test_several_labels_a_row_are_one_table(estimator):
    X, y = datasets.make_multilabel_classification(200, 6, n_classes=4, random_state=0)
    fitted = scaled(estimator).fit(X, y)
    rows = hostile(X)

    table, label = outputs(fitted, rows, labels=True)

    assert np.array_equal(label, fitted.predict(rows))
    close(table, fitted.predict_proba(rows) if hasattr(fitted, "predict_proba") else label.astype(float))


def test_a_dummy_of_several_outputs_has_a_table_for_each():
    y = np.array([["a", "x"], ["b", "y"], ["b", "z"]] * 20)
    for estimator in (DummyClassifier(), DummyClassifier(strategy="constant", constant=["a", "z"])):
        fitted = scaled(estimator).fit(TWO[0][:60], y)

        first, second, label = outputs(fitted, TWO[0], labels=True)

        for found, expected in zip((first, second), fitted.predict_proba(TWO[0]), strict=True):
            assert np.array_equal(found, expected)
        assert np.array_equal(label, fitted.predict(TWO[0]))


@pytest.mark.parametrize(
    "estimator",
    [
        svm.OneClassSVM(nu=0.1),
        svm.OneClassSVM(kernel="poly", nu=0.3),
        linear_model.SGDOneClassSVM(random_state=0),
        EllipticEnvelope(random_state=0),
    ],
    ids=str,
)
def test_an_outlier_detector_scores_as_the_original(estimator):
    X = THREE[0]
    fitted = scaled(estimator).fit(X)
    rows = hostile(X)

    scores, decision, label = outputs(fitted, rows, labels=True)

    close(scores[:, 0], fitted.score_samples(rows))
    close(decision[:, 0], fitted.decision_function(rows))
    assert label.tolist() == fitted.predict(rows).tolist()


@pytest.mark.parametrize("bounds", ["nan", "clip", "raise"])
def test_an_isotonic_regression_takes_one_column(bounds):
    X, y = VALUES[0][:, 2:3], VALUES[1]
    estimator = IsotonicRegression(out_of_bounds=bounds, increasing="auto").fit(X, y)
    rows = X if bounds == "raise" else np.concatenate([X, X * 1e3, X + 1e-4])

    close(outputs(estimator, rows)[0][:, 0], estimator.predict(rows))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize(
    "estimator",
    [
        linear_model.LinearRegression(),
        linear_model.BayesianRidge(),
        naive_bayes.GaussianNB(),
        discriminant_analysis.LinearDiscriminantAnalysis(),
        svm.SVR(),
        svm.SVC(),
    ],
    ids=str,
)
def test_no_scaler_is_needed_for_columns_of_any_size(estimator, scale):
    X, y = THREE
    fitted = estimator.fit(X * scale, y)
    rows = hostile(X * scale)

    found = outputs(fitted, rows)[0]

    if hasattr(fitted, "predict_proba"):
        close(found, fitted.predict_proba(rows))
    elif hasattr(fitted, "classes_"):
        assert np.array_equal(fitted.classes_[found.argmax(axis=1)], fitted.predict(rows))
    else:
        close(found[:, 0], fitted.predict(rows))


REFUSED = {
    "strategy='uniform' draws random": DummyClassifier(strategy="uniform"),
    "rounding leaves": NearestCentroid(),
    "no exact form": LabelSpreading(),
    "float32": linear_model.LogisticRegression(),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_exact_is_refused_by_name(reason):
    X = THREE[0].astype(np.float32 if reason == "float32" else np.float64)
    estimator = REFUSED[reason].fit(X, THREE[1])

    with pytest.raises(PipelineError, match=f"cannot compile {type(estimator).__name__} exactly: .*{reason}"):
        outputs(estimator, X)


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (KernelRidge(kernel="additive_chi2"), "kernel='additive_chi2'"),
        (KernelRidge(kernel="rbf", alpha=1e-10), "known to"),
        (gpr(kernels.ExpSineSquared() + noise, optimizer=None), "ExpSineSquared"),
        (gpr(kernels.Matern(nu=0.7) + noise, optimizer=None), "Bessel"),
        (gpr(kernels.RBF(1e3), optimizer=None), "cancels"),
    ],
)
def test_a_regressor_that_cannot_be_exact_is_refused_by_name(estimator, reason):
    X, y = VALUES
    estimator.fit(np.abs(X), y)

    with pytest.raises(PipelineError, match=reason):
        outputs(estimator, X)


def test_every_parameter_of_every_estimator_of_this_room_is_accounted_for():
    rooms = ("linear_model", "svm", "naive_bayes", "discriminant", "neural", "dummy", "kernel_ridge", "gaussian_proc")
    known = [kind for kind in (*CLASSIFIERS, *REGRESSORS) if any(room in kind.__module__ for room in rooms)]
    assert len(known) > 50

    for kind in known:
        assert not set(kind._get_param_names()) - WHILE_FITTING, kind


def test_a_parameter_that_nobody_knows_is_refused():
    class Later(linear_model.Ridge):
        def __init__(self, alpha=1.0, unheard_of=3):
            super().__init__(alpha)
            self.unheard_of = unheard_of

    from export.sklearn.smooth.linear import linear_value

    with pytest.raises(PipelineError, match="unheard_of=3"):
        linear_value(Later().fit(*VALUES), None)


def test_missing_values_are_refused_by_the_original_and_compared_with_nothing():
    X, y = VALUES
    estimator = linear_model.Ridge().fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        estimator.predict(np.full((1, 10), np.nan))

    check_sklearn(estimator, compile_sklearn(estimator, name="model"))
