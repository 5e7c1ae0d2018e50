"""Every kind of classifier and regressor answers as scikit-learn does, or is refused by name."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from export.sklearn.compile import compile_sklearn, is_bit_exact
from export.sklearn.graded.measured import compile_graded
from tests.support.compiled import adversarial, answer, compiled, run, same_bits
from train.core.errors import PipelineError
from verify.compare.compare_model import compare_pair
from verify.compare.onnx_file import open_foreign
from verify.runtimes.original import sklearn_original

TWO = datasets.make_classification(600, 6, n_informative=4, flip_y=0.1, random_state=0)
THREE = datasets.load_iris(return_X_y=True)
NAMED = (TWO[0], np.array(["no", "yes"])[TWO[1]])
DATA = {"two classes": TWO, "three classes": THREE, "named classes": NAMED}


def scaled(estimator):
    return make_pipeline(StandardScaler(), estimator)


def gradient(**options):
    return GradientBoostingClassifier(n_estimators=15, random_state=0, **options)


def histogram():
    return HistGradientBoostingClassifier(max_iter=15, random_state=0)


def forest():
    return RandomForestClassifier(12, max_depth=6, random_state=0)


def members():
    return [("rf", forest()), ("gb", scaled(gradient())), ("lr", scaled(LogisticRegression()))]


PROBABILISTIC = {
    "gradient boosting": scaled(gradient()),
    "gradient boosting from zero": scaled(gradient(init="zero")),
    "gradient boosting from a prior": scaled(gradient(init=DummyClassifier(strategy="prior"))),
    "histogram boosting": scaled(histogram()),
    "logistic regression": scaled(LogisticRegression()),
    "sigmoid svm": scaled(CalibratedClassifierCV(SVC(), ensemble=False)),
    "sigmoid linear svm per fold": scaled(CalibratedClassifierCV(SVC(kernel="linear"), cv=3)),
    "isotonic forest": CalibratedClassifierCV(forest(), method="isotonic", ensemble=False),
    "isotonic boosting": scaled(CalibratedClassifierCV(gradient(), method="isotonic", ensemble=False)),
    "sigmoid pipeline per fold": CalibratedClassifierCV(scaled(forest()), cv=3),
    "tempered forest": CalibratedClassifierCV(forest(), method="temperature", ensemble=False),
    "tempered forests per fold": CalibratedClassifierCV(forest(), method="temperature", cv=3),
    "tempered logistic": scaled(CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=3)),
    "tempered svm": scaled(CalibratedClassifierCV(SVC(), method="temperature", ensemble=False)),
    "tempered boosting": CalibratedClassifierCV(gradient(), method="temperature", cv=3),
    "boosting from a forest": scaled(gradient(init=forest())),
    "boosting from a tree, exponential": gradient(init=DecisionTreeClassifier(max_depth=2), loss="log_loss"),
    "boosting from boosting": gradient(init=VotingClassifier([("a", forest()), ("b", forest())], voting="soft")),
    "soft vote": VotingClassifier(members(), voting="soft"),
    "weighted soft vote": VotingClassifier(members(), voting="soft", weights=[2, 1, 0.3]),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("estimator", PROBABILISTIC.values(), ids=PROBABILISTIC)
def test_probabilities_agree_to_one_part_in_a_million_million_and_no_label_flips(estimator, data):
    X, y = data
    estimator.fit(X, y)

    model = compiled(estimator)

    rows = adversarial(model, X)
    got, expected = run(model, rows), estimator.predict_proba(rows)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= (0.0 if is_bit_exact(estimator) else 1e-12)
    assert np.array_equal(estimator.classes_[got.argmax(axis=1)], estimator.predict(rows))


BIT_EXACT = {
    "isotonic forest": CalibratedClassifierCV(forest(), method="isotonic", ensemble=False),
    "isotonic forests per fold": CalibratedClassifierCV(forest(), method="isotonic", cv=3),
    "isotonic gradient boosting": CalibratedClassifierCV(gradient(), method="isotonic", ensemble=False),
    "isotonic histogram boosting": CalibratedClassifierCV(histogram(), method="isotonic", ensemble=False),
    "weighted vote of trees": VotingClassifier(
        [("a", forest()), ("b", scaled(ExtraTreesClassifier(9, random_state=0))), ("c", DecisionTreeClassifier())],
        voting="soft",
        weights=[1, 2, 0.7],
    ),
    "hard vote of trees and boosting": VotingClassifier(
        [("a", forest()), ("b", scaled(gradient())), ("c", histogram()), ("d", DecisionTreeClassifier(max_depth=2))],
        weights=[1, 1, 1, 2],
    ),
}


@pytest.mark.parametrize("estimator", BIT_EXACT.values(), ids=BIT_EXACT)
def test_what_is_called_bit_exact_is(estimator):
    X, y = TWO
    estimator.fit(X, y)
    model = compiled(estimator)
    rows = adversarial(model, X)

    assert is_bit_exact(estimator)
    if hasattr(estimator, "predict_proba"):
        assert same_bits(run(model, rows), estimator.predict_proba(rows))
    else:
        assert np.array_equal(run(model, rows).argmax(axis=1), estimator.predict(rows))


@pytest.mark.parametrize("estimator", [scaled(gradient()), scaled(LogisticRegression()), scaled(SVC())])
def test_what_goes_through_a_link_is_not_called_bit_exact(estimator):
    assert not is_bit_exact(estimator.fit(*TWO))


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize(
    "estimator",
    [
        scaled(SVC()),
        scaled(SVC(kernel="linear")),
        VotingClassifier([*members(), ("svm", scaled(SVC()))], weights=[1, 1, 1, 2]),
    ],
    ids=["svm", "linear svm", "hard vote"],
)
def test_a_classifier_without_probabilities_gives_a_one_for_its_label(estimator, data):
    X, y = data
    estimator.fit(X, y)

    model = compiled(estimator)

    rows = adversarial(model, X)
    got = run(model, rows)
    assert np.array_equal(np.unique(got), [0.0, 1.0])
    assert np.array_equal(got.sum(axis=1), np.ones(len(rows)))
    assert np.array_equal(estimator.classes_[got.argmax(axis=1)], estimator.predict(rows))


def test_exponential_loss_uses_its_own_link():
    X, y = TWO
    estimator = scaled(gradient(loss="exponential")).fit(X, y)

    np.testing.assert_allclose(run(compiled(estimator), X), estimator.predict_proba(X), rtol=0, atol=1e-12)


def test_histogram_boosting_sends_nan_where_scikit_learn_does():
    X, y = TWO
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    estimator = scaled(histogram()).fit(holes, y)
    model = compiled(estimator)
    rows = adversarial(model, X, missing=True)

    np.testing.assert_allclose(run(model, rows), estimator.predict_proba(rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_confidence_agrees_through_calibration_of_a_frozen_model(method):
    X, y = TWO
    estimator = CalibratedClassifierCV(FrozenEstimator(scaled(forest()).fit(X, y)), method=method).fit(X, y)

    got = run(compiled(estimator, output="confidence"), X)

    np.testing.assert_allclose(got, estimator.predict_proba(X)[:, 1], rtol=0, atol=1e-12)


REGRESSORS = {
    **{
        f"gradient boosting, {loss}": GradientBoostingRegressor(n_estimators=15, loss=loss, random_state=0)
        for loss in ("squared_error", "absolute_error", "huber", "quantile")
    },
    **{
        f"histogram boosting, {loss}": HistGradientBoostingRegressor(max_iter=15, loss=loss, random_state=0)
        for loss in ("squared_error", "absolute_error", "poisson", "gamma")
    },
    "ridge": Ridge(),
    "vote": VotingRegressor([("a", RandomForestRegressor(9, random_state=0)), ("b", scaled(LinearRegression()))]),
}


@pytest.mark.parametrize("estimator", REGRESSORS.values(), ids=REGRESSORS)
def test_regression_agrees_relative_to_its_size(estimator):
    X, y = datasets.load_diabetes(return_X_y=True)
    pipeline = scaled(estimator).fit(X, y)

    model = compiled(pipeline)

    rows = adversarial(model, X)
    tolerance = 0.0 if is_bit_exact(pipeline) else 1e-12
    np.testing.assert_allclose(run(model, rows), answer(pipeline, rows), rtol=tolerance, atol=0)


def test_boosting_from_another_model_adds_its_trees_to_that_answer_bit_by_bit():
    X, y = datasets.load_diabetes(return_X_y=True)
    options = {"n_estimators": 15, "random_state": 0}
    for init in (
        DecisionTreeRegressor(max_depth=3),
        RandomForestRegressor(7, max_depth=3, random_state=0),
        GradientBoostingRegressor(n_estimators=5, init=DecisionTreeRegressor(max_depth=2)),
        HistGradientBoostingRegressor(max_iter=4),
        BaggingRegressor(DecisionTreeRegressor(max_depth=3), 4, random_state=0),
    ):
        for loss in ("squared_error", "absolute_error", "huber", "quantile"):
            estimator = scaled(GradientBoostingRegressor(init=init, loss=loss, **options)).fit(X, y)

            model = compiled(estimator)

            rows = adversarial(model, X)
            assert is_bit_exact(estimator)
            assert same_bits(run(model, rows), estimator.predict(rows)[:, None])


def test_boosting_from_a_linear_model_is_measured_since_the_original_computes_it_in_float32():
    X, y = datasets.load_diabetes(return_X_y=True)
    for init in (LinearRegression(), make_pipeline(StandardScaler(), Ridge())):
        estimator = GradientBoostingRegressor(n_estimators=5, init=init).fit(X, y)

        model, grade = compile_graded(estimator, name="model")

        assert grade.kind == "measured"
        assert 1e-9 < grade.absolute < 1e-3
        np.testing.assert_allclose(run(model, X)[:, 0], estimator.predict(X), rtol=grade.relative)
        content = open_foreign(model.SerializeToString())
        assert compare_pair(sklearn_original(estimator, name="boosting"), content, base=X, rows=500).in_parity


REFUSED = {
    "KNeighborsClassifier": scaled(KNeighborsClassifier()),
    "SVC.*kernel": scaled(SVC(kernel=lambda a, b: a @ b.T)),
    "GradientBoostingClassifier.*a LogisticRegression, computes in float32": gradient(init=LogisticRegression()),
    "GaussianNB.*slope": CalibratedClassifierCV(GaussianNB(), method="temperature"),
    "SVC.*slope": CalibratedClassifierCV(scaled(SVC(C=100.0)), method="isotonic", ensemble=False),
}


@pytest.mark.parametrize(("reason", "estimator"), REFUSED.items(), ids=REFUSED)
def test_what_has_no_exact_form_is_refused_by_name_with_what_is_supported(reason, estimator):
    X, y = TWO
    if "categorical" in reason:
        X = np.column_stack([X[:, 0], np.round(X[:, 1])])

    with pytest.raises(PipelineError, match=f"cannot compile {reason}.*supported: "):
        compiled(estimator.fit(X, y))


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(PipelineError, match="RandomForestClassifier is not fitted"):
        compiled(RandomForestClassifier())


@pytest.mark.parametrize("labels", [("no", "yes"), (1, 2), (0, 1, 2)])
def test_confidence_needs_the_classes_zero_and_one(labels):
    X, _ = TWO
    estimator = forest().fit(X, np.resize(labels, len(X)))

    with pytest.raises(PipelineError, match="classes 0 and 1"):
        compiled(estimator, output="confidence")


def test_confidence_of_a_hard_vote_is_refused():
    X, y = TWO

    with pytest.raises(PipelineError, match="hard vote has no predict_proba"):
        compiled(VotingClassifier(members()).fit(X, y), output="confidence")


def test_metadata_and_names_are_written():
    X, y = TWO

    model = compile_sklearn(forest().fit(X, y), name="a_name", doc_metadata={"version": "7", "model": "x"})

    assert model.graph.name == "a_name"
    assert {entry.key: entry.value for entry in model.metadata_props} == {"model": "x", "version": "7"}
    assert [value.name for value in model.graph.input] == ["features"]
    assert [value.name for value in model.graph.output] == ["probabilities"]


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_support_vector_score_of_exactly_zero_is_the_second_class(kernel: str) -> None:
    machine = SVC(kernel=kernel).fit([[-1.0], [1.0]], [0, 1])
    rows = np.array([[0.0], [50.0], [-50.0], [0.5], [-0.5]])
    assert machine.decision_function(rows)[0] == 0.0
    assert np.argmax(run(compiled(machine), rows), axis=1).tolist() == machine.predict(rows).tolist()


def test_an_isotonic_calibration_fitted_on_float32_is_refused() -> None:
    X, y = TWO
    calibrated = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=3).fit(X.astype(np.float32), y)
    with pytest.raises(PipelineError, match="float32"):
        compiled(calibrated)


def test_boosting_that_saw_one_class_is_refused() -> None:
    one_class = histogram().fit(TWO[0], np.zeros(len(TWO[0])))
    with pytest.raises(PipelineError, match="HistGradientBoostingClassifier exactly: it has seen one class"):
        compiled(one_class)


def test_subnormal_leaves_keep_their_last_bit() -> None:
    X = TWO[0]
    tiny = RandomForestRegressor(4, max_depth=4, random_state=0).fit(X, X[:, 0] * 1e-310)
    assert same_bits(run(compiled(tiny), X), answer(tiny, X))


REFERENCE = {
    "gradient boosting": scaled(gradient()),
    "histogram boosting": histogram(),
    "logistic regression": scaled(LogisticRegression()),
    "svm": scaled(SVC()),
    "sigmoid svm": scaled(CalibratedClassifierCV(SVC(), ensemble=False)),
    "isotonic forest": CalibratedClassifierCV(forest(), method="isotonic", ensemble=False),
    "tempered forest": CalibratedClassifierCV(forest(), method="temperature", ensemble=False),
    "tempered forests per fold": CalibratedClassifierCV(forest(), method="temperature", cv=3),
    "tempered logistic": scaled(CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=3)),
    "tempered svm": scaled(CalibratedClassifierCV(SVC(), method="temperature", ensemble=False)),
    "tempered boosting": CalibratedClassifierCV(gradient(), method="temperature", cv=3),
    "boosting from a forest": scaled(gradient(init=forest())),
    "boosting from a tree, exponential": gradient(init=DecisionTreeClassifier(max_depth=2), loss="log_loss"),
    "boosting from boosting": gradient(init=VotingClassifier([("a", forest()), ("b", forest())], voting="soft")),
    "soft vote": VotingClassifier(members(), voting="soft"),
    "hard vote": VotingClassifier(members()),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("estimator", REFERENCE.values(), ids=REFERENCE)
def test_onnx_s_own_evaluator_agrees(estimator, data):
    X, y = data
    model = compiled(estimator.fit(X, y))

    (reference,) = ReferenceEvaluator(model).run(None, {"features": X[:20]})

    np.testing.assert_allclose(reference, run(model, X[:20]), rtol=0, atol=1e-12)


# Every kind of model whose bits are promised.
EXACT = {
    "gradient boosting, regression": GradientBoostingRegressor(n_estimators=40, random_state=0),
    "histogram boosting, regression": HistGradientBoostingRegressor(max_iter=40, random_state=0),
    "weighted vote of trees": BIT_EXACT["weighted vote of trees"],
    "isotonic forest": BIT_EXACT["isotonic forest"],
}


@pytest.mark.parametrize(("name", "estimator"), EXACT.items(), ids=EXACT)
def test_the_bits_do_not_depend_on_the_size_of_a_batch(name, estimator):
    X, y = TWO
    target = X[:, 0] * X[:, 1] if "regression" in name else y
    estimator.fit(X, target)
    model = compiled(estimator)
    rows = np.random.default_rng(0).choice(X, 100_000)
    expected = run(model, X)
    where = {tuple(row): number for number, row in enumerate(X.tolist())}
    numbers = [where[tuple(row)] for row in rows.tolist()]

    for batch in (1, 2, 255, 4097, 100_000):
        assert same_bits(run(model, rows[:batch]), expected[numbers[:batch]])
    assert same_bits(expected, answer(estimator, X))


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("estimator", [scaled(gradient()), histogram(), VotingClassifier(members(), voting="soft")])
def test_more_threads_stay_within_the_tolerance(estimator, threads):
    X, y = TWO
    model = compiled(estimator.fit(X, y))
    rows = np.random.default_rng(0).choice(X, 100_000)

    np.testing.assert_allclose(run(model, rows, threads=threads), run(model, rows), rtol=0, atol=1e-12)
