"""The grade `measured`: stock graphs with a tolerance that was measured, never in front of trees."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from export.errors import NoExactForm
from export.sklearn import measured
from export.sklearn.measured import compile_measured
from train.core.errors import PipelineError
from train.core.sklearn_answers import answers

X, Y = datasets.make_classification(300, 6, n_informative=4, random_state=0)
WHY = NoExactForm("no exact form")


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipeline(PCA(3), LogisticRegression()).fit(X, Y),
        lambda: GaussianProcessRegressor(alpha=1e-2).fit(X, X[:, 0]),
    ],
)
def test_a_measured_graph_stays_within_its_bound_on_other_rows(make: Any) -> None:
    model = make()
    graph, how = compile_measured(model, WHY, name="case")
    given = np.random.default_rng(7).standard_normal((500, 6))
    found = ort.InferenceSession(graph.SerializeToString()).run(None, {"features": given})[0]
    assert how.rows > 500
    assert how.bound == 2 * how.largest < 1e-3
    assert np.abs(found - answers(model, given)).max() <= max(how.bound, 1e-12)


def test_a_measured_part_in_front_of_a_tree_is_refused_unless_asked_for() -> None:
    model = make_pipeline(PCA(3), RandomForestClassifier(3, random_state=0)).fit(X, Y)
    with pytest.raises(PipelineError, match="before_trees"):
        compile_measured(model, WHY, name="case")


def test_a_graph_that_is_not_near_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_pipeline(PCA(3), LogisticRegression()).fit(X, Y)
    other = make_pipeline(PCA(3), LogisticRegression()).fit(X, 1 - Y)
    right = measured._converted
    monkeypatch.setattr(measured, "_converted", lambda _, width, name: right(other, width, name))
    with pytest.raises(PipelineError, match="refused"):
        compile_measured(model, WHY, name="case")
