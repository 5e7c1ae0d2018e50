"""A fitted scikit-learn model seen as its trees, through scikit-learn's own objects: nothing here asks the compiler.

A model may hold several groups (the members of a voting classifier, the folds of a calibration); each has its own
preprocessing, called as it is, and its own trees.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from export.sklearn.boosters.trees import BoostedTrees, seen_by_trees, walk
from export.sklearn.estimators.registry import innermost
from train.core.sklearn_answers import original_input
from verify.proof.accepted_rows import accepted_answers
from verify.proof.boosters import boosted_trees

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Transform = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Tree:
    """One tree; arrays run over nodes, a leaf has `feature` -1.

    Attributes:
        name: "tree 17", or "tree 17, class 2" where boosting grows one per class.
        feature: column of the matrix that the trees see.
        threshold: float64; a value <= threshold goes left.
        left, right: child nodes.
        missing_left: where NaN goes.
        value: what the leaf contributes, float64 [node, output], before averaging or shrinkage.
        apply: matrix that the trees see -> leaf of each row, int64 [row].
        cover: weight of the training rows that came through each node, float64 [node].
        output: which of the model's outputs it adds to, where each has trees of its own.
    """

    name: str
    feature: Indices
    threshold: Floats
    left: Indices
    right: Indices
    missing_left: Bools
    value: Floats
    apply: Callable[[Floats], Indices]
    cover: Floats
    output: int = 0

    @property
    def splits(self) -> Indices:
        """Nodes that are not leaves."""
        return np.flatnonzero(self.feature >= 0)


@dataclass(frozen=True)
class Group:
    """Trees behind one preprocessing.

    Attributes:
        name: of the estimator, or of its place in a vote or a calibration.
        transform: raw rows -> the matrix that the trees see, as float64 numbers.
        trees: in the estimator's order.
        before: the same before it is rounded to what the trees see.
        single: whether what they see are float32 numbers.
        outputs: columns of `Tree.value` that the whole model's answers depend on.
        estimator: whose trees these are.
        fold: of a calibration, whose estimator these trees are (in a pipeline, maybe); None anywhere else.
    """

    name: str
    transform: Transform
    trees: tuple[Tree, ...]
    before: Transform
    single: bool
    outputs: tuple[int, ...]
    estimator: Any = None
    fold: Any = None


def tree_groups(estimator: Any, *, second_class_only: bool = False) -> tuple[Group, ...]:
    """Every group of trees in a fitted estimator; empty when it has none (an SVM, say).

    Args:
        estimator: fitted.
        second_class_only: of a binary classifier's answers only the probability of the second class is asked for.
    """
    return tuple(_groups(estimator, lambda rows: rows, "", second=second_class_only))


def _groups(estimator: Any, before: Transform, name: str, *, second: bool) -> Iterator[Group]:
    if hasattr(estimator, "steps"):
        head = estimator[:-1]
        yield from _groups(estimator[-1], _then(before, head) if len(head) else before, name, second=second)
    elif hasattr(estimator, "calibrated_classifiers_"):
        folds = estimator.calibrated_classifiers_
        second = second or len(estimator.classes_) == 2  # a binary calibration looks at the second class alone
        for number, fold in enumerate(folds):
            place = f"{name}fold {number} " if len(folds) > 1 else name
            own = innermost(fold.estimator)
            for group in _groups(fold.estimator, before, place, second=second):
                yield replace(group, fold=fold) if group.estimator is own else group
    elif hasattr(estimator, "named_estimators_"):
        # Of two classes a stack sees the probability of the second alone.
        second = second or (hasattr(estimator, "final_estimator_") and len(getattr(estimator, "classes_", ())) == 2)
        for label, member in estimator.named_estimators_.items():
            yield from _groups(member, before, f"{name}{label} ", second=second)
    elif (model := boosted_trees(estimator)) is not None:
        if model.trees:
            yield _boosted_group(model, before, name.strip() or type(estimator).__name__)
    elif trees := tuple(_trees(estimator)):
        single = not hasattr(estimator, "_predictors")
        outputs = range(trees[0].value.shape[1])
        used = tuple(outputs)[1:] if second and len(outputs) == 2 else tuple(outputs)
        place = name.strip() or type(estimator).__name__
        width = int(estimator.n_features_in_)
        exact = _as_numbers(before, width, single=False)
        yield Group(place, _as_numbers(before, width, single=single), trees, exact, single, used, estimator)
    elif hasattr(estimator, "estimator_"):
        yield from _groups(estimator.estimator_, before, name, second=second)


def _boosted_group(model: BoostedTrees, before: Transform, name: str) -> Group:
    """The trees of XGBoost, LightGBM or CatBoost; columns made of categories stand behind those of the input."""
    exact = _as_numbers(before, model.n_features, single=False)
    trees = []
    for number, tree in enumerate(model.trees):
        suffix = f", score {model.scores[number]}" if model.n_scores > 1 else ""
        trees.append(
            Tree(
                f"tree {number}{suffix}",
                tree.feature,
                tree.threshold,
                tree.true,
                tree.false,
                tree.missing_true,
                tree.value,
                partial(walk, tree),
                np.full(len(tree.feature), np.nan),  # a dump does not say it for every library
            )
        )
    single = model.single_input and not model.derived
    return Group(
        name,
        lambda rows: seen_by_trees(model, exact(rows)),
        tuple(trees),
        exact if single else (lambda rows: seen_by_trees(model, exact(rows))),
        single,
        (0,),
    )


def _then(before: Transform, step: Any) -> Transform:
    def transform(rows: Floats) -> Floats:
        result = step.transform(original_input(step, before(rows)))
        return np.asarray(result.toarray() if hasattr(result, "toarray") else result, dtype=np.float64)

    return transform


def _as_numbers(before: Transform, width: int, *, single: bool) -> Transform:
    """Classic trees see float32; its numbers are kept in float64 here. Values too large become infinite.

    Of rows that a transformer refuses (a category that it does not know) the trees see nothing: NaN.
    """

    def transform(rows: Floats) -> Floats:
        if not len(rows):  # which scikit-learn refuses
            return transform(np.zeros((1, rows.shape[1])))[:0]
        seen, accepted = accepted_answers(before, rows)
        seen = seen if accepted.any() else np.full((len(rows), width), np.nan)
        if single:
            with np.errstate(over="ignore"):
                seen = seen.astype(np.float32).astype(np.float64)
        return seen

    return transform


def _trees(estimator: Any) -> Iterator[Tree]:
    if hasattr(estimator, "_predictors"):
        if getattr(estimator, "is_categorical_", None) is not None:
            return  # category sets are not thresholds; the caller is left without a view, and says so
        for number, per_class in enumerate(estimator._predictors):
            for output, predictor in enumerate(per_class):
                suffix = f", class {output}" if len(per_class) > 1 else ""
                yield _histogram_tree(predictor.nodes, f"tree {number}{suffix}", output)
    elif _without_view(estimator):
        return
    elif hasattr(estimator, "tree_"):
        yield _classic_tree(estimator.tree_, "tree 0")
    elif hasattr(estimator, "estimators_"):
        members = np.asarray(estimator.estimators_, dtype=object)
        for position in np.ndindex(members.shape):
            suffix = f", class {position[1]}" if len(position) > 1 and members.shape[1] > 1 else ""
            member: Any = members[position]
            if hasattr(member, "tree_"):
                yield _classic_tree(member.tree_, f"tree {position[0]}{suffix}", position[-1] if suffix else 0)


def _without_view(estimator: Any) -> bool:
    """Whether trees are inside that see other columns, or answer in another way, than those of one forest do."""
    marks = ("estimators_features_", "estimator_weights_", "order_", "label_binarizer_", "pairwise_indices_")
    several = getattr(estimator, "n_outputs_", 1) != 1 or type(estimator).__name__.startswith("MultiOutput")
    return several or any(hasattr(estimator, mark) for mark in marks)


def _classic_tree(tree: Any, name: str, output: int = 0) -> Tree:
    leaf = tree.children_left < 0

    def apply(seen: Floats) -> Indices:
        result: Indices = tree.apply(np.ascontiguousarray(seen, dtype=np.float32)).astype(np.int64)
        return result

    return Tree(
        name=name,
        feature=np.where(leaf, -1, tree.feature).astype(np.int64),
        threshold=np.array(tree.threshold, dtype=np.float64),
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        missing_left=tree.missing_go_to_left.astype(bool),
        value=tree.value.reshape(tree.node_count, -1).astype(np.float64),
        apply=apply,
        cover=np.array(tree.weighted_n_node_samples, dtype=np.float64),
        output=output,
    )


def _histogram_tree(nodes: Any, name: str, output: int) -> Tree:
    """A tree of histogram boosting, which offers no `apply`: walked here by scikit-learn's rule."""
    leaf = nodes["is_leaf"].astype(bool)
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    feature = np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64)
    threshold = nodes["num_threshold"].astype(np.float64)
    missing = nodes["missing_go_to_left"].astype(bool)

    def apply(seen: Floats) -> Indices:
        at = np.zeros(len(seen), dtype=np.int64)
        while (inside := np.flatnonzero(feature[at] >= 0)).size:
            node = at[inside]
            value = seen[inside, feature[node]]
            goes_left = np.where(np.isnan(value), missing[node], value <= threshold[node])
            at[inside] = np.where(goes_left, left[node], right[node])
        return at

    value, cover = nodes["value"][:, None].astype(np.float64), nodes["count"].astype(np.float64)
    return Tree(name, feature, threshold, left, right, missing, value, apply, cover, output)


