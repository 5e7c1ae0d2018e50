"""What a fitted scikit-learn model answers to raw rows, asked so that the bits repeat: one job, its column names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt

from train.core.columns.model_table import TableColumn, decoded, table_of

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


def original_input(estimator: Any, rows: Any) -> Any:
    """`rows` in the form the estimator was fitted on: a DataFrame when it knows column names, else an array.

    Args:
        estimator: fitted.
        rows: float64 or float32 [row, column], text as codes (see `train.core.columns.model_table`); anything else
            is handed on as it is, under the estimator's column names.
    """
    names = getattr(estimator, "feature_names_in_", None)
    coded = isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype.kind == "f"
    columns = table_of(estimator, rows.shape[1]) if coded else ()
    if any(column.kind != "number" for column in columns):
        return typed_columns(columns, rows, None if names is None else list(names))
    if names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=list(names))


def has_classes(estimator: Any) -> bool:
    """Whether it is a fitted classifier; CatBoost gives every model of its own classes, a regressor none."""
    classes = getattr(estimator, "classes_", None)
    return classes is not None and len(classes) > 0


def typed_columns(columns: Sequence[TableColumn], rows: Floats, names: Sequence[str] | None) -> Any:
    """Coded rows as a DataFrame of these names, each column of its own dtype; without names as an array."""
    parts = decoded(columns, rows)
    if names is not None:
        import pandas as pd

        table = pd.DataFrame({index: pd.Series(part) for index, part in enumerate(parts)})
        table.columns = list(names)
        return table
    if all(column.kind != "text" for column in columns):
        return rows
    return np.column_stack([part.astype(object) for part in parts])


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


def described(estimator: Any) -> str:
    """The classes of a pipeline's steps, or of the estimator."""
    steps = getattr(estimator, "steps", None)
    return " -> ".join(type(step).__name__ for _, step in steps) if steps else type(estimator).__name__
