"""The original model as one function from flat rows to flat answers: scikit-learn's own, Keras's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import config_context

from export.artifact.manifest import Manifest
from train.core import sklearn_answers
from train.core.errors import PipelineError
from train.model import FittedModel, Tensors
from train.registry import models
from verify.comparison.parity import Tolerance, agreement
from verify.proof.accepted_rows import accepted_answers
from verify.proof.rerouted_splits import Turn, turned_model
from verify.proof.split_evidence import Judge
from verify.proof.trees import Bools, Group, tree_groups
from verify.runtimes.flat_rows import flat, typed_tensors, words_of

Floats = npt.NDArray[np.float64]
ASKED_AT_ONCE = 1000
"""Windows of a network; scikit-learn takes any number of rows."""
JUDGED_AT_ONCE = 20_000


@dataclass(frozen=True)
class Answers:
    """Flat rows -> flat answers of an estimator."""

    read: Callable[[Any, Floats], Floats]
    estimator: Any

    def __call__(self, rows: Floats) -> Floats:
        """float64 [row, answer]; a ValueError for rows that it does not accept."""
        return self.read(self.estimator, rows)

    def table(self, rows: Floats) -> Floats | None:
        """What the last step of a pipeline sees, float64 [row, column]; None where nobody can tell."""
        if not hasattr(self.estimator, "steps"):
            return None
        try:
            with sklearn_answers.one_job(), config_context(assume_finite=True):
                seen = self.estimator[:-1].transform(sklearn_answers.original_input(self.estimator, rows))
            return np.asarray(seen, dtype=np.float64).reshape(len(rows), -1)
        except Exception:  # noqa: BLE001  whatever a step raises of rows that nobody meant for it
            return None


@dataclass(frozen=True)
class Original:
    """A fitted model.

    Attributes:
        name: for messages.
        answer: flat rows -> flat answers.
        estimator: None unless it is scikit-learn's.
        read: asks another estimator of the same shape as `answer` asks this one.
        second_class_only: whether `answer` gives the probability of the second class alone.
        network: Keras's model, where it came as a file of its own.
        layers: Keras's model, wherever it came from: its layers can be looked at.
    """

    name: str
    answer: Callable[[Floats], Floats]
    estimator: Any = None
    read: Callable[[Any, Floats], Floats] | None = None
    second_class_only: bool = False
    network: Any = None
    layers: Any = None

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
        """Whether it would answer otherwise if one split sent a row to its other side; see `split_evidence`."""
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
                answered = accepted.copy()
                if len(kept):  # scikit-learn refuses to be asked for no rows
                    turned = read(turned_model(self.estimator, turn.only(kept)), rows[kept])
                    answered[accepted] = ~agreement(expected[accepted], turned, wide).all(axis=1)
                parts.append(answered)
            return np.concatenate(parts)

        return differs


def load_original(manifest: Manifest, folder: Path) -> Original | None:
    """The original of an artifact of a model of this house, from the folder that training wrote; None if not there.

    Raises:
        PipelineError: it is there and cannot be read.
    """
    model = models().get(manifest.model)
    fitted = None if model is None else model.load(folder)
    return None if fitted is None else flat_original(fitted, manifest)


def flat_original(fitted: FittedModel, manifest: Manifest) -> Original:
    """A fitted model addressed by flat rows, its tensors in the manifest's order."""
    words = words_of(manifest.settings)
    outputs = [tensor.name for tensor in manifest.outputs]
    in_parts = fitted.library != "scikit-learn"

    def read(estimator: Any, rows: Floats) -> Floats:
        size = ASKED_AT_ONCE if in_parts else max(len(rows), 1)
        parts = (rows[start : start + size] for start in range(0, max(len(rows), 1), size))
        given = (typed_tensors(part, manifest.inputs, words) for part in parts)
        return np.concatenate([_asked(fitted, estimator, tensors, outputs) for tensors in given])

    return Original(
        fitted.place,
        Answers(read, fitted.estimator),
        None if in_parts else fitted.estimator,
        None if in_parts else read,
        second_class_only=fitted.second_class_only,
        layers=fitted.estimator if in_parts else None,
    )


def _asked(fitted: FittedModel, estimator: Any, inputs: Tensors, outputs: Sequence[str]) -> Floats:
    found = fitted.answer(estimator, inputs)
    rows = len(next(iter(inputs.values())))
    return np.concatenate([np.asarray(found[name], dtype=np.float64).reshape(rows, -1) for name in outputs], axis=1)


def sklearn_original(estimator: Any, *, name: str) -> Original:
    """A classifier's `predict_proba` [row, class], or a regressor's `predict` [row, 1]."""
    read = sklearn_answers.answers
    return Original(name, Answers(read, estimator), estimator, read)


def second_class_of(original: Original) -> Original:
    """The same binary classifier, asked for the probability of its second class alone: answers [row, 1]."""
    estimator = original.estimator

    def read(asked: Any, rows: Floats) -> Floats:
        return sklearn_answers.second_class(asked, rows)[:, None]

    return Original(original.name, Answers(read, estimator), estimator, read, second_class_only=True)


def load_file(path: Path, manifest: Manifest) -> Original:
    """The original of an artifact from the file that it was compiled from, scikit-learn's or Keras's.

    Raises:
        PipelineError: it cannot be read, or is another kind of model than the artifact's.
    """
    from export.keras.model_file import is_keras_file

    if not is_keras_file(path):
        return _with_labels(load_sklearn(path), manifest)
    from export.keras.answers import keras_answers
    from export.keras.model_file import load_keras_file

    network = load_keras_file(path)
    types = {value.name: value.dtype for value in network.inputs}
    if list(types) != [tensor.name for tensor in manifest.inputs]:
        raise PipelineError(f"{path}: takes {list(types)}, the artifact {[t.name for t in manifest.inputs]}")

    def answer(asked: Any, tensors: Tensors) -> Tensors:
        return keras_answers(asked, {name: tensors[name].astype(kind) for name, kind in types.items()})

    return replace(flat_original(FittedModel(str(path), "keras", network, answer), manifest), network=network)


def _with_labels(original: Original, manifest: Manifest) -> Original:
    """The same, that also answers its labels where the artifact does: the last output, text as codes."""
    last = manifest.outputs[-1]
    if last.name != "label":
        return original
    words = words_of(manifest.settings)

    def read(asked: Any, rows: Floats) -> Floats:
        labels = sklearn_answers.labels(asked, rows)
        codes = flat(labels.astype(str) if last.dtype == "string" else labels, last, words)
        return np.concatenate([sklearn_answers.answers(asked, rows), codes.reshape(len(rows), -1)], axis=1)

    return replace(original, answer=Answers(read, original.estimator), read=read)


def load_sklearn(path: Path) -> Original:
    """A scikit-learn model from a .skops file, or a booster's from its own, that came without training's folder."""
    from export.original_file import load_original_file

    estimator = load_original_file(path)
    if not any(hasattr(estimator, method) for method in ("predict", "predict_proba", "score_samples")) and hasattr(
        estimator, "transform"
    ):
        raise PipelineError(
            f"{path}: {type(estimator).__name__}: its last step transforms and answers nothing; compare a model that "
            "ends in an estimator"
        )
    return sklearn_original(estimator, name=str(path))
