"""Inputs: a table or one a column, float64 or float32, numbers and text side by side."""

from itertools import product

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeRegressor
from skops import io as skops_io

from export.__main__ import LAYOUTS as COMMAND_LAYOUTS
from export.__main__ import NUMBER_TYPES as COMMAND_TYPES
from export.__main__ import main as export_main
from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn
from export.sklearn.graded.agreement import check_sklearn
from export.sklearn.graph_inputs import LAYOUTS, NUMBER_TYPES
from train.core.columns.model_table import encode_words, table_of
from train.core.errors import PipelineError
from verify.__main__ import main as verify_main
from verify.compare.onnx_file import open_foreign
from verify.proof.trees import tree_groups

RANDOM = np.random.default_rng(3)
N = 400
FRAME = pd.DataFrame(
    {
        "spot price": RANDOM.normal(100, 20, N),
        "sector": RANDOM.choice(["tech", "énergie", "金融", "01", " "], N),
        "days": RANDOM.integers(1, 60, N),
        "side": pd.Series(RANDOM.choice(["call", "put"], N)).where(RANDOM.random(N) > 0.1, None),
    }
)
Y = (FRAME["spot price"] + 5 * FRAME["days"] * (FRAME["sector"] == "tech") > 110).to_numpy()


def columns(encoder, side=None):
    side = side or make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    return ColumnTransformer(
        [("n", StandardScaler(), ["spot price", "days"]), ("s", encoder, ["sector"]), ("c", side, ["side"])]
    )


ENCODERS = {
    "one hot, unknown ignored": OneHotEncoder(handle_unknown="ignore"),
    "one hot, unknown refused, first dropped": OneHotEncoder(drop="first"),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-7),
    "rare together": OneHotEncoder(min_frequency=90, handle_unknown="infrequent_if_exist"),
    "target": TargetEncoder(random_state=0),
}


def run(graph, frame):
    session = ort.InferenceSession(to_bytes(graph))
    given = {}
    for one in session.get_inputs():
        cells = frame[one.name].to_numpy()[:, None]
        if one.type == "tensor(string)":
            given[one.name] = np.where(pd.isna(cells), "", cells.astype(object))
        else:
            given[one.name] = cells.astype(np.float32 if one.type == "tensor(float)" else np.float64)
    return session.run(None, given)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_forest_behind_text_and_numbers_keeps_every_bit(name):
    model = make_pipeline(columns(ENCODERS[name]), RandomForestClassifier(20, random_state=0)).fit(FRAME, Y)

    graph = compile_sklearn(model, name="model", labels=True)

    check_sklearn(model, graph)
    probabilities, label = run(graph, FRAME)
    assert np.array_equal(probabilities, model.predict_proba(FRAME))
    assert np.array_equal(label.astype(bool), model.predict(FRAME))
    assert [one.name for one in graph.graph.input] == list(FRAME.columns)


def test_text_that_the_model_does_not_know_is_unknown_and_none_is_a_category():
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(columns(encoder, encoder), LogisticRegression()).fit(FRAME, Y)
    strange = FRAME.assign(sector="never seen", side=np.where(np.arange(N) % 2, None, "straddle"))

    found = run(compile_sklearn(model, name="model"), strange)[0]

    np.testing.assert_allclose(found, model.predict_proba(strange), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("layout", "numbers"), list(product(LAYOUTS, NUMBER_TYPES)))
def test_each_layout_and_type_of_numbers_answers_what_the_row_means(layout, numbers):
    rows = FRAME[["spot price", "days"]].astype(np.float64)
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(rows, Y)
    graph = compile_sklearn(model, name="model", inputs=layout, numbers=numbers)
    meant = rows.astype(numbers).astype(np.float64)

    session = ort.InferenceSession(to_bytes(graph))
    table = rows.to_numpy().astype(numbers)
    given = {"features": table} if layout == "table" else {n: table[:, [i]] for i, n in enumerate(rows.columns)}

    assert np.array_equal(session.run(None, given)[0], model.predict_proba(meant))


def test_the_command_knows_the_same_words():
    assert (COMMAND_LAYOUTS, COMMAND_TYPES) == (LAYOUTS, NUMBER_TYPES)


def test_columns_called_like_tensors_inside_or_like_no_other_are_told_apart():
    names = ["c0", "cast1", "_c0", "concat2", "gather0"]
    rows = pd.DataFrame(RANDOM.normal(size=(200, 5)), columns=names)
    model = make_pipeline(SelectKBest(k=3), StandardScaler(), DecisionTreeRegressor(random_state=0))
    model.fit(rows, rows["c0"] * rows["cast1"])

    graph = compile_sklearn(model, name="model", inputs="columns")

    assert np.array_equal(run(graph, rows)[0][:, 0], model.predict(rows))


