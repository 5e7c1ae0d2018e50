"""What the spread model is to the rest of the project (see `train.model`): all that a third model needs."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from train.core.contract import Column, Tensor
from train.core.errors import PipelineError
from train.core.records.record import DataRecord, QualityRow, TrainingRecord, library_versions, write_record
from train.model import FittedModel, Model, Tensors, TrainingRequest

MODEL_FILE = "model.skops"
QUOTE = Tensor(
    "features",
    ("batch", "feature"),
    (
        Column("volume", "contracts", 0.0, 1e9, integer=True, meaning="traded today"),
        Column("mid", "$", 0.0, 1e6, meaning="(bid + ask) / 2"),
        Column("days_to_expiry", "calendar days", 0.0, 3650.0, integer=True, missing=True),
    ),
)
SPREAD = Tensor("variable", ("batch", "value"), (Column("half_spread", "$", 0.0, 1e6, meaning="(ask - bid) / 2"),))
ROWS = 2_000


class HalfSpread(Model):
    """Half the spread in $, by a forest on simulated quotes."""

    name = "half_spread"
    task = "regressor"
    inputs = (QUOTE,)
    outputs = (SPREAD,)
    reference = "scikit-learn predict(X)"
    train_examples = (("", "on simulated quotes"),)
    demonstration = (("run", "artifacts/half_spread", '{"volume": 120, "mid": 2.5, "days_to_expiry": 30}'),)
    random_rows = 20_000

    def train(self, request: TrainingRequest) -> TrainingRecord:
        """A forest on three quarters of the quotes, measured on the last quarter."""
        if request.data:
            raise PipelineError(f"{self.name}: is trained on simulated quotes alone; leave --data out")
        # Heavy libraries are imported where they are used: `--help` of every command imports this file.
        from sklearn.ensemble import RandomForestRegressor

        from train.core.skops_files import save_skops

        began = time.monotonic()
        random = np.random.default_rng(request.training.random_state)
        volume, mid = np.rint(10.0 ** random.uniform(0, 4, ROWS)), 10.0 ** random.uniform(-1, 2, ROWS)
        days = np.where(random.random(ROWS) < 0.1, np.nan, random.integers(0, 700, ROWS))
        rows = np.column_stack([volume, mid, days])
        spread = 0.01 + 0.05 * mid / np.sqrt(volume) * np.exp(0.2 * random.standard_normal(ROWS))
        known, unseen = slice(0, 3 * ROWS // 4), slice(3 * ROWS // 4, ROWS)
        forest = RandomForestRegressor(10, max_depth=6, random_state=0).fit(rows[known], spread[known])
        error = float(np.mean((forest.predict(rows[unseen]) - spread[unseen]) ** 2))
        base = float(np.mean((spread[known].mean() - spread[unseen]) ** 2))
        save_skops(forest, request.out / MODEL_FILE)
        record = TrainingRecord(
            model=self.name,
            estimator="random_forest",
            data=DataRecord(source="simulated quotes", rows=ROWS),
            random_state=request.training.random_state,
            seconds=time.monotonic() - began,
            libraries=library_versions("numpy", "scikit-learn", "skops"),
            quality=[
                QualityRow(metric="MSE", value=error, baseline="mean", baseline_value=base, higher_is_better=False)
            ],
            feature_ranges={
                column.name: (float(np.nanmin(seen)), float(np.nanmax(seen)))
                for column, seen in zip(QUOTE.columns, rows.T, strict=True)
            },
            settings={},
            sample={QUOTE.name: [[None if np.isnan(x) else x for x in row] for row in rows[unseen][:32].tolist()]},
        )
        write_record(request.out, record)
        return record

    def load(self, folder: Path) -> FittedModel | None:
        """`model.skops`."""
        path = folder / MODEL_FILE
        if not path.is_file():
            return None
        from train.core.sklearn_answers import answers
        from train.core.skops_files import load_skops

        def answer(asked: Any, inputs: Tensors) -> Tensors:
            return {SPREAD.name: answers(asked, inputs[QUOTE.name])}

        return FittedModel(str(path), "scikit-learn", load_skops(path), answer)


MODEL = HalfSpread()
