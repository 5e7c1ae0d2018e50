"""What the tables of grades share: their options, their JSON, the totals under them and the exit code."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from train.core import cli
from verify.report.tables import console

WRONG = "wrong"
"""Compiled, and answers otherwise than the original."""


def print_grades(
    arguments: Sequence[str],
    grades: Callable[..., Iterable[Any]],
    table: Callable[[Sequence[Any]], Table],
    *,
    name: str,
    about: str | None,
    kinds: Sequence[str],
    rows: int,
    order: Sequence[str],
) -> int:
    """Print such a table (or JSON); exit code 1 when one that is compiled answers otherwise than the original.

    Args:
        arguments: of the command.
        grades: called with the kinds, `rows`, `only` and `show`; gives dataclasses with `kind` and `grade`.
        table: of those.
        name: of the table, after `python -m verify.figures`.
        about: what --help says first.
        kinds: that there are.
        rows: compared by default.
        order: of the grades in the totals.
    """
    command = argparse.ArgumentParser(prog=f"python -m verify.figures {name}", description=about)
    command.add_argument("--rows", type=int, default=rows, help=f"rows that each is compared on (default {rows:,})")
    command.add_argument("--kind", choices=kinds, action="append", help="only these; may be repeated")
    command.add_argument("--only", default="", help="only names that contain this")
    command.add_argument("--json", action="store_true", help="JSON in place of the table")
    options = command.parse_args(arguments)
    found = list(grades(options.kind or kinds, rows=options.rows, only=options.only, show=True))
    totals = {kind: Counter(row.grade for row in found if row.kind == kind) for kind in kinds}
    if options.json:
        json.dump({"rows": [asdict(row) for row in found], "totals": totals}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        out = console()
        out.print(table(found))
        for kind in dict.fromkeys(row.kind for row in found):
            parts = ", ".join(f"{grade} {totals[kind][grade]}" for grade in order)
            out.print(f"{kind}: {totals[kind].total()} classes: {parts}")
    return cli.EXIT_NOT_IN_PARITY if any(row.grade == WRONG for row in found) else cli.EXIT_GOOD
