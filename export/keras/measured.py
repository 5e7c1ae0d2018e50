"""The grade `measured` for networks: what has no exact form goes another way, and how far off that is gets measured.

Two ways. A layer without a lowering goes through tf2onnx and is spliced in between the exact ones; a Loop in it is
refused. A network of half precision becomes one of float32 with the same weights, rounded as Keras rounds them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.errors import NoExactForm
from export.grade import Grade, stamped
from export.keras.agreement import ABSOLUTE, OVERFLOW, RELATIVE, UNIT, Disagreement, graph_answers
from export.keras.answers import keras_answers
from export.keras.compile import compared, compile_keras, lowered
from export.keras.inexact.half_precision import HALF, in_single_precision
from export.keras.inexact.splice import stock_name
from export.keras.lowering import Lowering
from export.keras.rules import NEXT
from export.keras.seeded_batch import MISSING, all_layers, families, has_softmax, pools_largest
from train.core.errors import PipelineError

Array = npt.NDArray[Any]
SEED = 5
NEAR_ROWS, TIMES = 500, 4.0
"""Rows of each kind on which the absolute tolerance of an exact graph is measured, and how many times the largest
difference it is."""
ROWS = 500
"""Of each kind of rows: see `export.keras.seeded_batch.families`."""
MARGIN, HALF_MARGIN = 2.0, 4.0
"""How many times the largest difference the tolerance is; what half precision rounds has a longer tail."""
USUAL = "random, scale 1"
SAYS_NOTHING = 1e-3
"""Of the largest answer to such rows: an absolute tolerance beyond."""
LARGEST_BOUND = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.3}
"""Of the size of the answers, by the coarsest type in the network; what is farther off is no rounding."""


def compile_network(
    model: Any,
    *,
    name: str,
    exact: bool = False,
    metadata: Mapping[str, str] | None = None,
    wide_integers: bool = False,
) -> tuple[onnx.ModelProto, Grade]:
    """Compile a Keras model exactly, or else with a measured tolerance.

    Args:
        model: as of `export.keras.compile.compile_keras`.
        name: of the graph.
        exact: refuse what has no exact form.
        metadata: custom metadata.
        wide_integers: whether inputs of int32 are taken as int64.

    Returns:
        The graph and its grade, which its metadata names too.

    Raises:
        NoExactForm: a part has no exact form, and `exact` is set or there is no other way.
        PipelineError: neither way gives a graph that answers as the network does.
    """
    try:
        graph = compile_keras(model, name=name, metadata=metadata, wide_integers=wide_integers)
    except NoExactForm as reason:
        if exact:
            raise
        graph, grade = compile_measured(model, reason, name=name, metadata=metadata, wide=wide_integers)
        return stamped(graph, grade), grade
    grade = Grade("exact", *nearness(model, graph))
    return stamped(graph, grade), grade


def compile_measured(
    model: Any, reason: NoExactForm, *, name: str, metadata: Mapping[str, str] | None = None, wide: bool = False
) -> tuple[onnx.ModelProto, Grade]:
    """A graph with parts that are not exact, and its measured tolerance.

    Raises:
        PipelineError: tf2onnx cannot either, or writes a Loop; the graph's numbers or its NaN are not the network's.
    """
    coarsest = _coarsest(model)
    source = in_single_precision(model) if coarsest in HALF else model
    first = str(reason).partition(";")[0]
    spliced = int(coarsest not in HALF)  # until it is known

    def write(care: int) -> tuple[Lowering, onnx.ModelProto]:
        nonlocal spliced
        lowering, graph = lowered(source, care, name=name, metadata=metadata, wide=wide, splice=True)
        spliced = lowering.spliced
        return lowering, graph

    def check(graph: onnx.ModelProto) -> Grade:
        return _measured(model, graph, first, _way(coarsest, spliced), coarsest)

    try:
        return compared(write, check)
    except NoExactForm:
        raise
    except PipelineError as error:
        said = f"{first}; {_way(coarsest, spliced)} is no way: {error}"
        raise (Disagreement(said) if isinstance(error, Disagreement) else PipelineError(f"{said}; {NEXT}")) from error


def _way(coarsest: str, spliced: int) -> str:
    """How what has no exact form is written."""
    if coarsest in HALF:
        return f"the same layers in float32 ({coarsest} in Keras)" + (f" and {stock_name()}" if spliced else "")
    return stock_name() if spliced else "operators of onnxruntime that approximate"


def _coarsest(model: Any) -> str:
    found = {layer.compute_dtype for layer in all_layers(model) if getattr(layer, "compute_dtype", None)}
    return next((kind for kind in ("bfloat16", "float16") if kind in found), "float32")


def _measured(model: Any, graph: onnx.ModelProto, reason: str, way: str, coarsest: str) -> Grade:
    """The grade of a graph that answers near enough on seeded rows of every kind."""
    largest, rows, least = 0.0, 0, 0.0
    for kind, batch in families(model, seed=SEED, rows=ROWS, missing=True).items():
        apart, size = difference(model, graph, kind, batch)
        if not apart <= LARGEST_BOUND[coarsest] * max(size, 1e-30):
            raise Disagreement(f"{model.name}: {apart:.3g} away from answers of up to {size:.3g} (rows: {kind})")
        largest, least = max(largest, apart), max(least, ABSOLUTE * min(1.0, size))
        rows += len(next(iter(batch.values())))
    margin = HALF_MARGIN if coarsest in HALF else MARGIN
    how = f"{margin:g} times the largest difference, {largest:.3g}, on {rows:,} seeded rows of every kind"
    how += "" if margin * largest >= least else "; at least four units of float32"
    return Grade("measured", max(margin * largest, least), 0.0, way, (reason,), how, rows, SEED, largest)


def difference(model: Any, graph: onnx.ModelProto, kind: str, batch: Mapping[str, Array]) -> tuple[float, float]:
    """The largest difference on rows of a kind, and the largest answer; where Keras overflows there is none.

    Raises:
        Disagreement: the answers have other shapes, or NaN is not where Keras has it.
    """
    largest, scale = 0.0, 0.0
    soft, half = has_softmax(model) or pools_largest(model), _coarsest(model) in HALF
    expected, found = keras_answers(model, batch), graph_answers(graph, batch)
    for key, values in expected.items():
        wanted, ours = values.astype(np.float64), found[key].astype(np.float64)
        if wanted.shape != ours.shape:
            raise Disagreement(f"{model.name}: output {key!r} has shape {ours.shape}, Keras gives {wanted.shape}")
        finite = np.isfinite(wanted)
        gone = np.isnan(wanted) & ~np.isnan(ours) & (not half or "missing" in kind) & (not soft)
        come = finite & ~np.isfinite(ours) & (not (soft and "missing" in kind))
        if gone.any() or come.any():
            raise Disagreement(
                f"{model.name}: output {key!r} has NaN where Keras has none, or none where Keras has (rows: {kind})"
            )
        both = finite & np.isfinite(ours)
        largest = max(largest, float(np.abs(wanted - ours)[both].max(initial=0.0)))
        scale = max(scale, float(np.abs(wanted)[both].max(initial=0.0)))
    return largest, scale


def most_of(model: Any) -> float:
    """What a measured tolerance may be, of the size of the answers."""
    return HALF_MARGIN * LARGEST_BOUND[_coarsest(model)]


def takes_missing(model: Any) -> bool:
    """Whether answers to rows with NaN mean anything.

    Not so behind a softmax, and not where a pooling makes the lowest number of float32 of NaN.
    """
    if has_softmax(model) or pools_largest(model):
        return False
    kinds = families(model, seed=SEED, rows=NEAR_ROWS, missing=True)
    answers = [value for kind in MISSING for value in keras_answers(model, kinds[kind]).values()]
    return not any((np.nan_to_num(np.abs(value.astype(np.float64)), nan=0.0) > OVERFLOW).any() for value in answers)


def nearness(model: Any, graph: onnx.ModelProto) -> tuple[float, float]:
    """The absolute and the relative tolerance of an exact graph, measured on seeded rows of all kinds but extreme ones.

    The absolute one is twice the largest difference, or four times the largest beyond the relative tolerance, up to a
    power of two; at least four units of float32 of the largest answer (of 1, where that is larger). The relative one is
    1e-6, and is doubled only where the answers of some rows are so large (exponentials) that an absolute tolerance for
    them says nothing of the others. Answers next to overflow are left out: they depend on the order of sums.
    """
    off, size, usual = [np.zeros(1)], [np.zeros(1)], 0.0
    for name, kind in families(
        model, seed=SEED, rows=NEAR_ROWS, missing=not (has_softmax(model) or pools_largest(model))
    ).items():
        expected, found = keras_answers(model, kind), graph_answers(graph, kind)
        for key, values in expected.items():
            wanted = values.astype(np.float64)
            kept = np.nan_to_num(np.abs(wanted), nan=np.inf) < OVERFLOW
            off.append(np.abs(found[key].astype(np.float64) - wanted)[kept])
            size.append(np.abs(wanted[kept]))
            usual = max(usual, float(size[-1].max(initial=0.0)) if name == USUAL else 0.0)
    apart, sizes = np.concatenate(off), np.concatenate(size)
    least = TIMES * UNIT * min(1.0, float(sizes.max()))
    bounds = {RELATIVE: _absolute(apart, sizes, RELATIVE, 2.0 * float(apart.max()), least)}
    if bounds[RELATIVE] > SAYS_NOTHING * max(usual, least):
        wider = [RELATIVE * 2.0**step for step in range(1, 8)]
        bounds |= {relative: _absolute(apart, sizes, relative, 0.0, least) for relative in wider}
    relative = next((r for r, bound in bounds.items() if bound <= SAYS_NOTHING * max(usual, least)), RELATIVE)
    return bounds[relative], relative


def _absolute(apart: Array, sizes: Array, relative: float, start: float, least: float) -> float:
    bound = max(start, TIMES * float(np.max(apart - relative * sizes)), least)
    return float(2.0 ** np.ceil(np.log2(bound))) if bound > 0 else 0.0
