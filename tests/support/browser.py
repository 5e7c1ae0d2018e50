"""A page as a real Chromium shows it, and what axe-core minds of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import ROOT
from verify.runtimes import places
from verify.runtimes.not_run import NotRunError

Browser = tuple[str, str]


def find_browser() -> Browser:
    """Where its modules and Chromium are; skips where they are not installed."""
    try:
        _, _, modules, chromium = places.command_of("browser")
    except NotRunError as error:
        pytest.skip(str(error))
    if not (Path(modules) / "node_modules" / "axe-core").is_dir():
        pytest.skip("axe-core is not installed; run `python -m verify runtimes --install browser`")
    return str(modules), str(chromium)


def views_of(browser: Browser, text: str, folder: Path) -> list[dict[str, Any]]:
    """At 390 and 1280 px, in the light and in the dark, and on paper."""
    (folder / "report.html").write_text(text, encoding="utf-8")
    command = ["node", ROOT / "tests" / "support" / "page_audit.mjs", *browser, folder / "report.html"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    views = json.loads(done.stdout)
    assert [(view["width"], view["theme"], view["media"]) for view in views] == [
        (390, "light", "screen"),
        (390, "dark", "screen"),
        (1280, "light", "screen"),
        (1280, "dark", "screen"),
        (794, "light", "print"),
    ]
    return views
