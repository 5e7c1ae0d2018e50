"""`python -m verify.figures documents`: writes what the documents say of speed, from the benchmark's committed file.

A figure of a page stands between `<!-- bench NAME -->` and `<!-- end -->`; `words` says which names there are. A test
holds the pages against `docs/bench.json`.
"""

import argparse
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from train.core import cli
from train.core.errors import PipelineError
from train.core.files import write_atomic
from verify.figures.bench.render import words

COMMITTED = Path("docs/bench.json")
MARK = re.compile(r"(<!-- bench (?P<name>[a-z0-9 ]+) -->)(?P<text>.*?)(<!-- end -->)", re.DOTALL)


def pages(root: Path) -> list[Path]:
    """Every page that may hold a figure."""
    return [root / "README.md", root / "runtime/README.md", *sorted((root / "docs").glob("*.md"))]


def filled(text: str, figures: Mapping[str, str], *, place: str) -> str:
    """The text with every marked figure as it is measured.

    Raises:
        PipelineError: a mark names a figure that the benchmark does not have.
    """

    def one(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in figures:
            raise PipelineError(f"{place}: no figure {name!r}; there are {', '.join(figures)}")
        return f"{found[1]}{figures[name]}{found[4]}"

    return MARK.sub(one, text)


def main(arguments: Sequence[str]) -> int:
    """Write the figures into the pages."""
    command = argparse.ArgumentParser(
        prog="python -m verify.figures documents", description=(__doc__ or "").splitlines()[0]
    )
    command.add_argument("--take", type=Path, metavar="FILE", help="make this file the committed one first")
    options = command.parse_args(arguments)
    if options.take:
        shutil.copyfile(options.take, COMMITTED)
    figures = words(json.loads(COMMITTED.read_text(encoding="utf-8")))
    for page in pages(Path.cwd()):
        text = page.read_text(encoding="utf-8")
        new = filled(text, figures, place=str(page))
        if new != text:
            write_atomic(page, new.encode())
            cli.show(f"{page}: written")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
