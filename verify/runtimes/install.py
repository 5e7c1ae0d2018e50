"""`verify runtimes --install`: what other languages' runtimes and other releases stand on, by locks."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from train.core import cli
from train.core.errors import PipelineError
from verify.runtimes.not_run import NotRunError
from verify.runtimes.places import (
    ADAPTERS,
    INSTALLED,
    LOCKS,
    NODE,
    command_of,
    jar_of,
    java_packages,
    release_of,
)

TIME_LIMIT_SECONDS = 900
COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy"


def install(names: Sequence[str]) -> dict[str, str]:
    """Install what the named runtimes lack; for each that could not be, why.

    What is there already stays as it is. A failure leaves its runtime *not run* and stops none of the others.
    """
    failed: dict[str, str] = {}
    for name in names:
        step = _step(name)
        if step is None:
            continue
        try:
            command_of(name)
        except NotRunError:
            cli.show(f"installing {name}")
            try:
                step()
                command_of(name)
            except (PipelineError, OSError) as error:
                failed[name] = str(error)
    return failed


def _step(name: str) -> Callable[[], None] | None:
    language, release = release_of(name)
    if language in NODE:
        return _node
    if language == "java":
        return lambda: _java(release)
    if language == "python" and release:
        return lambda: _python(name, release)
    return None  # comes with this project


def _node() -> None:
    folder = INSTALLED / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKS / name, folder)
    # Without scripts: those of onnxruntime-node look for a CUDA build outside the registry.
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder))


def _java(release: str) -> None:
    folder = INSTALLED / "java"
    folder.mkdir(parents=True, exist_ok=True)
    for wanted, package in java_packages(release):
        jar = jar_of(package)
        if not jar.is_file():
            _run("mvn", "-q", "-B", COPY, f"-Dartifact={package}", f"-DoutputDirectory={folder.resolve()}")
        found = hashlib.sha256(jar.read_bytes()).hexdigest()
        if found != wanted:
            jar.unlink()
            raise PipelineError(f"{jar}: SHA-256 is {found}, {LOCKS / 'java.lock'} says {wanted}; it was removed")
    classes = folder / "classes"
    jars = ":".join(str(jar_of(package)) for _, package in java_packages(release))
    _run("javac", "-cp", jars, "-d", str(classes), str(ADAPTERS / "Answer.java"))


def _python(name: str, release: str) -> None:
    folder = INSTALLED / name
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    lock = str(LOCKS / f"onnxruntime-{release}.lock")
    python = str(folder / "bin" / "python")
    flags = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "-r", lock]
    try:
        _run(sys.executable, "-m", "pip", "--python", python, "install", *flags)
    except PipelineError:
        shutil.rmtree(folder)  # half an environment would pass for a whole one
        raise


def _run(*command: str) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise PipelineError(f"{command[0]} is not on the PATH")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PipelineError(f"{Path(command[0]).name}: did not end in {TIME_LIMIT_SECONDS} s") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise PipelineError(f"{Path(command[0]).name}: {lines[0] if lines else f'exit code {done.returncode}'}")
