"""RandomTreesEmbedding: a one for the leaf of every tree, to the last bit."""

from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.preprocessing import OneHotEncoder

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.preprocess import refuse
from export.sklearn.estimators.forest import Term, sklearn_tree, sum_of_trees
from export.sklearn.smooth.accounted import require_accounted


def leaves_width(embedding: Any) -> int:
    """Columns that it makes."""
    require_accounted(embedding)
    encoder = embedding.one_hot_encoder_
    if (
        type(encoder) is not OneHotEncoder
        or encoder.drop_idx_ is not None
        or getattr(encoder, "_infrequent_enabled", False)
    ):
        raise refuse(embedding, "its encoder is not the usual one", supported="one that it fitted itself")
    return int(sum(len(found) for found in encoder.categories_))


def leaves(embedding: Any, scope: ColumnScope) -> str:
    """Float64 [batch, leaf of any tree]; trees give the number of their leaf, columns ask for it."""
    build = scope.builder
    trees = []
    for member in embedding.estimators_:
        tree = sklearn_tree(member)
        trees.append(replace(tree, value=np.arange(len(tree.feature), dtype=np.float64)[:, None]))
    found = sum_of_trees(trees, [Term(number, 0, number) for number in range(len(trees))], scope)
    categories = [np.asarray(known) for known in embedding.one_hot_encoder_.categories_]
    owner = np.repeat(np.arange(len(categories)), [len(known) for known in categories])
    asked = build.node("Gather", found, build.constant(owner, np.int64), axis=1)
    same = build.node("Equal", asked, build.constant(np.concatenate(categories)))
    return build.node("Cast", same, to=TensorProto.DOUBLE)
