"""ONNX's own ReferenceEvaluator as a runtime: every operator in plain NumPy, slow, and nobody's optimiser."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from train.core.errors import PipelineError
from verify.runtimes.flat_rows import TensorLike, Words, flat, split_rows, tensor_shape, typed
from verify.runtimes.not_run import NotRunError

Floats = npt.NDArray[np.float64]


class ReferenceRuntime:
    """`onnx.reference` on one graph."""

    name = "reference"
    version = onnx.__version__
    most_rows = 2000
    """Of a chunk: it takes a millisecond or more a row."""

    def __init__(
        self, graph: Path, inputs: Sequence[TensorLike], outputs: Sequence[TensorLike], words: Words | None = None
    ) -> None:
        try:
            self._evaluator = ReferenceEvaluator(str(graph))
        except Exception as error:  # it refuses in many ways: an operator it lacks, an attribute it does not know
            raise NotRunError(f"reference: onnx {onnx.__version__} cannot evaluate the graph: {error}") from error
        self._inputs, self._outputs, self._words = tuple(inputs), tuple(outputs), words or {}

    def __call__(self, rows: Floats) -> Floats:
        """See `Runtime`."""
        tensors = split_rows(rows, [(tensor.name, tensor_shape(tensor)) for tensor in self._inputs])
        feeds = {tensor.name: typed(tensors[tensor.name], tensor, self._words) for tensor in self._inputs}
        try:
            with np.errstate(all="ignore"):
                found = self._evaluator.run([tensor.name for tensor in self._outputs], feeds)
        except Exception as error:
            raise PipelineError(f"reference: {type(error).__name__}: {error}") from error
        parts = [flat(one, tensor, self._words) for one, tensor in zip(found, self._outputs, strict=True)]
        return np.concatenate([part.reshape(len(rows), -1) for part in parts], axis=1)

    def replay_golden(self) -> str:
        """Compared by `verify.check.golden.replay`, as for every version."""
        return ""
