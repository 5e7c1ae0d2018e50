"""Golden cases in the layout of ONNX's own backend tests, which runners in any language read beside `model.onnx`.

`test_data_set_0/` holds all golden cases as one batch, `test_data_set_1/` the last of them alone; `input_N.pb` and
`output_N.pb` are `TensorProto`s in the graph's order, the outputs the original's; `data.json` holds the tolerances.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from export.artifact.manifest import ParityEntry, TensorEntry
from train.core.files import json_bytes


def vector_files(
    inputs: Sequence[TensorEntry],
    outputs: Sequence[TensorEntry],
    golden_inputs: Mapping[str, NDArray[Any]],
    golden_outputs: Mapping[str, NDArray[Any]],
    *,
    parity: ParityEntry,
) -> dict[str, bytes]:
    """Path within a version folder -> content; the same cases give the same bytes.

    Args:
        inputs: in graph order.
        outputs: in graph order.
        golden_inputs: tensor name -> all cases, axis 0 the batch, of the tensor's dtype (strings: dtype object).
        golden_outputs: the same of the original's answers; NaN stays NaN.
        parity: the tolerances; those of the runner mean the same, abs(x - y) <= atol + rtol * abs(y).
    """
    files = {"data.json": json_bytes({"atol": parity.absolute, "rtol": parity.relative})}
    for number, some in enumerate((slice(None), slice(-1, None))):
        for side, entries, cases in (("input", inputs, golden_inputs), ("output", outputs, golden_outputs)):
            for place, entry in enumerate(entries):
                tensor = numpy_helper.from_array(_typed(cases[entry.name][some], entry.dtype), entry.name)
                content = tensor.SerializeToString(deterministic=True)
                files[f"test_data_set_{number}/{side}_{place}.pb"] = content
    return files


def _typed(cases: NDArray[Any], dtype: str) -> NDArray[Any]:
    return np.ascontiguousarray(cases, dtype=object if dtype == "string" else dtype)