@dataclass
class Visits:
    """Which leaves rows have reached, and with them which splits were taken both ways."""

    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        self._leaves = [[np.zeros(len(tree.feature), dtype=bool) for tree in group.trees] for group in self.groups]

    def add(self, rows: Floats) -> None:
        """Send rows through every tree by its own `apply`."""
        for group, seen_leaves in zip(self.groups, self._leaves, strict=True):
            matrix = group.transform(rows)
            for tree, reached in zip(group.trees, seen_leaves, strict=True):
                reached[tree.apply(matrix)] = True

    @property
    def splits(self) -> int:
        """Splits in all trees."""
        return sum(len(mask) for mask in self.both_ways())

    @property
    def visited(self) -> int:
        """Splits that rows have left by both sides."""
        return sum(int(mask.sum()) for mask in self.both_ways())

    def both_ways(self) -> list[Bools]:
        """For each group, split after split in the order of its trees: whether rows have left it by both sides."""
        return [
            np.concatenate([_two_sided(tree, reached) for tree, reached in zip(group.trees, leaves, strict=True)])
            for group, leaves in zip(self.groups, self._leaves, strict=True)
        ]


def _two_sided(tree: Tree, reached: Bools) -> Bools:
    visited = reached.copy()
    # Children stand behind their parents in both of scikit-learn's tree layouts.
    for node in tree.splits[::-1]:
        visited[node] = visited[tree.left[node]] or visited[tree.right[node]]
    result: Bools = visited[tree.left[tree.splits]] & visited[tree.right[tree.splits]]
    return result
