"""Writes `greek_units.json` beside this script: signals with mistakes of unit, and what Python says of each.

Run from the repository's root: `python tests/data/make_greek_units.py`.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.unit_mistakes import MISTAKES, WARNINGS  # noqa: E402
from train.signal_classifier.greek_units import contradictions  # noqa: E402
from train.signal_classifier.simulator.market import simulate  # noqa: E402


def main() -> None:
    """Ordinary signals, each of them with every mistake, and the corners of the contract."""
    ordinary = simulate(40, seed=23).features
    corners = np.array(
        [
            [0.0] * 8,
            [15.5, 0.65, 0.004, 45.2, -8.5, 1200, 8500, 45],
            [-100.0, -1, 0, 0, -1e8, 0, 0, 0],
            [1e6, 1, 1e4, 1e7, 1e8, 1e12, 1e12, 3650],
            [1.0, 0.5, 0.05, 0.1, -0.1, 1, 1, 1],
            [1.0, -1e-12, 1e-9, 1e-3, -1.0, 1, 1, 30],
        ]
    )
    groups = {"ordinary": ordinary, **{name: change(ordinary) for name, change in MISTAKES.items()}, "corner": corners}
    cases = []
    for name, rows in groups.items():
        found = contradictions(rows)
        for index, row in enumerate(rows):
            said = [warning for warning in WARNINGS if getattr(found, warning)[index]]
            cases.append({"name": name, "row": row.tolist(), "warnings": said})
    lines = ",\n".join(f"    {json.dumps(case)}" for case in cases)
    about = "Written by make_greek_units.py; train/signal_classifier/greek_units.py and units.rs agree on every case."
    (HERE / "greek_units.json").write_text(f'{{\n  "about": "{about}",\n  "cases": [\n{lines}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
