"""Tree ensembles, bit for bit: scikit-learn's nodes become one `TreeEnsemble` of doubles (ai.onnx.ml 5).

Stages: fold the thresholds into raw units, merge sibling leaves that say the same, pack the trees. A leaf of the
operator names one target, so an ensemble with k outputs holds k times its trees, each cut down to what that output
can tell apart. Sums run in tree order, as scikit-learn's do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper
from typing_extensions import override

from export.graph import ML_DOMAIN
from export.sklearn.columns.derived_columns import beside_input
from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.in_front import before_trees
from export.sklearn.columns.thresholds import Cast, Chain, chain_of, fold, to_float32
from export.sklearn.estimators.classifier import ClassifierGraph, Lower
from export.sklearn.estimators.registry import SeveralOutputs, lower_classifier
from train.core.columns.column_expressions import Expression, column

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEQ = 0
SUM = 1


SAFELY_NORMAL = 1e-280
"""Values above it keep all their bits through divisions and differences that a forest can make of them."""


@dataclass(frozen=True)
class Tree:
    """A binary tree as arrays over its nodes; node 0 is the root and children come after their parent.

    Attributes:
        feature: int64 [node], the column compared; -1 in a leaf.
        threshold: float64 [node]; `x <= threshold` goes to `true`.
        true: int64 [node], child.
        false: int64 [node], child.
        missing_true: bool [node], NaN goes to `true`.
        value: float64 [node, output]; only leaves count.
    """

    feature: Ints
    threshold: Floats
    true: Ints
    false: Ints
    missing_true: npt.NDArray[np.bool_]
    value: Floats


class Term(NamedTuple):
    """Add column `output` of `Tree.value` of tree number `tree` to `target`."""

    tree: int
    output: int
    target: int


def sklearn_tree(estimator: Any) -> Tree:
    """The arrays of one fitted scikit-learn decision tree, in its own (scaled, float32) units.

    Of several outputs the classes stand one after the other, each output as wide as the widest.
    """
    tree = estimator.tree_
    return Tree(
        feature=np.where(tree.children_left < 0, -1, tree.feature).astype(np.int64),
        threshold=np.asarray(tree.threshold, dtype=np.float64),
        true=tree.children_left.astype(np.int64),
        false=tree.children_right.astype(np.int64),
        missing_true=tree.missing_go_to_left.astype(bool),
        value=np.asarray(tree.value, dtype=np.float64).reshape(tree.node_count, -1),
    )


def trees_of(estimator: Any) -> list[Tree]:
    """Trees of a forest, or the one tree of a decision tree, in the order in which scikit-learn adds them."""
    return [sklearn_tree(member) for member in getattr(estimator, "estimators_", [estimator])]


def mean_of_trees(estimator: Any, scope: ColumnScope, *, outputs: Sequence[int]) -> str:
    """The forest's `predict_proba` columns `outputs` (or its regression value), float64 [batch, output]."""
    trees = trees_of(estimator)
    n = len(trees)
    whole = n & (n - 1) == 0 and all(_far_from_zero(tree.value) for tree in trees)
    if whole:
        # Dividing by a power of two rounds nothing but next to zero, wherever it is done: spare the graph a node.
        trees = [replace(tree, value=tree.value / n) for tree in trees]
    terms = [Term(tree, output, target) for target, output in enumerate(outputs) for tree in range(n)]
    total = sum_of_trees(trees, terms, scope)
    return total if whole else scope.builder.node("Div", total, scope.builder.constant(float(n)))


def _far_from_zero(values: Floats) -> bool:
    """Whether every value is 0 or so large that no sum or share of it loses bits to subnormal numbers."""
    return bool(np.all((values == 0.0) | (np.abs(values) > SAFELY_NORMAL)))


