"""What the sentiment model is to the rest of the project (see `train.model`)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.core.errors import PipelineError
from train.core.records.record import TrainingRecord
from train.core.records.window import Window
from train.core.tables.calendar import WEEKDAYS
from train.model import FittedModel, Floats, Model, Tensors, TrainingRequest
from train.news_sentiment.contract import (
    BRIER,
    CLASSES,
    LABEL,
    MODEL_FILE,
    NEWS_SENTIMENT,
    PROBABILITIES,
    SCORE,
    TERMS,
    TEXT,
    check_text,
)

ASKED_AT_ONCE = 250
"""A text is as wide inside as the vocabulary."""


class NewsSentiment(Model):
    """P(negative, neutral, positive) of a headline, by scikit-learn."""

    name = NEWS_SENTIMENT
    task = "classifier"
    inputs = (TEXT,)
    outputs = (PROBABILITIES, SCORE, TERMS)
    reference = "scikit-learn predict_proba of TfidfVectorizer and LogisticRegression"
    purpose = (
        "Whether an English headline about a company reads as bad, neutral or good news. It knows words, not the "
        "world: it is no forecast of a price."
    )
    in_make = False
    trusted_types = ("train.core.columns.ascii_text.ascii_lower",)
    train_examples = (("--data headlines.csv", "your own headlines (text and label)"),)
    demonstration = (("run", f"artifacts/{NEWS_SENTIMENT}", '{"text": "Acme profit falls 12 %"}'),)
    random_rows = 5_000

    def train(self, request: TrainingRequest) -> TrainingRecord:
        """See `training.train`."""
        from train.news_sentiment.training import train

        if request.outcomes:
            raise PipelineError(f"{self.name}: headlines have labels of their own; leave --outcomes out")
        return train(
            out=request.out,
            data=request.data,
            test_split=request.training.test_split,
            random_state=request.training.random_state,
            cv_folds=request.training.cv_folds,
            show=request.show,
        )

    def load(self, folder: Path) -> FittedModel | None:
        """`model.skops`: a pipeline of the three classes."""
        path = folder / MODEL_FILE
        if not path.is_file():
            return None
        from train.core.skops_files import load_skops

        estimator = load_skops(path, trusted=self.trusted_types)
        found = tuple(np.asarray(getattr(estimator, "classes_", ())).tolist())
        if found != CLASSES:
            raise PipelineError(f"{path}: the model has the classes {found}, expected {CLASSES}; train it again")
        return FittedModel(str(path), "scikit-learn", estimator, _answer)

    def manifest_settings(self, record: TrainingRecord) -> dict[str, Any]:
        """That the input is free text, and what it was trained on."""
        return {"free_text": [TEXT.name], "trained_on": record.settings["trained_on"]}

    def probes(self, settings: Mapping[str, Any], base: Tensors) -> dict[str, Tensors] | None:
        """Texts of every kind that a tokeniser may stumble over."""
        del settings
        from train.news_sentiment.probe_texts import ODD

        return {"odd texts": {TEXT.name: _column(ODD)}, "texts like training": {TEXT.name: base[TEXT.name]}}

    def random_inputs(self, settings: Mapping[str, Any], base: Tensors, rows: int, *, seed: int) -> Iterator[Tensors]:
        """See `probe_texts.random_texts`."""
        del settings
        from train.news_sentiment.probe_texts import random_texts

        texts = random_texts([str(text) for text in base[TEXT.name][:, 0]], rows, seed=seed)
        for start in range(0, rows, ASKED_AT_ONCE):
            yield {TEXT.name: _column([next(texts) for _ in range(min(ASKED_AT_ONCE, rows - start))])}

    def read_input(self, text: str, settings: Mapping[str, Any], *, calendar: str = WEEKDAYS) -> Tensors:
        """The headline itself."""
        del settings, calendar
        return {TEXT.name: _column([check_text(text, "INPUT")])}

    def window_losses(self, window: Window, outputs: Tensors) -> dict[str, Floats]:
        """Brier's, over the three classes."""
        from train.news_sentiment.evaluation.comparison import brier

        return {BRIER: brier(outputs[PROBABILITIES.name], window.arrays[LABEL])}

    def card_lines(self, settings: Mapping[str, Any]) -> list[str]:
        """What it has learnt from, and what that cannot show."""
        if "trained_on" not in settings:
            return []
        beaten = [f"- not better than {line}" for line in settings.get("beaten_by") or []]
        says = (
            "files of labelled texts."
            if settings["trained_on"] == "history"
            else "headlines of a grammar, whose truth is known: it has never seen a real one, and its figures show how "
            "it reads that grammar, not how it reads the news. The few headlines written by hand are no sample of the "
            "news either, and whoever wrote them knew the words of the grammar."
        )
        return ["## Trained on", "", f"`trained_on: {settings['trained_on']}`: {says}", *beaten, ""]


def _column(texts: Sequence[str]) -> Any:
    found = np.empty((len(texts), 1), dtype=object)
    found[:, 0] = texts
    return found


def _answer(estimator: Any, inputs: Tensors) -> Tensors:
    texts = [str(text) for text in inputs[TEXT.name].reshape(-1)]
    chances = estimator.predict_proba(texts)
    counter = estimator[0]
    # The base class's own counts, before they are weighted.
    counted = super(type(counter), counter).transform(texts)
    return {
        PROBABILITIES.name: chances,
        SCORE.name: chances @ np.array(CLASSES, dtype=np.float64)[:, None],
        TERMS.name: np.asarray(counted.sum(axis=1), dtype=np.float64).reshape(-1, 1),
    }


MODEL = NewsSentiment()
"""The sentiment model."""
