"""Recurrent layers written out step by step, as Keras computes them.

onnxruntime's LSTM, GRU and RNN approximate their gates: a sigmoid that stops at 1.5e-8, a hyperbolic tangent that ends
beyond 1, and no NaN. Where a cell magnifies that (a state without bound, a first state of 1e6), only the operators
outside of them are near enough. They also take any activation, and float64.
"""

from typing import Any

import numpy as np

from export.keras.layers.activations import activate
from export.keras.lowering import Lowering
from export.keras.rules import refuse

MOST_STEPS = 2048
"""About seventeen nodes are written for each."""


def unrolled(to: Lowering, op: Any, sequences: str, states: Any, mask: str | None, kind: str, why: str) -> list[str]:
    """The answer, then the last states where the layer gives them.

    Args:
        to: what writes.
        op: the layer.
        sequences: [batch, step, feature].
        states: names of the first states [batch, unit]; None for zeros.
        mask: [batch, step], None for all steps.
        kind: LSTM, GRU or SimpleRNN.
        why: what stands in a refusal.

    Raises:
        PipelineError: the number of steps is free, or too large.
    """
    steps = to.builder.shapes[sequences][1]
    if steps is None or steps > MOST_STEPS:
        length = "a free axis" if steps is None else f"{steps:,} steps (at most {MOST_STEPS:,})"
        raise refuse(op, f"over {length}: {why}, and it cannot be written out step by step")
    cell = {"LSTM": _Lstm, "GRU": _Gru, "SimpleRNN": _Simple}[kind](to, op, sequences)
    return _Run(to, op, cell, steps, mask).over([states] if isinstance(states, str) else list(states or []))


class _Run:
    """The loop over the steps, with masks as Keras has them: what is masked keeps the state and the answer before."""

    def __init__(self, to: Lowering, op: Any, cell: Any, steps: int, mask: str | None) -> None:
        self.to, self.op, self.cell = to, op, cell
        self.order = range(steps)[:: -1 if op.go_backwards else 1]
        self.mask = None if mask is None else to.node("Unsqueeze", to.cast(mask, "bool"), to.ints(2))
        self.zero = to.builder.constant(0.0, op.compute_dtype)

    def over(self, begun: list[str]) -> list[str]:
        """Every step; the answer of the last or of all."""
        to, op = self.to, self.op
        if any(not isinstance(state, str) for state in begun):
            raise refuse(op, "an initial state that is no tensor of the graph has no lowering")
        nothing = to.builder.constant(np.zeros((1, op.units)), op.compute_dtype)
        states = list(begun) or [nothing] * self.cell.states
        answers: list[str] = []
        for place in self.order:
            made = self.cell.step(place, states)
            answer = made[0]
            if self.mask is not None:
                kept = _at(to, self.mask, place)
                before = self.zero if op.zero_output_for_mask or not answers else answers[-1]
                answer = to.node("Where", kept, answer, before)
                made = [to.node("Where", kept, new, old) for new, old in zip(made, states, strict=True)]
            answers.append(answer)
            states = made
        found = answers[-1]
        if op.return_sequences:
            found = to.node("Concat", *[to.node("Unsqueeze", answer, to.ints(1)) for answer in answers], axis=1)
            to.builder.shapes[found] = (None, len(answers), op.units)
        return [found, *states] if op.return_state else [found]


class _Cell:
    """What every cell has: products of all steps with the kernel, and functions of gates."""

    states = 1

    def __init__(self, to: Lowering, op: Any) -> None:
        self.to, self.op, self.kind = to, op, op.compute_dtype

    def constant(self, value: Any) -> str:
        return self.to.builder.constant(value, self.kind)

    def gate(self, name: str) -> str:
        return activate(self.to, self.op, self.op.recurrent_activation, name, self.kind)

    def bent(self, name: str) -> str:
        return activate(self.to, self.op, self.op.activation, name, self.kind)

    def parts(self, name: str, *sizes: int) -> list[str]:
        return self.to.builder.several("Split", [name, self.to.ints(*sizes)], [True] * len(sizes), axis=1)

    def plus(self, name: str, bias: Any) -> str:
        return self.to.node("Add", name, self.constant(bias)) if self.op.use_bias else name

    def inputs(self, sequences: str, kernel: Any) -> str:
        return self.to.node("MatMul", sequences, self.constant(kernel))


