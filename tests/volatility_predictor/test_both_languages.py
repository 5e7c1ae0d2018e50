"""Random tables, plain and damaged: Python and Rust find the same days in them and say the same, or both refuse them.

`TABLES=20000 python -m pytest tests/volatility_predictor/test_both_languages.py` tries as many; `make fuzz` does so.
`TABLES_FROM` is the first seed.
"""

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.random_tables import random_table
from train.core.errors import PipelineError
from train.volatility_predictor.store.history import HistoryStore
from train.volatility_predictor.store.observe import Reading
from verify.figures.volatility_predictor.round_trip import House
from verify.runtimes.open import BINARY

pytestmark = pytest.mark.slow

MODEL = ROOT / "runtime/tests/fixtures/artifacts/volatility_predictor"
COUNT, FIRST = int(os.environ.get("TABLES", "150")), int(os.environ.get("TABLES_FROM", "0"))

Found = tuple[str, list[str], dict[str, tuple[tuple[object, ...], bytes]]]


def stored(path: Path) -> dict[str, tuple[tuple[object, ...], bytes]]:
    if not path.is_file():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as opened:
        symbols = [symbol for (symbol,) in opened.execute("SELECT DISTINCT symbol FROM day")]
    with HistoryStore(path) as store:
        days = {symbol: store.days(symbol, 999) for symbol in symbols}
    return {symbol: (found.dates, found.features.tobytes()) for symbol, found in days.items()}


def by_python(path: Path, store: Path, *, accept: bool) -> Found:
    store.unlink(missing_ok=True)
    try:
        with HistoryStore(store) as opened:
            _, skipped, notes = opened.observe(path, reading=Reading(accept=accept))
    except PipelineError as error:
        return str(error).replace(str(store), "STORE"), [], {}
    return "", [*(f"skipped: {line}" for line in skipped), *(f"note: {line}" for line in notes)], stored(store)


def by_rust(path: Path, house: House, *, accept: bool) -> Found:
    house.store.unlink(missing_ok=True)
    command = [str(house.binary), "observe", str(path), *(["--accept"] if accept else [])]
    done = subprocess.run(command, cwd=house.folder, capture_output=True, text=True, timeout=60, check=False)
    lines = done.stderr.splitlines()
    if done.returncode:
        assert done.returncode == 2
        assert len(lines) == 1, done.stderr
        return lines[0].removeprefix("error: ").replace(str(house.store), "STORE"), [], {}
    said = [line for line in lines if line.startswith(("note: ", "skipped: "))]
    return "", said, stored(house.store)


def compare(seed: int, house: House) -> str | None:
    """What differs, with both sides."""
    name, data = random_table(seed)
    path = house.folder / name
    path.write_bytes(data)
    for accept in (False, True):
        python = by_python(path, house.folder / "python.sqlite", accept=accept)
        rust = by_rust(path, house, accept=accept)
        # The first of several faults may be another one: each reads in pieces of its own size.
        if python != rust and not (python[0] and rust[0]):
            return f"seed {seed}: {name}, accept={accept}:\n  python {python[:2]}\n  rust   {rust[:2]}"
        if not accept and "--accept" not in python[0]:
            break
    path.unlink()
    return None


def test_random_tables_are_the_same_days_or_refused_in_both_languages(tmp_path: Path) -> None:
    house = House(tmp_path, (ROOT / BINARY).resolve())
    house.configure(MODEL, horizon=1)
    different = [line for seed in range(FIRST, FIRST + COUNT) if (line := compare(seed, house))]
    assert not different, f"{len(different)} of {COUNT}:\n" + "\n".join(different[:20])


def test_the_random_tables_are_of_every_kind() -> None:
    """A fuzzer whose tables are all refused, or all the same, would find nothing."""
    tables = [random_table(seed) for seed in range(400)]
    assert len({data for _, data in tables}) == len(tables)
    for start in (b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"):
        assert sum(data.startswith(start) for _, data in tables) > 4, start
