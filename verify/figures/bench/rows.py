"""The rows of the benchmark: what this project does, beside everyone who does the same."""

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train.registry import models
from verify.figures.bench.children import Child, Program, engines_program
from verify.figures.bench.measure import Entry, Row, Timed

ENGINES = {"native": "Rust, native", "ort": "Rust, onnxruntime", "stock": "stock export in onnxruntime"}
PEERS = Path("build/peers")


@dataclass(frozen=True)
class Plan:
    """A row before it is known who takes part: engines of the crate, then every peer with a subject `<key>.<name>`."""

    key: str
    what: str
    engines: Sequence[str] = ("native", "ort", "stock")
    least: Mapping[str, float] | None = None
    seconds: float = 6.0


STOCK, SKLEARN, C = ENGINES["stock"], "scikit-learn", "TL2cgen's C, the trees alone"
PLANS = (
    Plan("signal", "one signal, the model's call", least={STOCK: 10, C: 2}, seconds=12),
    Plan("service", "one signal, all in", engines=("native", "ort"), least={STOCK: 10}),
    Plan("signals", "100,000 signals, each", least={STOCK: 8, SKLEARN: 8}, seconds=20),
    Plan("forecast", "one forecast with its surface", least={STOCK: 10}, seconds=15),
    Plan("forecasts", "256 forecasts in a call, each", least={STOCK: 1}, seconds=10),
    Plan("stored", "a forecast from stored days, all in", engines=("native", "ort"), least={ENGINES["ort"]: 6}),
    Plan("forest", "500 trees, depth 12, 100 columns: one row", least={STOCK: 4}),
    Plan("forests", "500 trees, depth 12, 100 columns: 10,000 rows, each", least={STOCK: 4}, seconds=25),
    Plan(
        "csv", "a CSV row of 1,000,000 classified", engines=("native",), least={"csv crate, read and written": 1 / 1.5}
    ),
    Plan(
        "start", "process start to the first answers of both models", engines=(), least={ENGINES["ort"]: 8}, seconds=10
    ),
    Plan("process", "one signal by a process of its own", engines=(), seconds=25),
)


def peer_modules() -> dict[str, str]:
    """Model -> the module of its peers, where it has one."""
    places = {name: f"verify.figures.{name}.peers" for name in models()}
    folders = {name: importlib.util.find_spec(f"verify.figures.{name}") for name in places}
    return {name: place for name, place in places.items() if folders[name] and importlib.util.find_spec(place)}


def rows(root: Path, stock: Path, library: Path) -> tuple[list[Row], list[Timed]]:
    """All rows, and who must be closed at the end."""
    environment = {"ORT_DYLIB_PATH": str(library), "DOLLARBILL_ML_STOCK": str(stock.resolve())}
    engines = str(engines_program(root))
    asked: dict[str, Timed] = {who: Child([engines, "--serve"], environment) for who in (*ENGINES, "copy")}
    subjects: dict[str, list[Entry]] = {plan.key: [] for plan in PLANS}
    for plan in PLANS:
        subjects[plan.key] += [Entry(ENGINES[who], asked[who], f"{plan.key}.{who}") for who in plan.engines]
    subjects["service"].append(Entry(STOCK, asked["stock"], "signal.stock"))
    subjects["csv"].append(Entry("csv crate, read and written", asked["copy"], "csv.copy"))
    for engine, label in (("native", ENGINES["native"]), ("onnxruntime", ENGINES["ort"])):
        asked[f"start {engine}"] = Program([engines, "--first-answer", engine], environment)
        subjects["start"].append(Entry(label, asked[f"start {engine}"]))
    for module in peer_modules().values():
        peers = importlib.import_module(module)
        path = os.pathsep.join([str(PEERS.resolve()), os.environ.get("PYTHONPATH", "")])
        for subject in peers.SUBJECTS:
            # A process each: a library that is loaded slows no other.
            asked[subject] = Child([sys.executable, "-m", "verify.figures.bench.serve", module], {"PYTHONPATH": path})
            subjects[subject.partition(".")[0]].append(Entry(subject.partition(".")[2], asked[subject], subject))
        for subject, found in peers.programs(root).items():
            asked[subject] = found
            subjects[subject.partition(".")[0]].append(Entry(subject.partition(".")[2], found, subject))
    made = [Row(p.key, p.what, subjects[p.key], dict(p.least or {}), p.seconds) for p in PLANS]
    return made, list(asked.values())
