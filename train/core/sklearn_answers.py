"""What a fitted scikit-learn model answers to raw rows, asked so that the bits repeat: one job, its column names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@contextmanager
def one_job() -> Iterator[None]:
    """Scikit-learn in this thread alone: with several jobs a forest adds its trees in the order in which they end."""
    # Huge probes overflow on purpose.
    with joblib.parallel_config(backend="sequential"), np.errstate(all="ignore"):
        yield


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except IndexError as error:
        raise ValueError(str(error)) from error


def original_input(estimator: Any, rows: Floats) -> Any:
    """`rows` in the form the estimator was fitted on: a DataFrame when it knows column names, else the array."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=list(names))


def has_classes(estimator: Any) -> bool:
    """Whether it is a fitted classifier; CatBoost gives every model of its own classes, a regressor none."""
    classes = getattr(estimator, "classes_", None)
    return classes is not None and len(classes) > 0


def answers(estimator: Any, rows: Floats) -> Floats:
    """A classifier's `predict_proba` [row, class], a regressor's `predict` [row, output]; float64.

    A classifier without probabilities gives a one for the label that it predicts. Of several outputs the tables stand
    side by side. An outlier detector gives its score and its decision.

    Raises:
        ValueError: it does not take these rows; also where scikit-learn stumbles (CategoricalNB over a category that
            it has not seen).
    """
    with one_job(), _refusing():
        seen = original_input(estimator, rows)
        if hasattr(estimator, "predict_proba"):
            found = estimator.predict_proba(seen)
            found = np.concatenate(found, axis=1) if isinstance(found, list) else found
        elif has_classes(estimator):
            found = _votes(np.asarray(estimator.predict(seen)), estimator)
        elif hasattr(estimator, "score_samples") and hasattr(estimator, "decision_function"):
            found = np.column_stack([estimator.score_samples(seen), estimator.decision_function(seen)])
        else:
            found = estimator.predict(seen)
    return np.asarray(found, dtype=np.float64).reshape(len(rows), -1)


def _votes(labels: npt.NDArray[Any], estimator: Any) -> Any:
    """A one for each label; the labels themselves where several outputs are one table."""
    if labels.ndim == 1:
        return labels[:, None] == np.asarray(estimator.classes_)
    if hasattr(estimator, "order_") or not isinstance(estimator.classes_, list):
        return labels
    return np.concatenate([labels[:, [k]] == each for k, each in enumerate(estimator.classes_)], axis=1)


def labels(estimator: Any, rows: Floats) -> npt.NDArray[Any]:
    """What `predict` answers, [row] or [row, output]."""
    with one_job():
        return np.asarray(estimator.predict(original_input(estimator, rows)))


def second_class(estimator: Any, rows: Floats) -> Floats:
    """A binary classifier's `predict_proba(X)[:, 1]`, float64 [row]."""
    return answers(estimator, rows)[:, 1]
