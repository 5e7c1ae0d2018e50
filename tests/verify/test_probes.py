"""Probes: every split is stood at from both sides, whatever the preprocessing; causes are named for real defects."""

import warnings

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from verify.compare.onnx_file import open_foreign
from verify.compare.pair_probes import pair_probes
from verify.comparison.causes import FLOAT32, MARGIN, NAN_ROUTE, SUM_ORDER, THRESHOLD, TIE, UNEXPLAINED, name_causes
from verify.proof.accepted_rows import accepted_answers
from verify.proof.near_ties import tie_rows, undecided
from verify.proof.probes import AT_SPLITS, GIVEN, RowSource, Span, spans_of, special_rows, tree_probes
from verify.proof.split_evidence import MISSING, last_to_the_left
from verify.proof.trees import Visits, tree_groups
from verify.runtimes.original import sklearn_original

X, y = make_classification(400, 6, n_informative=4, random_state=0)
X *= [1.0, 50.0, 1e4, 1e-3, 3.0, 0.1]
HOLES = np.where(np.random.default_rng(0).random(X.shape) < 0.15, np.nan, X)


def ratios(rows):
    return np.column_stack([rows, rows[:, 0] / np.maximum(np.abs(rows[:, 1]), 1e-9), rows[:, 2] * rows[:, 3]])


def forest(**options):
    return RandomForestClassifier(**{"n_estimators": 7, "max_depth": 6, "random_state": 0} | options)


MODELS = {
    "forest": (forest(), X),
    "behind a scaler": (make_pipeline(StandardScaler(), forest()), X),
    "behind a robust scaler": (make_pipeline(RobustScaler(), ExtraTreesClassifier(7, random_state=0)), X),
    "behind a column transformer": (
        make_pipeline(
            ColumnTransformer([("a", MinMaxScaler(), [4, 0]), ("b", StandardScaler(), [1, 2])]),
            DecisionTreeClassifier(random_state=0),
        ),
        X,
    ),
    "behind an imputer": (make_pipeline(SimpleImputer(), forest()), HOLES),
    "trained with NaN": (forest(), HOLES),
    "gradient boosting": (GradientBoostingClassifier(n_estimators=10, random_state=0), X),
    "hist gradient boosting with NaN": (HistGradientBoostingClassifier(max_iter=10), HOLES),
    "regression": (RandomForestRegressor(5, max_depth=6, random_state=0), X),
    "voting": (
        VotingClassifier([("a", forest()), ("b", GradientBoostingClassifier(n_estimators=5))], voting="soft"),
        X,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_split_is_visited_on_both_sides(name):
    estimator, data = MODELS[name]
    groups = tree_groups(estimator.fit(data, y))
    probes = tree_probes(groups, data, spans_of([None] * 6, data))
    assert probes.visits.splits > 20
    assert probes.visits.visited == probes.visits.splits


def test_engineered_columns_leave_next_to_no_split_unvisited():
    model = make_pipeline(FunctionTransformer(ratios), forest()).fit(X, y)
    visits = tree_probes(tree_groups(model), X, spans_of([None] * 6, X)).visits
    assert visits.visited >= 0.98 * visits.splits


def test_witnesses_of_a_scaled_split_are_one_double_apart():
    tree = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=1)).fit(X, y)
    rows = tree_probes(tree_groups(tree), X, spans_of([None] * 6, X)).families[AT_SPLITS]
    column = int(tree[-1].tree_.feature[0])
    answers = tree.predict_proba(rows)[:, 1]
    order = np.argsort(rows[:, column])
    values, answers = rows[order, column], answers[order]
    assert len(rows) == 4
    assert np.array_equal(np.nextafter(values[:-1], np.inf), values[1:])
    assert answers[0] == answers[1] != answers[2] == answers[3]


