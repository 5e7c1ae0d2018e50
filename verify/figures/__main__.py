"""`python -m verify.figures`: the long tables of `make bench`, by name."""

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from train.core import cli
from train.core.errors import PipelineError

HERE = Path(__file__).parent


def tables() -> dict[str, str]:
    """Name of a table -> its module; a module is one when it has a `main`, whichever folder it lies in."""
    found: dict[str, str] = {}
    for folder in (HERE, *(place for place in sorted(HERE.iterdir()) if (place / "__init__.py").is_file())):
        package = "verify.figures" if folder == HERE else f"verify.figures.{folder.name}"
        for module in pkgutil.iter_modules([str(folder)]):
            path = folder / f"{module.name}.py"
            if not module.ispkg and module.name != "__main__" and "\ndef main(" in path.read_text(encoding="utf-8"):
                name = module.name if module.name not in found else f"{folder.name}.{module.name}"
                found[name] = f"{package}.{module.name}"
    return found


def main(arguments: Sequence[str]) -> int:
    """Print one table, or say which there are."""
    known = tables()
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write("usage: python -m verify.figures TABLE [ARGUMENTS]; each has its own --help\n\n")
        for name, module in known.items():
            path = HERE.parent.parent / Path(*module.split(".")).with_suffix(".py")
            first = path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
            sys.stdout.write(f"  {name:<16} {first.partition(': ')[2] or first}\n")
        return cli.EXIT_GOOD
    if arguments[0] not in known:
        raise PipelineError(f"no table {arguments[0]!r}; there are {', '.join(known)}")
    code: int = importlib.import_module(known[arguments[0]]).main(arguments[1:])
    return code


if __name__ == "__main__":
    cli.run(main)
