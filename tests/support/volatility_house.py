"""Volatility predictors exported from their Keras originals: what tests of the whole path from CSV to JSON run."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from export.artifact.version_folder import write_artifact
from export.compile_model import draft_of
from tests.support.tiny_volatility import loud_keras, tiny_keras, tiny_model
from train.core.records.record import read_record, write_record
from train.volatility_predictor.model import MODEL
from train.volatility_predictor.original import MODEL_FILE


@functools.cache
def trained_version() -> tuple[Path, Any]:
    """The version folder and the Keras original of a model as training leaves it."""
    return _exported(tiny_keras())


@functools.cache
def loud_version() -> tuple[Path, Any]:
    """The same of a model whose LSTM has a say in everything, so that an error in it would show."""
    return _exported(loud_keras())


def _exported(model: Any) -> tuple[Path, Any]:
    root = Path(tempfile.mkdtemp(prefix="volatility_house."))
    source = root / "source"
    write_record(source, read_record(tiny_model()[0]))
    model.save(source / MODEL_FILE)
    return write_artifact(root / "artifacts", draft_of(MODEL, source)), model
