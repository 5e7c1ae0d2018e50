"""`python -m verify.figures round_trip`: snapshots observed day by day by the Rust binary, forecast by Rust and Python.

Each day's undated snapshot, as the engine writes it, is observed by `dollarbill-ml observe`. From the day on which
enough are known, `dollarbill-ml predict --symbol` answers, and so do the Keras original and onnxruntime in Python, from
the same store. All four keys must agree to six significant digits, the direction always.
"""

import argparse
import datetime as dt
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.artifact.manifest import GRAPH_FILE, Manifest, read_manifest
from train.core import cli
from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, write_atomic
from train.volatility_predictor.contract import VOLATILITY_PREDICTOR
from train.volatility_predictor.store.known_days import KnownDays, days_of_file, days_of_symbol
from train.volatility_predictor.store.short_forecast import ShortForecast, newest_window, short_forecast
from verify.check.golden import confirm_original, golden_rows
from verify.check.promote import version_to_check
from verify.comparison.parity import Tolerance
from verify.runtimes.onnxruntime_session import flat_session
from verify.runtimes.open import BINARY, onnxruntime_environment
from verify.runtimes.original import load_original as load_flat

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], Floats]

SIX_DIGITS = 0.5
"""Units of the sixth significant digit by which two numbers may differ."""
SURFACES = Path("../shared/data/spx_surface_1996_2015.csv.gz")


@dataclass(frozen=True)
class Trip:
    """One day's four keys from the Rust binary, and from each of the others."""

    date: dt.date
    known_days: int
    rust: ShortForecast
    others: Mapping[str, ShortForecast]

    def difference(self) -> float:
        """The largest difference between Rust and another, as `sixth_digits` measures it."""
        return max(sixth_digits(self.rust, other) for other in self.others.values())


def sixth_digits(one: ShortForecast, other: ShortForecast) -> float:
    """The largest difference of the three numbers in units of the sixth digit; infinite where directions differ.

    A change of less than one percent counts to five decimals, as one of 1.00000 does: it is the small difference of two
    volatilities, of which the float32 part of the original itself leaves no more.
    """
    if one.direction != other.direction:
        return float("inf")
    names = ("current_avg_iv", "predicted_avg_iv", "change_percent")
    first, second = ([float(asdict(answer)[name]) for name in names] for answer in (one, other))
    floors = (0.0, 0.0, 1.0)
    return max(
        abs(a - b) / _sixth_digit(max(abs(a), abs(b), floor)) if a != b else 0.0
        for a, b, floor in zip(first, second, floors, strict=True)
    )


def _sixth_digit(number: float) -> float:
    return float(10.0 ** (np.floor(np.log10(number)) - 5.0))


