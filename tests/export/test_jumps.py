"""Steps, codes and repeated quantiles behind what is rounded: on an edge the last bit decides, so they are refused."""

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from export.sklearn.graded.measured import compile_graded
from train.core.errors import PipelineError

COUNTS = np.random.default_rng(0).integers(0, 9, (300, 3)).astype(float)
TARGET = COUNTS @ [1.0, 2.0, 3.0]
JUMPS = {
    "bins": KBinsDiscretizer(4, encode="ordinal"),
    "bins as columns": KBinsDiscretizer(3),
    "a threshold": Binarizer(threshold=0.1),
    "quantiles": QuantileTransformer(n_quantiles=20),
    "normal quantiles": QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    "codes": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "categories": OneHotEncoder(handle_unknown="ignore"),
    "whole numbers": FunctionTransformer(np.floor),
}


def _fitted(*steps: Any) -> Any:
    return make_pipeline(*steps, LinearRegression()).fit(COUNTS, TARGET)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize(
    "rounded", [PowerTransformer(), PowerTransformer(standardize=False), FunctionTransformer(np.log1p)], ids=repr
)
def test_a_jump_behind_what_is_rounded_is_refused(rounded: Any, jump: str) -> None:
    with pytest.raises(PipelineError, match="no tolerance holds"):
        compile_graded(_fitted(rounded, JUMPS[jump]), name="model")


def test_bins_behind_a_projection_are_refused() -> None:
    with pytest.raises(PipelineError, match="no tolerance holds"):
        compile_graded(_fitted(PCA(2, random_state=0), KBinsDiscretizer(3)), name="model")


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("exact", [StandardScaler(), FunctionTransformer(np.abs)], ids=repr)
def test_a_jump_behind_exact_columns_compiles_and_so_does_what_is_rounded_behind_it(exact: Any, jump: str) -> None:
    assert compile_graded(_fitted(exact, JUMPS[jump]), name="model").grade.kind == "exact"
    if jump in ("a threshold", "codes", "whole numbers"):
        assert compile_graded(_fitted(JUMPS[jump], PowerTransformer()), name="model").grade.kind == "exact"


def test_quantiles_that_do_not_repeat_compile_behind_what_is_rounded() -> None:
    rows = np.random.default_rng(1).normal(size=(300, 2))
    model = make_pipeline(PowerTransformer(), QuantileTransformer(n_quantiles=20), LinearRegression())
    assert compile_graded(model.fit(rows, rows.sum(axis=1)), name="model").grade.kind == "exact"