class _Lstm(_Cell):
    """z = x W + h U + b; gates i f o by one function, c by the other."""

    states = 2

    def __init__(self, to: Lowering, op: Any, sequences: str) -> None:
        super().__init__(to, op)

        def gates(weight: Any) -> Any:
            i, f, c, o = np.split(np.asarray(weight), 4, axis=-1)
            return np.concatenate([i, f, o, c], axis=-1)

        self.products = self.inputs(sequences, gates(op.cell.kernel))
        self.recurrent = self.constant(gates(op.cell.recurrent_kernel))
        self.bias = gates(op.cell.bias) if op.use_bias else None
        self.bias_first = getattr(op.cell, "implementation", 2) == 1  # where Keras adds it decides the last bit
        if self.bias_first:
            self.products = self.plus(self.products, self.bias)

    def step(self, place: int, states: list[str]) -> list[str]:
        """The state and the inner state."""
        to, units, (h, c) = self.to, self.op.units, states
        z = to.node("Add", _at(to, self.products, place), to.node("MatMul", h, self.recurrent))
        if not self.bias_first:
            z = self.plus(z, self.bias)
        gates, new = self.parts(z, 3 * units, units)
        i, f, o = self.parts(self.gate(gates), units, units, units)
        inner = to.node("Add", to.node("Mul", f, c), to.node("Mul", i, self.bent(new)))
        return [to.node("Mul", o, self.bent(inner)), inner]


class _Gru(_Cell):
    """z and r of x W + h U; the candidate of r and the state, before or after its product."""

    def __init__(self, to: Lowering, op: Any, sequences: str) -> None:
        super().__init__(to, op)
        both: Any = np.asarray(op.cell.bias) if op.use_bias else np.zeros((2, 1))
        first: Any
        self.second: Any
        first, self.second = both if op.reset_after else (both, 0.0)
        self.products = self.plus(self.inputs(sequences, np.asarray(op.cell.kernel)), first)
        recurrent = np.asarray(op.cell.recurrent_kernel)
        wide = 2 * op.units
        self.recurrent = self.constant(recurrent if op.reset_after else recurrent[:, :wide])
        self.hidden = None if op.reset_after else self.constant(recurrent[:, wide:])

    def step(self, place: int, states: list[str]) -> list[str]:
        """The state."""
        to, units, h = self.to, self.op.units, states[0]
        x = _at(to, self.products, place)
        gates, new = self.parts(x, 2 * units, units)
        inner = to.node("MatMul", h, self.recurrent)
        if self.hidden is None:
            inner, kept = self.parts(self.plus(inner, self.second), 2 * units, units)
        z, r = self.parts(self.gate(to.node("Add", gates, inner)), units, units)
        kept = to.node("Mul", r, kept) if self.hidden is None else to.node("MatMul", to.node("Mul", r, h), self.hidden)
        candidate = self.bent(to.node("Add", new, kept))
        rest = to.node("Sub", self.constant(1.0), z)
        return [to.node("Add", to.node("Mul", z, h), to.node("Mul", rest, candidate))]


class _Simple(_Cell):
    """One gate."""

    def __init__(self, to: Lowering, op: Any, sequences: str) -> None:
        super().__init__(to, op)
        self.products = self.plus(self.inputs(sequences, np.asarray(op.cell.kernel)), op.cell.bias)
        self.recurrent = self.constant(np.asarray(op.cell.recurrent_kernel))

    def step(self, place: int, states: list[str]) -> list[str]:
        """The state."""
        recurrent = self.to.node("MatMul", states[0], self.recurrent)
        return [self.bent(self.to.node("Add", _at(self.to, self.products, place), recurrent))]


def _at(to: Lowering, name: str, place: int) -> str:
    return to.node("Gather", name, to.builder.constant(place, np.int64), axis=1)