@dataclass(frozen=True)
class House:
    """A folder with a config of its own, and the binary that is run in it."""

    folder: Path
    binary: Path = BINARY

    @property
    def store(self) -> Path:
        """The history store."""
        return self.folder / "data/vol_history.sqlite"

    def configure(self, version: Path, *, horizon: int) -> None:
        """Write the config: the version folder of the model and the short form's horizon."""
        model = {"enabled": True, "model_path": str(version.resolve()), "prediction_horizon": horizon}
        write_atomic(self.folder / "config/ml_config.json", json_bytes({"models": {VOLATILITY_PREDICTOR: model}}))

    def run(self, *arguments: str) -> str:
        """What the binary prints; a PipelineError with its own line when it fails."""
        if not self.binary.is_file():
            raise PipelineError(f"{self.binary}: the Rust binary is not built; run `make`")
        command = [str(self.binary.resolve()), *arguments]
        environment = {k: v for k, v in onnxruntime_environment().items() if k != "DOLLARBILL_ML_CONFIG"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise PipelineError(f"{self.binary} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def predict(self, *arguments: str) -> ShortForecast:
        """The four keys that `predict` prints."""
        return ShortForecast(**json.loads(self.run("predict", "--no-fallback", *arguments)))


def daily_snapshots(path: Path, count: int) -> list[tuple[dt.date, str]]:
    """The last `count` days of a dated surface file, each as the text of an undated snapshot."""
    data = read_bytes(path)
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    header, *rows = text.splitlines()
    days = [(date, list(lines)) for date, lines in groupby(rows, key=lambda row: row.split(",", 1)[0])]
    head = header.split(",", 1)[1]
    return [
        (dt.date.fromisoformat(date), "\n".join([head, *(line.split(",", 1)[1] for line in lines)]) + "\n")
        for date, lines in days[-count:]
    ]


def confirmed_original(source: Path, version: Path) -> Any:
    """The Keras model in `source`.

    Raises:
        PipelineError: it is not there, or not the one that the version was made from.
    """
    from train.volatility_predictor.original import load_original

    manifest = read_manifest(version)
    original = load_flat(manifest, source)
    if original is not None:
        limits = Tolerance(manifest.parity.absolute, manifest.parity.relative)
        confirm_original(original, *golden_rows(version, manifest), limits)
    return load_original(source)


def python_predictors(version: Path, original: Any) -> dict[str, Predict]:
    """The Keras original and onnxruntime in Python: window float64 [1, day, feature] -> [1, horizon]."""
    from train.volatility_predictor.original import predict_original

    manifest = read_manifest(version)
    session = flat_session(read_bytes(version / GRAPH_FILE), manifest.inputs, manifest.outputs)
    horizons = len(manifest.settings["horizons"])
    # `predicted` is the first output.
    return {
        "Keras": lambda window: predict_original(original, window)["predicted"],
        "ONNX": lambda window: session(window.reshape(1, -1))[:, :horizons],
    }


def answers(known: KnownDays, predictors: Mapping[str, Predict], manifest: Manifest, horizon: int) -> dict[str, Any]:
    """Every predictor's four keys from the same days."""
    days = {name: int(manifest.settings[name]) for name in ("window_days", "minimum_days")}
    window = newest_window(known, window_days=days["window_days"], minimum_days=days["minimum_days"])
    return {name: short_forecast(predict, window, horizon=horizon) for name, predict in predictors.items()}


def round_trip(
    house: House, snapshots: Sequence[tuple[dt.date, str]], *, version: Path, original: Any, horizon: int
) -> list[Trip]:
    """Observe one snapshot after the other through the binary, and forecast on each day that has enough behind it."""
    manifest, predictors = read_manifest(version), python_predictors(version, original)
    house.configure(version, horizon=horizon)
    trips = []
    for number, (date, text) in enumerate(snapshots, start=1):
        symbol = text.splitlines()[1].split(",", 1)[0]
        # The engine overwrites one file a symbol.
        file = house.folder / f"data/{symbol.lower()}_vol_surface.csv"
        write_atomic(file, text)
        house.run("observe", str(file), "--date", str(date))
        if number >= int(manifest.settings["minimum_days"]):
            known = days_of_symbol(symbol, store=house.store, data_dir=file.parent)
            others = answers(known, predictors, manifest, horizon)
            trips.append(Trip(date, len(known.dates), house.predict("--symbol", symbol), others))
    return trips


def file_trip(house: House, path: Path, *, version: Path, original: Any, horizon: int) -> Trip:
    """From CSV to JSON: a dated file through the binary, and through Python's own reader and the original.

    A file that is odd is taken as it is: the question here is whether the two sides agree.
    """
    house.configure(version, horizon=horizon)
    known = days_of_file(path, store=house.store, accept=True)
    others = answers(known, python_predictors(version, original), read_manifest(version), horizon)
    return Trip(known.dates[-1], len(known.dates), house.predict(str(path.resolve()), "--accept"), others)


BENCH = ("{shared}/spx_surface_1996_2015.csv.gz",)
"""What `make bench` gives it; `{shared}` is the folder of real data."""


def main(arguments: Sequence[str]) -> int:
    """Print one line a day and horizon; exit code 1 when two answers differ."""
    command = argparse.ArgumentParser(prog="python -m verify.figures round_trip", description=__doc__)
    command.add_argument("surfaces", nargs="?", type=Path, default=SURFACES, help=f"dated surfaces ({SURFACES})")
    command.add_argument("--days", type=int, default=30, help="snapshots to observe, the file's last (default 30)")
    command.add_argument("--horizon", type=int, default=1, help="trading days ahead: 1, 5 or 21 (default 1)")
    command.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR")
    command.add_argument("--from", dest="source", type=Path, default=Path("build/models"), metavar="DIR")
    options = command.parse_args(arguments)
    version = version_to_check(options.artifacts / VOLATILITY_PREDICTOR)
    original = confirmed_original(options.source / VOLATILITY_PREDICTOR, version)
    snapshots = daily_snapshots(options.surfaces, options.days)
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        trips = round_trip(house, snapshots, version=version, original=original, horizon=options.horizon)
    lines = ["day known_days current_avg_iv predicted_avg_iv change_percent direction"]
    lines += [" ".join([str(t.date), str(t.known_days), *map(str, asdict(t.rust).values())]) for t in trips]
    worst = max(trip.difference() for trip in trips)
    verdict = "agree" if worst <= SIX_DIGITS else "DIFFER"
    sys.stdout.write("\n".join(lines) + "\n")
    cli.show(f"{len(snapshots)} days observed, {len(trips)} forecast; Rust, {', '.join(trips[0].others)} {verdict}")
    cli.show(f"largest difference of a number: {worst:.2g} units of its sixth significant digit (allowed {SIX_DIGITS})")
    return cli.EXIT_GOOD if worst <= SIX_DIGITS else cli.EXIT_NOT_IN_PARITY


if __name__ == "__main__":
    cli.run(main)
