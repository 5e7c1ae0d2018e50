"""The estimators of this room, for the registry."""

from sklearn import cross_decomposition, discriminant_analysis, linear_model, naive_bayes, neural_network, svm
from sklearn.covariance import EllipticEnvelope
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process._gpc import _BinaryGaussianProcessClassifierLaplace
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import NearestCentroid

from export.sklearn.estimators.registry import Regressor, attributed_width, register
from export.sklearn.smooth import likelihoods, linear, linear_classifiers, processes
from export.sklearn.smooth.constants import ConstantClassifier, constant_value, several_constants
from export.sklearn.smooth.layers import Perceptrons, perceptron_value, several_perceptrons
from export.sklearn.smooth.outliers import Ellipse, LinearOneClass
from export.sklearn.smooth.process_classes import ProcessClasses, TwoProcessClasses
from export.sklearn.smooth.svm import OneClass, SupportVectorClassifier, support_vector_value

_LINEAR = """ARDRegression BayesianRidge ElasticNet ElasticNetCV HuberRegressor Lars LarsCV Lasso LassoCV LassoLars
    LassoLarsCV LassoLarsIC LinearRegression MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV
    OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV PassiveAggressiveRegressor QuantileRegressor Ridge RidgeCV
    SGDRegressor TheilSenRegressor"""
_GENERALIZED = "GammaRegressor PoissonRegressor TweedieRegressor"
_SCORED = """LogisticRegression LogisticRegressionCV PassiveAggressiveClassifier Perceptron RidgeClassifier
    RidgeClassifierCV"""


def _of(module: object, names: str) -> list[type]:
    """Those of the classes that the installed release still has."""
    return [getattr(module, name) for name in names.split() if hasattr(module, name)]


def fill() -> None:
    """Hand the tables to the registry."""
    scored = [*_of(linear_model, _SCORED), svm.LinearSVC, discriminant_analysis.LinearDiscriminantAnalysis]
    register(
        classifiers={
            **dict.fromkeys(scored, linear_classifiers.LinearScores),
            linear_model.SGDClassifier: linear_classifiers.StochasticScores,
            **dict.fromkeys((svm.SVC, svm.NuSVC), SupportVectorClassifier),
            naive_bayes.GaussianNB: likelihoods.GaussianLikelihoods,
            **dict.fromkeys(
                (naive_bayes.BernoulliNB, naive_bayes.ComplementNB, naive_bayes.MultinomialNB),
                likelihoods.CountLikelihoods,
            ),
            naive_bayes.CategoricalNB: likelihoods.CategoryLikelihoods,
            discriminant_analysis.QuadraticDiscriminantAnalysis: likelihoods.QuadraticDiscriminant,
            NearestCentroid: likelihoods.NearestCentroids,
            neural_network.MLPClassifier: Perceptrons,
            GaussianProcessClassifier: ProcessClasses,
            _BinaryGaussianProcessClassifierLaplace: TwoProcessClasses,
            DummyClassifier: ConstantClassifier,
        },
        regressors={
            **dict.fromkeys([*_of(linear_model, _LINEAR), svm.LinearSVR], linear.linear_value),
            **dict.fromkeys(_of(linear_model, _GENERALIZED), linear.generalized_value),
            **dict.fromkeys(
                (cross_decomposition.CCA, cross_decomposition.PLSCanonical, cross_decomposition.PLSRegression),
                linear.projected_value,
            ),
            linear_model.RANSACRegressor: Regressor(linear.consensus_value, width=linear.consensus_width),
            IsotonicRegression: Regressor(linear.isotonic_value, width=lambda _: 1),
            **dict.fromkeys((svm.SVR, svm.NuSVR), Regressor(support_vector_value, width=lambda _: 1)),
            neural_network.MLPRegressor: Regressor(perceptron_value, width=attributed_width),
            KernelRidge: Regressor(processes.ridge_value, width=processes.ridge_width),
            GaussianProcessRegressor: Regressor(processes.process_value, width=processes.process_width),
            DummyRegressor: Regressor(constant_value, exact=lambda _: True, width=attributed_width),
        },
        several={
            **dict.fromkeys(_of(linear_model, "RidgeClassifier RidgeClassifierCV"), linear_classifiers.several_ridges),
            neural_network.MLPClassifier: several_perceptrons,
            DummyClassifier: several_constants,
        },
        detectors={
            svm.OneClassSVM: OneClass,
            linear_model.SGDOneClassSVM: LinearOneClass,
            EllipticEnvelope: Ellipse,
        },
    )
