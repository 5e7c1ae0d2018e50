"""Clusterings as transformers: distances to centres, by the expansion that scikit-learn uses."""

from typing import Any

from export.sklearn.columns.graph_columns import ColumnScope
from export.sklearn.columns.joint import only_measured
from export.sklearn.smooth.accounted import finite, require_accounted
from export.sklearn.smooth.sums import expanded_distance


def _centres(clustering: Any) -> Any:
    return finite(clustering, "cluster_centers_", clustering.cluster_centers_)


def centres_width(clustering: Any) -> int:
    """One column for each centre."""
    require_accounted(clustering)
    only_measured(
        clustering,
        "it squares distances by expansion, and near a centre they are what the rounding leaves",
        supported="the grade measured, or KBinsDiscretizer",
    )
    return len(_centres(clustering))


def distances(clustering: Any, scope: ColumnScope) -> str:
    """Euclidean distances, float64 [batch, centre]."""
    build = scope.builder
    return build.node("Sqrt", expanded_distance(build, scope.matrix(), _centres(clustering)))
