"""`verify compare` and the survey: stock conversions are caught with their causes, our own compile is in parity."""

import json
import re
import warnings

import numpy as np
import onnx
import pandas as pd
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn
from tests.support.verified import run_verify
from train.core.skops_files import load_skops, save_skops
from verify.compare.compare_model import compare_pair
from verify.compare.onnx_file import open_foreign
from verify.comparison.causes import LEAF, MARGIN, ORDER, UNEXPLAINED
from verify.figures.specimens.many_kinds import MANY_KINDS
from verify.figures.survey import CLASSIFIERS, DATA, OF_ONE, REGRESSORS, _estimators, fitted, survey_one
from verify.proof.trees import tree_groups
from verify.report.graph_trees import tree_operators
from verify.runtimes.original import sklearn_original

X, y = load_breast_cancer(return_X_y=True)
X = X[:, :8]


def stock(estimator, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return to_onnx(estimator, X[:1].astype(np.float32), name="stock", **options)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One forest as skops, compiled by us, converted by skl2onnx with and without ZipMap."""
    folder = tmp_path_factory.mktemp("compare")
    model = make_pipeline(StandardScaler(), RandomForestClassifier(12, random_state=0)).fit(X, y)
    save_skops(model, folder / "model.skops")
    (folder / "ours.onnx").write_bytes(to_bytes(compile_sklearn(model, name="ours")))
    (folder / "stock.onnx").write_bytes(stock(model, options={"zipmap": False}).SerializeToString())
    (folder / "zipmap.onnx").write_bytes(stock(model).SerializeToString())
    (folder / "text.onnx").write_bytes(b"hello")
    return folder


@pytest.fixture
def compare(files, monkeypatch, capsys):
    def run(onnx_file, *more, original="model.skops"):
        arguments = ["--original", str(files / original), "--onnx", str(files / onnx_file), "--rows", "3000", *more]
        return run_verify(["compare", *arguments], monkeypatch, capsys)

    return run


def test_our_compile_is_in_parity_without_any_data(compare):
    ended = compare("ours.onnx")
    assert ended.code == 0
    assert ended.out.rstrip().endswith("in parity")
    assert "NOT" not in ended.out


def test_a_stock_conversion_is_caught_and_its_causes_named(compare):
    ended = compare("stock.onnx")
    assert ended.code == 1
    assert "NOT in parity" in ended.out
    assert "rounding of a threshold" in ended.out
    assert "NaN route" in ended.out


def test_rows_of_ones_own_are_used(compare, files):
    pd.DataFrame(X).to_csv(files / "rows.csv", index=False)
    ended = compare("ours.onnx", "--data", str(files / "rows.csv"))
    assert ended.code == 0
    assert re.search(rf"rows like training +│ +{len(X)} │", ended.out)


BAD_DATA = {
    "a column too many": ("a,b,c,d,e,f,g,h,i\n" + ",".join("123456789") + "\n", "9 columns, the model takes 8"),
    "a word": ("a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,x\n", "column 'h' holds something that is not a number"),
    "no rows": ("a,b,c,d,e,f,g,h\n", "no rows"),
    "more cells than columns": ("a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,8,9,10\n1,2\n", "not a CSV file"),
    "a column without values": ("a,b,c,d,e,f,g,h\n1,,3,4,5,6,7,8\n2,,3,4,5,6,7,8\n", "column 'b' holds no number"),
    "an infinite value": (
        "a,b,c,d,e,f,g,h\ninf,2,3,4,5,6,7,8\n1,2,3,4,5,6,7,8\n",
        "column 'a' holds an infinite number",
    ),
    "empty": ("", "not a CSV file"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_rows_are_refused_by_column(compare, files, name):
    content, message = BAD_DATA[name]
    (files / "bad.csv").write_text(content)
    ended = compare("ours.onnx", "--data", str(files / "bad.csv"))
    assert ended.code == 2
    assert message in ended.err


@pytest.mark.parametrize(
    ("onnx_file", "message"),
    [("zipmap.onnx", "is a ZipMap"), ("text.onnx", "cannot load it"), ("none.onnx", "no such file")],
)
def test_an_unusable_graph_ends_with_one_line(compare, onnx_file, message):
    ended = compare(onnx_file)
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_a_missing_original_ends_with_one_line(compare):
    ended = compare("ours.onnx", original="none.skops")
    assert ended.code == 2
    assert "no such file" in ended.err


def test_a_graph_of_another_width_is_refused(compare, files):
    narrow = RandomForestClassifier(3, random_state=0).fit(X[:, :5], y)
    (files / "narrow.onnx").write_bytes(to_bytes(compile_sklearn(narrow, name="narrow")))
    ended = compare("narrow.onnx")
    assert ended.code == 2
    assert "has 8 columns" in ended.err


def test_a_graph_of_the_second_class_alone_is_compared_with_it(compare, files):
    model = load_skops(files / "model.skops")
    (files / "confidence.onnx").write_bytes(to_bytes(compile_sklearn(model, name="ours", output="confidence")))
    ended = compare("confidence.onnx")
    assert ended.code == 0
    assert "beside the probability of class 1" in ended.out
    assert re.search(r"splits told apart: ([\d,]+) of \1 ", ended.out)


def test_a_graph_of_another_number_of_classes_is_refused_with_what_to_do(compare, files):
    three = RandomForestClassifier(3, random_state=0).fit(X, np.digitize(X[:, 0], [12.0, 16.0]))
    (files / "three.onnx").write_bytes(to_bytes(compile_sklearn(three, name="three")))
    ended = compare("three.onnx")
    assert ended.code == 2
    assert "has 3 columns, but the original answers with probabilities of 2 classes" in ended.err
    assert "python -m export --original" in ended.err


def test_columns_so_small_that_the_original_refuses_some_probes_are_compared(compare, files):
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, max_depth=4, random_state=0))
    model.fit(X[:, :3] * 1e-42, y)
    save_skops(model, files / "tiny.skops")
    (files / "tiny.onnx").write_bytes(to_bytes(compile_sklearn(model, name="tiny")))
    ended = compare("tiny.onnx", original="tiny.skops")
    assert ended.code == 0
    assert "near a tie" in ended.out
    assert "rows that the original itself refuses" in ended.out


def test_an_original_that_fails_on_a_probe_ends_with_one_line(compare, monkeypatch):
    def fail(*_, **__):
        raise IndexError("no such\nleaf")

    monkeypatch.setattr("verify.compare.compare_model.tie_rows", fail)
    ended = compare("ours.onnx")
    assert ended.code == 2
    assert "IndexError: no such leaf" in ended.err
    assert ended.err.count("\n") == 1


def renamed(graph, name):
    old = graph.graph.output[0].name
    for node in graph.graph.node:
        node.output[:] = [name if output == old else output for output in node.output]
        node.input[:] = [name if taken == old else taken for taken in node.input]
    graph.graph.output[0].name = name
    onnx.checker.check_model(graph)
    return to_bytes(graph)


@pytest.mark.parametrize(
    ("output", "who", "ours"),
    [("natural", "python -m export", "probabilities"), ("confidence", "a trading artifact", "confidence")],
)
def test_an_output_of_another_name_is_noted(compare, files, output, who, ours):
    model = load_skops(files / "model.skops")
    (files / "renamed.onnx").write_bytes(renamed(compile_sklearn(model, name="ours", output=output), "foo"))
    ended = compare("renamed.onnx")
    assert ended.code == 0
    assert f"output is named 'foo'; {who} names it '{ours}'" in ended.out


def test_a_regressor_s_output_of_another_name_is_noted(compare, files):
    model = RandomForestRegressor(3, max_depth=3, random_state=0).fit(X, X[:, 0])
    save_skops(model, files / "value.skops")
    graph = compile_sklearn(model, name="value")
    (files / "value.onnx").write_bytes(to_bytes(graph))
    assert "output is named" not in compare("value.onnx", original="value.skops").out
    (files / "value.onnx").write_bytes(renamed(graph, "probabilities"))
    ended = compare("value.onnx", original="value.skops")
    assert ended.code == 0
    assert "output is named 'probabilities'; python -m export names it 'variable'" in ended.out


def test_splits_that_could_not_be_decided_follow_the_verdict(compare, files):
    members = [
        ("forest", RandomForestClassifier(3, max_depth=3, random_state=0)),
        ("boosting", GradientBoostingClassifier(n_estimators=5, random_state=0)),
    ]
    model = VotingClassifier(members).fit(X, y)
    save_skops(model, files / "vote.skops")
    (files / "vote.onnx").write_bytes(to_bytes(compile_sklearn(model, name="vote")))
    ended = compare("vote.onnx", original="vote.skops")
    assert ended.code == 0
    verdict, rest = ended.out.rstrip().splitlines()[-2:]
    assert verdict == "in parity"
    count = re.search(r"splits told apart: .* ([\d,]+) undecided", ended.out)[1]
    assert rest.startswith(f"not proven: {count} of ")
    assert rest.endswith("could not be decided; a threshold moved there could pass unseen")


STOCK = {
    "forest": RandomForestClassifier(100, random_state=0),
    "scaled forest": make_pipeline(StandardScaler(), RandomForestClassifier(10, max_depth=3, random_state=0)),
    "logistic regression": LogisticRegression(max_iter=2000),
    "scaled logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "imputed logistic regression": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STOCK)
def test_a_stock_conversion_differs_for_reasons_that_can_be_named(name):
    estimator = STOCK[name].fit(X, y)
    graph = open_foreign(stock(estimator, options={"zipmap": False}).SerializeToString())
    found = compare_pair(sklearn_original(estimator, name=name), graph, base=X, rows=3000)
    names = {cause.name for cause in found.causes}
    assert names
    assert not names & {MARGIN, UNEXPLAINED}


@pytest.fixture(scope="module")
def small():
    return make_pipeline(StandardScaler(), RandomForestClassifier(6, max_depth=6, random_state=0)).fit(X, y)


def causes_against(estimator, graph):
    graph = open_foreign(graph.SerializeToString())
    return compare_pair(sklearn_original(estimator, name="model"), graph, rows=3000).causes


def test_classes_in_another_order_are_named(small):
    graph = compile_sklearn(small, name="swapped")
    (output,) = graph.graph.output
    for node in graph.graph.node:
        node.output[:] = ["ordered" if name == output.name else name for name in node.output]
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 0]), "order"))
    graph.graph.node.append(onnx.helper.make_node("Gather", ["ordered", "order"], [output.name], axis=1))
    assert [cause.name for cause in causes_against(small, graph)] == [ORDER]


def test_rows_at_splits_and_with_nan_do_not_hide_another_forest(small):
    other = make_pipeline(StandardScaler(), RandomForestClassifier(6, max_depth=6, random_state=1)).fit(X, y)
    causes = causes_against(small, compile_sklearn(other, name="other"))
    assert causes[0].name == LEAF
    assert causes[0].rows > 0.6 * sum(cause.rows for cause in causes)


def test_a_stock_conversion_is_not_called_another_forest(small):
    causes = causes_against(small, stock(small, options={"zipmap": False}))
    assert sum(cause.rows for cause in causes if cause.name == LEAF) < 0.02 * sum(cause.rows for cause in causes)


def test_a_regressor_and_an_svm_are_in_parity():
    for estimator in (
        RandomForestRegressor(5, random_state=0).fit(X, X[:, 0] * 1e6),
        make_pipeline(StandardScaler(), SVC()).fit(X, y),
    ):
        graph = open_foreign(to_bytes(compile_sklearn(estimator, name="ours")))
        found = compare_pair(sklearn_original(estimator, name="model"), graph, rows=1000)
        assert found.in_parity


def test_the_trees_read_from_a_graph_add_up_to_its_answers():
    forest = RandomForestRegressor(6, max_depth=5, random_state=0).fit(X, X[:, 0])
    for graph in (compile_sklearn(forest, name="ours"), stock(forest)):
        (operator,) = tree_operators(graph)
        session = open_foreign(graph.SerializeToString())
        for row in X[:20].astype(np.float32).astype(np.float64):
            total = sum(sum(tree.leaf(operator.seen(graph, row)).values()) for tree in operator.trees)
            answer = float(session(row[None, :])[0, 0])
            assert min(abs(total - answer), abs(total / 6 - answer)) < 1e-5 * abs(answer)


def test_the_trees_of_a_model_add_up_to_its_answers():
    forest = RandomForestRegressor(6, max_depth=5, random_state=0).fit(X, X[:, 0])
    (group,) = tree_groups(forest)
    values = [tree.value[tree.apply(group.transform(X)), 0] for tree in group.trees]
    assert np.allclose(np.mean(values, axis=0), forest.predict(X), rtol=1e-12)


@pytest.mark.slow
def test_the_survey_finds_our_side_exact_and_the_stock_side_not():
    entry = survey_one("iris", "extra trees", rows=2000)
    assert entry.ours.refused == ""
    assert entry.ours.random_mismatched == entry.ours.probe_mismatched == entry.ours.labels == 0
    assert entry.proof.visited == entry.proof.splits > 0
    assert entry.proof.thresholds.undecided == entry.proof.routes.undecided == 0
    assert entry.stock.probe_visible > 0
    assert json.dumps(entry.stock.causes)


def test_one_model_of_each_kind_stands_in_the_survey_once():
    assert {data for data, _ in MANY_KINDS.values()} <= {*DATA, *OF_ONE}
    assert not {*MANY_KINDS} & {*CLASSIFIERS, *REGRESSORS}
    for name in ("forest of several targets", "marks beside values, forest", "fixed threshold"):
        entry = survey_one(MANY_KINDS[name][0], name, rows=200)
        assert entry.grade.startswith("exact")
        assert entry.ours.refused == ""
        assert entry.ours.random_mismatched == entry.ours.probe_mismatched == entry.ours.labels == 0


def test_the_survey_fits_every_model_on_data_that_its_library_takes():
    assert "lightgbm, one against the rest" not in _estimators("breast_cancer")
    known = "lightgbm, one against the rest" in CLASSIFIERS
    assert ("lightgbm, one against the rest" in _estimators("iris")) == known
    for name in _estimators("make_hastie_10_2"):
        if name.startswith("xgboost"):  # the classes of this data are -1 and 1
            assert len(fitted("make_hastie_10_2", name)[0].classes_) == 2
