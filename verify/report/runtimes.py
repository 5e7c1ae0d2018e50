"""`verify runtimes`: who can be asked, and who was: the table of runtimes of a check."""

import argparse
from pathlib import Path

import onnxruntime as ort
from rich.console import Console
from rich.table import Table

from train.core import cli
from train.core.errors import PipelineError
from verify.check.check_model import Checked
from verify.comparison.parity import NOT_A_NUMBER_APART, ParityResult
from verify.report.tables import console
from verify.runtimes.install import install
from verify.runtimes.not_run import NotRunError
from verify.runtimes.open import ABOUT, known_runtimes
from verify.runtimes.places import command_of, release_of
from verify.runtimes.process import Program
from verify.runtimes.reference import ReferenceRuntime
from verify.runtimes.rust_binary import RUST_ENGINES, open_rust

HEADINGS = (
    "runtime",
    "version",
    "rows",
    "bit-equal",
    "largest absolute",
    "relative",
    "in ulp",
    "flipped",
    "verdict",
)
NOT_RUN = "not run"


def run_runtimes(options: argparse.Namespace) -> int:
    """List the runtimes, installed first where asked; exit code 2 when one that was named cannot be run."""
    names = list(dict.fromkeys(options.runtime)) or known_runtimes()
    unknown = [name for name in names if name not in known_runtimes()]
    if unknown:
        raise PipelineError(f"runtimes: no runtime {unknown[0]!r}; choose from {', '.join(known_runtimes())}")
    failed = install(names) if options.install else {}
    table = Table(title="Runtimes", title_justify="left")
    for heading in ("name", "what", "version"):
        table.add_column(heading)
    lacking = 0
    for name in names:
        try:
            version = installed_version(name)
        except NotRunError as error:
            lacking += 1
            version = f"{NOT_RUN}: {failed.get(name, str(error).removeprefix(f'{name}: '))}"
        table.add_row(name, ABOUT.get(name) or f"another release of {ABOUT[release_of(name)[0]]}", version)
    console().print(table, markup=False)
    return cli.EXIT_COULD_NOT if options.runtime and lacking else cli.EXIT_GOOD


def installed_version(name: str) -> str:
    """What a runtime says of itself.

    Raises:
        NotRunError: it cannot be run here.
    """
    if name == "python":
        return str(ort.__version__)
    if name == "reference":
        return str(ReferenceRuntime.version)
    if name in RUST_ENGINES:
        return open_rust(name, Path(), None).version
    return Program(name, command_of(name)).version


def print_matrix(out: Console, checked: Checked) -> None:
    """One row a runtime: what all rows together showed."""
    table = Table(title=f"{checked.manifest.model} {checked.folder.name}: every runtime", title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("runtime", "version", "verdict") else "right")
    for row in matrix_rows(checked):
        table.add_row(*row)
    out.print(table, markup=False)
    for name, why in checked.missing.items():
        out.print(f"{name}: {NOT_RUN}: {why.removeprefix(f'{name}: ')}", markup=False)


def matrix_rows(checked: Checked) -> list[tuple[str, ...]]:
    """The cells of the matrix, runtimes that were not run last."""
    rows = [(name, checked.versions.get(name, ""), *cells(found)) for name, found in checked.totals().items()]
    return rows + [(name, "", "0", "", "", "", "", "", NOT_RUN) for name in checked.missing]


def cells(found: ParityResult) -> tuple[str, ...]:
    """Rows, bit-equal share, largest differences, flips and the verdict of one runtime."""
    ulp = "NaN" if found.max_ulp == NOT_A_NUMBER_APART else f"{found.max_ulp:,}"
    return (
        f"{found.rows:,}",
        share(found.bit_equal, found.rows),
        f"{found.max_abs:.3g}",
        f"{found.max_rel:.3g}",
        ulp,
        f"{sum(found.flipped.values()):,}" if found.flipped else "-",
        "in parity" if found.in_parity else "NOT in parity",
    )


def share(part: int, whole: int) -> str:
    """A percentage that is 100 only when it is all, and 0 only when it is none."""
    if part == whole:
        return "100 %" if whole else "-"
    percent = f"{100.0 * part / whole:.4f}"
    bounded = {"100.0000": "99.9999", "0.0000": "0.0000" if part == 0 else "0.0001"}
    return f"{bounded.get(percent, percent)} %"
