"""How Sphinx builds the documents: `make docs`."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
# The packages that autodoc reads, and the extension beside this file.
sys.path[:0] = [str(ROOT), str(HERE)]

project = "DollarBill ML"
author = "the maintainers"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "file_lines"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"{project} {release}"
# Nothing is fetched when a page is opened.
html_show_sphinx = False

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "description"
# They take seconds to import, and no page shows anything of theirs.
autodoc_mock_imports = [
    "joblib",
    "keras",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pandas",
    "scipy",
    "skl2onnx",
    "sklearn",
    "skops",
    "tensorflow",
]
napoleon_use_ivar = True


def code_as_code(_app: Any, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Docstrings are written with Markdown's backticks, and with | | for an absolute value: say so to Sphinx."""
    for at, line in enumerate(lines):
        parts = re.split(r"(?<!`)`([^`]+)`(?!`)", line)
        words = [re.sub(r"([|]|\b_\b|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
        codes = [f"``{code}``" for code in parts[1::2]]
        lines[at] = "".join(word + code for word, code in zip(words, [*codes, ""], strict=True))


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", code_as_code)
