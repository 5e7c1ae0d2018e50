"""Feature selection: some of the columns, as they are."""

from typing import Any

from sklearn import feature_selection as selection

from export.sklearn.columns.transformers.common import Columns, Lower


def _selection(selector: Any, columns: Columns) -> Columns:
    return tuple(columns[i] for i in selector.get_support(indices=True))


TRANSFORMERS: dict[type, Lower] = dict.fromkeys(
    (
        selection.GenericUnivariateSelect,
        selection.RFE,
        selection.RFECV,
        selection.SelectFdr,
        selection.SelectFpr,
        selection.SelectFromModel,
        selection.SelectFwe,
        selection.SelectKBest,
        selection.SelectPercentile,
        selection.SequentialFeatureSelector,
        selection.VarianceThreshold,
    ),
    _selection,
)