def sum_of_trees(trees: Sequence[Tree], terms: Sequence[Term], scope: ColumnScope, *, cast: Cast = to_float32) -> str:
    """Leaf values summed in the order of `terms`, as a tensor float64 [batch, target].

    Args:
        trees: in the estimator's own units.
        terms: which output of which tree is added to which target.
        scope: the columns that the estimator sees.
        cast: what the estimator does to its input before it compares.
    """
    used = np.unique(np.concatenate([tree.feature for tree in trees]))
    compared = used[used >= 0].tolist()
    scope = before_trees(scope, compared)
    plain = chain_of(column(0))  # nothing compares it
    chains = [chain_of(e) if index in compared else plain for index, e in enumerate(scope.columns)]
    folded, cores = fold_trees(trees, chains, n_inputs=scope.n_inputs, cast=cast)
    features, places = beside_input(scope, cores)
    place = np.array([*range(scope.n_inputs), *places, -1])  # a leaf's -1 stays what it is
    folded = [replace(tree, feature=place[tree.feature]) for tree in folded]
    single = [(merge_equal_leaves(folded[term.tree], term.output), term.target) for term in terms]
    n_targets = 1 + max(term.target for term in terms)
    return scope.builder.node("TreeEnsemble", features, domain=ML_DOMAIN, **pack(single, n_targets=n_targets))


def fold_trees(
    trees: Sequence[Tree], chains: Sequence[Chain], *, n_inputs: int, cast: Cast
) -> tuple[list[Tree], list[Expression]]:
    """Trees that compare the model's input itself, and the derived columns they need behind its `n_inputs` columns."""
    sizes = [len(tree.feature) for tree in trees]
    feature, threshold = (np.concatenate([getattr(t, name) for t in trees]) for name in ("feature", "threshold"))
    missing, swapped = np.concatenate([t.missing_true for t in trees]), np.zeros(len(feature), dtype=bool)
    target, used = np.full(len(feature), -1, dtype=np.int64), np.unique(feature[feature >= 0])
    cores = dict.fromkeys(chains[index].core for index in used if chains[index].core.op != "column")
    derived = sorted(cores, key=lambda core: core.op)
    for index in used:
        chain, here = chains[index], feature == index
        splits = fold(chain, threshold[here], missing[here], cast=cast)
        threshold[here], missing[here], swapped[here] = splits.threshold, splits.missing_true, splits.swapped
        if chain.core.op == "column":
            target[here] = int(chain.core.value)
        else:
            target[here] = n_inputs + derived.index(chain.core)
    folded = []
    for tree, part in zip(trees, np.split(np.arange(len(feature)), np.cumsum(sizes)[:-1]), strict=True):
        true, false = np.where(swapped[part], [tree.false, tree.true], [tree.true, tree.false])
        folded.append(Tree(target[part], threshold[part], true, false, missing[part], tree.value))
    return folded, derived


def merge_equal_leaves(tree: Tree, output: int) -> Tree:
    """The tree for one output, `value` [node, 1], with splits removed whose two sides give the same bits."""
    value = np.ascontiguousarray(tree.value[:, output])
    feature, bits = tree.feature.copy(), value.view(np.int64).copy()
    while True:
        inner = np.flatnonzero(feature >= 0)
        left, right = tree.true[inner], tree.false[inner]
        same = inner[(feature[left] < 0) & (feature[right] < 0) & (bits[left] == bits[right])]
        if len(same) == 0:
            return replace(tree, feature=feature, value=bits.view(np.float64)[:, None])
        feature[same], bits[same] = -1, bits[tree.true[same]]


