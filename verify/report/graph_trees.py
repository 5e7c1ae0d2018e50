"""The trees inside an ONNX graph, read from its operators and walked here, to see which leaf a row ends in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from export.onnx_session import open_session

Floats = npt.NDArray[np.float64]
TREE_OPERATORS = ("TreeEnsemble", "TreeEnsembleRegressor", "TreeEnsembleClassifier")
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
COMPARE = dict(zip(MODES, (np.less_equal, np.less, np.greater_equal, np.greater, np.equal, np.not_equal), strict=True))


@dataclass(frozen=True)
class Branch:
    """One split of a graph's tree; children are keys of `GraphTree.branches` or `GraphTree.leaves`."""

    feature: int
    mode: str
    threshold: float
    true: int
    false: int
    missing_true: bool


@dataclass
class GraphTree:
    """One tree: `leaves` maps a leaf to what it adds to each target."""

    root: int
    branches: dict[int, Branch] = field(default_factory=dict)
    leaves: dict[int, dict[int, float]] = field(default_factory=dict)

    def leaf(self, row: Floats) -> dict[int, float]:
        """What one row, as the operator sees it, gets from this tree: target -> weight."""
        way = self.way(row)
        at = self.root if not way else way[-1][1].true if way[-1][0] else way[-1][1].false
        return self.leaves.get(at, {})

    def way(self, row: Floats) -> list[tuple[bool, Branch]]:
        """Every split that one row passes, and whether it holds there."""
        passed, at = [], self.root
        while at in self.branches:
            branch = self.branches[at]
            value = row[branch.feature]
            missing = bool(np.isnan(value)) and branch.missing_true
            holds = missing or bool(COMPARE[branch.mode](value, branch.threshold))
            passed.append((holds, branch))
            at = branch.true if holds else branch.false
        return passed


@dataclass(frozen=True)
class TreeOperator:
    """A tree operator of a graph: the tensor it reads, and its trees in order."""

    source: str
    trees: tuple[GraphTree, ...]

    def seen(self, model: onnx.ModelProto, row: Floats) -> Floats:
        """What the operator sees of one raw row [column]: the graph is run as far as its input."""
        graph_input = model.graph.input[0]
        single = graph_input.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        raw = row[None, :].astype(np.float32 if single else np.float64)
        if self.source == graph_input.name:
            return np.asarray(raw[0])
        opened = onnx.ModelProto()
        opened.CopyFrom(model)
        opened.graph.output.append(onnx.ValueInfoProto(name=self.source))
        session = open_session(opened.SerializeToString())
        return np.asarray(session.run([self.source], {graph_input.name: raw})[0][0])


def tree_operators(model: onnx.ModelProto) -> list[TreeOperator]:
    """Every tree operator of a graph, in its order."""
    found = []
    for node in model.graph.node:
        if node.op_type in TREE_OPERATORS:
            values = {a.name: _value(a) for a in node.attribute}
            trees = _new_trees(values) if node.op_type == "TreeEnsemble" else _old_trees(values)
            found.append(TreeOperator(node.input[0], tuple(trees)))
    return found


def _value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _new_trees(values: dict[str, Any]) -> Iterator[GraphTree]:
    """`TreeEnsemble` of ai.onnx.ml 5: branches are numbered from 0, leaves get negative keys."""
    n_nodes = len(values["nodes_featureids"])
    missing = values.get("nodes_missing_value_tracks_true") or [0] * n_nodes

    def key(position: int, is_leaf: int) -> int:
        return -1 - position if is_leaf else position

    branches = {
        i: Branch(
            int(values["nodes_featureids"][i]),
            MODES[int(values["nodes_modes"][i])],
            float(values["nodes_splits"][i]),
            key(values["nodes_truenodeids"][i], values["nodes_trueleafs"][i]),
            key(values["nodes_falsenodeids"][i], values["nodes_falseleafs"][i]),
            bool(missing[i]),
        )
        for i in range(n_nodes)
    }
    targets, weights = values["leaf_targetids"], values["leaf_weights"]
    leaves = {-1 - i: {int(targets[i]): float(weights[i])} for i in range(len(targets))}
    for root in values["tree_roots"]:
        branch = branches[root]
        # A tree that is one leaf is written as a split whose two sides are that leaf.
        yield GraphTree(branch.true if branch.true == branch.false else int(root), branches, leaves)


def _old_trees(values: dict[str, Any]) -> Iterator[GraphTree]:
    """`TreeEnsembleRegressor` and `TreeEnsembleClassifier` of ai.onnx.ml 1 and 3."""
    thresholds: Any = values.get("nodes_values_as_tensor", values.get("nodes_values"))
    missing = values.get("nodes_missing_value_tracks_true") or [0] * len(values["nodes_treeids"])
    trees: dict[int, GraphTree] = {}
    for i, (number, node) in enumerate(zip(values["nodes_treeids"], values["nodes_nodeids"], strict=True)):
        tree = trees.setdefault(number, GraphTree(node))
        mode = values["nodes_modes"][i].decode()
        if mode != "LEAF":
            tree.branches[node] = Branch(
                values["nodes_featureids"][i],
                mode,
                float(thresholds[i]),
                values["nodes_truenodeids"][i],
                values["nodes_falsenodeids"][i],
                bool(missing[i]),
            )
    kind = "class" if "class_ids" in values else "target"
    weights: Any = values.get(f"{kind}_weights_as_tensor", values.get(f"{kind}_weights"))
    entries = zip(values[f"{kind}_treeids"], values[f"{kind}_nodeids"], values[f"{kind}_ids"], weights, strict=True)
    for number, node, target, weight in entries:
        trees[number].leaves.setdefault(node, {})[target] = float(weight)
    yield from trees.values()
