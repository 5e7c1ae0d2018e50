"""The original model as one function from flat rows to flat answers: scikit-learn's own, Keras's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt

from export.artifact.manifest import Manifest
from train.core.errors import PipelineError
from train.core.skops_files import load_skops, original_input
from train.signal_classifier.contract import SIGNAL_CLASSIFIER
from verify.comparison.parity import Tolerance, agreement
from verify.comparison.stream import accepted_answers
from verify.proof.rerouted_splits import Turn, turned_model
from verify.proof.split_evidence import Judge
from verify.proof.trees import Bools, Group, tree_groups

Floats = npt.NDArray[np.float64]
KERAS_BATCH = 1000
JUDGED_AT_ONCE = 20_000


@dataclass(frozen=True)
class Original:
    """A fitted model.

    Attributes:
        name: for messages.
        answer: flat rows -> flat answers.
        estimator: None unless it is scikit-learn's.
        read: asks another estimator of the same shape as `answer` asks this one.
        second_class_only: whether `answer` gives the probability of the second class alone.
    """

    name: str
    answer: Callable[[Floats], Floats]
    estimator: Any = None
    read: Callable[[Any, Floats], Floats] | None = None
    second_class_only: bool = False

    @property
    def groups(self) -> tuple[Group, ...]:
        """Its trees, if it has any."""
        if self.estimator is None:
            return ()
        return tree_groups(self.estimator, second_class_only=self.second_class_only)

    def takes_missing(self, rows: Floats) -> bool:
        """Whether it answers rows like these with missing values."""
        trial = rows[:8].copy()
        trial[np.arange(len(trial)), np.arange(len(trial)) % trial.shape[1]] = np.nan
        return bool(accepted_answers(self.answer, trial)[1].any())

    def judge(self, tolerance: Tolerance) -> Judge:
        """Whether it would answer otherwise if one split sent a row to its other side; see `verify.proof.split_evidence`."""
        # Answers within a tolerance may be off by that much on either side before the turn is seen.
        wide = Tolerance(4.0 * tolerance.absolute, 4.0 * tolerance.relative)
        read = self.read
        assert read is not None, "only scikit-learn's models have splits"

        def differs(rows: Floats, turn: Turn) -> Bools:
            parts = [np.empty(0, dtype=bool)]
            for start in range(0, len(rows), JUDGED_AT_ONCE):
                some = slice(start, start + JUDGED_AT_ONCE)
                expected, accepted = accepted_answers(self.answer, rows[some])
                kept = np.arange(len(rows))[some][accepted]
                turned = read(turned_model(self.estimator, turn.only(kept)), rows[kept])
                answered = accepted.copy()
                answered[accepted] = ~agreement(expected[accepted], turned, wide).all(axis=1)
                parts.append(answered)
            return np.concatenate(parts)

        return differs


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
    return Original(name, lambda rows: _read(estimator, rows), estimator, _read)


def _read(estimator: Any, rows: Floats) -> Floats:
    predict = getattr(estimator, "predict_proba", None)
    if predict is None and hasattr(estimator, "classes_"):
        return _one_hot(estimator)(rows)
    return _table(estimator, predict or estimator.predict)(rows)


def _read_second(estimator: Any, rows: Floats) -> Floats:
    return _table(estimator, estimator.predict_proba)(rows)[:, 1:2]


def _signal_original(path: Path) -> Original:
    estimator = load_skops(path)
    return second_class_of(sklearn_original(estimator, name=str(path)))


def second_class_of(original: Original) -> Original:
    """The same binary classifier, asked for the probability of its second class alone: answers [row, 1]."""
    estimator = original.estimator
    return Original(
        original.name, lambda rows: _read_second(estimator, rows), estimator, _read_second, second_class_only=True
    )


def _keras_original(manifest: Manifest, folder: Path) -> Original:
    from train.volatility_predictor.training import load_original as load_keras
    from train.volatility_predictor.training import predict_original

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
