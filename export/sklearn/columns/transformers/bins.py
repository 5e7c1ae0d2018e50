"""Bins, powers, quantiles: each column through a step or another increasing function of its own."""

from typing import Any

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer, PowerTransformer, QuantileTransformer

from export.sklearn.columns.transformers.common import Columns, Lower
from export.sklearn.columns.transformers.encode import TRANSFORMERS as ENCODERS
from export.sklearn.columns.transformers.scale import TRANSFORMERS as SCALERS
from train.core.columns.column_expressions import operation, substitute_all


def _bins(binner: Any, columns: Columns) -> Columns:
    steps = tuple(
        operation("step", x, table=[np.asarray(edges, dtype=np.float64)[1:-1]])
        for x, edges in zip(columns, binner.bin_edges_, strict=True)
    )
    if binner.encode == "ordinal":
        return steps
    coder = binner._encoder
    return substitute_all(ENCODERS[type(coder)](coder, columns), steps)


def _power(power: Any, columns: Columns) -> Columns:
    bent = []
    for x, exponent in zip(columns, power.lambdas_, strict=True):
        if power.method == "yeo-johnson":
            bent.append(operation("yeo_johnson", x, table=[[exponent]]))
        else:
            bent.append(operation("box_cox", operation("nan_below", x, table=[[0.0]]), table=[[exponent]]))
    if not power.standardize:
        return tuple(bent)
    return substitute_all(SCALERS[type(power._scaler)](power._scaler, columns), bent)


def _quantiles(mapper: Any, columns: Columns) -> Columns:
    normal = [float(mapper.output_distribution == "normal")]
    references = np.asarray(mapper.references_)
    return tuple(
        operation("quantile", x, table=[mapper.quantiles_[:, index], references, normal])
        for index, x in enumerate(columns)
    )


TRANSFORMERS: dict[type, Lower] = {
    KBinsDiscretizer: _bins,
    PowerTransformer: _power,
    QuantileTransformer: _quantiles,
}
