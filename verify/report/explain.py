"""`verify explain`: one input, what every side answers, to the bit, and where a forest's paths part."""

import argparse

import numpy as np
import numpy.typing as npt
import onnx

from export.artifact.manifest import GRAPH_FILE, read_manifest
from train.config import default_config
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import read_bytes
from train.core.tables.calendar import WEEKDAYS
from train.registry import model_named
from verify.check.golden import confirm_original, golden_rows
from verify.check.promote import version_to_check
from verify.comparison.parity import ParityResult, Tolerance, compare
from verify.proof.trees import Group, Tree
from verify.report.graph_trees import GraphTree, TreeOperator, tree_operators
from verify.report.moved import draw_moved, moved_lines, replaced_lines, unusual_lines
from verify.report.parted_operator import parted_lines
from verify.report.tables import console
from verify.runtimes.flat_rows import flat_tensors, words_of
from verify.runtimes.open import asked_runtimes, open_runtimes, required_runtimes
from verify.runtimes.original import Original, load_original

Floats = npt.NDArray[np.float64]
SAME = 1e-6
"""Leaf values this near (relative) are one leaf; stock exports store them as float32."""


def run_explain(options: argparse.Namespace) -> int:
    """Print every side's answer to one input; exit code 0 when they agree, 1 when not, 2 without the original."""
    folder = version_to_check(options.artifacts / options.model)
    manifest = read_manifest(folder)
    model = model_named(options.model)
    reads_text = any(tensor.dtype == "string" for tensor in manifest.inputs)
    if reads_text and options.picture is not None:
        raise PipelineError(
            f"--picture: {options.model} reads text, and columns of numbers alone are drawn; leave it out"
        )
    calendar = options.calendar or default_config().runtime.calendar or WEEKDAYS
    given = model.read_input(options.input, manifest.settings, calendar=calendar)
    row = flat_tensors(given, manifest.inputs, words_of(manifest.settings))
    original = load_original(manifest, options.source / options.model)
    names, needed = asked_runtimes(options.runtime), required_runtimes(options.runtime)
    opened, missing = open_runtimes(names, folder, manifest, required=needed)
    answers = {runtime.name: runtime(row) for runtime in opened}
    out, limits = console(), manifest.parity
    out.print(f"{options.model} {folder.name}, {manifest.parity.reference}", markup=False)
    if original is None:
        for name, found in answers.items():
            out.print(f"{name:>9}: {spell(found[0])}", markup=False)
        where = options.source / options.model
        raise PipelineError(f"{where}: the original is missing, so nothing was compared; run `python -m train` first")
    confirm_original(original, *golden_rows(folder, manifest), Tolerance(limits.absolute, limits.relative))
    expected = original.answer(row)
    out.print(f" original: {spell(expected[0])}", markup=False)
    for name, why in missing.items():
        out.print(f"{name:>9}: not run: {why}", markup=False)
    results: dict[str, ParityResult] = {}
    for name, found in answers.items():
        results[name] = compare(expected, found, inputs=row, tolerance=Tolerance(limits.absolute, limits.relative))
        verdict = "in parity" if results[name].in_parity else f"NOT in parity, {results[name].max_ulp:,} ulp apart"
        out.print(f"{name:>9}: {spell(found[0])}: {verdict}", markup=False)
    good = all(result.in_parity for result in results.values())
    graph = onnx.load_from_string(read_bytes(folder / GRAPH_FILE))
    names_of = [column.name for tensor in manifest.inputs for column in tensor.columns]
    base = golden_rows(folder, manifest)[0]
    if reads_text:
        pass  # what moved an answer is told by columns of numbers
    elif original.groups:
        out.print(parting(original, graph, row[0]), markup=False)
        for line in (*moved_lines(original, row[0], names_of, base), *unusual_lines(manifest, row[0])):
            out.print(line, markup=False)
    else:
        parted = [] if good else parted_lines(graph, manifest, row, original.layers)
        for line in (*parted, *replaced_lines(original, manifest, row[0], base)):
            out.print(line, markup=False)
    if options.picture is not None:
        draw_moved(options.picture, original, row[0], names_of, base)
        cli.show(f"{options.picture}: written")
    return cli.EXIT_GOOD if good else cli.EXIT_NOT_IN_PARITY


def spell(answers: Floats) -> str:
    """Numbers in full precision, each with its 64 bits in hexadecimal."""
    bits = np.ascontiguousarray(answers).view(np.uint64)
    return ", ".join(f"{value!r} (0x{int(b):016x})" for value, b in zip(answers.tolist(), bits, strict=True))


