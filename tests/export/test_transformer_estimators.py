"""Transformers that are no step-by-step arithmetic of one column, in front of linear models: within 1e-12."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration, KMeans
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import KernelPCA, MiniBatchSparsePCA, SparsePCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.kernel_approximation import AdditiveChi2Sampler, Nystroem, RBFSampler, SkewedChi2Sampler
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import QuantileTransformer, SplineTransformer, StandardScaler
from sklearn.random_projection import SparseRandomProjection
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from export.errors import NoExactForm
from export.sklearn.columns.joint import JOINTS
from export.sklearn.compile import compile_sklearn, is_bit_exact
from export.sklearn.graded.measured import compile_graded
from export.sklearn.smooth.accounted import WHILE_FITTING
from tests.support.compiled import adversarial, compiled, run, same_bits
from train.core.errors import PipelineError
from train.core.sklearn_answers import one_job
from train.core.skops_files import load_skops, save_skops

X, Y = datasets.load_diabetes(return_X_y=True)


def beside(values):
    """The numbers, their neighbours, and others far away."""
    return np.concatenate(
        [values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf), values * 1e3, values * 0]
    )


def same(estimator, rows, *, tolerance=1e-12):
    with one_job():
        expected = estimator.predict(rows).reshape(len(rows), -1)
    found = run(compile_graded(estimator, name="model").model, rows)
    apart = np.abs(found - expected) / (1.0 + np.abs(expected))
    assert found.shape == expected.shape
    assert np.nanmax(apart) <= tolerance, (rows[np.nanargmax(apart.max(axis=1))], np.nanmax(apart))
    assert np.array_equal(np.isnan(found), np.isnan(expected))


REPEATED = {
    "as they are": X,
    "rounded": np.round(X, 2),
    "a constant column": np.where(np.arange(10) == 3, 5.0, X),
    "half of them zero": np.maximum(X, 0.0),
}


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("data", REPEATED)
def test_repeated_quantiles_are_the_mean_of_both_ends(data, distribution):
    seen = REPEATED[data]
    mapper = QuantileTransformer(n_quantiles=100, output_distribution=distribution)
    estimator = make_pipeline(mapper, Ridge()).fit(seen, Y)

    same(estimator, np.concatenate([beside(seen), np.tile(mapper.quantiles_, (1, 1)), beside(mapper.quantiles_)]))


@pytest.mark.parametrize("column", range(4))
def test_a_uniform_quantile_has_the_bits_of_the_original(column):
    seen = np.round(X[:, [column]], 2)
    mapper = QuantileTransformer(n_quantiles=50).fit(seen)
    identity = LinearRegression().fit(np.eye(1), [1.0])
    identity.coef_, identity.intercept_ = np.ones(1), 0.0

    same(make_pipeline(mapper, identity), beside(seen), tolerance=0.0)


def spline(**options):
    return SplineTransformer(**options)


def _table(y):
    """A target that is one column, as partial least squares give no second answer without one."""
    return np.column_stack([y, y**0.5])


SPLINES = {
    **{how: spline(extrapolation=how) for how in ("constant", "linear", "continue", "periodic")},
    **{f"degree {d}, linear": spline(degree=d, extrapolation="linear") for d in (0, 1, 2, 5)},
    "degree 0, constant": spline(degree=0),
    "degree 4, continued": spline(degree=4, n_knots=7, extrapolation="continue"),
    "at quantiles": spline(knots="quantile", n_knots=8, include_bias=False),
    "at quantiles, periodic": spline(knots="quantile", n_knots=6, extrapolation="periodic", include_bias=False),
    "sparse": spline(sparse_output=True),
    "missing as zeros": spline(handle_missing="zeros"),
}


@pytest.mark.parametrize("name", SPLINES)
def test_splines_are_the_originals_inside_outside_and_on_the_knots(name):
    transformer = SPLINES[name].fit(np.round(X, 3))
    knots = np.array([one.t for one in transformer.bsplines_]).T
    estimator = make_pipeline(transformer, Ridge()).fit(np.round(X, 3), Y)
    # Far outside the terms of a cubic are thousands that cancel: the original is no more certain there.
    rows = np.concatenate([X, beside(knots)[: 3 * len(knots)], X * (3.0 if "contin" in name else 10.0)])
    if name == "degree 0, constant":  # the original stumbles over what is above
        rows = rows[(rows <= knots[-1]).all(axis=1)]
    if name == "missing as zeros":
        rows = np.concatenate([rows, np.where(np.random.default_rng(0).random(rows.shape) < 0.2, np.nan, rows)])

    same(estimator, rows)
    grade = compile_graded(estimator, name="model").grade
    assert grade.kind == ("measured" if "linear" in name else "exact")


@pytest.mark.parametrize("knots", ["uniform", "quantile"])
@pytest.mark.parametrize("how", ["constant", "continue", "periodic"])
@pytest.mark.parametrize("degree", range(4))
def test_splines_of_a_constant_column_and_of_two_values_are_the_originals(degree, how, knots):
    rows = np.column_stack([np.ones(len(X)), X[:, 0] > 0.0, X[:, 1]])
    try:
        estimator = make_pipeline(spline(degree=degree, knots=knots, extrapolation=how), Ridge()).fit(rows, Y)
    except ValueError:
        assert "quantile" in knots or how == "periodic"  # scikit-learn itself finds no knots to put it on
        return
    assert compile_graded(estimator, name="model").grade.kind == "exact"


def test_a_spline_that_refuses_what_is_outside_answers_what_is_inside():
    same(make_pipeline(spline(extrapolation="error"), Ridge()).fit(X, Y), X)


trees, lines = DecisionTreeRegressor(max_depth=3), LinearRegression()
guesses, chances = DecisionTreeClassifier(max_depth=3), LogisticRegression()
CLASSES = (np.median(Y) < Y).astype(int) + (Y > 250)
TABLES = {
    "lda": LinearDiscriminantAnalysis(),
    "lda eigen": LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1, n_components=1),
    "components": NeighborhoodComponentsAnalysis(3, max_iter=5, random_state=0),
    "agglomeration": FeatureAgglomeration(3),
    "sparse pca": SparsePCA(3, max_iter=50, alpha=0.1, random_state=0),
    "sparse pca in batches": MiniBatchSparsePCA(3, max_iter=5, alpha=0.1, random_state=0),
    "rbm": BernoulliRBM(4, n_iter=2, random_state=0),
    **{f"counts, {norm}": TfidfTransformer(norm=norm) for norm in ("l1", "l2", None)},
    "counts, logarithm": TfidfTransformer(sublinear_tf=True, use_idf=False),
    **{f"chi squared {steps}": AdditiveChi2Sampler(sample_steps=steps) for steps in (1, 2, 3)},
    "chi squared, given": AdditiveChi2Sampler(sample_steps=4, sample_interval=0.3),
    "kernel pca": KernelPCA(3),
    "trees": RandomTreesEmbedding(10, random_state=0),
    "stack": StackingClassifier([("t", guesses), ("l", chances)]),
    "stack of labels": StackingClassifier([("t", guesses), ("l", chances)], stack_method="predict", passthrough=True),
    "vote": VotingClassifier([("t", guesses), ("l", chances)], voting="soft"),
    "hard vote": VotingClassifier([("t", guesses), ("l", chances)]),
    "weighted union": FeatureUnion([("k", KernelPCA(2)), ("s", spline())], transformer_weights={"k": 0.5}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_all_columns_is_the_originals(name):
    positive = name.startswith(("counts", "chi"))
    seen = np.abs(np.round(X, 2)) if positive else X
    table = TABLES[name].fit(seen, CLASSES)
    model = Ridge().fit(table.transform(seen), Y)
    rows = beside(seen)

    estimator = make_pipeline(table, model)
    same(estimator, np.abs(rows) if positive else rows)
    assert compile_graded(estimator, name="model").grade.kind == "exact"


VALUES = {
    "stack": StackingRegressor([("t", trees), ("l", lines)], passthrough=True),
    "vote": VotingRegressor([("t", trees), ("l", lines)]),
}


@pytest.mark.parametrize("name", VALUES)
def test_regressors_side_by_side_are_columns(name):
    same(make_pipeline(StandardScaler(), VALUES[name], Ridge()).fit(X, Y), beside(X))


@pytest.mark.parametrize("latent", [PLSRegression(2), PLSCanonical(1), CCA(1), PLSSVD(1)], ids=str)
def test_latent_variables_are_columns(latent):
    latent.fit(X, _table(Y))
    model = Ridge().fit(latent.transform(X), Y)

    same(make_pipeline(latent, model), beside(X))


def test_leaves_of_random_trees_keep_their_bits_in_front_of_trees_and_behind_scalers():
    leaves = RandomTreesEmbedding(8, max_depth=4, random_state=0)
    forest = RandomForestClassifier(7, random_state=0)
    estimator = make_pipeline(StandardScaler(), leaves, forest).fit(X, CLASSES)

    model = compiled(estimator)

    rows = adversarial(model, X)
    assert is_bit_exact(estimator)
    assert same_bits(run(model, rows), estimator.predict_proba(rows))
    by_itself = make_pipeline(StandardScaler(), RandomTreesEmbedding(8, max_depth=4, random_state=0), lines).fit(X, Y)
    same(by_itself, adversarial(compiled(estimator), X))


def test_a_table_within_rounding_is_no_place_in_front_of_trees():
    for table in (spline(), KernelPCA(2), LinearDiscriminantAnalysis(n_components=1)):
        estimator = make_pipeline(table, RandomForestRegressor(3, random_state=0)).fit(X, CLASSES)

        with pytest.raises(PipelineError, match=f"{type(table).__name__} before trees"):
            compile_sklearn(estimator, name="model")


MEASURED = {
    "nystroem": Nystroem(n_components=20, random_state=0),
    "nystroem, polynomial": Nystroem(kernel="poly", degree=2, n_components=20, random_state=0),
    "kernel pca": KernelPCA(3, kernel="rbf"),
    "kernel pca, sigmoid": KernelPCA(3, kernel="sigmoid", gamma=0.1),
    "waves": RBFSampler(random_state=0),
    "skewed": SkewedChi2Sampler(random_state=0, skewedness=10.0),
    "centres": KMeans(3, n_init=1, random_state=0),
    "centres, halved": BisectingKMeans(3, random_state=0),
}


@pytest.mark.parametrize("name", MEASURED)
def test_what_magnifies_rounding_is_measured_and_says_so(name):
    estimator = make_pipeline(StandardScaler(), MEASURED[name], Ridge()).fit(X, Y)

    with pytest.raises(NoExactForm, match=type(MEASURED[name]).__name__):
        compile_graded(estimator, name="model", exact=True)
    model, grade = compile_graded(estimator, name="model")
    assert (grade.kind, grade.converter) == ("measured", "")
    found, expected = run(model, X)[:, 0], estimator.predict(X)
    assert (np.abs(found - expected) <= grade.absolute + grade.relative * np.abs(expected)).all()


FILES = [
    spline(),
    FeatureAgglomeration(3),
    BisectingKMeans(3, random_state=0),
    SparseRandomProjection(3, random_state=0),
]


@pytest.mark.parametrize("transformer", FILES, ids=lambda one: type(one).__name__)
def test_a_table_is_read_back_from_its_file(transformer, tmp_path):
    estimator = make_pipeline(StandardScaler(), transformer, Ridge()).fit(X, Y)
    save_skops(estimator, tmp_path / "model.skops")

    read = load_skops(tmp_path / "model.skops")

    assert np.array_equal(read.predict(X), estimator.predict(X))
    assert compile_graded(read, name="model").model == compile_graded(estimator, name="model").model


def test_what_these_tables_cannot_do_is_refused_by_name():
    for transformer, reason in (
        (KernelPCA(2, kernel=lambda x, y: float(x @ y)), "a function"),
        (FeatureAgglomeration(2, pooling_func=np.max), "pooling_func=max"),
        (Nystroem(kernel=lambda x, y: float(x @ y), n_components=5, random_state=0), "a function"),
        (VotingClassifier([("t", guesses), ("l", chances)], voting="soft", flatten_transform=False), "flatten"),
    ):
        table = transformer.fit(X, CLASSES)
        width = np.asarray(table.transform(X)).reshape(len(X), -1).shape[1]
        model = Ridge().fit(np.random.default_rng(0).standard_normal((50, width)), Y[:50])
        with pytest.raises(PipelineError, match=reason):
            compile_sklearn(make_pipeline(table, model), name="model")


def test_every_parameter_of_every_table_is_accounted_for():
    plain = {StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor}

    assert len(JOINTS) > 10
    for kind in JOINTS.keys() - plain:
        assert not set(kind._get_param_names()) - WHILE_FITTING, kind
