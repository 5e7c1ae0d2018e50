"""The grade `measured` for networks: what has no exact form goes another way, and how far off that is gets measured.

Two ways. A layer without a lowering goes through tf2onnx and is spliced in between the exact ones; a Loop in it is
refused. A network of half precision becomes one of float32 with the same weights, rounded as Keras rounds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.errors import NoExactForm
from export.keras.agreement import Disagreement, graph_answers
from export.keras.answers import keras_answers
from export.keras.compile import compile_keras, lowered
from export.keras.inexact.half_precision import HALF, in_single_precision
from export.keras.inexact.splice import stock_name
from export.keras.seeded_batch import all_layers, families, has_softmax
from train.core.errors import PipelineError

Array = npt.NDArray[Any]
SEED = 5
ROWS = 100
"""Of each kind of rows: see `export.keras.seeded_batch.families`."""
MARGIN = 2.0
LARGEST_BOUND = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.3}
"""Of the size of the answers, by the coarsest type in the network; what is farther off is no rounding."""


@dataclass(frozen=True)
class Measured:
    """How a tolerance was measured.

    Attributes:
        reason: why there is no exact form.
        converter: whose graph it is.
        rows: how many rows were compared, seeded by `seed`.
        seed: of the rows.
        largest: the largest difference of any answer.
        bound: `MARGIN` times that: the tolerance of the graph.
    """

    reason: str
    converter: str
    rows: int
    seed: int
    largest: float
    bound: float

    @property
    def how(self) -> str:
        """One line for a manifest, a command or a card."""
        return (
            f"measured: within {self.bound:.2g} of the original, {MARGIN:g} times the largest difference on "
            f"{self.rows:,} seeded rows (seed {self.seed}); by {self.converter}, as {self.reason}"
        )


def compile_network(
    model: Any,
    *,
    name: str,
    exact: bool = False,
    metadata: Mapping[str, str] | None = None,
    wide_integers: bool = False,
) -> tuple[onnx.ModelProto, Measured | None]:
    """Compile a Keras model exactly, or else with a measured tolerance.

    Args:
        model: as of `export.keras.compile.compile_keras`.
        name: of the graph.
        exact: refuse what has no exact form.
        metadata: custom metadata.
        wide_integers: whether inputs of int32 are taken as int64.

    Returns:
        The graph, and how its tolerance was measured; None where it is exact (within 1e-6).

    Raises:
        PipelineError: neither way gives a graph that answers as the network does.
    """
    try:
        return compile_keras(model, name=name, metadata=metadata, wide_integers=wide_integers), None
    except NoExactForm as reason:
        if exact:
            raise
        return compile_measured(model, reason, name=name, metadata=metadata, wide=wide_integers)


def compile_measured(
    model: Any, reason: NoExactForm, *, name: str, metadata: Mapping[str, str] | None = None, wide: bool = False
) -> tuple[onnx.ModelProto, Measured]:
    """A graph with parts that are not exact, and its measured tolerance.

    Raises:
        PipelineError: tf2onnx cannot either, or writes a Loop; the graph's numbers or its NaN are not the network's.
    """
    coarsest = _coarsest(model)
    source, way = model, stock_name()
    if coarsest in HALF:
        source, way = in_single_precision(model), f"the same layers in float32 ({coarsest} in Keras)"
    first = str(reason).partition(";")[0]
    try:
        lowering, graph = lowered(source, False, name=name, metadata=metadata, wide=wide, splice=True)
    except NoExactForm:
        raise
    except PipelineError as error:
        raise PipelineError(f"{first}; {way} is no way: {error}") from error
    if lowering.spliced and coarsest in HALF:
        way += f" and {stock_name()}"
    try:
        return graph, _measured(model, graph, first, way, coarsest)
    except Disagreement as error:
        if not lowering.guards:
            raise Disagreement(f"{first}; {way} is no way: {error}") from error
    _, graph = lowered(source, True, name=name, metadata=metadata, wide=wide, splice=True)
    try:
        return graph, _measured(model, graph, first, way, coarsest)
    except Disagreement as error:
        raise Disagreement(f"{first}; {way} is no way: {error}") from error


def _coarsest(model: Any) -> str:
    found = {layer.compute_dtype for layer in all_layers(model) if getattr(layer, "compute_dtype", None)}
    return next((kind for kind in ("bfloat16", "float16") if kind in found), "float32")


def _measured(model: Any, graph: onnx.ModelProto, reason: str, way: str, coarsest: str) -> Measured:
    """Compare on seeded rows of every kind; where Keras overflows, there is nothing to compare with."""
    largest, scale, rows = 0.0, 0.0, 0
    soft = has_softmax(model)
    for kind, batch in families(model, seed=SEED, rows=ROWS, missing=True).items():
        expected, found = keras_answers(model, batch), graph_answers(graph, batch)
        for key, values in expected.items():
            wanted, ours = values.astype(np.float64), found[key].astype(np.float64)
            if wanted.shape != ours.shape:
                raise Disagreement(f"{model.name}: output {key!r} has shape {ours.shape}, Keras gives {wanted.shape}")
            finite = np.isfinite(wanted)
            gone = np.isnan(wanted) & ~np.isnan(ours) & (coarsest == "float32") & (not soft)
            come = finite & ~np.isfinite(ours) & (not (soft and "missing" in kind))
            if gone.any() or come.any():
                raise Disagreement(
                    f"{model.name}: output {key!r} has NaN where Keras has none, or none where Keras has (rows: {kind})"
                )
            both = finite & np.isfinite(ours)
            largest = max(largest, float(np.abs(wanted - ours)[both].max(initial=0.0)))
            scale = max(scale, float(np.abs(wanted)[both].max(initial=0.0)))
        rows += len(next(iter(batch.values())))
    if not largest <= LARGEST_BOUND[coarsest] * max(scale, 1e-30):
        raise Disagreement(f"{model.name}: {largest:.3g} away from answers of up to {scale:.3g}")
    return Measured(reason, way, rows, SEED, largest, MARGIN * largest)
