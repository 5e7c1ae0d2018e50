"""The models of this house: every folder in `train/` but `core` is one, and says what it is in its `model.py`."""

import functools
import importlib
from pathlib import Path

from train.core.errors import PipelineError
from train.model import Model

HERE = Path(__file__).parent
SHARED_FOLDERS = ("core",)
"""Folders in `train/` that are no models."""


@functools.cache
def models() -> dict[str, Model]:
    """Name -> model, in alphabetical order.

    Raises:
        PipelineError: a folder has no `model.py` with a `MODEL`, or its name is another's or not the folder's.
    """
    found: dict[str, Model] = {}
    for folder in model_folders(HERE):
        model = _model_of(folder)
        if model.name in found:
            raise PipelineError(f"{folder}: says that its name is {model.name!r}, which another model has; rename one")
        if model.name != folder.name:
            raise PipelineError(f"{folder}: says that its name is {model.name!r}; it must be the folder's")
        found[model.name] = model
    return found


def model_folders(root: Path) -> list[Path]:
    """The folders below `root` that hold Python files, but for the shared ones."""
    return sorted(
        folder
        for folder in root.iterdir()
        if folder.is_dir() and folder.name not in SHARED_FOLDERS and any(folder.glob("*.py"))
    )


def model_named(name: str) -> Model:
    """The model of this name.

    Raises:
        PipelineError: there is none; names those that there are.
    """
    if name not in models():
        raise PipelineError(f"no model {name!r} here; there are {', '.join(models())}")
    return models()[name]


def trusted_types() -> tuple[str, ...]:
    """Types of the models' own that a .skops file may hold."""
    return tuple(name for model in models().values() for name in model.trusted_types)


def _model_of(folder: Path) -> Model:
    if not (folder / "model.py").is_file():
        raise PipelineError(
            f"{folder}: a model's folder needs a model.py that says what the model is (see train/model.py); "
            "write one, or remove the folder"
        )
    try:
        module = importlib.import_module(f"train.{folder.name}.model")
    except Exception as error:  # whatever a stranger's file does at import
        raise PipelineError(f"{folder / 'model.py'}: cannot be imported: {type(error).__name__}: {error}") from error
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise PipelineError(f"{folder / 'model.py'}: must hold MODEL, an instance of train.model.Model")
    return model