def test_visits_do_not_count_a_split_that_rows_leave_on_one_side_only():
    tree = DecisionTreeClassifier(max_depth=1).fit(X, y)
    groups = tree_groups(tree)
    column, threshold = int(tree.tree_.feature[0]), tree.tree_.threshold[0]
    visits = Visits(groups)
    visits.add(X[X[:, column] <= threshold])
    assert (visits.visited, visits.splits) == (0, 1)
    visits.add(X[X[:, column] > threshold])
    assert (visits.visited, visits.splits) == (1, 1)


def test_a_tree_without_any_split_is_no_trouble():
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier()).fit(X, np.zeros(len(X), dtype=int))
    probes = tree_probes(tree_groups(model), X, spans_of([None] * 6, X))
    assert (probes.visits.visited, probes.visits.splits) == (0, 0)


def test_splits_that_no_start_can_reach_leave_the_others_probed():
    wide = np.column_stack([X, X])
    model = make_pipeline(StandardScaler(), forest(n_estimators=2, max_depth=3)).fit(wide, y)
    start = np.repeat(wide[:1], 3, axis=0)  # nothing to move columns by: no raw column is seen to matter
    visits = tree_probes(tree_groups(model), start, spans_of([None] * 12, start)).visits
    assert 0 <= visits.visited <= visits.splits


def test_a_model_without_trees_has_no_split_probes():
    probes = tree_probes(tree_groups(SVC().fit(X, y)), X, spans_of([None] * 6, X))
    assert probes.visits.splits == 0
    assert AT_SPLITS not in probes.families
    assert GIVEN in probes.families


def test_special_numbers_stand_in_every_column_alone_and_together():
    rows = special_rows(np.ones((2, 3)), [np.nan, 7.0])
    assert rows.shape == (16, 3)
    assert {tuple(row) for row in rows.tolist() if 7.0 in row} == {(7, 1, 1), (1, 7, 1), (1, 1, 7), (7, 7, 7)}


def test_random_rows_are_the_same_for_the_same_seed_and_differ_for_another():
    source = RowSource((Span(0, 1), Span(5, 9, integer=True)), (np.array([0.25]), np.empty(0)), np.array([[0.5, 6.0]]))
    first, again, other = (np.concatenate(list(source.chunks(120_000, seed=s))) for s in (1, 1, 2))
    assert len(first) == 120_000
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert {0.25, np.nextafter(0.25, 1), np.nextafter(0.25, 0)} <= set(first[:, 0].tolist())


def test_exact_ties_are_found_where_votes_can_tie():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(X, y)
    source = tree_probes(tree_groups(model), X, spans_of([None] * 6, X)).source
    answers = model.predict_proba(tie_rows(model.predict_proba, source))
    assert (answers[:, 0] == answers[:, 1]).mean() > 0.5
    assert (undecided(answers) == 0.0).any()


def test_rows_are_moved_to_the_marks_of_a_decision():
    model = make_pipeline(StandardScaler(), forest(n_estimators=30)).fit(X, y)
    source = tree_probes(tree_groups(model), X, spans_of([None] * 6, X)).source
    rows = tie_rows(lambda rows: model.predict_proba(rows)[:, 1:], source, marks=(0.7,))
    random = source.chunk(len(rows), random=np.random.default_rng(5))
    near, far = (undecided(model.predict_proba(r)[:, 1:], (0.7,)) for r in (rows, random))
    assert near.max() < 0.1 * np.median(far)


def test_rows_that_the_original_refuses_are_found_one_by_one():
    model = sklearn_original(forest().fit(X, y), name="forest")
    rows = X[:20].copy()
    rows[[3, 4, 17], [0, 1, 2]] = [np.inf, 1e300, -np.inf]
    answers, accepted = accepted_answers(model.answer, rows)
    assert np.flatnonzero(~accepted).tolist() == [3, 4, 17]
    assert np.array_equal(answers[accepted], model.answer(X[:20][accepted]))


def test_a_model_that_refuses_missing_values_costs_few_calls():
    calls = []

    def original(rows):
        calls.append(len(rows))
        return model.answer(rows)

    model = sklearn_original(SVC().fit(X, y), name="svm")
    rows = np.concatenate([X, np.repeat(HOLES[np.isnan(HOLES).any(axis=1)], 20, axis=0)])
    answers, accepted = accepted_answers(original, rows)
    assert accepted.tolist() == (~np.isnan(rows).any(axis=1)).tolist()
    assert np.array_equal(answers[accepted], model.answer(X))
    assert len(calls) < 30