def test_text_in_a_table_a_name_of_an_output_and_one_name_twice_are_refused():
    model = make_pipeline(columns(ENCODERS["ordinal"]), RandomForestClassifier(2)).fit(FRAME, Y)
    with pytest.raises(PipelineError, match=r"column 'sector' holds text.*--inputs columns"):
        compile_sklearn(model, name="model", inputs="table")
    called = FRAME[["days"]].rename(columns={"days": "probabilities"})
    with pytest.raises(PipelineError, match="'probabilities' has the name of an output"):
        compile_sklearn(RandomForestClassifier(2).fit(called, Y), name="model", inputs="columns")
    lying = RandomForestClassifier(2).fit(FRAME[["days", "spot price"]], Y)
    lying.feature_names_in_ = np.array(["days", "days"], dtype=object)
    with pytest.raises(PipelineError, match="'days' names more than one column"):
        compile_sklearn(lying, name="model", inputs="columns")


def test_one_wrong_category_in_the_graph_is_caught_before_it_is_written():
    model = make_pipeline(columns(ENCODERS["ordinal"]), RandomForestClassifier(20, random_state=0)).fit(FRAME, Y)
    graph = compile_sklearn(model, name="model")
    encoder = next(n for n in graph.graph.node if n.op_type == "LabelEncoder" and n.input[0] == "sector")
    keys = next(a for a in encoder.attribute if a.name == "keys_tensor").t
    keys.string_data[0], keys.string_data[1] = keys.string_data[1], keys.string_data[0]

    with pytest.raises(PipelineError, match="answers otherwise"):
        check_sklearn(model, graph)


def test_from_a_file_with_text_to_a_graph_and_its_comparison_with_rows_of_a_csv(tmp_path, capsys):
    model = make_pipeline(columns(ENCODERS["ordinal"]), RandomForestClassifier(2, max_depth=4, random_state=0)).fit(
        FRAME, Y
    )
    skops_io.dump(model, tmp_path / "model.skops")
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    files = ["--original", str(tmp_path / "model.skops")]

    assert export_main([*files, "-o", str(tmp_path / "model.onnx")]) == 0
    compared = ["compare", *files, "--onnx", str(tmp_path / "model.onnx"), "--rows", "1000"]
    assert verify_main([*compared, "--data", str(tmp_path / "rows.csv")]) == 0
    assert "in parity" in capsys.readouterr().out
    assert export_main([*files, "--artifact", str(tmp_path / "artifact")]) == 0


def test_a_stock_graph_of_one_input_a_column_is_asked_too():
    encoder = OneHotEncoder(handle_unknown="ignore")
    chosen = FRAME[["spot price", "sector"]]
    model = make_pipeline(
        ColumnTransformer([("n", "passthrough", ["spot price"]), ("s", encoder, ["sector"])]),
        LogisticRegression(max_iter=1000),
    ).fit(chosen, Y)
    types = [("spot price", DoubleTensorType([None, 1])), ("sector", StringTensorType([None, 1]))]
    stock = to_onnx(model, initial_types=types, options={"zipmap": False})
    columns = table_of(model, 2)
    coded = np.column_stack([chosen["spot price"], encode_words(columns[1].words, chosen["sector"].to_numpy())])

    graph = open_foreign(stock.SerializeToString(), columns)

    np.testing.assert_allclose(graph(coded), model.predict_proba(chosen), atol=1e-5)
    with pytest.raises(PipelineError, match="expected one table"):
        open_foreign(stock.SerializeToString(), table_of(model, 2)[:1])


def test_inputs_in_another_order_are_fed_by_their_names():
    rows = FRAME[["spot price", "days"]].astype(np.float64)
    model = RandomForestClassifier(5, random_state=0).fit(rows, Y)
    graph = compile_sklearn(model, name="model", inputs="columns")
    turned = list(graph.graph.input)[::-1]
    del graph.graph.input[:]
    graph.graph.input.extend(turned)

    asked = open_foreign(to_bytes(graph), table_of(model, 2))

    assert np.array_equal(asked(rows.to_numpy()), model.predict_proba(rows))


def test_of_rows_that_an_encoder_refuses_the_trees_see_nothing():
    codes = RANDOM.integers(0, 4, (200, 2)).astype(np.float64)
    model = make_pipeline(OneHotEncoder(), RandomForestClassifier(3, random_state=0)).fit(codes, codes[:, 0] > 1)
    (group,) = tree_groups(model)
    strange = np.array([[9.0, 0.0], [0.0, 9.0]])

    assert group.transform(strange).shape == (2, 8)
    assert np.isnan(group.transform(strange)).all()
    mixed = group.transform(np.concatenate([codes[:2], strange]))
    assert np.isnan(mixed).all(axis=1).tolist() == [False, False, True, True]
