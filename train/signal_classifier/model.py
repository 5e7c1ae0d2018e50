"""What the signal classifier is to the rest of the project (see `train.model`)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from train.core.config_sections import MlIntegration, ModelSection
from train.core.errors import PipelineError
from train.core.files import read_json
from train.core.records.evidence import Evidence
from train.core.records.live_log import LiveLog
from train.core.records.live_window import Indicator, LiveWindow
from train.core.records.record import TrainingRecord
from train.core.records.window import Window
from train.core.tables.calendar import WEEKDAYS
from train.model import FittedModel, Floats, Model, Tensors, TrainingRequest
from train.signal_classifier.contract import (
    BRIER,
    MODEL_FILE,
    OUTCOME,
    SIGNAL_CLASSIFIER,
    SIGNAL_INPUT,
    SIGNAL_NAMES,
    SIGNAL_OUTPUT,
    TRUSTED_TYPES,
    check_signal,
)
from train.signal_classifier.settings import SignalClassifierSection, trade_threshold

FIXED_THRESHOLDS = (0.5, 0.8)
"""Compared besides the configured one: a user may set another."""
EXAMPLE_SIGNAL = {
    "edge_percent": 15.5,
    "delta": 0.65,
    "gamma": 0.004,
    "vega": 45.2,
    "theta": -8.5,
    "volume": 1200,
    "open_interest": 8500,
    "days_to_expiry": 45,
}
"""The README's."""


class SignalClassifier(Model):
    """P(profit) of a trade signal, by scikit-learn."""

    name = SIGNAL_CLASSIFIER
    task = "classifier"
    inputs = (SIGNAL_INPUT,)
    outputs = (SIGNAL_OUTPUT,)
    reference = "scikit-learn predict_proba(X)[:, 1]"
    purpose = (
        "How likely an options trade is to end in profit after costs, from eight numbers of its signal. It grades "
        "trades that a strategy has found; it finds none, and sizes none."
    )
    section = SignalClassifierSection
    estimators = ("random_forest", "gradient_boosting", "svm", "voting")
    trusted_types = TRUSTED_TYPES
    commands = MappingProxyType({"history_from_chains": "train.signal_classifier.history.from_chains"})
    train_examples = (
        ("--data trades.csv", "your own trading history (eight features and pnl)"),
        ("--data data/live.ndjson --outcomes closed.csv", "what the runtime logged, and what came of it"),
        ("--estimator voting", "another estimator"),
    )
    verify_examples = (
        ("--rows 10000000", "ten million random rows besides the probes"),
        ('explain \'{"edge_percent": 15.5, "delta": 0.65, ...}\'', "one signal: who answers what"),
    )
    demonstration = (("classify", json.dumps(EXAMPLE_SIGNAL)),)

    def train(self, request: TrainingRequest) -> TrainingRecord:
        """See `training.train`."""
        from train.signal_classifier.estimators import EstimatorName
        from train.signal_classifier.training import train

        return train(
            out=request.out,
            data=request.data,
            test_split=request.training.test_split,
            random_state=request.training.random_state,
            cv_folds=request.training.cv_folds,
            estimator=cast(EstimatorName, request.estimator or self.estimators[0]),
            show=request.show,
            outcomes=request.outcomes,
        )

    def load(self, folder: Path) -> FittedModel | None:
        """`model.skops`: it must take just the eight columns of a signal."""
        path = folder / MODEL_FILE
        if not path.is_file():
            return None
        from train.core.sklearn_answers import second_class
        from train.core.skops_files import load_skops

        estimator = load_skops(path, trusted=self.trusted_types)
        width = getattr(estimator, "n_features_in_", len(SIGNAL_NAMES))
        if width != len(SIGNAL_NAMES):
            raise PipelineError(
                f"{path}: the model takes {width} columns, a trade signal has {len(SIGNAL_NAMES)}: "
                f"{', '.join(SIGNAL_NAMES)}; fit it on these alone"
            )

        def answer(asked: Any, inputs: Tensors) -> Tensors:
            return {SIGNAL_OUTPUT.name: second_class(asked, inputs[SIGNAL_INPUT.name])}

        return FittedModel(str(path), "scikit-learn", estimator, answer, second_class_only=True)

    def decisions(self, section: ModelSection, shared: MlIntegration) -> dict[str, float]:
        """TRADE or AVOID, at the configured threshold and two fixed ones."""
        thresholds = dict.fromkeys((trade_threshold(section, shared), *FIXED_THRESHOLDS))
        return {f"TRADE above {threshold:g}": threshold for threshold in thresholds}

    def window_losses(self, window: Window, outputs: Tensors) -> dict[str, Floats]:
        """Brier's: the squared distance of each confidence from what came."""
        confidence = np.asarray(outputs[SIGNAL_OUTPUT.name], dtype=np.float64).reshape(-1)
        return {BRIER: (confidence - window.arrays[OUTCOME]) ** 2}

    def live_window(self, log: LiveLog, outcomes: Sequence[Path]) -> LiveWindow:
        """See `history.live_trades`."""
        from train.signal_classifier.history.live_trades import live_window

        return live_window(log, outcomes)

    def live_indicators(self, window: Window, outputs: Tensors) -> list[Indicator]:
        """Profit comes as often as it was said to, on the whole."""
        confidence = np.asarray(outputs[SIGNAL_OUTPUT.name], dtype=np.float64).reshape(-1)
        return [Indicator("share profitable less confidence", window.arrays[OUTCOME] - confidence, 0.0)]

    def live_evidence(self, window: Window, outputs: Tensors) -> Evidence:
        """The reliability curve."""
        from train.signal_classifier.evaluation.plots import reliability_points

        confidence = np.asarray(outputs[SIGNAL_OUTPUT.name], dtype=np.float64).reshape(-1)
        return Evidence(reliability=[reliability_points("live answers", window.arrays[OUTCOME], confidence)])

    def card_lines(self, settings: Mapping[str, Any]) -> list[str]:
        """What it has learnt from, and what it does not beat."""
        if "trained_on" not in settings:
            return []
        real = settings["trained_on"] == "history"
        beaten = [f"- not better than {line}" for line in settings.get("beaten_by") or []]
        says = "a history of trades." if real else "a simulated market: it has never seen a real trade."
        return ["## Trained on", "", f"`trained_on: {settings['trained_on']}`: {says}", *beaten, ""]

    def read_input(self, text: str, settings: Mapping[str, Any], *, calendar: str = WEEKDAYS) -> Tensors:
        """A signal as JSON, or a file that holds one."""
        del settings, calendar
        if not text.lstrip().startswith("{"):
            signal = read_json(Path(text))
        else:
            try:
                signal = json.loads(text)
            except json.JSONDecodeError as error:
                raise PipelineError(f"INPUT: not JSON: {error.msg} at column {error.colno}") from error
        if not isinstance(signal, dict):
            raise PipelineError(f"INPUT: expected a JSON object with the fields {', '.join(SIGNAL_NAMES)}")
        return {SIGNAL_INPUT.name: np.array([check_signal(signal, "INPUT")], dtype=np.float64)}


MODEL = SignalClassifier()