def test_rows_that_a_step_makes_too_large_are_found_without_halving():
    calls = 0

    class Counted(RandomForestClassifier):
        def predict_proba(self, rows):
            nonlocal calls
            calls += 1
            return super().predict_proba(rows)

    pipeline = make_pipeline(FunctionTransformer(ratios), Counted(n_estimators=7, random_state=0)).fit(X, y)
    rows = X[np.arange(4000) % len(X)].copy()
    rows[::40, 2], rows[::40, 3] = 1e20, -1e20
    model = sklearn_original(pipeline, name="ratios")
    answers, accepted = accepted_answers(model.answer, rows)
    expected = np.arange(4000) % 40 != 0
    assert np.array_equal(accepted, expected)
    assert calls <= 20
    assert np.array_equal(answers[expected], model.answer(rows[expected]))


def stock(estimator, *, dtype=np.float32):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(estimator, X[:1].astype(dtype), options={"zipmap": False}, name="stock")
    return open_foreign(graph.SerializeToString())


def causes_of(estimator, graph, rows):
    """Names of the causes of all rows more than 1e-5 apart, or with another label."""
    expected, found = estimator.predict_proba(rows), graph(rows)
    off = (np.abs(expected - found).max(axis=1) > 1e-5) | (np.argmax(expected, 1) != np.argmax(found, 1))
    assert off.any()
    return {cause.name for cause in name_causes(rows[off], expected[off], found[off], groups=tree_groups(estimator))}


def split_rows(estimator, data):
    return tree_probes(tree_groups(estimator), data, spans_of([None] * 6, data)).families[AT_SPLITS]


def test_a_scaled_forest_in_float32_is_named_threshold_rounding():
    model = make_pipeline(StandardScaler(), forest(n_estimators=8)).fit(X, y)
    assert THRESHOLD in causes_of(model, stock(model), split_rows(model, X))


def test_an_exact_vote_that_float32_breaks_is_named_a_tie():
    model = RandomForestClassifier(20, random_state=0).fit(X.astype(np.float32), y)
    rows = np.random.default_rng(0).normal(size=(40_000, 6)) * X.std(axis=0)
    rows = rows.astype(np.float32).astype(np.float64)
    assert causes_of(model, stock(model), rows) == {TIE}


def test_a_dropped_missing_route_is_named():
    model = forest().fit(HOLES, y)
    rows = HOLES[np.isnan(HOLES).any(axis=1)].astype(np.float32).astype(np.float64)
    assert causes_of(model, stock(model), rows) == {NAN_ROUTE}


def test_a_margin_in_the_place_of_probabilities_is_named():
    model = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(X, y)
    margin = model.decision_function(X)
    causes = name_causes(X, model.predict_proba(X), np.column_stack([-margin, margin]), groups=tree_groups(model))
    assert [cause.name for cause in causes] == [MARGIN]


@pytest.mark.parametrize(
    ("distort", "name"),
    [
        (lambda p: p + 3e-16, SUM_ORDER),
        (lambda p: p.astype(np.float32).astype(np.float64), FLOAT32),
        (lambda p: p * 0.9, UNEXPLAINED),
    ],
    ids=["last bits", "float32", "other"],
)
def test_other_differences_are_told_apart(distort, name):
    model = forest(n_estimators=9).fit(X, y)
    expected = model.predict_proba(X)
    found = distort(expected)
    off = (expected != found).any(axis=1)
    causes = name_causes(X[off], expected[off], found[off], groups=tree_groups(model))
    assert causes[0].name == name
    assert sum(cause.rows for cause in causes) == off.sum()


