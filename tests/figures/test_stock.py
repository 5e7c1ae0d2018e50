"""The stock exports that `make bench` runs beside ours."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from train.core.errors import PipelineError
from train.core.skops_files import save_skops
from train.signal_classifier.contract import TRUSTED_TYPES
from train.signal_classifier.estimators import make_estimator
from train.signal_classifier.simulator.market import simulate
from verify.figures.signal_classifier.stock import stock_graph
from verify.figures.stock import require_same_model

pytestmark = pytest.mark.slow


def test_the_stock_forest_is_the_fitted_model_in_float32(tmp_path: Path) -> None:
    signals = simulate(600, seed=5)
    model = make_estimator("random_forest", rows=600, random_state=0).fit(signals.features, signals.profitable)
    save_skops(model, tmp_path / "model.skops", trusted=TRUSTED_TYPES)
    session = ort.InferenceSession(stock_graph(tmp_path).SerializeToString())

    answers = session.run(["probabilities"], {"features": signals.features.astype(np.float32)})[0][:, 1]

    difference = np.abs(answers - model.predict_proba(signals.features)[:, 1])
    # A float32 row may fall on the other side of a split: nearly all answers agree, and not all need to.
    assert np.quantile(difference, 0.95) < 1e-6


def test_a_model_without_a_forest_is_refused(tmp_path: Path) -> None:
    signals = simulate(200, seed=5)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(signals.features, signals.profitable)
    save_skops(model, tmp_path / "model.skops", trusted=TRUSTED_TYPES)
    with pytest.raises(PipelineError, match="a pipeline of columns and a forest"):
        stock_graph(tmp_path)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no version is in use"):
        require_same_model(tmp_path, tmp_path, model="signal_classifier")
