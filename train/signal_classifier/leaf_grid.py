"""Forest leaves on a binary grid: sums that round nothing, the same bits in any order and on any number of threads."""

from typing import Any

import numpy as np

from train.core.errors import PipelineError


def quantize_leaves(forest: Any, *, bits: int = 32) -> None:
    """Round the leaf probabilities of a fitted forest classifier, in place, to multiples of 2^-bits.

    A sum of n such numbers is exact while n 2^bits < 2^53, so scikit-learn, onnxruntime and any thread count agree to
    the last bit. Every row keeps the sum 1: the last class is 1 minus the others, which is exact on the grid. The
    change is at most 2^-(bits+1) per probability (1.2e-10 for 32 bits; the last class, the number of classes times
    that).

    Args:
        forest: fitted RandomForestClassifier or ExtraTreesClassifier, or a single decision tree, one output.
        bits: binary digits kept behind the point, 1 to 52.

    Raises:
        PipelineError: not a tree classifier, or so many trees that the sum could round.
    """
    trees = getattr(forest, "estimators_", [forest])
    if not hasattr(forest, "classes_") or not all(hasattr(tree, "tree_") for tree in trees):
        raise PipelineError(f"quantize_leaves: expected a fitted forest classifier, got {type(forest).__name__}")
    if not 1 <= bits <= 52 or len(trees) * 2.0**bits >= 2.0**53:
        raise PipelineError(f"quantize_leaves: {len(trees)} trees of {bits} bits do not sum exactly; use fewer bits")
    for tree in trees:
        value = tree.tree_.value
        grid = np.ldexp(np.round(np.ldexp(value, bits)), -bits)
        grid[..., -1] = 1.0 - grid[..., :-1].sum(axis=-1)
        # Rounding up many classes by half a unit each can leave the last one just below zero.
        short = np.minimum(grid[..., -1], 0.0)
        largest = np.expand_dims(grid[..., :-1].argmax(axis=-1), -1)
        np.put_along_axis(grid, largest, np.take_along_axis(grid, largest, -1) + short[..., None], -1)
        grid[..., -1] = np.maximum(grid[..., -1], 0.0)
        value[...] = grid
