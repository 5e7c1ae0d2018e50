"""From a trained model's folder to a draft artifact: one function a model; a third model adds its own here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.artifact.manifest import ParityEntry, TensorEntry, tensor_entry
from export.artifact.version_folder import Draft
from train.core.contract import Tensor
from train.core.errors import PipelineError
from train.core.record import TrainingRecord, read_record
from train.signal_classifier.contract import SIGNAL_CLASSIFIER, SIGNAL_INPUT, SIGNAL_OUTPUT
from train.volatility_predictor.contract import (
    GRID_MONEYNESS,
    GRID_TENOR_DAYS,
    VOLATILITY_INPUT,
    VOLATILITY_OUTPUTS,
    VOLATILITY_PREDICTOR,
)


def draft_signal_classifier(folder: Path) -> Draft:
    """Compile `folder`/model.skops; golden outputs are scikit-learn's `predict_proba(X)[:, 1]`."""
    from export.sklearn.columns.preprocess import input_width
    from export.sklearn.compile import compile_sklearn, is_bit_exact
    from train.core.skops_files import load_skops

    record = read_record(folder)
    estimator = load_skops(folder / "model.skops")
    width, expected = input_width(estimator), len(SIGNAL_INPUT.columns)
    if width != expected:
        raise PipelineError(
            f"{folder / 'model.skops'}: the model takes {width} columns, a trade signal has {expected}: "
            f"{', '.join(column.name for column in SIGNAL_INPUT.columns)}; fit it on these alone"
        )
    exact = is_bit_exact(estimator)
    rows = _sample(record)
    return Draft(
        record=record,
        graph=compile_sklearn(estimator, name=SIGNAL_CLASSIFIER, output="confidence"),
        inputs=[_entry(SIGNAL_INPUT, ["batch", len(SIGNAL_INPUT.columns)], record)],
        outputs=[_entry(SIGNAL_OUTPUT, ["batch"], record)],
        parity=ParityEntry(
            reference="scikit-learn predict_proba(X)[:, 1]", absolute=0.0 if exact else 1e-12, relative=0.0
        ),
        golden_inputs={SIGNAL_INPUT.name: rows},
        golden_outputs={SIGNAL_OUTPUT.name: np.asarray(estimator.predict_proba(rows)[:, 1], dtype=np.float64)},
        settings={},
    )


def draft_volatility_predictor(folder: Path) -> Draft:
    """Compile `folder`/model.keras; golden outputs are Keras's own."""
    from export.keras.compile import compile_keras
    from train.volatility_predictor.training import load_original, predict_original

    record = read_record(folder)
    model = load_original(folder)
    windows = _sample(record)
    horizons: list[str | int] = ["batch", len(record.settings["horizons"])]
    shapes: dict[int, list[str | int]] = {2: horizons, 4: [*horizons, len(GRID_TENOR_DAYS), len(GRID_MONEYNESS)]}
    days, features = windows.shape[1:]
    return Draft(
        record=record,
        graph=compile_keras(model, name=VOLATILITY_PREDICTOR),
        inputs=[_entry(VOLATILITY_INPUT, ["batch", days, features], record)],
        outputs=[_entry(output, shapes[len(output.axes)], record) for output in VOLATILITY_OUTPUTS],
        parity=ParityEntry(reference="Keras, float32", absolute=0.0, relative=1e-6),
        golden_inputs={VOLATILITY_INPUT.name: windows},
        golden_outputs=predict_original(model, windows),
        settings=record.settings,
    )


DRAFTS: dict[str, Callable[[Path], Draft]] = {
    SIGNAL_CLASSIFIER: draft_signal_classifier,
    VOLATILITY_PREDICTOR: draft_volatility_predictor,
}


def _entry(tensor: Tensor, shape: list[str | int], record: TrainingRecord) -> TensorEntry:
    return tensor_entry(tensor, shape, record.feature_ranges)


def _sample(record: TrainingRecord) -> NDArray[np.float64]:
    """The record's sample as float64, None as NaN."""
    if not record.sample:
        raise PipelineError(
            f"{record.model}: training.json holds no sample rows to make golden cases from; train again"
        )

    def numbers(value: Any) -> Any:
        if isinstance(value, list):
            return [numbers(item) for item in value]
        return np.nan if value is None else value

    return np.asarray(numbers(record.sample), dtype=np.float64)
