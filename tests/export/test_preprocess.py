"""Transformers as column expressions: the same arithmetic, or a refusal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from export.graph import GraphBuilder, finish, tensor
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import input_columns, transform_columns
from tests.support.compiled import adversarial, answer, compiled, run, same_bits
from train.core.columns.column_expressions import (
    absolute,
    column,
    const,
    evaluate_all,
    fill,
    is_nan,
    log1p,
    maximum,
    minimum,
    sign,
    signed_log1p,
    sqrt,
)
from train.core.errors import PipelineError
from train.signal_classifier.engineered_features import TradeFeatures

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((300, 4)) * [1.0, 1e3, 1e-3, 7.0] + [0.0, 5.0, 1.0, -3.0]
HOLES = np.where(RANDOM.random(X.shape) < 0.1, np.nan, X)
Y = (X[:, 0] + X[:, 3] > -3).astype(int)

TRANSFORMERS = {
    "standard": StandardScaler(),
    "standard without mean": StandardScaler(with_mean=False),
    "standard without scale": StandardScaler(with_std=False),
    "min max": MinMaxScaler(),
    "min max clipped": MinMaxScaler(clip=True, feature_range=(-2, 3)),
    "max abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "robust without centre": RobustScaler(with_centering=False),
    "mean": SimpleImputer(),
    "median with indicator": SimpleImputer(strategy="median", add_indicator=True),
    "constant": SimpleImputer(strategy="constant", fill_value=-1.5),
    "nested": make_pipeline(SimpleImputer(), make_pipeline(RobustScaler(), "passthrough", MinMaxScaler())),
    "union": FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())]),
    "by column": ColumnTransformer(
        [("a", StandardScaler(), [2, 0]), ("b", "passthrough", [3]), ("c", "drop", [1])], remainder="drop"
    ),
    "remainder": ColumnTransformer(
        [("a", make_pipeline(SimpleImputer(), MaxAbsScaler()), [1])], remainder=RobustScaler()
    ),
}


@pytest.mark.parametrize("transformer", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_expressions_have_the_bits_of_transform(transformer):
    transformer.fit(HOLES)

    columns = transform_columns(transformer, input_columns(4))

    assert same_bits(evaluate_all(columns, HOLES), transformer.transform(HOLES))


@pytest.mark.parametrize("transformer", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_a_forest_behind_any_transformer_keeps_its_bits(transformer):
    pipeline = make_pipeline(transformer, RandomForestClassifier(10, random_state=0)).fit(HOLES, Y)

    model = compiled(pipeline)

    rows = adversarial(model, X, missing=True)
    assert same_bits(run(model, rows), answer(pipeline, rows))


def test_columns_chosen_by_name_are_found_in_training_order():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    chosen = ColumnTransformer([("x", StandardScaler(), ["d", "a"]), ("y", "passthrough", ["c"])])
    pipeline = make_pipeline(chosen, RandomForestClassifier(10, random_state=0)).fit(frame, Y)

    assert same_bits(run(compiled(pipeline), X), pipeline.predict_proba(frame))


EXPRESSIONS = {
    "add": column(0) + column(1),
    "sub": column(0) - column(1),
    "mul": column(0) * column(1),
    "div": column(0) / column(1),
    "sqrt": sqrt(column(0)),
    "abs": absolute(column(0)),
    "sign": sign(column(0)),
    "minimum": minimum(column(0), column(1)),
    "maximum": maximum(column(0), const(1.0)),
    "fill": fill(column(0), const(3.0)),
    "is_nan": is_nan(column(1)),
    "long sum": column(0) * const(0.1) + column(1) * const(-3.3) + column(0) * column(1) + column(0) + const(0.7),
    "another long sum": column(1) + (column(0) + column(1)) + column(0) + absolute(column(1)) * const(1e9),
    "constant": const(2.0) + const(0.5),
    "ratio": absolute(column(0)) * const(2.0) / maximum(column(1), const(1e-9)) - column(0),
}


def in_graph(expressions):
    build = GraphBuilder()
    result = ColumnScope(build, "features", 2, expressions).matrix()
    build.output(result, "y")
    shape = ["batch", len(expressions)]
    inputs, outputs = tensor("features", TensorProto.DOUBLE, ["batch", 2]), tensor("y", TensorProto.DOUBLE, shape)
    return finish(helper.make_graph(build.nodes, "g", [inputs], [outputs], build.initializers), name="g")


ALL_IN_GRAPH = in_graph(list(EXPRESSIONS.values()))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=20))
def test_every_exact_operation_gives_numpys_bits_in_onnxruntime(pairs):
    rows = np.array(pairs)

    assert same_bits(run(ALL_IN_GRAPH, rows), evaluate_all(EXPRESSIONS.values(), rows))


@pytest.mark.parametrize("function", [log1p, signed_log1p])
def test_logarithms_in_a_graph_are_within_two_units_of_numpys(function):
    rows = np.column_stack([np.concatenate([10.0 ** np.arange(-300, 300, 7.0), [0.0]])] * 2)

    got, expected = run(in_graph([function(column(0))]), rows), evaluate_all([function(column(0))], rows)

    np.testing.assert_array_max_ulp(got, expected, maxulp=2)


def test_engineered_columns_keep_the_bits_of_a_forest():
    signals = np.abs(RANDOM.standard_normal((500, 8))) * [10, 1, 0.1, 50, 10, 1000, 5000, 60]
    profitable = (signals[:, 0] * signals[:, 1] > 3).astype(int)
    forest = RandomForestClassifier(20, random_state=0)
    pipeline = Pipeline([("f", TradeFeatures()), ("s", StandardScaler()), ("m", forest)]).fit(signals, profitable)

    model = compiled(pipeline)

    rows = adversarial(model, signals, missing=True)
    assert same_bits(run(model, rows), pipeline.predict_proba(rows))


class Lying(TradeFeatures):
    def transform(self, X):
        return super().transform(X) * (1.0 + 2.0**-52)


def test_a_transformer_whose_transform_differs_from_its_expressions_is_refused():
    signals = np.abs(RANDOM.standard_normal((50, 8)))
    pipeline = make_pipeline(Lying(), RandomForestClassifier(2)).fit(signals, signals[:, 0] > 0.5)

    with pytest.raises(PipelineError, match=r"Lying.*differ"):
        compiled(pipeline)


@pytest.mark.parametrize(
    ("transformer", "name"),
    [
        (FunctionTransformer(np.tan), "FunctionTransformer.*tan"),
        (KNNImputer(), "KNNImputer"),
    ],
)
def test_a_transformer_without_exact_form_is_refused_by_name(transformer, name):
    pipeline = make_pipeline(transformer, LogisticRegression()).fit(np.abs(X), Y)

    with pytest.raises(PipelineError, match=f"cannot compile {name}"):
        compiled(pipeline)


def test_a_sum_of_columns_goes_before_smooth_estimators_and_is_refused_before_trees():
    rows = adversarial(compiled(make_pipeline(PCA(2), LogisticRegression()).fit(X, Y)), X)
    smooth = make_pipeline(PCA(2), LogisticRegression()).fit(X, Y)

    np.testing.assert_allclose(run(compiled(smooth), X), smooth.predict_proba(X), atol=1e-12, rtol=0)
    assert len(rows)
    with pytest.raises(PipelineError, match=r"PCA.*before trees"):
        compiled(make_pipeline(PCA(2), RandomForestClassifier(2)).fit(X, Y))


def test_a_column_that_was_all_nan_in_training_is_refused_by_number():
    empty = X.copy()
    empty[:, 2] = np.nan
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(empty, Y)

    with pytest.raises(PipelineError, match=r"StandardScaler.*column 2"):
        compiled(pipeline)


WHOLE = np.column_stack([RANDOM.integers(0, 6, 300), RANDOM.integers(-3, 3, 300), X[:, 0], np.abs(X[:, 3]) + 0.1])
NUMBERS = {
    "one hot": OneHotEncoder(handle_unknown="ignore"),
    "one hot, rare together, first dropped": OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=45, drop="first", sparse_output=False
    ),
    "ordinal, unknown": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "target": TargetEncoder(random_state=0),
}
ALL_COLUMNS = {
    "bins": KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    "bins one hot": KBinsDiscretizer(4, strategy="uniform"),
    "binarizer": Binarizer(threshold=0.5),
    "polynomial": PolynomialFeatures(3),
    "interactions": PolynomialFeatures(2, interaction_only=True, include_bias=False),
    "yeo johnson": PowerTransformer(),
    "box cox": make_pipeline(MinMaxScaler((1, 2), clip=True), PowerTransformer("box-cox")),
    "quantile": QuantileTransformer(n_quantiles=50),
    "quantile normal": QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    "log": FunctionTransformer(np.log1p),
    "square": FunctionTransformer(np.square),
    "clip": FunctionTransformer(np.clip, kw_args={"a_min": -1.0, "a_max": 2.0}),
    "largest norm": Normalizer("max"),
    "weights": FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())], transformer_weights={"a": 0.3}),
}


@pytest.mark.parametrize("encoder", NUMBERS.values(), ids=NUMBERS)
def test_categories_that_are_numbers_keep_the_bits_of_a_forest_known_unknown_and_missing(encoder):
    chosen = ColumnTransformer([("c", encoder, [0, 1])], remainder="passthrough")
    pipeline = make_pipeline(chosen, RandomForestClassifier(10, random_state=0)).fit(WHOLE, Y)
    rows = np.concatenate([WHOLE, WHOLE + np.array([100.0, 0, 0, 0]), WHOLE + np.array([0.5, 0.5, 0, 0])])

    assert same_bits(run(compiled(pipeline), rows), pipeline.predict_proba(rows))


@pytest.mark.parametrize("transformer", ALL_COLUMNS.values(), ids=ALL_COLUMNS)
def test_a_forest_behind_columns_of_any_shape_keeps_its_bits(transformer):
    data = np.abs(WHOLE)
    pipeline = make_pipeline(transformer, RandomForestClassifier(10, random_state=0)).fit(data, Y)

    model = compiled(pipeline)

    rows = np.abs(adversarial(model, data))
    assert same_bits(run(model, rows), pipeline.predict_proba(rows))
