"""The trees of a group as one array of nodes, walked by many rows at once, each in a tree of its own."""

from dataclasses import dataclass

import numpy as np

from verify.proof.trees import Bools, Floats, Group, Indices


@dataclass(frozen=True)
class Nodes:
    """All nodes of a group, tree after tree; children are positions in these arrays.

    Attributes:
        root: of each tree.
        tree: of each node.
        feature, threshold, left, right, missing_left, value: see `verify.proof.trees.Tree`.
    """

    root: Indices
    tree: Indices
    feature: Indices
    threshold: Floats
    left: Indices
    right: Indices
    missing_left: Bools
    value: Floats

    @property
    def splits(self) -> Indices:
        """Nodes that are not leaves, in the order of the trees."""
        return np.flatnonzero(self.feature >= 0)

    def walk(self, seen: Floats, start: Indices, turned: Indices | None = None) -> tuple[Indices, Bools]:
        """Where each row ends that starts at node `start`, and whether it met the node `turned` on its way.

        Args:
            seen: what the trees see, float64 [row, column].
            start: int64 [row].
            turned: int64 [row], a node that sends this row to its other side.
        """
        at, met = start.copy(), np.zeros(len(start), dtype=bool)
        inside = np.flatnonzero(self.feature[at] >= 0)
        while len(inside):
            node = at[inside]
            goes_left = self.goes_left(seen[inside], node)
            if turned is not None:
                here = node == turned[inside]
                met[inside] |= here
                goes_left ^= here
            at[inside] = np.where(goes_left, self.left[node], self.right[node])
            inside = inside[self.feature[at[inside]] >= 0]
        return at, met

    def goes_left(self, seen: Floats, node: Indices) -> Bools:
        """Where each row goes at its node, bool [row]."""
        value = seen[np.arange(len(node)), self.feature[node]]
        return np.where(np.isnan(value), self.missing_left[node], value <= self.threshold[node])


def nodes_of(group: Group) -> Nodes:
    """Join the trees of a group."""
    sizes = np.array([len(tree.feature) for tree in group.trees])
    root = np.cumsum(sizes) - sizes

    def joined(name: str) -> Indices:
        return np.concatenate([getattr(tree, name) for tree in group.trees])

    shift = np.repeat(root, sizes)
    return Nodes(
        root,
        np.repeat(np.arange(len(sizes)), sizes),
        joined("feature"),
        np.concatenate([tree.threshold for tree in group.trees]),
        joined("left") + shift,
        joined("right") + shift,
        np.concatenate([tree.missing_left for tree in group.trees]),
        np.concatenate([tree.value for tree in group.trees]),
    )
