"""Recurrent layers as the fused operators of ONNX, with masks of any form.

onnxruntime's operators know no mask but a length. A masked step leaves the state as it is, so the steps that a mask
keeps are moved to the front, in order, their number is the length, and the answers are put back to where the steps
were: the same numbers, for a mask of any form.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.keras.layers.activations import can_be_fused, fused
from export.keras.layers.recurrent.unrolled import unrolled
from export.keras.lowering import Lowering
from export.keras.rules import checked_arguments, layer, refuse, rule_of

CELL = "units activation use_bias unit_forget_bias go_backwards return_sequences return_state zero_output_for_mask"
OFF = "unroll dropout recurrent_dropout implementation"
ARGUMENTS = "sequences initial_state mask"
KINDS = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}


@dataclass(frozen=True)
class Weights:
    """What the operator takes beside the steps: [1, gate, input], [1, gate, unit], [1, 2 gate]."""

    names: list[str]
    attributes: dict[str, Any]


@layer("LSTM", fields=f"{CELL} recurrent_activation", arguments=ARGUMENTS, inert=OFF)
def lstm(to: Lowering, op: Any, result: Any, sequences: str, initial_state: Any = None, mask: Any = None) -> list[str]:
    """Keras orders its gates i f c o, ONNX i o f c."""

    def gates(weight: Any) -> Any:
        i, f, c, o = np.split(np.asarray(weight), 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1)

    cell = op.cell
    functions = [op.recurrent_activation, op.activation, op.activation]
    why = _why_unrolled(to, op, functions)
    if why:
        return unrolled(to, op, sequences, initial_state, mask, "LSTM", why)
    bias = gates(cell.bias) if op.use_bias else np.zeros(4 * op.units)
    weights = _weights(to, op, gates(cell.kernel), gates(cell.recurrent_kernel), bias, np.zeros_like(bias), functions)
    return _recurrent(to, op, sequences, weights, initial_state, mask)


@layer("GRU", fields=f"{CELL} recurrent_activation reset_after", arguments=ARGUMENTS, inert=OFF)
def gru(to: Lowering, op: Any, result: Any, sequences: str, initial_state: Any = None, mask: Any = None) -> list[str]:
    """Gates in the same order; the reset gate after the product has a bias of its own."""
    cell = op.cell
    functions = [op.recurrent_activation, op.activation]
    why = _why_unrolled(to, op, functions)
    if why:
        return unrolled(to, op, sequences, initial_state, mask, "GRU", why)
    zeros = np.zeros(3 * op.units, dtype=np.float32)
    bias, second = zeros, zeros
    if op.use_bias:
        bias, second = np.asarray(cell.bias) if op.reset_after else (np.asarray(cell.bias), zeros)
    weights = _weights(to, op, np.asarray(cell.kernel), np.asarray(cell.recurrent_kernel), bias, second, functions)
    if op.reset_after:
        weights.attributes["linear_before_reset"] = 1
    return _recurrent(to, op, sequences, weights, initial_state, mask)


@layer("SimpleRNN", fields=CELL, arguments=ARGUMENTS, inert=OFF)
def simple_rnn(
    to: Lowering, op: Any, result: Any, sequences: str, initial_state: Any = None, mask: Any = None
) -> list[str]:
    """One gate."""
    import keras

    cell = op.cell
    why = _why_unrolled(to, op, [op.activation])
    if why:
        return unrolled(to, op, sequences, initial_state, mask, "SimpleRNN", why)
    bias = np.asarray(cell.bias) if op.use_bias else np.zeros(op.units)
    kernels = np.asarray(cell.kernel), np.asarray(cell.recurrent_kernel)
    if to.guard and op.activation is keras.activations.tanh:
        return _recurrent(to, op, sequences, _open_gates(to, op, *kernels, bias), initial_state, mask, "LSTM")
    weights = _weights(to, op, *kernels, bias, np.zeros_like(bias), [op.activation])
    return _recurrent(to, op, sequences, weights, initial_state, mask)


def _open_gates(to: Lowering, op: Any, kernel: Any, recurrent: Any, bias: Any) -> Weights:
    """A SimpleRNN as an LSTM that lets everything in and out and keeps nothing.

    The tanh of onnxruntime's RNN is off by 1e-7 however small its answer is, that of its LSTM by 3e-7 of the answer.
    """
    closed, units = np.zeros((*kernel.shape[:1], 3 * op.units)), np.ones(op.units)
    gates = np.zeros((*recurrent.shape[:1], 3 * op.units))
    open_or_shut = np.concatenate([units, units, 0.0 * units])
    weights = _weights(
        to,
        op,
        np.concatenate([closed, kernel], axis=-1),
        np.concatenate([gates, recurrent], axis=-1),
        np.concatenate([open_or_shut, bias]),
        np.zeros(4 * op.units),
        [],
    )
    inside = {"activations": ["HardSigmoid", "Tanh", "Affine"]}
    ends = {"activation_alpha": [1.0, 1.0], "activation_beta": [0.0, 0.0]}
    return Weights(weights.names, {"hidden_size": op.units, **inside, **ends})


def _why_unrolled(to: Lowering, op: Any, functions: list[Any]) -> str:
    """Why the operator of ONNX will not do; nothing where it may."""
    if op.compute_dtype != "float32":
        return f"onnxruntime's operator is float32, not {op.compute_dtype}"
    strange = [function for function in functions if not can_be_fused(function)]
    if strange:
        called = getattr(strange[0], "__name__", type(strange[0]).__name__)
        return f"activation {called!r} cannot stand inside a recurrent operator"
    to.recurrent += 1
    return "onnxruntime's operator is not near enough" if to.unroll else ""


def _weights(
    to: Lowering, op: Any, kernel: Any, recurrent: Any, bias: Any, second: Any, functions: list[Any]
) -> Weights:
    both = np.concatenate([bias, second])
    names = [to.builder.constant(weight, np.float32) for weight in (kernel.T[None], recurrent.T[None], both[None])]
    inside = fused(functions, exact_tanh=type(op).__name__ == "GRU")
    plain = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "SimpleRNN": ["Tanh"]}
    if inside == {"activations": plain[type(op).__name__]}:
        inside = {}
    return Weights(names, {"hidden_size": op.units, **inside})


def _recurrent(
    to: Lowering, op: Any, x: str, weights: Weights, states: Any, mask: str | None, kind: str = ""
) -> list[str]:
    steps, kept = x, mask
    if op.go_backwards:
        steps, kept = to.builder.flipped(x), None if mask is None else to.builder.flipped(mask)
    front = _Front(to, kept) if kept is not None else None
    moved = front.to_front(steps) if front else steps
    begun = [states] if isinstance(states, str) else list(states or [])
    if any(not isinstance(state, str) for state in begun):
        raise refuse(op, "an initial state that is no tensor of the graph has no lowering")
    inputs = [to.node("Transpose", moved, perm=[1, 0, 2]), *weights.names]
    if front or begun:
        inputs.append(front.lengths if front else "")
    inputs += [to.node("Unsqueeze", state, to.ints(0)) for state in begun]
    outputs = to.builder.several(kind or KINDS[type(op).__name__], inputs, _wanted(op), **weights.attributes)
    tainted = _Tainted(to, steps, kept, begun) if to.guard else None
    to.guards += 1
    return _answers(to, op, outputs, front, begun, tainted)


def _wanted(op: Any) -> list[bool]:
    """Which outputs are read: every step's, the last, and an LSTM's last inner state."""
    return [op.return_sequences, not op.return_sequences or op.return_state, op.return_state][
        : 3 if type(op).__name__ == "LSTM" else 2
    ]


def _answers(
    to: Lowering, op: Any, outputs: list[str], front: "_Front | None", begun: list[str], tainted: "_Tainted | None"
) -> list[str]:
    found: list[str] = []
    if op.return_sequences:
        every = to.node("Transpose", to.node("Squeeze", outputs[0], to.ints(1)), perm=[1, 0, 2])
        every = front.back(every) if front else every
        every = tainted.at_each_step(every) if tainted else every
        found.append(front.zeroed(every) if front and op.zero_output_for_mask else every)
    last = [to.node("Squeeze", name, to.ints(0)) for name in outputs[1:] if name]
    if tainted:
        last = [tainted.at_the_end(name) for name in last]
    if not op.return_sequences:
        found.append(front.zeroed_last(last[0]) if front and op.zero_output_for_mask else last[0])
    if op.return_state:
        found += [front.or_begun(name, i, begun) for i, name in enumerate(last)] if front and begun else last
    return found


class _Front:
    """The steps that a mask keeps, moved to the front."""

    def __init__(self, to: Lowering, mask: str) -> None:
        self.to = to
        self.mask = mask
        int64 = 7
        self.counted = to.node("CumSum", to.node("Cast", mask, to=int64), to.builder.constant(1, np.int64))
        ones = to.node("Cast", to.node("Or", mask, to.node("Not", mask)), to=int64)
        places = to.node("Neg", to.node("CumSum", ones, to.builder.constant(1, np.int64)))
        late = to.node("Sub", places, to.builder.constant(1 << 40, np.int64))
        number = to.node("Gather", to.node("Shape", mask), to.ints(1), axis=0)
        order = to.builder.several("TopK", [to.node("Where", mask, places, late), number], [True, True], axis=1)[1]
        self.order = to.node("Unsqueeze", order, to.ints(2))
        kept = to.node("ReduceSum", to.node("Cast", mask, to=int64), to.ints(1), keepdims=0)
        self.lengths = to.node("Cast", kept, to=6)
        self.none = to.node("Unsqueeze", to.node("Equal", kept, to.builder.constant(0, np.int64)), to.ints(1))

    def to_front(self, steps: str) -> str:
        """The steps in that order."""
        return self.to.node("GatherND", steps, self.order, batch_dims=1)

    def back(self, answers: str) -> str:
        """At each step the answer of the last step that was kept, zeros before the first."""
        to = self.to
        zero = to.builder.constant(0, np.int64)
        index = to.node("Max", to.node("Sub", self.counted, to.builder.constant(1, np.int64)), zero)
        found = to.node("GatherND", answers, to.node("Unsqueeze", index, to.ints(2)), batch_dims=1)
        begun = to.node("Unsqueeze", to.node("Greater", self.counted, zero), to.ints(2))
        return self._or_zeros(begun, found)

    def zeroed(self, answers: str) -> str:
        """Zeros at the steps that the mask takes away."""
        return self._or_zeros(self.to.node("Unsqueeze", self.mask, self.to.ints(2)), answers)

    def zeroed_last(self, last: str) -> str:
        """Zeros where the mask takes the last step away."""
        newest = self.to.node("Gather", self.mask, self.to.ints(-1), axis=1)
        return self._or_zeros(newest, last)

    def _or_zeros(self, kept: str, answers: str) -> str:
        return self.to.node("Where", kept, answers, self.to.builder.constant(0.0, np.float32))

    def or_begun(self, last: str, place: int, states: list[str]) -> str:
        """The last state; the first where no step is kept."""
        return self.to.node("Where", self.none, states[place], last)


class _Tainted:
    """Where NaN has come in: Keras's answers are NaN from there on, and the operators of onnxruntime lose it."""

    def __init__(self, to: Lowering, steps: str, mask: str | None, states: list[str]) -> None:
        self.to = to
        bad = to.node("ReduceMax", to.node("Cast", to.node("IsNaN", steps), to=7), to.ints(2), keepdims=0)
        if mask is not None:
            bad = to.node("Mul", bad, to.node("Cast", mask, to=7))
        begun = [
            to.node("ReduceMax", to.node("Cast", to.node("IsNaN", state), to=7), to.ints(1), keepdims=1)
            for state in states
        ]
        self.counts = to.node("CumSum", bad, to.builder.constant(1, np.int64))
        self.total = to.node("ReduceSum", bad, to.ints(1), keepdims=1)
        for state in begun:
            self.counts, self.total = to.node("Add", self.counts, state), to.node("Add", self.total, state)

    def at_each_step(self, answers: str) -> str:
        """NaN from the first NaN on."""
        return self._marked(self.to.node("Unsqueeze", self.counts, self.to.ints(2)), answers)

    def at_the_end(self, last: str) -> str:
        """NaN after any."""
        return self._marked(self.total, last)

    def _marked(self, counts: str, answers: str) -> str:
        to = self.to
        bad = to.node("Greater", counts, to.builder.constant(0, np.int64))
        return to.node("Where", bad, to.builder.constant(np.nan, np.float32), answers)


