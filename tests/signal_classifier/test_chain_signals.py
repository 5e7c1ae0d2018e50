"""`dollarbill-ml signals` and Python's reader: the same quotes of the same file, with the same numbers."""

import csv
import io
import json
import random
import subprocess
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.data.make_chains import FORMATS, HERE
from tests.support.places import ROOT
from train.core.chains.cells import date_of
from train.core.chains.chain import read_chain
from train.core.chains.columns import CALL
from train.core.errors import PipelineError
from train.signal_classifier.history.chain_trades import Terms, signals_of
from train.signal_classifier.history.model_surface import ModelSurface
from verify.runtimes.open import BINARY

pytestmark = pytest.mark.slow
MODEL_IV = 0.3
COMPARED = ("iv", "edge_percent", "delta", "gamma", "vega", "theta", "volume", "open_interest", "days_to_expiry")
Key = tuple[str, str, str, float]


class Flat(ModelSurface):
    """One volatility for all."""

    def __init__(self) -> None: ...

    def volatility(self, moneyness: object, years: object) -> object:  # type: ignore[override]
        del moneyness
        return MODEL_IV * (years * 0.0 + 1.0)  # type: ignore[operator]


def by_python(path: Path) -> dict[Key, pd.Series]:
    found: dict[Key, pd.Series] = {}
    for day in read_chain(path).days():
        for _, row in signals_of(day, Flat(), Terms(), Counter()).iterrows():
            kind = "Call" if row["side"] == CALL else "Put"
            found[str(day.date), str(date_of(row["expiry"])), kind, row["strike"]] = row
    return found


def by_rust(path: Path) -> dict[Key, dict[str, str]] | str:
    done = subprocess.run(
        [str(ROOT / BINARY), "signals", str(path), "--model-iv", str(MODEL_IV)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        return done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout))
    return {(r["date"], r["expiry"], r["option_type"], float(r["strike"])): r for r in rows}


def compare(mine: dict[Key, pd.Series], theirs: dict[Key, dict[str, str]]) -> None:
    assert mine.keys() == theirs.keys()
    for key, row in mine.items():
        for name in COMPARED:
            # Greeks of a quote deep in the money hang on a volatility that its price hardly tells.
            assert float(theirs[key][name]) == pytest.approx(row[name], rel=1e-6, abs=1e-7), (key, name)


@pytest.mark.parametrize("name", list(FORMATS))
def test_each_format_gives_the_same_signals(name: str) -> None:
    path = HERE / name / json.loads((HERE / name / "expected.json").read_text())["file"]
    theirs = by_rust(path)
    assert not isinstance(theirs, str), theirs
    compare(by_python(path), theirs)
    assert len(theirs) > 40


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_chain_is_the_same_to_both_or_refused_by_both(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    header, *lines = (HERE / "junk" / "junk.csv").read_text().splitlines()
    cells = [line.split(",") for line in lines]
    odd = ["", "NaN", "0", "-1", "1e9", "2024-01-05", "SPY240216C00450000", "x", "12.5", "400"]
    for _ in range(chance.choice([1, 1, 3])):
        row = chance.choice(cells)
        row[chance.randrange(len(row))] = chance.choice(odd)
    path = tmp_path / "spy_2024-01-05.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")
    theirs = by_rust(path)
    try:
        mine: dict[Key, pd.Series] | str = by_python(path)
    except PipelineError as error:
        mine = str(error)
    assert isinstance(mine, str) == isinstance(theirs, str), (mine, theirs)
    if not isinstance(mine, str) and not isinstance(theirs, str):
        compare(mine, theirs)
