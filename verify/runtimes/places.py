"""Where the runtimes of other languages and releases are installed, and how each is started."""

import shutil
from pathlib import Path

from verify.runtimes.not_run import NotRunError

ADAPTERS = Path(__file__).parent / "adapters"
LOCKS = ADAPTERS / "locks"
INSTALLED = Path("build/runtimes")
HOW = "run `python -m verify runtimes --install`"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RELEASE = "python-"
"""Before the number of another release of onnxruntime for Python."""


def releases() -> list[str]:
    """Releases of onnxruntime for Python that have a lock, the newest first."""
    names = [path.stem.removeprefix("onnxruntime-") for path in LOCKS.glob("onnxruntime-*.lock")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")], reverse=True)


def java_packages() -> list[tuple[str, str]]:
    """(SHA-256, group:artifact:version) of every jar."""
    lines = (LOCKS / "java.lock").read_text(encoding="utf-8").splitlines()
    return [(line.split()[0], line.split()[1]) for line in lines]


def jar_of(package: str) -> Path:
    """Where the jar of a package lies once installed."""
    _, artifact, version = package.split(":")
    return INSTALLED / "java" / f"{artifact}-{version}.jar"


def command_of(name: str) -> tuple[str, ...]:
    """The command line of the program that stands for a runtime.

    Raises:
        NotRunError: it is not installed.
    """
    if name.startswith(RELEASE):
        python = INSTALLED / name / "bin" / "python"
        return (str(_present(name, python)), str(ADAPTERS / "release.py"))
    if name == "java":
        jars = [_present(name, jar_of(package)) for _, package in java_packages()]
        classes = _present(name, INSTALLED / "java" / "classes")
        return (_program(name, "java"), "-cp", ":".join(str(path) for path in (*jars, classes)), "Answer")
    node, modules = _program(name, "node"), INSTALLED / "node"
    packages = {"node": "onnxruntime-node", "wasm": "onnxruntime-web", "browser": "onnxruntime-web"}
    _present(name, modules / "node_modules" / packages[name])
    if name == "browser":
        return (node, str(ADAPTERS / "browser.mjs"), str(modules.resolve()), browser())
    return (node, str(ADAPTERS / "answer.mjs"), str(modules.resolve()), packages[name])


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
