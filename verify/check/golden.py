"""Replay of the golden cases: the original's recorded answers against the graph, without the original."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.artifact.manifest import GOLDEN_FILE, Manifest, TensorEntry
from train.core.errors import PipelineError
from train.core.files import read_json
from verify.comparison.parity import ParityResult, Tolerance, compare
from verify.comparison.runtime import Runtime
from verify.runtimes.flat_rows import flat, tensor_shape, words_of
from verify.runtimes.original import Original

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]


def golden_rows(folder: Path, manifest: Manifest) -> tuple[Floats, Floats]:
    """Inputs and the original's outputs of the golden cases, both flat: float64 [case, number], text as codes.

    Raises:
        PipelineError: the file does not hold just the manifest's tensors in their shapes; names the tensor.
    """
    words = words_of(manifest.settings)
    sides = zip((manifest.inputs, manifest.outputs), golden_tensors(folder, manifest), strict=True)
    inputs, outputs = (
        _flat({entry.name: flat(tensors[entry.name], entry, words) for entry in side}) for side, tensors in sides
    )
    return inputs, outputs


def golden_tensors(folder: Path, manifest: Manifest) -> tuple[dict[str, Array], dict[str, Array]]:
    """The same as tensors: name -> float64 (text: object) [case, ...], in the manifest's order."""
    path = folder / GOLDEN_FILE
    cases = read_json(path)
    if not isinstance(cases, dict) or set(cases) != {"inputs", "outputs"}:
        raise PipelineError(f"{path}: must hold 'inputs' and 'outputs'; export the model again")
    return (
        _tensors(path, cases["inputs"], manifest.inputs, manifest.golden.cases),
        _tensors(path, cases["outputs"], manifest.outputs, manifest.golden.cases),
    )


def replay(runtime: Runtime, rows: Floats, expected: Floats, tolerance: Tolerance) -> ParityResult:
    """Answer the golden inputs again, and compare."""
    return compare(expected, runtime(rows), inputs=rows, tolerance=tolerance)


def confirm_original(original: Original, rows: Floats, expected: Floats, tolerance: Tolerance) -> None:
    """Make sure that this is the model that the version was made from: it still gives the golden answers.

    Raises:
        PipelineError: it gives others, or none at all.
    """
    try:
        answers = original.answer(rows)
    except Exception as error:  # a model that outlived its code fails in any way it likes
        reason = f"{type(error).__name__}: {error}"
        raise PipelineError(
            f"{original.name}: the original gives no answer ({reason}); train and export again"
        ) from error
    found = compare(expected, answers, tolerance=tolerance)
    if not found.in_parity:
        raise PipelineError(
            f"{original.name}: not the model that this version was made from: {found.mismatched} of its {len(rows)} "
            "golden answers differ; run `python -m export`, or name the right folder with --from"
        )


def _tensors(path: Path, tensors: Any, entries: list[TensorEntry], cases: int) -> dict[str, Array]:
    names = [entry.name for entry in entries]
    if not isinstance(tensors, dict) or sorted(tensors) != sorted(names):
        raise PipelineError(f"{path}: expected the tensors {names}; export the model again")
    found = {}
    for entry in entries:
        shape = (cases, *tensor_shape(entry))
        try:
            text = entry.dtype == "string"
            array: Array = np.asarray(_nan_for_null(tensors[entry.name]), dtype=object if text else np.float64)
        except (TypeError, ValueError) as error:
            raise PipelineError(f"{path}: tensor {entry.name!r} is not a regular table of {entry.dtype}") from error
        if array.shape != shape:
            raise PipelineError(f"{path}: tensor {entry.name!r} has shape {list(array.shape)}, expected {list(shape)}")
        found[entry.name] = array
    return found


def _flat(tensors: dict[str, Floats]) -> Floats:
    return np.concatenate([array.reshape(len(array), -1) for array in tensors.values()], axis=1)


def _nan_for_null(value: Any) -> Any:
    if isinstance(value, list):
        return [_nan_for_null(item) for item in value]
    return np.nan if value is None else value