def pack(trees: Sequence[tuple[Tree, int]], *, n_targets: int) -> dict[str, object]:
    """Attributes of a `TreeEnsemble` that sums single-output trees; equal leaves are stored once.

    A tree that is one leaf becomes a split with the same value on both sides (two entries in the leaf table), since
    runtimes disagree on how a root that is a leaf is written.
    """
    leaves: dict[tuple[int, int], int] = {}
    columns: list[Ints] = []
    splits: list[Floats] = []
    roots: list[int] = []
    n_nodes = 0
    for tree, target in trees:
        roots.append(n_nodes)
        alive = _reachable(tree)
        inner, ends = alive[tree.feature[alive] >= 0], alive[tree.feature[alive] < 0]
        number = np.full(len(tree.feature), -1, dtype=np.int64)
        number[inner] = n_nodes + np.arange(len(inner))
        bits = tree.value[:, 0].view(np.int64)
        for node in ends:
            number[node] = leaves.setdefault((target, int(bits[node])), len(leaves))
        if len(inner) == 0:
            twin = leaves.setdefault((target + n_targets, int(bits[0])), len(leaves))
            columns.append(np.array([[0, number[0], twin, 1, 1, 0]], dtype=np.int64))
            splits.append(np.zeros(1))
            n_nodes += 1
            continue
        true, false = tree.true[inner], tree.false[inner]
        is_leaf = tree.feature < 0
        fields = (tree.feature[inner], number[true], number[false], is_leaf[true], is_leaf[false])
        columns.append(np.column_stack([*fields, tree.missing_true[inner]]).astype(np.int64))
        splits.append(tree.threshold[inner])
        n_nodes += len(inner)
    nodes = np.concatenate(columns)
    attributes: dict[str, object] = {
        "aggregate_function": SUM,
        "n_targets": n_targets,
        "tree_roots": roots,
        "nodes_featureids": nodes[:, 0],
        "nodes_truenodeids": nodes[:, 1],
        "nodes_falsenodeids": nodes[:, 2],
        "nodes_trueleafs": nodes[:, 3],
        "nodes_falseleafs": nodes[:, 4],
        "nodes_modes": numpy_helper.from_array(np.full(n_nodes, LEQ, dtype=np.uint8)),
        "nodes_splits": numpy_helper.from_array(np.concatenate(splits)),
        "leaf_targetids": [target % n_targets for target, _ in leaves],
        "leaf_weights": numpy_helper.from_array(np.array([b for _, b in leaves], dtype=np.int64).view(np.float64)),
    }
    if nodes[:, 5].any():
        attributes["nodes_missing_value_tracks_true"] = nodes[:, 5]
    return attributes


def _reachable(tree: Tree) -> Ints:
    """Nodes that can still be reached from the root after merging, in ascending order."""
    seen = np.zeros(len(tree.feature), dtype=bool)
    front = np.zeros(1, dtype=np.int64)
    while len(front):
        seen[front] = True
        inner = front[tree.feature[front] >= 0]
        front = np.concatenate([tree.true[inner], tree.false[inner]])
    return np.flatnonzero(seen)


class TreesClassifier(ClassifierGraph):
    """Forests, extra trees and single trees: the mean of the leaves' class fractions."""

    exact_probabilities = True

    def __init__(self, estimator: Any, scope: ColumnScope, lower: Lower, *, output: int = 0) -> None:
        super().__init__(estimator, scope, lower)
        self.first = 0
        if estimator.n_outputs_ > 1:
            self.n_classes = len(estimator.classes_[output])
            self.first = output * int(max(estimator.n_classes_))

    @override
    def probabilities(self) -> str:
        return mean_of_trees(self.estimator, self.scope, outputs=range(self.first, self.first + self.n_classes))

    @override
    def positive(self) -> str:
        return mean_of_trees(self.estimator, self.scope, outputs=[self.first + 1])


def several_forests(estimator: Any, scope: ColumnScope) -> SeveralOutputs:
    """A graph for each output of a forest or tree."""
    graphs = [TreesClassifier(estimator, scope, lower_classifier, output=k) for k in range(estimator.n_outputs_)]
    return SeveralOutputs(tuple(graphs), tuple(np.asarray(each) for each in estimator.classes_))


def tree_value(estimator: Any, scope: ColumnScope) -> str:
    """`predict` of a forest or tree of regression, float64 [batch, output]."""
    return mean_of_trees(estimator, scope, outputs=range(estimator.n_outputs_))


def sum_is_exact_in_any_order(estimator: Any) -> bool:
    """Whether the leaf sums of a forest round nothing, so that any order, hence any thread count, gives equal bits.

    True when every leaf value is a multiple of 2^-k and the largest possible sum stays below 2^53 of these units.
    A Pipeline is judged by its last step. Gradient boosting and other estimators: False.
    """
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    try:
        trees = trees_of(estimator)
    except (AttributeError, TypeError):
        return False
    values = np.concatenate([tree.value[tree.feature < 0].ravel() for tree in trees])
    for bits in range(53):
        scaled = np.ldexp(values, bits)
        if np.array_equal(scaled, np.round(scaled)):
            return bool(np.abs(scaled).max() * len(trees) < 2.0**53)
    return False
