"""`python -m verify.figures speed`: this project beside scikit-learn, Keras, stock exports and more, in one run.

Ours first, then each peer, in turn, round by round, on varied rows; ratios are those of the rounds. The stock exports
are those of `python -m verify.figures stock`; a peer that is not installed is *not run*, with its reason.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.core import cli
from train.core.files import write_atomic
from train.registry import models
from verify.figures.bench.children import Child, Program
from verify.figures.bench.measure import measure
from verify.figures.bench.render import table
from verify.figures.bench.rows import PEERS, rows

LIBRARIES = ("scikit-learn", "skl2onnx", "onnxruntime", "tensorflow", "keras", "tf2onnx", "numpy")
EXTRA = ("treelite", "tl2cgen", "ai-edge-litert")
SINGLES = 100_000


def main(arguments: Sequence[str]) -> int:
    """Measure every row, print the table, write the JSON."""
    command = argparse.ArgumentParser(
        prog="python -m verify.figures speed", description=(__doc__ or "").splitlines()[0]
    )
    command.add_argument("--stock", type=Path, default=Path("build/stock"), metavar="DIR")
    command.add_argument("--out", type=Path, default=Path("build/bench.json"), metavar="FILE")
    command.add_argument("--row", action="append", metavar="KEY", help="only these rows")
    command.add_argument("--share", type=float, default=1.0, help="of the time that rows have, 0.1 for a trial")
    options = command.parse_args(arguments)
    import onnxruntime

    library = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.*"))
    made, asked = rows(Path.cwd(), options.stock, library)
    result = about()
    result["rows"] = []
    try:
        for row in made:
            if options.row and row.key not in options.row:
                continue
            found = measure(type(row)(row.key, row.what, row.entries, row.least, row.seconds * options.share))
            peaks = {entry.label: entry.who.peak_kib for entry in row.entries if isinstance(entry.who, Program)}
            found["peak_mib"] = {label: kib / 1024 for label, kib in peaks.items() if kib}
            first = row.entries[0]
            if row.key == "service" and isinstance(first.who, Child):
                found["single_calls"] = spread(first.who.singles(first.subject, SINGLES))
            result["rows"].append(found)
            cli.show(table([found]))
    finally:
        for who in asked:
            who.close()
    write_atomic(options.out, (json.dumps(result, indent=1) + "\n").encode())
    cli.show(f"{options.out}: written")
    return cli.EXIT_GOOD


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Of single calls: the median and how long the slowest of a hundred and of a thousand take."""
    ordered = sorted(seconds)
    return {
        name: ordered[int(share * (len(ordered) - 1))] for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
    }


def about() -> dict[str, Any]:
    """Date, machine, versions, sizes, training times."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    extra = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions(path=[str(PEERS)])}
    sizes = {}
    training = {}
    for name in models():
        for path in sorted(Path("artifacts", name).glob("*/model.onnx")):
            if path.parent.name in Path("artifacts", name, "current.json").read_text(encoding="utf-8"):
                sizes[f"{name}: model.onnx"] = path.stat().st_size
        record = Path("build/models", name, "training.json")
        if record.is_file():
            training[name] = json.loads(record.read_text(encoding="utf-8")).get("seconds")
    binary = Path("runtime/target/release/dollarbill-ml")
    if binary.is_file():
        sizes["dollarbill-ml"] = binary.stat().st_size
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": processor or platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": versions | {name: found for name, found in sorted(extra.items()) if name in EXTRA},
        "bytes": sizes,
        "training_seconds": training,
    }


if __name__ == "__main__":
    cli.run(main)
