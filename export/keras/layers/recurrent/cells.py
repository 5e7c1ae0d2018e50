"""Cells in a layer that runs them, and layers that hold another one."""

from typing import Any

from export.keras.layers.recurrent.fused import ARGUMENTS
from export.keras.lowering import Lowering
from export.keras.masks import mask_of
from export.keras.rules import LAYERS, check_fields, check_types, layer, refuse

FIELDS = "cell return_sequences return_state go_backwards zero_output_for_mask"
CELLS = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "SimpleRNN"}


class _AsLayer:
    """A cell and the layer that runs it, seen as the layer that has both in one."""

    def __init__(self, op: Any, cell: Any, **changed: Any) -> None:
        self.__dict__.update(changed)
        self.cell = cell
        self._op = op

    def __getattr__(self, name: str) -> Any:
        return getattr(self._op if name in FIELDS or name == "name" else self.cell, name)


VIEWS = {name: type(name, (_AsLayer,), {}) for name in CELLS.values()}


@layer("RNN", fields=FIELDS, arguments=ARGUMENTS, inert="unroll")
def rnn(to: Lowering, op: Any, result: Any, sequences: str, initial_state: Any = None, mask: Any = None) -> list[str]:
    """One of Keras's cells, or a stack of them, as one operator each."""
    stacked = type(op.cell).__name__ == "StackedRNNCells"
    cells = list(op.cell.cells) if stacked else [op.cell]
    if stacked and (op.return_state or initial_state):
        raise refuse(op, "the states of stacked cells have no lowering")
    found = [sequences]
    for i, cell in enumerate(cells):
        kind = CELLS.get(type(cell).__name__)
        if kind is None or not type(cell).__module__.startswith("keras.src.layers."):
            raise refuse(op, f"the cell {type(cell).__name__} of {type(cell).__module__} has no lowering")
        check_types(cell)
        rule = LAYERS[kind]
        check_fields(cell, rule)
        last = i == len(cells) - 1
        changed: dict[str, Any] = {}
        if not last:
            changed = {"return_sequences": True, "return_state": False, "zero_output_for_mask": False}
        if i:
            changed["go_backwards"] = False
        kept = to.builder.flipped(mask) if mask is not None and i and op.go_backwards else mask
        view = VIEWS[kind](op, cell, **changed)
        answer = rule.lower(to, view, None, sequences=found[0], initial_state=initial_state, mask=kept)
        found = [answer] if isinstance(answer, str) else list(answer)
        to.builder.shapes.setdefault(found[0], (*to.builder.shapes[sequences][:2], cell.units))
    return found


@layer("TimeDistributed", fields="layer", arguments="inputs mask")
def time_distributed(to: Lowering, op: Any, result: Any, inputs: str, mask: Any = None) -> str:
    """A layer, or a model, on each step: the steps beside the rows, and back."""
    if mask is not None and op.layer._call_has_mask_arg:
        raise refuse(op, f"with a mask for {type(op.layer).__name__} has no lowering")
    shape = to.builder.shapes[inputs]
    if any(size is None for size in shape[1:]):
        raise refuse(op, "of a free axis beside the batch has no lowering")
    inner = to.stand_in(
        to.builder.reshape(inputs, tuple(size or 0 for size in shape[2:])), shape[2:], to.type_of(inputs)
    )
    answer = to.call(op.layer, inner)
    back = tuple(result.shape[1:])
    return to.typed(to.builder.as_it_is("Reshape", to.name_of(answer), to.ints(-1, *back)), answer.dtype)


@layer("SpectralNormalization", fields="layer", inert="power_iterations")
def spectral_normalization(to: Lowering, op: Any, result: Any, inputs: str) -> str:
    """The layer in it, whose kernel has been normalised in training."""
    answer = to.call(op.layer, to.stand_in(inputs, to.builder.shapes[inputs][1:], to.type_of(inputs)))
    if mask_of(answer) is not None:
        raise refuse(op, "with a mask has no lowering")
    return to.cast(to.name_of(answer), result.dtype)
