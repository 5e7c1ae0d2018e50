"""Ensembles as transformers: their members' answers side by side."""

from functools import partial
from typing import Any

from sklearn.base import is_classifier

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import inside, refuse
from export.sklearn.ensembles.parts import label_value
from export.sklearn.ensembles.several import stacked
from export.sklearn.estimators.registry import lower_classifier, lower_value


def stack_width(stack: Any) -> int:
    """Columns that it makes."""
    if is_classifier(stack) and isinstance(stack._label_encoder, list):
        raise refuse(stack, "it has several labels a row", supported="one label")
    return int(sum(stack._n_feature_outs)) + (int(stack.n_features_in_) if stack.passthrough else 0)


def stack_answers(stack: Any, scope: ColumnScope) -> str:
    """What the final estimator would see, float64 [batch, output]."""
    return stacked(stack, scope).matrix()


def vote_width(vote: Any) -> int:
    """Columns that it makes."""
    if not is_classifier(vote) or vote.voting == "hard":
        return len(vote.estimators_)
    if not vote.flatten_transform:
        raise refuse(vote, "flatten_transform=False gives a table for each member", supported="flatten_transform=True")
    return len(vote.estimators_) * len(vote.classes_)


def vote_answers(vote: Any, scope: ColumnScope) -> str:
    """Values, labels (hard), or probabilities (soft) of every member, float64 [batch, output]."""
    parts = []
    for number, member in enumerate(vote.estimators_):
        what = f"member {number}"
        if not is_classifier(vote):
            parts.append(inside(vote, what, partial(lower_value, member, scope)))
            continue
        graph = inside(vote, what, partial(lower_classifier, member, scope))
        parts.append(label_value(graph) if vote.voting == "hard" else graph.probabilities())
    return parts[0] if len(parts) == 1 else scope.builder.node("Concat", *parts, axis=1)
