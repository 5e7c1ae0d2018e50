"""Where the runtimes of other languages and releases are installed, and how each is started."""

import json
import shutil
from pathlib import Path

from verify.runtimes.not_run import NotRunError

ADAPTERS = Path(__file__).parent / "adapters"
LOCKS = ADAPTERS / "locks"
INSTALLED = Path("build/runtimes")
HOW = "run `python -m verify runtimes --install`"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NODE = {"node": "onnxruntime-node", "wasm": "onnxruntime-web", "browser": "onnxruntime-web"}
"""What runs in Node or in a browser -> its package."""
JAVA_RUNTIME = "com.microsoft.onnxruntime:onnxruntime:"
LANGUAGES = ("python", "node", "wasm", "java")
"""Of these other releases can be asked too, by names like python-1.31.1: each that stands in the locks."""


def releases() -> list[str]:
    """Other releases that stand in the locks, as names of runtimes: by language, the newest first."""
    found = []
    for language in LANGUAGES:
        numbers = _locked(language)
        found += [f"{language}-{number}" for number in sorted(numbers, key=_order, reverse=True)]
    return found


def release_of(name: str) -> tuple[str, str]:
    """Language and release of a name like python-1.31.1; the release is empty for the one that stands first."""
    language, _, release = name.partition("-")
    return (language, release) if name in releases() else (name, "")


def java_packages(release: str = "") -> list[tuple[str, str]]:
    """(SHA-256, group:artifact:version) of every jar for a release; without one for the first of the lock."""
    lines = [line.split() for line in (LOCKS / "java.lock").read_text(encoding="utf-8").splitlines()]
    runtimes = [package for _, package in lines if package.startswith(JAVA_RUNTIME)]
    wanted = JAVA_RUNTIME + release if release else runtimes[0]
    return [(sha, package) for sha, package in lines if package == wanted or package not in runtimes]


def _locked(language: str) -> list[str]:
    if language == "python":
        return [path.stem.removeprefix("onnxruntime-") for path in LOCKS.glob("onnxruntime-*.lock")]
    if language == "java":
        lines = (LOCKS / "java.lock").read_text(encoding="utf-8").splitlines()
        numbers = [line.rpartition(":")[2] for line in lines if JAVA_RUNTIME in line]
        return numbers[1:]
    packages = json.loads((LOCKS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    before = f"{NODE[language]}-"
    return [name.removeprefix(before) for name in packages if name.startswith(before)]


def _order(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


def jar_of(package: str) -> Path:
    """Where the jar of a package lies once installed."""
    _, artifact, version = package.split(":")
    return INSTALLED / "java" / f"{artifact}-{version}.jar"


def command_of(name: str) -> tuple[str, ...]:
    """The command line of the program that stands for a runtime.

    Raises:
        NotRunError: it is not installed.
    """
    language, release = release_of(name)
    if language == "python":
        python = INSTALLED / name / "bin" / "python"
        return (str(_present(name, python)), str(ADAPTERS / "release.py"))
    if language == "java":
        jars = [_present(name, jar_of(package)) for _, package in java_packages(release)]
        classes = _present(name, INSTALLED / "java" / "classes")
        return (_program(name, "java"), "-cp", ":".join(str(path) for path in (*jars, classes)), "Answer")
    node, modules = _program(name, "node"), INSTALLED / "node"
    package = f"{NODE[language]}-{release}" if release else NODE[language]
    _present(name, modules / "node_modules" / package)
    if language == "browser":
        return (node, str(ADAPTERS / "browser.mjs"), str(modules.resolve()), browser())
    return (node, str(ADAPTERS / "answer.mjs"), str(modules.resolve()), package)


def browser() -> str:
    """The path of a Chromium.

    Raises:
        NotRunError: there is none.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise NotRunError(f"browser: none of {', '.join(BROWSERS)} is on the PATH; install Chromium")
    return found


def _program(name: str, program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotRunError(f"{name}: {program} is not on the PATH; install it, then {HOW}")
    return found


def _present(name: str, path: Path) -> Path:
    if not path.exists():
        raise NotRunError(f"{name}: not installed ({path} is not there); {HOW}")
    return path
