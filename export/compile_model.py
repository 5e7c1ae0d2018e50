"""From the folder that training wrote to a draft artifact: any model of this house, whoever's library it is of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.artifact.manifest import ParityEntry, TensorEntry, tensor_entry
from export.artifact.version_folder import Draft
from train.core.contract import Tensor
from train.core.errors import PipelineError
from train.core.records.evidence import read_evidence
from train.core.records.record import TrainingRecord, read_record
from train.model import FittedModel, Model

DTYPES: dict[str, type[Any]] = {"float64": np.float64, "float32": np.float32, "int64": np.int64, "string": object}


def draft_of(model: Model, folder: Path) -> Draft:
    """Compile the original in `folder`; the golden outputs are its own.

    Raises:
        PipelineError: there is no trained model, it has no exact form, or it does not fit its contract.
    """
    record = read_record(folder)
    original = model.load(folder)
    if original is None:
        raise PipelineError(f"{folder}: no trained model here; run `python -m train {model.name}` first")
    graph, absolute = compile_original(original, name=model.name)
    _require_names(model, graph)
    inputs = sample_inputs(record, model.inputs)
    outputs = original.answer(original.estimator, inputs)
    return Draft(
        record=record,
        task=model.task,
        graph=graph,
        inputs=_entries(model.inputs, inputs, record),
        outputs=_entries(model.outputs, outputs, record),
        parity=ParityEntry(reference=model.reference, absolute=absolute, relative=model.relative),
        golden_inputs=inputs,
        golden_outputs=outputs,
        settings=model.manifest_settings(record),
        card_lines=model.card_lines(record.settings),
        purpose=model.purpose,
        evidence=read_evidence(folder),
    )


def compile_original(original: FittedModel, *, name: str) -> tuple[onnx.ModelProto, float]:
    """The graph of an original, and how far an answer may be from the original's beside the model's relative bound."""
    if original.library == "keras":
        from export.keras.compile import compile_keras

        return compile_keras(original.estimator, name=name), 0.0
    from export.sklearn.compile import compile_sklearn, is_bit_exact
    from export.sklearn.text.compile import compile_text, reads_text

    if reads_text(original.estimator):
        return compile_text(original.estimator, name=name), 1e-12
    graph = compile_sklearn(
        original.estimator, name=name, output="confidence" if original.second_class_only else "natural"
    )
    return graph, 0.0 if is_bit_exact(original.estimator) else 1e-12


def sample_inputs(record: TrainingRecord, tensors: tuple[Tensor, ...]) -> dict[str, NDArray[Any]]:
    """The record's sample as arrays of the contract's dtypes, None as NaN."""
    missing = [tensor.name for tensor in tensors if not record.sample.get(tensor.name)]
    if missing:
        raise PipelineError(
            f"{record.model}: training.json holds no sample of {missing[0]!r} to make golden cases from; train again"
        )
    return {
        tensor.name: np.asarray(_nan_for_none(record.sample[tensor.name]), dtype=DTYPES[tensor.dtype])
        for tensor in tensors
    }


def _require_names(model: Model, graph: onnx.ModelProto) -> None:
    """The compiler names the tensors of a scikit-learn model itself: the contract must use those names."""
    for side, tensors, found in (
        ("inputs", model.inputs, graph.graph.input),
        ("outputs", model.outputs, graph.graph.output),
    ):
        ours, theirs = [tensor.name for tensor in tensors], [value.name for value in found]
        if ours != theirs:
            raise PipelineError(
                f"{model.name}: its contract calls the {side} {', '.join(ours)}, the compiled graph has "
                f"{', '.join(theirs)}; use the graph's names in the model's `{side}`"
            )


def _entries(
    tensors: tuple[Tensor, ...], arrays: Mapping[str, NDArray[Any]], record: TrainingRecord
) -> list[TensorEntry]:
    absent = [tensor.name for tensor in tensors if tensor.name not in arrays]
    if absent:
        raise PipelineError(f"{record.model}: the original gives no {absent[0]!r}, which its contract names")
    return [
        tensor_entry(tensor, ["batch", *arrays[tensor.name].shape[1:]], record.feature_ranges) for tensor in tensors
    ]


def _nan_for_none(value: Any) -> Any:
    if isinstance(value, list):
        return [_nan_for_none(item) for item in value]
    return np.nan if value is None else value
