"""What the gate found: a row of its table, and of the step that it let through."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.table import Table

Verdict = Literal["good", "refused", "not compared"]


@dataclass(frozen=True)
class Finding:
    """One check: what the new version has, what it is held against, and what follows."""

    check: str
    new: str
    against: str
    verdict: Verdict
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the history."""
        return asdict(self)


def refused(findings: Sequence[Finding]) -> list[Finding]:
    """Those that stand against the version."""
    return [finding for finding in findings if finding.verdict == "refused"]


def table(title: str, findings: Sequence[Finding]) -> Table:
    """For a terminal."""
    shown = Table(title=title, title_justify="left")
    for name in ("check", "new", "against", "verdict", "note"):
        shown.add_column(name, overflow="fold")
    for finding in findings:
        shown.add_row(finding.check, finding.new, finding.against, finding.verdict, finding.note)
    return shown


def number(value: float) -> str:
    """Short, for a table."""
    return "NaN" if math.isnan(value) else f"{value:.4g}"
