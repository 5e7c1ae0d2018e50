"""Scalers, weights, bounds: column by column, one or two operations each."""

from typing import Any

import numpy as np
from sklearn.preprocessing import Binarizer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from export.sklearn.columns.transformers.common import Columns, Lower, clip, each
from train.core.columns.column_expressions import operation


def _standard(scaler: Any, columns: Columns) -> Columns:
    if scaler.with_mean:
        columns = each("sub", columns, scaler.mean_, scaler)
    return each("div", columns, scaler.scale_, scaler) if scaler.with_std else columns


def _min_max(scaler: Any, columns: Columns) -> Columns:
    columns = each("add", each("mul", columns, scaler.scale_, scaler), scaler.min_, scaler)
    return clip(columns, *scaler.feature_range) if scaler.clip else columns


def _max_abs(scaler: Any, columns: Columns) -> Columns:
    columns = each("div", columns, scaler.scale_, scaler)
    return clip(columns, -1.0, 1.0) if scaler.clip else columns


def _robust(scaler: Any, columns: Columns) -> Columns:
    if scaler.with_centering:
        columns = each("sub", columns, scaler.center_, scaler)
    return each("div", columns, scaler.scale_, scaler) if scaler.with_scaling else columns


def _binarizer(binarizer: Any, columns: Columns) -> Columns:
    # x > t is x >= the double above t.
    edge = np.nextafter(float(binarizer.threshold), np.inf)
    return tuple(operation("step", x, table=[[edge]]) for x in columns)


TRANSFORMERS: dict[type, Lower] = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    Binarizer: _binarizer,
}
