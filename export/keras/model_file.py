"""A .keras file: recognised by its content, and refused before anything in it is loaded if it holds code."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from train.core.errors import PipelineError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MOST_CONFIG_BYTES = 16 << 20
MOST_WEIGHT_BYTES = 512 << 20
MOST_ENTRIES = 64
OF_KERAS = ("keras", "builtins")
WITH_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__", "function"}
"""Classes that run what the file says; Keras writes functions of its own as plain names."""


def is_keras_file(path: Path) -> bool:
    """Whether a file is a zip archive with Keras's config in it, whatever it is called."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
    return CONFIG in names and WEIGHTS in names


def load_keras_file(path: Path) -> Any:
    """The model in a .keras file, after `check_keras_file`.

    Raises:
        PipelineError: it is refused, or Keras cannot load it.
    """
    check_keras_file(path)
    from train.core.tensorflow_start import start_tensorflow

    start_tensorflow()
    import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / "model.keras"  # Keras goes by the name's ending
            shutil.copyfile(path, named)
            return keras.saving.load_model(named, compile=False, safe_mode=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        raise PipelineError(
            f"{path}: Keras {keras.__version__} cannot load it: {type(error).__name__}: {reason}"
        ) from error


def check_keras_file(path: Path) -> None:
    """Refuse a file that would run code, or is larger than a network of this house may be; nothing is loaded.

    Raises:
        PipelineError: names what is in it.
    """
    for place, config in _objects(_config(path), "config"):
        kind, module = config.get("class_name"), config.get("module")
        if kind in WITH_CODE:
            raise PipelineError(
                f"{path}: {place}: {kind}: code inside a file is not run: build it from layers of Keras"
            )
        registered = config.get("registered_name")
        own_name = registered not in (None, "", kind) and not str(registered).startswith("keras")
        if not _of_keras(module) or own_name:
            raise PipelineError(
                f"{path}: {place}: {kind} of {module or registered!r} is not of Keras: its code is not loaded; "
                "build it from layers of Keras"
            )


def _of_keras(module: Any) -> bool:
    return module is None or (isinstance(module, str) and module.split(".")[0] in OF_KERAS)


def _config(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            sizes = {entry.filename: entry.file_size for entry in entries}
            if len(entries) > MOST_ENTRIES or sizes.get(CONFIG, 0) > MOST_CONFIG_BYTES:
                raise PipelineError(f"{path}: {len(entries)} entries, {CONFIG} of {sizes.get(CONFIG)} bytes: too large")
            if sum(sizes.values()) > MOST_WEIGHT_BYTES:
                raise PipelineError(f"{path}: {sum(sizes.values()):,} bytes unpacked, at most {MOST_WEIGHT_BYTES:,}")
            with archive.open(CONFIG) as file:
                text = file.read(MOST_CONFIG_BYTES + 1)
        if len(text) > MOST_CONFIG_BYTES:
            raise PipelineError(f"{path}: {CONFIG} is longer than it says")
        return json.loads(text)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError) as error:
        raise PipelineError(f"{path}: not a .keras file: {error}") from error


def _objects(value: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    """Every part of a config that names a class, with its place."""
    found: list[tuple[str, dict[str, Any]]] = []
    waiting = [(place, value)]
    while waiting:
        where, part = waiting.pop()
        if isinstance(part, dict):
            if _is_bytecode(part):
                found.append((where, {"class_name": "__lambda__"}))
            if "class_name" in part:
                found.append((_called(where, part), part))
            waiting += [(f"{where}.{key}", inner) for key, inner in part.items()]
        elif isinstance(part, list):
            waiting += [(f"{where}[{i}]", inner) for i, inner in enumerate(part)]
    return found


def _is_bytecode(part: dict[str, Any]) -> bool:
    """Whether this is what Keras writes for a lambda: its bytecode in base64, its defaults, its closure."""
    value = part.get("value")
    return isinstance(value, list) and bool(value) and isinstance(value[0], str) and "class_name" not in part


def _called(where: str, part: dict[str, Any]) -> str:
    config = part.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return f"{where} {name!r}" if name else where
