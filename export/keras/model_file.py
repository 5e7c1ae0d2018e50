"""A .keras file: recognised by its content, and refused before anything in it is loaded if it holds code."""

import json
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from export.keras.layers.custom import custom_objects
from export.keras.weights_file import MOST_WEIGHT_BYTES, check_weights
from train.core.errors import PipelineError

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
ASSET = re.compile(r"assets/([\w.-]+/)*[\w.-]+\.txt|assets/")
"""Vocabularies; everything else has no place in such a file."""
MOST_CONFIG_BYTES = 16 << 20
MOST_ENTRIES = 64
HDF5 = b"\x89HDF\r\n\x1a\n"
OF_KERAS = re.compile(
    r"keras(\.(src\.)?(layers|models|ops|activations|initializers|regularizers|constraints|dtype_policies|quantizers"
    r"|random|backend\.common\.dtype_policies|backend\.common\.random|random\.seed_generator)(\.\w+)*)?"
)
"""Modules whose classes a network is made of; none of Keras's others belongs in a file."""
OF_COMPILING = re.compile(r"keras\.(src\.)?(optimizers|losses|metrics)(\.\w+)*")
"""Of a model in a model, which was compiled for training: Keras's own are read, and never used."""
WITH_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__", "function"}
"""Classes that run what the file says; Keras writes functions of its own as plain names."""
FROM_FILES = ("vocabulary", "idf_weights", "filepath")
"""Fields that Keras takes for a path when they are text."""


def is_keras_file(path: Path) -> bool:
    """Whether a file is a zip archive with Keras's config in it, or HDF5 of older releases, whatever it is called."""
    try:
        with path.open("rb") as file:
            if file.read(len(HDF5)) == HDF5:
                return True
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return path.suffix == ".keras"
    return CONFIG in names and "schema.json" not in names


def load_keras_file(path: Path) -> Any:
    """The model in a .keras file, after `check_keras_file`.

    Raises:
        PipelineError: it is refused, or Keras cannot load it.
    """
    check_keras_file(path)
    check_weights(path, WEIGHTS)
    from train.core.tensorflow_start import start_tensorflow

    start_tensorflow()
    import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / "model.keras"  # Keras goes by the name's ending
            shutil.copyfile(path, named)
            return keras.saving.load_model(named, custom_objects=custom_objects(), compile=False, safe_mode=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        raise PipelineError(
            f"{path}: Keras {keras.__version__} cannot load it: {type(error).__name__}: {reason}"
        ) from error


def check_keras_file(path: Path) -> None:
    """Refuse a file that would run code, read another file, or is larger than a network of this house may be.

    Nothing is loaded: the archive's list and its config, which is JSON, are all that is looked at. What the model was
    compiled with for training is left out: Keras is told not to read it.

    Raises:
        PipelineError: names what is in it.
    """
    config = _config(path)
    if isinstance(config, dict):
        config.pop("compile_config", None)
    known = custom_objects()
    for place, part in _objects(config, "config"):
        kind, module = part.get("class_name"), part.get("module")
        if known and _is_known(part, known):
            continue
        if isinstance(kind, str) and kind in WITH_CODE:
            raise PipelineError(
                f"{path}: {place}: {kind}: code inside a file is not run: build it from layers of Keras"
            )
        registered = part.get("registered_name")
        own_name = registered not in (None, "", kind) and not str(registered).startswith("keras>")
        if not _of_keras(module, place) or own_name or not isinstance(kind, str):
            raise PipelineError(
                f"{path}: {place}: {kind} of {module or registered!r} is not of Keras: its code is not loaded; "
                "build it from layers of Keras"
            )
        fields = part.get("config")
        named = [key for key in FROM_FILES if isinstance(fields, dict) and isinstance(fields.get(key), str)]
        if named:
            raise PipelineError(
                f"{path}: {place}: {kind}: {named[0]} names another file, which is not read: give a list"
            )


def _is_known(part: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether this is something that the program itself has registered a lowering for."""
    if part.get("class_name") == "function":
        return part.get("config") in known or part.get("registered_name") in known
    thing = known.get(str(part.get("registered_name")))
    return thing is not None and part.get("class_name") == thing.__name__


def _of_keras(module: Any, place: str) -> bool:
    if module is None:
        return True
    allowed = OF_KERAS.fullmatch(str(module)) or (".compile_config" in place and OF_COMPILING.fullmatch(str(module)))
    return isinstance(module, str) and bool(allowed)


def _config(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            if file.read(len(HDF5)) == HDF5:
                raise PipelineError(
                    f"{path}: HDF5, which Keras 2 wrote: what it holds is not known before it is loaded; load it where "
                    "you trust it, and write model.save('model.keras')"
                )
        with zipfile.ZipFile(path) as archive:
            _check_entries(path, archive.infolist())
            with archive.open(CONFIG) as file:
                text = file.read(MOST_CONFIG_BYTES + 1)
        if len(text) > MOST_CONFIG_BYTES:
            raise PipelineError(f"{path}: {CONFIG} is longer than it says")
        return json.loads(text)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError, EOFError) as error:
        raise PipelineError(f"{path}: not a .keras file, or a damaged one: {error}") from error
    except RuntimeError as error:  # an entry that wants a password
        raise PipelineError(f"{path}: not a .keras file: {error}") from error


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """The archive's list: what has a place in it, once, and no more than a network of this house may have."""
    sizes = {entry.filename: entry.file_size for entry in entries}
    if len(entries) > MOST_ENTRIES or sizes.get(CONFIG, 0) > MOST_CONFIG_BYTES:
        raise PipelineError(f"{path}: {len(entries)} entries, {CONFIG} of {sizes.get(CONFIG)} bytes: too large")
    if sum(entry.file_size for entry in entries) > MOST_WEIGHT_BYTES:
        raise PipelineError(f"{path}: {sum(sizes.values()):,} bytes unpacked, at most {MOST_WEIGHT_BYTES:,}")
    if len(sizes) < len(entries):
        raise PipelineError(f"{path}: two entries of one name: which of them counts is not certain")
    strange = [name for name in sizes if name not in (CONFIG, WEIGHTS, METADATA) and not ASSET.fullmatch(name)]
    strange += [name for name in sizes if ".." in name]
    if strange:
        raise PipelineError(f"{path}: {strange[0]!r} has no place in a .keras file ({CONFIG}, {METADATA}, {WEIGHTS})")
    for needed in (CONFIG, WEIGHTS):
        if needed not in sizes:
            raise PipelineError(f"{path}: a .keras file without {needed}: damaged, or weights alone")


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
