"""`python -m verify.figures`: the long tables of `make figures`, by name."""

import argparse
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
        sys.stdout.write("usage: python -m verify.figures TABLE [ARGUMENTS]; each has its own --help\n")
        sys.stdout.write(
            "       python -m verify.figures all --shared DIR: those of `make figures`, one after the other\n\n"
        )
        for name, module in known.items():
            path = HERE.parent.parent / Path(*module.split(".")).with_suffix(".py")
            first = path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
            sys.stdout.write(f"  {name:<16} {first.partition(': ')[2] or first}\n")
        return cli.EXIT_GOOD
    if arguments[0] == "all":
        return _all(known, arguments[1:])
    if arguments[0] not in known:
        raise PipelineError(f"no table {arguments[0]!r}; there are {', '.join(known)}")
    code: int = importlib.import_module(known[arguments[0]]).main(arguments[1:])
    return code


def _all(known: dict[str, str], arguments: Sequence[str]) -> int:
    """Every table that says what `make figures` gives it; one whose data is missing is named and left out."""
    command = argparse.ArgumentParser(prog="python -m verify.figures all", description="The tables of `make figures`.")
    command.add_argument("--shared", type=Path, required=True, metavar="DIR", help="the folder of real data")
    shared: Path = command.parse_args(arguments).shared
    worst = cli.EXIT_GOOD
    for name, place in known.items():
        module = importlib.import_module(place)
        if not hasattr(module, "BENCH"):
            continue
        given = [word.format(shared=shared) for word in module.BENCH]
        missing = [
            one for word, one in zip(module.BENCH, given, strict=True) if "{shared}" in word and not Path(one).is_file()
        ]
        if missing:
            cli.show(f"{name}: left out, {missing[0]} is missing")
            continue
        cli.show(f"== {' '.join(['python -m verify.figures', name, *given])}")
        worst = max(worst, int(module.main(given)))
    return worst


if __name__ == "__main__":
    cli.run(main)
