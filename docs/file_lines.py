"""A directive that lists the files of a folder, each with the first line of its own description.

`{file-lines} train` becomes one table a folder: file, what it says of itself. Nothing is written twice, so nothing can
go stale.
"""

import ast
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = (".py", ".rs")
SELF = ("__init__.py", "mod.rs")
"""Files that speak for their folder."""


def first_line(path: Path) -> str:
    """The first paragraph of a module's docstring (Python) or of its `//!` lines (Rust), on one line; "" for none."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".rs":
        said = [line.removeprefix("//!").strip() for line in text.splitlines() if line.startswith("//!")]
        description = "\n".join(said)
    else:
        description = ast.get_docstring(ast.parse(text)) or ""
    return " ".join(description.split("\n\n")[0].split())


def listed(folder: Path) -> list[tuple[Path, str]]:
    """The folder's files and what each says of itself; the one that speaks for the folder first."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]
    files.sort(key=lambda path: path.name not in SELF)
    return [(path, line) for path in files if (line := first_line(path))]


def folders(root: Path) -> list[Path]:
    """The folder and those below it that hold described files, parents before children."""
    below = sorted(path for path in root.rglob("*") if path.is_dir() and "__pycache__" not in path.parts)
    return [folder for folder in (root, *below) if listed(folder)]


class FileLines(Directive):
    """See the module."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """One definition list a folder."""
        root = ROOT / self.arguments[0]
        if not root.is_dir():
            raise self.error(f"{self.arguments[0]}: no such folder")
        made: list[nodes.Node] = []
        for folder in folders(root):
            made.append(_heading(folder))
            made.append(_list(folder))
        return made


def _heading(folder: Path) -> nodes.Node:
    line = nodes.paragraph()
    line += nodes.strong("", f"{folder.relative_to(ROOT)}/")
    return line


def _list(folder: Path) -> nodes.Node:
    files = nodes.bullet_list()
    for path, said in listed(folder):
        line = nodes.paragraph()
        line += nodes.literal("", path.name)
        line += nodes.Text(f": {said.replace('`', '')}")
        files += nodes.list_item("", line)
    return files


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("file-lines", FileLines)
    return {"version": "1", "parallel_read_safe": True}
