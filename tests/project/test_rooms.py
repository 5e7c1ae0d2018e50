"""The house's own rules: a model is known by its folder alone, rooms stay small, what is light stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from train.registry import models

PACKAGES = ("train", "export", "verify")
MOST_ENTRIES = 14
"""About a dozen a folder."""
HEAVY = ("tensorflow", "keras", "matplotlib", "pandas", "sklearn", "skl2onnx", "onnx", "onnxruntime")


def python_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def is_of_a_model(path: Path) -> bool:
    """Whether a file lies in a folder with a model's name."""
    return any(part in models() for part in path.relative_to(ROOT).parts)


def names_in(text: str, names: list[str]) -> list[str]:
    return [
        name for name in names if re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, re.IGNORECASE)
    ]


SCRIPTS = [*(ROOT / ".ci").iterdir(), *sorted((ROOT / "runtime").glob("*.sh"))]
SHARED = [path for path in python_files() if not is_of_a_model(path)]


@pytest.mark.parametrize(
    "path",
    [*SHARED, *SCRIPTS, ROOT / "Makefile", ROOT / "pyproject.toml"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_file_outside_a_models_folder_names_a_model(path: Path) -> None:
    assert names_in(path.read_text(), list(models())) == []


def test_the_search_for_names_finds_them_in_any_spelling() -> None:
    names = ["signal_classifier"]
    for text in ('x = "signal_classifier"', "from train.signal_classifier.contract import X", "SIGNAL_CLASSIFIER"):
        assert names_in(text, names) == names
    assert names_in("a signal's classifier", names) == []


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


@pytest.mark.parametrize("name", list(models()))
def test_a_model_imports_what_is_shared_and_itself_but_no_other_model(name: str) -> None:
    allowed = ("train.core", "train.model", f"train.{name}")
    for path in sorted((ROOT / "train" / name).rglob("*.py")):
        ours = {module for module in imports_of(path) if module.split(".")[0] in PACKAGES}
        foreign = {module for module in ours if not module.startswith(allowed) and module != "train"}
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_no_folder_holds_many_more_than_a_dozen_entries() -> None:
    for folder in {path.parent for path in python_files()}:
        entries = [p.name for p in folder.iterdir() if p.name not in ("__pycache__", "__init__.py")]
        assert len(entries) <= MOST_ENTRIES, f"{folder.relative_to(ROOT)}: {sorted(entries)}"


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    for path in python_files():
        assert ast.get_docstring(ast.parse(path.read_text())), path


def paths_in(text: str) -> set[str]:
    """Paths of this repository in backticks."""
    return set(re.findall(r"`((?:train|export|verify|runtime|tests|artifacts|config|examples)/[\w./-]+)`", text))


RUST_FILES = sorted((ROOT / "runtime/src").rglob("*.rs"))


@pytest.mark.parametrize("path", [*python_files(), *RUST_FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_that_a_file_names_exist(path: Path) -> None:
    for named in paths_in(path.read_text()):
        assert (ROOT / named).exists(), f"{path.relative_to(ROOT)} names {named}"


def test_the_search_for_paths_finds_them() -> None:
    assert paths_in("see `runtime/src/nothing.rs`, `train/x/y.py` and `numpy`") == {
        "runtime/src/nothing.rs",
        "train/x/y.py",
    }


def loaded_by(code: str) -> set[str]:
    """Heavy libraries in memory after some code, in a Python of its own."""
    show = f"{code}; import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", PACKAGES)
def test_a_commands_help_loads_no_heavy_library(command: str) -> None:
    code = f"from {command}.__main__ import parser; parser().format_help()"
    assert loaded_by(code) == set()


def test_compiling_a_forest_loads_neither_keras_nor_matplotlib_nor_skl2onnx() -> None:
    code = "import export.original_file, export.artifact.version_folder, export.sklearn.compile"
    assert loaded_by(code).isdisjoint({"tensorflow", "keras", "matplotlib", "skl2onnx", "onnxruntime"})


def test_the_trap_for_heavy_libraries_works() -> None:
    assert loaded_by("import pandas") == {"pandas"}
