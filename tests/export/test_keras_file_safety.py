"""A .keras file that would run code, read another file or unpack to anything is refused before Keras sees it."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.__main__ import main
from export.keras.model_file import check_keras_file, load_keras_file
from tests.support.places import ROOT
from train.core.errors import PipelineError

pytestmark = pytest.mark.slow
Entries = dict[str, bytes]


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """What Keras writes for a small network with another one in it."""
    import keras

    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu", name="deep")])
    model = keras.Sequential([keras.Input((6, 4)), keras.layers.TimeDistributed(inner), keras.layers.LSTM(2)])
    model.compile("adam", "mse")
    path = tmp_path_factory.mktemp("keras") / "fine.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, entries: Entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def with_deep(entries: Entries, change: Callable[[dict[str, Any]], None]) -> Entries:
    """The same file, the layer inside the network inside the wrapper changed."""
    config = json.loads(entries["config.json"])
    found = [part for part in _parts(config) if part.get("config", {}).get("name") == "deep"]
    assert found
    change(found[0])
    return {**entries, "config.json": json.dumps(config).encode()}


def _parts(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        own = [value] if isinstance(value.get("config"), dict) else []
        return own + [part for inner in value.values() for part in _parts(inner)]
    return [part for inner in value for part in _parts(inner)] if isinstance(value, list) else []


def test_the_file_itself_is_read(tmp_path: Path, entries: Entries) -> None:
    assert load_keras_file(written(tmp_path / "fine.keras", entries)).count_params() > 0


DEEP: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a lambda": (lambda p: p.update(class_name="Lambda"), "Lambda: code inside"),
    "bytecode": (
        lambda p: p["config"].update(activation={"class_name": "__lambda__", "config": {"value": ["4wEAAA==", None]}}),
        "__lambda__: code inside",
    ),
    "bytecode without a name": (lambda p: p["config"].update(activation={"value": ["4wEAAA==", None]}), "__lambda__"),
    "a function": (
        lambda p: p["config"].update(activation={"module": "builtins", "class_name": "function", "config": "bend"}),
        "function: code inside",
    ),
    "a module of the system": (lambda p: p.update(module="os", class_name="system"), "system of 'os' is not of Keras"),
    "a module like Keras": (lambda p: p.update(module="keras_evil.layers"), "is not of Keras"),
    "builtins": (lambda p: p.update(module="builtins", class_name="eval"), "eval of 'builtins' is not of Keras"),
    "what Keras downloads with": (lambda p: p.update(module="keras.utils", class_name="get_file"), "get_file of"),
    "what Keras loads with": (lambda p: p.update(module="keras.saving", class_name="load_model"), "load_model of"),
    "what Keras switches with": (lambda p: p.update(module="keras.config", class_name="enable_unsafe"), "is not of"),
    "a registered name": (lambda p: p.update(registered_name="theirs>Dense"), "is not of Keras"),
    "a name like Keras's": (lambda p: p.update(registered_name="keras_theirs>Dense"), "is not of Keras"),
    "a class that is no text": (lambda p: p.update(class_name=["Dense"]), "is not of Keras"),
    "a module that is no text": (lambda p: p.update(module=["keras"]), "is not of Keras"),
    "a program of TensorFlow": (lambda p: p.update(class_name="TFSMLayer"), "TFSMLayer: code inside"),
    "a file to read": (
        lambda p: p.update(class_name="StringLookup", config={"name": "deep", "vocabulary": "/etc/passwd"}),
        "vocabulary names another file",
    ),
}


@pytest.mark.parametrize("case", DEEP)
def test_what_runs_code_is_refused_wherever_it_stands(tmp_path: Path, entries: Entries, case: str) -> None:
    change, said = DEEP[case]
    path = written(tmp_path / "theirs.keras", with_deep(entries, change))
    with pytest.raises(PipelineError, match=said) as caught:
        check_keras_file(path)
    assert "\n" not in str(caught.value)


def hdf5(fill: Callable[[Any], None]) -> bytes:
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        fill(file)
    return memory.getvalue()


def link_out(file: Any) -> None:
    import h5py

    file["layers"] = h5py.ExternalLink("/etc/hostname", "/")


def soft_link(file: Any) -> None:
    import h5py

    file["layers"] = h5py.SoftLink("/layers")


def kept_elsewhere(file: Any) -> None:
    file.create_dataset("w", shape=(4,), dtype="f4", external=[("/etc/hostname", 0, 16)])


def bomb(file: Any) -> None:
    file.create_dataset("w", shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024), compression="gzip")


def texts(file: Any) -> None:
    file["w"] = ["a", "b"]


WEIGHTS = [link_out, soft_link, kept_elsewhere, bomb, texts]


@pytest.mark.parametrize("fill", WEIGHTS, ids=[fill.__name__ for fill in WEIGHTS])
def test_weights_that_are_not_in_the_file_or_too_many_are_refused(
    tmp_path: Path, entries: Entries, fill: Callable[[Any], None]
) -> None:
    path = written(tmp_path / "w.keras", {**entries, "model.weights.h5": hdf5(fill)})
    with pytest.raises(PipelineError, match="weights"):
        load_keras_file(path)


def archives(entries: Entries) -> dict[str, Entries]:
    config = json.loads(entries["config.json"])
    nested: Any = config
    for _ in range(20_000):
        nested = [nested]
    return {
        "no weights": {name: content for name, content in entries.items() if "weights" not in name},
        "no config": {name: content for name, content in entries.items() if "config" not in name},
        "a pickle": {**entries, "model.pkl": b"\x80\x04."},
        "a path out": {**entries, "assets/../../up.txt": b""},
        "a huge config": {**entries, "config.json": b" " * (17 << 20)},
        "no json": {**entries, "config.json": b"{"},
        "a long number": {**entries, "config.json": b"1" * 100_000},
        "a deep config": {**entries, "config.json": b"[" * 200_000},
        "a list": {**entries, "config.json": b"[]"},
        "weights cut": {**entries, "model.weights.h5": entries["model.weights.h5"][:900]},
        "many entries": {**entries, **{f"assets/{i}.txt": b"" for i in range(100)}},
    }


CASES = ["no weights", "no config", "a pickle", "a path out", "a huge config", "no json", "a long number"]
CASES += ["a deep config", "a list", "weights cut", "many entries"]


@pytest.mark.parametrize("case", CASES)
def test_a_strange_archive_is_one_line(tmp_path: Path, entries: Entries, case: str) -> None:
    path = written(tmp_path / "strange.keras", archives(entries)[case])
    with pytest.raises(PipelineError) as caught:
        load_keras_file(path)
    assert "\n" not in str(caught.value)
    assert "strange.keras" in str(caught.value)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_a_truncated_archive_is_one_line(tmp_path: Path, entries: Entries, share: float) -> None:
    path = written(tmp_path / "cut.keras", entries)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(PipelineError) as caught:
        load_keras_file(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", ["a lambda", "h5", "cut"])
def test_the_command_says_one_line_and_ends_with_2(tmp_path: Path, entries: Entries, case: str) -> None:
    path = tmp_path / ("old.h5" if case == "h5" else "theirs.keras")
    if case == "a lambda":
        written(path, with_deep(entries, DEEP["a lambda"][0]))
    elif case == "h5":
        path.write_bytes(entries["model.weights.h5"])
    else:
        path.write_bytes(written(path, entries).read_bytes()[:700])
    command = [sys.executable, "-m", "export", "--original", str(path), "-o", str(tmp_path / "x.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=180, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.onnx").exists()


def test_a_loss_of_the_users_own_is_no_hindrance(tmp_path: Path) -> None:
    import keras

    def loss(wanted: Any, found: Any) -> Any:
        return keras.ops.mean(wanted - found)

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", loss)
    model.save(tmp_path / "own_loss.keras")
    assert main(["--original", str(tmp_path / "own_loss.keras"), "-o", str(tmp_path / "m.onnx")]) == 0
