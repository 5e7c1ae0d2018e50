"""Results as tables on a terminal: stdout holds the result, nothing else."""

import sys

from rich.console import Console
from rich.table import Table

from export.versions.finding import table as gate_table
from verify.check.check_model import Checked
from verify.comparison.parity import NOT_A_NUMBER_APART, ParityResult, RowDifference
from verify.proof.split_evidence import SplitProof

WORST_SHOWN = 3
FILE_WIDTH = 160


def console() -> Console:
    """Results go to stdout; where that is no terminal, tables are as wide as they need to be."""
    width = None if sys.stdout.isatty() else FILE_WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)


def print_checked(checked: Checked, *, misses_only: bool = False) -> None:
    """One model's parity table and verdict; for a miss the first rows in full precision, and the cause.

    Args:
        checked: what was found.
        misses_only: leave out what is in parity: of ten runtimes nobody reads a hundred lines.
    """
    out = console()
    table = Table(title=f"{checked.manifest.model} {checked.folder.name}: {checked.tolerance}", title_justify="left")
    for heading in ("rows from", "runtime", "rows", "mismatched", "flipped", "largest difference", "in ulp"):
        table.add_column(heading, justify="left" if heading in ("rows from", "runtime") else "right")
    for family, tally in checked.families.items():
        for runtime, result in tally.results.items():
            if not (misses_only and result.in_parity):
                table.add_row(family, runtime, *figures(result))
    if table.row_count:
        out.print(table)
    for line in checked.proof.lines():
        out.print(line)
    refused = sum(tally.refused for tally in checked.families.values())
    if refused:
        out.print(
            f"rows that the original itself refuses (infinite, or too large for float32): {refused:,}, not compared"
        )
    for refusal in checked.refusals:
        out.print(f"refused by {refusal}", markup=False)
    _print_misses(out, checked)
    if checked.promotion is not None and checked.promotion.findings:
        out.print(gate_table("The gate", checked.promotion.findings))
    out.print(verdict(checked))
    print_unproven(out, checked.proof)


def verdict(checked: Checked) -> str:
    """One line: what was concluded."""
    name = f"{checked.manifest.model} {checked.folder.name}"
    if checked.differs:
        return f"{name}: NOT in parity with {checked.manifest.parity.reference}; nothing was promoted"
    if checked.proven:
        in_parity = f"{name}: in parity with {checked.manifest.parity.reference}"
        if checked.promotion is not None and not checked.promotion.passed:
            return f"{in_parity}; it stays a candidate: the gate refuses it"
        return f"{in_parity}; it is the current version"
    return f"{name}: could not check: the original is missing, only its golden cases were replayed"


def print_unproven(out: Console, proof: SplitProof) -> None:
    """One line after a verdict, where some splits or routes could not be decided: the verdict does not cover them."""
    splits, routes = proof.thresholds, proof.routes
    parts = []
    if splits.undecided:
        parts.append(f"{splits.undecided:,} of {splits.all:,} splits")
    if routes.undecided:
        parts.append(f"{routes.undecided:,} of {routes.all:,} NaN routes")
    if parts:
        left_out = splits.not_looked_at or routes.not_looked_at
        said = "are not decided, most of them not looked at" if left_out else "could not be decided"
        changed = "a threshold moved" if splits.undecided else "a route turned"
        out.print(f"not proven: {' and '.join(parts)} {said}; {changed} there could pass unseen")


def figures(result: ParityResult) -> tuple[str, str, str, str, str]:
    """Rows, mismatched, flipped, largest difference, in ulp."""
    ulp = "NaN" if result.max_ulp == NOT_A_NUMBER_APART else f"{result.max_ulp:,}"
    flipped = f"{sum(result.flipped.values()):,}" if result.flipped else "-"
    return f"{result.rows:,}", f"{result.mismatched:,}", flipped, f"{result.max_abs:.3g}", ulp


def _print_misses(out: Console, checked: Checked) -> None:
    names = [column.name for tensor in checked.manifest.inputs for column in tensor.columns]
    for family, tally in checked.families.items():
        for runtime, result in tally.results.items():
            if result.problem:
                out.print(f"{family}, {runtime}: answers have {result.problem}", markup=False)
            for row in result.first[:WORST_SHOWN]:
                out.print(f"{family}, {runtime}, row {row.index}: {describe(row, names)}", markup=False)
    for cause in checked.causes:
        out.print(f"cause on {cause.rows} of the rows shown: {cause.name}: {cause.evidence}", markup=False)


def describe(row: RowDifference, names: list[str]) -> str:
    """A mismatched row with its inputs, both answers in full precision and as hexadecimal bits."""
    if len(row.inputs) == len(names):
        inputs = ", ".join(f"{name}={value!r}" for name, value in zip(names, row.inputs, strict=True))
    else:
        inputs = f"{len(row.inputs)} numbers"
    expected, found = (", ".join(f"{v!r} ({v.hex()})" for v in side) for side in (row.expected, row.found))
    return f"original {expected}; found {found}; inputs {inputs}"