def test_splits_between_equal_leaves_are_counted_as_unable_to_change_an_answer():
    rng = np.random.default_rng(0)
    rows = np.where(rng.random((600, 3)) < 0.1, np.nan, rng.integers(0, 12, (600, 3)).astype(float))
    labels = (np.nan_to_num(rows[:, 0]) > 5).astype(int) ^ (rng.random(600) < 0.2)
    model = forest(n_estimators=5, max_depth=None, max_leaf_nodes=60).fit(rows, labels)
    proof = tree_probes(tree_groups(model), rows, spans_of([None] * 3, rows)).proof
    assert proof.thresholds.all == proof.routes.all == proof.splits
    assert proof.thresholds.cannot_change > 0
    assert proof.routes.cannot_change > 0
    assert proof.thresholds.undecided == proof.routes.undecided == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        CalibratedClassifierCV(forest(n_estimators=8), method="isotonic", ensemble=False),
        make_pipeline(SimpleImputer(add_indicator=True), forest(n_estimators=8)),
        StackingClassifier([("forest", forest()), ("line", LogisticRegression())], cv=2),
    ],
    ids=["isotonic forest", "marks", "a stack that sees one of two probabilities"],
)
def test_hardly_a_split_is_left_undecided(model):
    rows = HOLES if "Imputer" in repr(model) else X
    original = sklearn_original(model.fit(rows, y), name="model")
    proof = pair_probes(original, rows).proof
    assert proof.splits > 100
    assert proof.thresholds.undecided <= 0.01 * proof.splits
    assert proof.routes.undecided <= 0.01 * proof.splits


def test_codes_of_an_encoder_are_reached_though_no_number_lies_between_them():
    """Of halving between two categories nothing comes: each value that rows have is tried."""
    rng = np.random.default_rng(0)
    rows = rng.choice([-7.5, 0.1, 3.0, 11.0, 400.0, 1e6], (500, 5))
    labels = (rows[:, 0] > 2) ^ (rows[:, 1] == 0.1) ^ (rng.random(500) < 0.1)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(encoder, forest(max_depth=None)).fit(rows, labels)
    proof = pair_probes(sklearn_original(model, name="codes"), rows).proof
    assert proof.visited == proof.splits > 100
    assert proof.thresholds.undecided <= 0.02 * proof.splits


def test_columns_that_must_not_be_missing_beside_some_that_may():
    """Rows that the preprocessing refuses are proposed nowhere, and no route is looked for behind them."""
    columns = ColumnTransformer([("scaled", StandardScaler(), [0, 1]), ("bins", KBinsDiscretizer(4), [2, 3])])
    model = make_pipeline(columns, forest()).fit(X, y)
    proof = pair_probes(sklearn_original(model, name="columns"), X).proof
    behind = sum(int((tree.tree_.feature >= 2).sum()) for tree in model[-1].estimators_)
    assert proof.routes.undecided == 0
    assert proof.routes.cannot_change >= behind > 0
    assert proof.routes.told_apart > 0


def test_a_row_that_tells_a_split_apart_must_stand_on_its_edge_where_a_column_is_computed():
    model = make_pipeline(FunctionTransformer(ratios), DecisionTreeClassifier(max_depth=1, random_state=0))
    model.fit(X, X[:, 0] / np.maximum(np.abs(X[:, 1]), 1e-9) > 0.2)
    (group,) = tree_groups(model)
    assert group.trees[0].feature[0] >= 6
    probes = tree_probes((group,), X, spans_of([None] * 6, X))
    (standing,) = probes.standings
    seen = group.before(probes.families[AT_SPLITS])[:, group.trees[0].feature[0]]
    assert standing.told[:MISSING].all()
    assert {float(standing.edge[0]), float(np.nextafter(standing.edge[0], np.inf))} <= set(seen.tolist())


def test_the_last_double_to_the_left_is_the_last_one_that_rounds_to_a_number_at_or_below():
    thresholds = np.concatenate([np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(200) ** 0.5, [0.0, 1.5]])
    edge = last_to_the_left(thresholds, single=True)
    assert (edge.astype(np.float32) <= thresholds).all()
    assert (np.nextafter(edge, np.inf).astype(np.float32) > thresholds).all()
