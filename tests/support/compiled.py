"""Compiled models in tests: run them, and make rows that stand on their thresholds."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper

from export.graph import to_bytes
from export.sklearn.compile import compile_sklearn

Floats = npt.NDArray[np.float64]


def run(model: onnx.ModelProto, rows: Floats, *, threads: int = 1) -> Floats:
    """The model's first output."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(to_bytes(model), options, providers=["CPUExecutionProvider"])
    result: Floats = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(rows)})[0]
    return result


def compiled(estimator: Any, **options: Any) -> onnx.ModelProto:
    return compile_sklearn(estimator, name="model", **options)


def answer(estimator: Any, rows: Any) -> Floats:
    """What scikit-learn says, in the shape of the compiled output."""
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(rows))
    return np.asarray(estimator.predict(rows))[:, None]


def adversarial(model: onnx.ModelProto, X: Floats, *, n: int = 1500, missing: bool = False) -> Floats:
    """Data rows with values replaced by split thresholds, or one ulp beside them; optionally with NaN."""
    random = np.random.default_rng(0)
    parts = [np.asarray(X, dtype=np.float64)]
    for node in model.graph.node:
        if node.op_type != "TreeEnsemble" or node.input[0] != "features":
            continue
        attributes = {attribute.name: attribute for attribute in node.attribute}
        splits = numpy_helper.to_array(attributes["nodes_splits"].t)
        feature = np.array(attributes["nodes_featureids"].ints)
        rows = X[random.integers(0, len(X), n)].astype(np.float64)
        for column in range(X.shape[1]):
            values = splits[(feature == column) & np.isfinite(splits)]
            if len(values):
                drawn = random.choice(values, n)
                towards = random.choice([-np.inf, np.inf, np.nan], n)
                rows[:, column] = np.where(np.isnan(towards), drawn, np.nextafter(drawn, towards))
        parts.append(rows)
    result = np.concatenate(parts)
    if missing:
        result = np.concatenate([result, np.where(random.random(result.shape) < 0.1, np.nan, result)])
    return result


def same_bits(left: Floats, right: Floats) -> bool:
    """Equal shape and bits; both zeros count as one number."""
    return left.shape == right.shape and bool(np.array_equal(left, right, equal_nan=True))
