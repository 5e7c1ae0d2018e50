"""`python -m verify.figures numbers`: the compiled volatility predictor in numbers, all from one run.

How far Keras and the graph in onnxruntime each are from a float64 evaluation of the same weights, probe by probe; and
nodes and latency of the graph beside tf2onnx's own, through onnxruntime in Python, one thread, full windows (with
missing days tf2onnx's graph answers NaN).
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.artifact.manifest import GRAPH_FILE, Manifest, read_manifest
from export.onnx_session import open_session
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import read_bytes
from train.volatility_predictor.contract import VOLATILITY_PREDICTOR
from train.volatility_predictor.probe_windows import random_windows, window_probes
from verify.check.golden import golden_rows
from verify.check.promote import version_to_check
from verify.figures.volatility_predictor.float64_network import forecast64, weights_of
from verify.figures.volatility_predictor.round_trip import confirmed_original

Floats = npt.NDArray[np.float64]
Answer = Callable[[Floats], dict[str, Floats]]

FARTHER = 1.5
"""The graph may be so much farther from float64 than Keras is."""
NOTHING = 1e-12
"""Relative distances below it count as none: float64's own rounding in another order of sums."""
BATCHES = (1, 2, 1000)


@dataclass(frozen=True)
class Distance:
    """Largest relative distance from float64 over one family of probes."""

    probe: str
    windows: int
    keras: float
    graph: float

    @property
    def ratio(self) -> float:
        """The graph's distance over that of Keras."""
        return max(self.graph, NOTHING) / max(self.keras, NOTHING)


def probes(manifest: Manifest, base: Floats) -> dict[str, Floats]:
    """The families of `probe_windows`, and random full-length windows in batches of 1, 2 and 1000."""
    days = base.shape[1]
    chunks = list(random_windows(base, days, max(BATCHES), seed=11))
    long = np.concatenate(chunks)[: max(BATCHES)]
    least = int(manifest.settings["minimum_days"])
    return window_probes(base, least=least) | {f"long sequences, batch of {size}": long[:size] for size in BATCHES}


def distances(families: dict[str, Floats], *, reference: Answer, keras: Answer, graph: Answer) -> list[Distance]:
    """How far each side is from the reference, family by family; every family is one batch."""
    found = []
    for name, windows in families.items():
        exact = reference(windows)
        sides = [_farthest(exact, side(windows)) for side in (keras, graph)]
        found.append(Distance(name, len(windows), *sides))
    return found


def _farthest(exact: dict[str, Floats], found: dict[str, Floats]) -> float:
    worst = 0.0
    for name, wanted in exact.items():
        if not np.array_equal(np.isnan(wanted), np.isnan(found[name])):
            return float("inf")
        known = ~np.isnan(wanted)
        worst = max(worst, float(np.max(np.abs(found[name][known] / wanted[known] - 1.0), initial=0.0)))
    return worst


def graph_answer(graph: bytes, names: Sequence[str]) -> Answer:
    """The graph through onnxruntime, one thread."""
    session = open_session(graph)

    def answer(windows: Floats) -> dict[str, Floats]:
        return dict(zip(names, session.run(list(names), {"history": windows}), strict=True))

    return answer


def stock_graph(model: Any) -> Any:
    """The same model as tf2onnx converts it."""
    import tensorflow as tf
    import tf2onnx

    days, features = model.inputs[0].shape[1:]
    signature = [tf.TensorSpec((None, days, features), tf.float64, name="history")]
    function = tf.function(lambda history: model(history, training=False), input_signature=signature)
    return tf2onnx.convert.from_function(function, signature, opset=18)[0]


def latency(graph: bytes, windows: Floats, *, calls: int) -> float:
    """Microseconds a call, one window each, varied; the best of five runs."""
    session = open_session(graph)
    rows = [{"history": windows[i : i + 1]} for i in range(len(windows))]
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for call in range(calls):
            session.run(None, rows[call % len(rows)])
        best = min(best, time.perf_counter() - start)
    return best / calls * 1e6


BENCH = ()
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Print both tables; exit code 1 when the graph is farther from float64 than allowed."""
    command = argparse.ArgumentParser(prog="python -m verify.figures numbers", description=__doc__)
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    command.add_argument("--calls", type=int, default=2000, help="per latency run (default 2000)")
    options = command.parse_args(arguments)
    folder = version_to_check(options.artifacts / VOLATILITY_PREDICTOR)
    manifest = read_manifest(folder)
    from train.volatility_predictor.original import predict_original

    model = confirmed_original(options.source / VOLATILITY_PREDICTOR, folder)
    graph = read_bytes(folder / GRAPH_FILE)
    weights, names = weights_of(model), ("predicted", "lower", "upper")
    rows, _ = golden_rows(folder, manifest)
    base = rows.reshape(len(rows), *(int(axis) for axis in manifest.inputs[0].shape[1:]))
    found = distances(
        probes(manifest, base),
        reference=lambda windows: forecast64(windows, weights),
        keras=lambda windows: predict_original(model, windows),
        graph=graph_answer(graph, names),
    )
    lines = ["| probe | windows | Keras to float64 | graph to float64 | ratio |", "|---|---|---|---|---|"]
    lines += [f"| {d.probe} | {d.windows} | {d.keras:.2e} | {d.graph:.2e} | {d.ratio:.2f} |" for d in found]
    lines += ["", *_beside_stock(model, graph, base, options.calls)]
    sys.stdout.write("\n".join(lines) + "\n")
    return cli.EXIT_GOOD if all(one.ratio <= FARTHER for one in found) else cli.EXIT_NOT_IN_PARITY


def _beside_stock(model: Any, graph: bytes, base: Floats, calls: int) -> list[str]:
    import onnx

    full = np.concatenate(list(random_windows(base, base.shape[1], 200, seed=3)))
    full[:, :, 0] = np.where(np.isnan(full[:, :, 0]), 0.2, full[:, :, 0])
    full = np.nan_to_num(full, nan=0.01)
    try:
        stock = stock_graph(model)
    except ImportError as error:
        raise PipelineError(
            f"tf2onnx is not installed ({error}); run `make test` once, or pip install tf2onnx"
        ) from error
    sizes = [len(graph_.graph.node) for graph_ in (onnx.load_from_string(graph), stock)]
    times = [latency(bytes_, full, calls=calls) for bytes_ in (graph, stock.SerializeToString())]
    lines = ["| graph | nodes | one window, us |", "|---|---|---|"]
    return lines + [f"| {n} | {s} | {t:.1f} |" for n, s, t in zip(("ours", "tf2onnx"), sizes, times, strict=True)]


if __name__ == "__main__":
    cli.run(main)