def parting(original: Original, model: onnx.ModelProto, row: Floats) -> str:
    """The first tree whose leaf differs between the original and the graph, in words."""
    operators, groups = tree_operators(model), original.groups
    if len(operators) != len(groups):
        return f"the original has {len(groups)} groups of trees, the graph {len(operators)} tree operators: not matched"
    compared = 0
    for group, operator in zip(groups, operators, strict=True):
        found = first_parting(group, operator, model, row)
        if isinstance(found, str):
            return found
        compared += found
    return f"all {compared} trees end in the same leaf"


def first_parting(group: Group, operator: TreeOperator, model: onnx.ModelProto, row: Floats) -> str | int:
    """What differs in one group, or how many trees were compared."""
    mine = group.transform(row[None, :])
    seen = operator.seen(model, row)
    leaves = [tree.value[tree.apply(mine)[0]] for tree in group.trees]
    pairs = _pairs(leaves, [tree.leaf(seen) for tree in operator.trees])
    if pairs is None:
        return f"{group.name}: {len(group.trees)} trees, the graph has {len(operator.trees)}: not matched"
    # A graph may hold leaf values divided by the number of trees, or times a learning rate: one factor for all.
    factors = [weight / value for _, value, weight in pairs if value != 0.0 and weight != 0.0]
    factor = float(np.median(factors)) if factors else 1.0
    largest = max(abs(weight) for _, _, weight in pairs)
    for position, value, weight in pairs:
        if abs(weight - factor * value) > SAME * largest:
            tree = group.trees[position]
            return (
                f"{group.name}, {tree.name}: the original ends in a leaf of {value!r}, the graph in one of "
                f"{weight / factor!r}; {_first_split(tree, mine[0], operator.trees[position], seen)}; "
                f"on the original's way: {_way(tree, mine[0])}"
            )
    return len(group.trees)


def _pairs(leaves: list[Floats], weights: list[dict[int, float]]) -> list[tuple[int, float, float]] | None:
    """(tree, original's leaf value, graph's weight) of trees that belong together; None when they cannot be matched.

    A graph holds one tree for each of the original's, or, where leaves have one target, all trees of the first
    target, then all of the next, possibly with the last class alone for a binary model.
    """
    n_trees, n_values = len(leaves), len(leaves[0])
    if len(weights) == n_trees:
        return [
            (i, float(leaf[_value_of(target, n_values, weight)]), w)
            for i, (leaf, weight) in enumerate(zip(leaves, weights, strict=True))
            for target, w in weight.items()
        ]
    if len(weights) == n_trees * n_values:
        return [
            (i % n_trees, float(leaves[i % n_trees][i // n_trees]), next(iter(weight.values()), 0.0))
            for i, weight in enumerate(weights)
        ]
    return None


def _value_of(target: int, n_values: int, weight: dict[int, float]) -> int:
    """Which of the original's leaf values a target stands for; a lone target of a binary model is the last class."""
    return n_values - 1 if n_values <= 2 and len(weight) == 1 else min(target, n_values - 1)


def _way(tree: Tree, seen: Floats) -> str:
    return ", ".join(said for _, said in _steps(tree, seen)) or "no split"


def _steps(tree: Tree, seen: Floats) -> list[tuple[bool, str]]:
    """Each split on the original's way: whether it goes left, and in words."""
    steps, at = [], 0
    while tree.feature[at] >= 0:
        feature, threshold = int(tree.feature[at]), float(tree.threshold[at])
        value = float(seen[feature])
        left = bool(tree.missing_left[at]) if np.isnan(value) else value <= threshold
        steps.append((left, f"column {feature} = {value!r} {'<=' if left else '>'} {threshold!r}"))
        at = int(tree.left[at] if left else tree.right[at])
    return steps


def _first_split(tree: Tree, mine: Floats, theirs: GraphTree, seen: Floats) -> str:
    """The first split at which the two ways part, side by side."""
    way, other = _steps(tree, mine), theirs.way(seen)
    for number, ((left, said), (true, branch)) in enumerate(zip(way, other, strict=False)):
        if left != true:
            value = float(seen[branch.feature])
            return (
                f"they part at split {number + 1}: original {said}; graph: column {branch.feature} = {value!r}, "
                f"{branch.mode} {branch.threshold!r} is {true}"
            )
    return "both take the same way" if len(way) == len(other) else "their ways are not equally long"
