"""A Keras model as an ONNX graph, one operator at a time, each in the precision that Keras computes it in.

tf2onnx fuses the LSTM, too, but is not exact on a float64 graph: it takes logarithms and reshapes in float32, and turns
`where` into a sum of products, so that one NaN day makes every answer NaN. The lowering here keeps types, writes no
shape arithmetic, lets the LSTM start from its default zero state, and refuses an operator that it does not know.
`export.keras.compact_builder` writes no more nodes than are needed.

No graph is returned before it has answered as Keras on a seeded batch: `export.keras.agreement`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import onnx

from export.graph import finish, tensor
from export.keras.agreement import Disagreement, check_agreement
from export.keras.answers import named_answers
from export.keras.layers import (
    attention,
    convolution,
    dense,
    encodings,
    functions,
    grids,
    merging,
    operators,
    pictures,
    shapes,
    spatial,
)
from export.keras.layers.recurrent import cells, fused
from export.keras.lowering import GUARDED, ONNX_TYPES, PLAIN, UNROLLED, Lowering
from export.keras.seeded_batch import rows_for, seeded_batch
from train.core.errors import PipelineError

KINDS = (
    attention,
    cells,
    convolution,
    dense,
    encodings,
    functions,
    fused,
    grids,
    merging,
    operators,
    pictures,
    shapes,
    spatial,
)
"""Modules whose import registers lowerings."""
STRICT = 0.5
"""Of what `verify compare` allows, on other rows of the same kinds: what is written passes there, too."""
Found = TypeVar("Found")
OUR_NAMES = re.compile(r"[a-z]+[0-9]+(_[0-9a-z]+)*")
"""What tensors inside a graph are called."""


def compile_keras(
    model: Any, *, name: str, metadata: Mapping[str, str] | None = None, wide_integers: bool = False
) -> onnx.ModelProto:
    """Compile a Keras model: Sequential or functional, of any inputs and outputs.

    Args:
        model: built of the operators and layers known here. The keys of a dict of outputs become the outputs' names;
            those of a plain output or of a list are the names that Keras gives them.
        name: of the graph.
        metadata: custom metadata.
        wide_integers: whether inputs of int32 are taken as int64, which artifacts have.

    Returns:
        A model with a free batch axis whose answers do not depend on what else is in the batch.

    Raises:
        PipelineError: an operator, layer, argument or setting has no lowering (it is named), or the graph does not
            answer as Keras on the seeded batch (both answers are shown).
    """
    return compared(
        lambda care: lowered(model, care, name=name, metadata=metadata, wide=wide_integers),
        lambda graph: check_agreement(model, graph, seeded_batch(model, rows=rows_for(model)), share=STRICT),
    )[0]


def compared(
    write: Callable[[int], tuple[Lowering, onnx.ModelProto]], check: Callable[[onnx.ModelProto], Found]
) -> tuple[onnx.ModelProto, Found]:
    """The first graph that is near enough, and what its comparison found: with no more care than is needed.

    Raises:
        Disagreement: none is; of the most careful one.
    """
    for care in (PLAIN, GUARDED, UNROLLED):
        lowering, graph = write(care)
        try:
            return graph, check(graph)
        except Disagreement:
            if not any(lowering.gains_by(more) for more in range(care + 1, UNROLLED + 1)):
                raise
    raise AssertionError("the last one has raised")


def lowered(
    model: Any, care: int, *, name: str, metadata: Mapping[str, str] | None, wide: bool, splice: bool = False
) -> tuple[Lowering, onnx.ModelProto]:
    """A graph that has not been compared yet.

    Args:
        model: as of `compile_keras`.
        care: of `export.keras.lowering`.
        name: of the graph.
        metadata: custom metadata.
        wide: whether inputs of int32 are taken as int64.
        splice: whether layers without a lowering go through tf2onnx.
    """
    flat = functional(model)
    entries = [_entry(value) for value in flat.inputs]
    names = [value.name for value in entries] + list(named_answers(model, flat._outputs_struct))
    lowering = Lowering(care=care, splice=splice, prefix="own_" if any(map(OUR_NAMES.fullmatch, names)) else "")
    for entry in entries:
        lowering.entry(entry, wide=wide)
    answers = flat._run_through_graph(entries, operation_fn=lambda op: op, call_fn=lowering.call)
    builder = lowering.builder
    builder.one_product_each()
    named = named_answers(model, answers)
    for key, value in named.items():
        builder.output(lowering.name_of(value), key)
    inputs = [
        tensor(value.name, ONNX_TYPES["int64" if wide and value.dtype == "int32" else value.dtype], _axes(value, i))
        for i, value in enumerate(entries)
    ]
    outputs = [tensor(key, ONNX_TYPES[value.dtype], _axes(value, key)) for key, value in named.items()]
    graph = onnx.helper.make_graph(builder.nodes, name, inputs, outputs, initializer=builder.initializers)
    return lowering, finish(graph, name=name, metadata=metadata)


def functional(model: Any) -> Any:
    """The graph of a model, one of Keras's own two kinds.

    Raises:
        PipelineError: it is another kind, or not built.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise PipelineError(f"not a Keras model: {type(model).__name__}")
    if not type(model).__module__.startswith("keras.src."):
        raise PipelineError(
            f"{type(model).__name__} of {type(model).__module__}: a model with code of its own has no lowering; "
            "build it as a Sequential or functional model"
        )
    if isinstance(model, keras.Sequential) and (not model.built or model._functional is None):
        raise PipelineError(f"Sequential {model.name!r}: not built: start it with keras.Input(shape)")
    return keras.Model(model.inputs, model.outputs[0]) if isinstance(model, keras.Sequential) else model


def _entry(value: Any) -> Any:
    import keras

    return keras.Input(batch_shape=value.shape, dtype=value.dtype, name=value.name)


def _axes(value: Any, which: int | str) -> list[str | int]:
    """The batch, then lengths; a free axis gets a name, of the input where the output has the same rank."""
    free = f"steps{which or ''}" if isinstance(which, int) else "steps"
    return [
        "batch",
        *(
            f"{free}_{i}" if size is None and i > 1 else free if size is None else size
            for i, size in enumerate(value.shape[1:], start=1)
        ),
    ]
