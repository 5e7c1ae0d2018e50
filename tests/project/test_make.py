"""What `make` says on a machine that lacks something, and that its lists are whole."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from train.registry import models

FIRST = ".venv/bin/python"
"""What `make` builds before anything else."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile and what it reads before it does anything."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "runtime").mkdir()
    shutil.copy(ROOT / "runtime" / "Cargo.toml", tmp_path / "runtime")
    return tmp_path


def make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path or os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    command = [shutil.which("make") or "make", "-C", str(folder), "--no-print-directory", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def path_without(program: str, folder: Path) -> str:
    """A PATH on which everything that the Makefile needs is found, but not `program`."""
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("bash", "sh", "sed", "grep", "find", "mkdir", "touch", "cat", "date", "python3.11", "cargo"):
        found = shutil.which(tool)
        if found and tool != program:
            (tools / tool).symlink_to(found)
    return str(tools)


def test_a_missing_python_is_one_line_that_says_how_to_name_one(checkout: Path) -> None:
    done = make(checkout, FIRST, "PYTHON=/nowhere/python3.11")
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2
    assert lines == [
        "error: Python 3.11, 3.12 or 3.13 is needed, found none; name one: make PYTHON=/path/to/python3.11",
    ]


def test_another_python_is_refused_by_its_version(checkout: Path) -> None:
    other = checkout / "python3"
    other.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    other.chmod(0o755)
    done = make(checkout, FIRST, f"PYTHON={other}")
    assert done.returncode == 2
    assert "error: Python 3.11, 3.12 or 3.13 is needed, found Python 3.9.2" in done.stderr


def test_a_missing_cargo_is_one_line(checkout: Path) -> None:
    done = make(checkout, FIRST, f"PYTHON={sys.executable}", path=path_without("cargo", checkout))
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2
    assert len(lines) == 1
    assert lines[0].startswith("error: cargo is needed to build runtime/")


def test_help_lists_every_target_that_people_call(checkout: Path) -> None:
    listed = make(checkout, "help").stdout
    for target in ("all", "test", "check", "lock", "clean"):
        assert f"\n{target} " in f"\n{listed}"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_python_package_is_pinned_with_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert packages
    assert all("==" in line and line.endswith("\\") for line in packages)
    assert "://" not in text


def test_make_trains_what_says_nothing_else_and_make_models_trains_all() -> None:
    def trained(*target: str) -> set[str]:
        lines = make(ROOT, "-n", "-B", *target).stdout.splitlines()
        return {line.split()[3] for line in lines if line.startswith('echo "== train ')}

    assert trained("models") == set(models())
    assert trained() == {name for name, model in models().items() if model.in_make}
