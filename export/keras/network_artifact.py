"""A Keras network of anyone's as a draft artifact: its tensors, golden cases, and a tolerance that is measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from export.artifact.manifest import ParityEntry, TensorEntry, tensor_entry
from export.artifact.version_folder import Draft
from export.keras.answers import keras_answers
from export.keras.measured import compile_network, takes_missing
from export.keras.seeded_batch import families, words_of
from train.core.contract import Column, Dtype, Task, Tensor
from train.core.errors import PipelineError
from train.core.files import read_bytes, sha256_hex
from train.core.records.record import DataRecord, TrainingRecord, library_versions

Array = npt.NDArray[Any]
GOLDEN_ROWS = 64
DTYPES: dict[str, Dtype] = {"float32": "float32", "float64": "float64", "int32": "int64", "int64": "int64"}


def draft_of_network(model: Any, path: Path, *, name: str, rows: Array | None = None, exact: bool = False) -> Draft:
    """Compile a network into a draft artifact.

    Args:
        model: Keras's, from `path`.
        path: the .keras file.
        name: what the model is called; the name of its folder.
        rows: rows like the training data of a network with one table as input, from which golden cases are taken.
        exact: refuse what would be measured.

    Raises:
        PipelineError: it has no exact form, or no form in an artifact; names what.
    """
    graph, grade = compile_network(model, name=name, exact=exact, wide_integers=True)
    missing = takes_missing(model)
    inputs = [_input(model, value, missing=missing) for value in model.inputs]
    golden = _golden(model, rows, missing=missing)
    answers = keras_answers(model, golden)
    kept = _finite(answers)
    golden = {key: values[kept] for key, values in golden.items()}
    answers = {key: values[kept] for key, values in answers.items()}
    task, outputs = _task(model), {key: _output(key, values, _task(model)) for key, values in answers.items()}
    try:
        return Draft(
            record=_record(model, path, name, rows),
            task=task,
            graph=graph,
            inputs=[_entry(tensor, value.shape) for tensor, value in zip(inputs, model.inputs, strict=True)],
            outputs=[_entry(outputs[key], (None, *values.shape[1:])) for key, values in answers.items()],
            parity=ParityEntry(reference="Keras, float32", absolute=grade.absolute, relative=grade.relative),
            settings={"grade": grade.fields()},
            golden_inputs={key: _wide(values) for key, values in golden.items()},
            golden_outputs={key: _wide(values) for key, values in answers.items()},
        )
    except ValidationError as error:
        raise PipelineError(f"{path}: does not fit artifact format 2: {error.errors()[0]['msg']}") from error


def _input(model: Any, value: Any, *, missing: bool) -> Tensor:
    """The contract of an input: a table has columns, whole numbers have limits."""
    if value.dtype not in DTYPES:
        raise PipelineError(f"input {value.name!r} of {value.dtype}: an artifact has {', '.join(DTYPES)}")
    if any(size is None for size in value.shape[1:]):
        raise PipelineError(
            f"input {value.name!r} has a free axis: not yet proven as an artifact; give it a length, or "
            "take the graph alone: -o MODEL.onnx"
        )
    axes = ("batch", *(f"axis_{i}" for i in range(1, len(value.shape))))
    words = words_of(model, value)
    if len(value.shape) != 2 and words is None:
        return Tensor(value.name, axes, (), DTYPES[value.dtype])
    limits: dict[str, Any] = {"missing": missing} if words is None else {}
    if words is not None:
        limits = {"minimum": 0.0, "maximum": float(words - 1), "integer": True}
    names = [f"{value.name}_{i}" for i in range(value.shape[-1])] if len(value.shape) > 1 else [value.name]
    return Tensor(value.name, axes, tuple(Column(name, **limits) for name in names), DTYPES[value.dtype])


def _output(name: str, values: Array, task: Task) -> Tensor:
    if values.dtype.name not in DTYPES:
        raise PipelineError(f"output {name!r} of {values.dtype.name}: an artifact has {', '.join(DTYPES)}")
    axes = ("batch", *(f"axis_{i}" for i in range(1, values.ndim)))
    columns: tuple[Column, ...] = ()
    if values.ndim == 2:
        low, high, unit = (0.0, 1.0, "probability") if task == "classifier" else (None, None, None)
        columns = tuple(Column(f"{name}_{i}", unit, low, high) for i in range(values.shape[1]))
    return Tensor(name, axes, columns, DTYPES[values.dtype.name])


def _entry(tensor: Tensor, shape: tuple[int | None, ...]) -> TensorEntry:
    return tensor_entry(tensor, ["batch", *(int(size or 0) for size in shape[1:])], {})


def _task(model: Any) -> Task:
    """A classifier ends in softmax or sigmoid, in one output."""
    import keras

    last = [value._keras_history.operation for value in model.outputs]
    shares = (keras.activations.softmax, keras.activations.sigmoid)
    ends = len(last) == 1 and (getattr(last[0], "activation", None) in shares or type(last[0]).__name__ == "Softmax")
    return "classifier" if ends and len(model.outputs[0].shape) == 2 else "regressor"


def _golden(model: Any, rows: Array | None, *, missing: bool) -> dict[str, Array]:
    if rows is None:
        kinds = families(model, seed=1, rows=10, missing=missing)
        return {v.name: np.concatenate([kind[v.name] for kind in kinds.values()])[:GOLDEN_ROWS] for v in model.inputs}
    value = model.inputs[0]
    if len(model.inputs) != 1 or len(value.shape) != 2:
        raise PipelineError("--data goes with a network that has one table as input; leave it out")
    if rows.ndim != 2 or rows.shape[1] != value.shape[1]:
        raise PipelineError(f"--data: {rows.shape[1]} columns, input {value.name!r} has {value.shape[1]}")
    picked = np.unique(np.linspace(0, len(rows) - 1, min(GOLDEN_ROWS, len(rows))).astype(np.int64))
    return {value.name: rows[picked].astype(value.dtype)}


def _finite(answers: Mapping[str, Array]) -> npt.NDArray[np.bool_]:
    kept: npt.NDArray[np.bool_] = np.all(
        [~np.isinf(values).reshape(len(values), -1).any(axis=1) for values in answers.values()], axis=0
    )
    if not kept.any():
        raise PipelineError("the network answers infinite numbers alone; give rows like its training data: --data")
    return kept


def _wide(values: Array) -> Array:
    return values.astype(np.int64) if values.dtype == np.int32 else values


def _record(model: Any, path: Path, name: str, rows: Array | None) -> TrainingRecord:
    return TrainingRecord(
        model=name,
        estimator=" -> ".join(type(layer).__name__ for layer in model.layers)[:300],
        data=DataRecord(
            source=f"compiled from {path.name}",
            sha256=sha256_hex(read_bytes(path)),
            rows=0 if rows is None else len(rows),
        ),
        random_state=None,
        seconds=0.0,
        libraries=library_versions("numpy", "keras", "tensorflow"),
        quality=[],
        feature_ranges={},
        settings={},
        sample={},
    )
