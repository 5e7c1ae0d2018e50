"""`python -m verify.figures general_forest`: a forest of 500 trees, depth 12, 100 columns, for `make bench`.

Written twice: as our compiler writes it, with its golden cases, and as stock skl2onnx does.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.core import cli
from train.core.files import write_atomic
from train.core.skops_files import save_skops

COLUMNS = 100
TREES = 500
DEPTH = 12
ROWS = 8_000
STOCK_OPSET = {"": 21, "ai.onnx.ml": 3}


def main(arguments: Sequence[str]) -> int:
    """Fit the forest on simulated rows and write `general/ours/<version>/` and `general/stock.onnx` into a folder."""
    command = argparse.ArgumentParser(
        prog="python -m verify.figures general_forest", description=(__doc__ or "").splitlines()[0]
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    folder = command.parse_args(arguments).out / "general"
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    from export.artifact.version_folder import write_artifact
    from export.original_file import draft_of_file

    generator = np.random.default_rng(1)
    X = generator.normal(size=(ROWS, COLUMNS))
    label = X[:, 0] * X[:, 1] + X[:, 2:10].sum(axis=1) + generator.normal(size=ROWS) > 0
    forest = RandomForestClassifier(TREES, max_depth=DEPTH, random_state=1, n_jobs=-1).fit(X, label)
    folder.mkdir(parents=True, exist_ok=True)
    stock = to_onnx(forest, X[:1].astype(np.float32), options={"zipmap": False}, name="stock", target_opset=STOCK_OPSET)
    write_atomic(folder / "stock.onnx", stock.SerializeToString())
    original = folder / "forest.skops"
    save_skops(forest, original)
    write_artifact(folder.resolve(), draft_of_file(original, name="ours", rows=X[:1000]))
    cli.show(f"{folder}: written")
    return cli.EXIT_GOOD


if __name__ == "__main__":
    cli.run(main)