MERGES = {"sum": "Add", "mul": "Mul", "ave": "Add"}


@layer("Bidirectional", fields="layer backward_layer merge_mode", arguments=ARGUMENTS)
def bidirectional(
    to: Lowering, op: Any, result: Any, sequences: str, initial_state: Any = None, mask: Any = None
) -> list[str]:
    """Two recurrent layers, each accounted for like any other."""
    states = list(initial_state or [])
    half = len(states) // 2
    there, back = (
        _one_way(to, inner, sequences, own, mask)
        for inner, own in ((op.forward_layer, states[:half]), (op.backward_layer, states[half:]))
    )
    there[0], back[0] = to.cast(there[0], op.compute_dtype), to.cast(back[0], op.compute_dtype)
    if op.return_sequences:
        back[0] = to.builder.flipped(back[0])
    ends = [*there[1:], *back[1:]]
    if op.merge_mode is None:
        return [there[0], back[0], *ends]
    if op.merge_mode == "concat":
        merged = to.node("Concat", there[0], back[0], axis=-1)
    else:
        merged = to.node(MERGES[op.merge_mode], there[0], back[0])
    if op.merge_mode == "ave":
        merged = to.node("Div", merged, to.builder.constant(2.0, op.compute_dtype))
    return [merged, *ends]


def _one_way(to: Lowering, inner: Any, sequences: str, states: list[str], mask: Any) -> list[str]:
    if type(inner).__name__ not in KINDS:
        raise refuse(inner, "inside Bidirectional has no lowering")
    rule = rule_of(inner)
    checked_arguments(inner, rule, (None,), {})
    found = rule.lower(to, inner, None, sequences=sequences, initial_state=states or None, mask=mask)
    return [to.typed(name, inner.compute_dtype) for name in found]
