"""The original model as one function from flat rows to flat answers: scikit-learn's own, Keras's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt

from export.manifest import Manifest
from train.contract import SIGNAL_CLASSIFIER
from train.errors import PipelineError
from train.model_io import load_skops, original_input
from verify.trees import Group, tree_groups

Floats = npt.NDArray[np.float64]
KERAS_BATCH = 1000


@dataclass(frozen=True)
class Original:
    """A fitted model; `estimator` is None unless it is scikit-learn's."""

    name: str
    answer: Callable[[Floats], Floats]
    estimator: Any = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """Its trees, if it has any."""
        return () if self.estimator is None else tree_groups(self.estimator)


def load_original(manifest: Manifest, folder: Path) -> Original | None:
    """The original of an artifact, from the folder that training wrote; None when it is not there.

    Raises:
        PipelineError: it is there and cannot be read.
    """
    if manifest.model == SIGNAL_CLASSIFIER:
        path = folder / "model.skops"
        return _signal_original(path) if path.is_file() else None
    path = folder / "model.keras"
    return _keras_original(manifest, folder) if path.is_file() else None


def sklearn_original(estimator: Any, *, name: str) -> Original:
    """A classifier's `predict_proba` [row, class], or a regressor's `predict` [row, 1]."""
    predict = getattr(estimator, "predict_proba", None)
    if predict is None and hasattr(estimator, "classes_"):
        return Original(name, _one_hot(estimator), estimator)
    return Original(name, _table(estimator, predict or estimator.predict), estimator)


def _signal_original(path: Path) -> Original:
    estimator = load_skops(path)
    both = _table(estimator, estimator.predict_proba)
    return Original(str(path), lambda rows: both(rows)[:, 1:2], estimator)


def _keras_original(manifest: Manifest, folder: Path) -> Original:
    from train.volatility_predictor import load_original as load_keras
    from train.volatility_predictor import predict_original

    model = load_keras(folder)
    shape = [axis for axis in manifest.inputs[0].shape[1:] if isinstance(axis, int)]

    def answer(rows: Floats) -> Floats:
        parts = []
        for start in range(0, len(rows), KERAS_BATCH):
            batch = rows[start : start + KERAS_BATCH]
            outputs = predict_original(model, batch.reshape(len(batch), *shape))
            flat = [np.asarray(outputs[out.name], dtype=np.float64).reshape(len(batch), -1) for out in manifest.outputs]
            parts.append(np.concatenate(flat, axis=1))
        return np.concatenate(parts)

    return Original(str(folder / "model.keras"), answer)


def _table(estimator: Any, predict: Callable[[Any], Any]) -> Callable[[Floats], Floats]:
    def answer(rows: Floats) -> Floats:
        with one_job():
            answers: Floats = np.asarray(predict(original_input(estimator, rows)), dtype=np.float64)
        return answers.reshape(len(rows), -1)

    return answer


def _one_hot(estimator: Any) -> Callable[[Floats], Floats]:
    """A classifier without probabilities: a one for the label that it predicts."""

    def answer(rows: Floats) -> Floats:
        with one_job():
            labels = estimator.predict(original_input(estimator, rows))
        table: Floats = (np.asarray(labels)[:, None] == np.asarray(estimator.classes_)).astype(np.float64)
        return table

    return answer


@contextmanager
def one_job() -> Iterator[None]:
    """Scikit-learn in this thread alone: with several jobs a forest adds its trees in the order in which they end."""
    # Huge probes overflow on purpose.
    with joblib.parallel_config(backend="sequential"), np.errstate(all="ignore"):
        yield


def load_sklearn(path: Path) -> Original:
    """A scikit-learn model from a .skops file, for `compare`."""
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; --original names a model saved by skops")
    return sklearn_original(load_skops(path), name=str(path))
